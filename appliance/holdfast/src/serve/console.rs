//! The console: the machine's unit in the image, standard error elsewhere.

use std::os::unix::net::UnixStream;

use holdfast_server::Show;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::sync::watch;
use zeroize::Zeroizing;

use crate::Failure;

/// Where the picture goes.
pub enum Console {
    /// To the machine's unit, one JSON object a line.
    Machine(UnixStream),
    /// To standard error, for people.
    Here,
}

impl Console {
    /// Connects to $HOLDFAST_MACHINE_SOCKET, if it is set.
    pub fn connect() -> Result<Self, Failure> {
        let Some(path) = std::env::var_os("HOLDFAST_MACHINE_SOCKET") else {
            return Ok(Self::Here);
        };
        let open = || {
            let stream = UnixStream::connect(&path)?;
            stream.set_nonblocking(true)?;
            Ok(stream)
        };
        let stream = open().map_err(|error: std::io::Error| {
            format!(
                "cannot reach the machine's unit at {}: {error}; start holdfast-machine first",
                path.display()
            )
        })?;
        Ok(Self::Machine(stream))
    }

    /// Tells why the server cannot start, where people look: the console. Standard error has it in any case.
    pub fn refused(why: &str) {
        use std::io::{BufRead as _, Write as _};
        let Some(path) = std::env::var_os("HOLDFAST_MACHINE_SOCKET") else {
            return;
        };
        let Ok(mut stream) = UnixStream::connect(&path) else {
            return;
        };
        let line = serde_json::json!({ "refused": why }).to_string() + "\n";
        let limit = Some(std::time::Duration::from_secs(2));
        if stream.set_read_timeout(limit).is_ok() && stream.write_all(line.as_bytes()).is_ok() {
            // The answer says that it was read; without one there is nothing left to try.
            let _ = std::io::BufReader::new(stream).read_line(&mut String::new());
        }
    }

    /// Shows each new picture. Returns only when the machine's unit is lost; a new connection is not possible, since the
    /// sandbox forbids it.
    pub async fn keep(self, mut pictures: watch::Receiver<Show>) {
        match self {
            Self::Here => {
                while pictures.changed().await.is_ok() {
                    let picture = pictures.borrow_and_update().clone();
                    eprint!("{}", *text(&picture));
                }
                std::future::pending().await
            }
            Self::Machine(stream) => {
                let Err(error) = forward(stream, &mut pictures).await else {
                    return std::future::pending().await;
                };
                eprintln!(
                    "{{\"kind\":\"console-lost\",\"reason\":\"{}\"}}",
                    error.kind()
                );
            }
        }
    }
}

/// Returns `Ok` when there are no more pictures.
async fn forward(stream: UnixStream, pictures: &mut watch::Receiver<Show>) -> std::io::Result<()> {
    let stream = tokio::net::UnixStream::from_std(stream)?;
    let (replies, mut out) = stream.into_split();
    let mut replies = BufReader::new(replies).lines();
    loop {
        // Nothing is sent unasked, but the end is noticed at once, and not only when there is something to show.
        let more = tokio::select! {
            more = pictures.changed() => more.is_ok(),
            line = replies.next_line() => match line? {
                Some(_) => continue,
                None => return Err(std::io::ErrorKind::UnexpectedEof.into()),
            },
        };
        if !more {
            return Ok(());
        }
        let picture = pictures.borrow_and_update().clone();
        let line = serde_json::to_string(&serde_json::json!({ "show": picture }))?;
        let line = Zeroizing::new(line + "\n");
        out.write_all(line.as_bytes()).await?;
        if replies.next_line().await?.is_none() {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
}

fn text(show: &Show) -> Zeroizing<String> {
    let mut text = Zeroizing::new(format!(
        "\nHoldfast {}\n  state        {}\n  site         {}\n  portal       {}\n  identity     {}\n  certificate  {}\n  devices      {}\n",
        show.version,
        show.state,
        show.site,
        show.portal,
        show.identity,
        show.certificate,
        show.devices
    ));
    if let (Some(code), Some(seconds)) = (&show.code, show.code_expires_s) {
        text.push_str("  code         ");
        text.push_str(code);
        text.push_str(&format!("  (good for {} minutes)\n", seconds.div_ceil(60)));
    }
    text.push_str("\nholdfast: state ");
    text.push_str(show.state);
    text.push('\n');
    text
}
