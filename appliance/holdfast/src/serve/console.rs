//! The console and the machine's unit: one connection, over which pictures are shown and questions answered.
//!
//! Without a machine's unit pictures go to standard error, and there is nobody to ask.

use std::collections::HashMap;
use std::os::unix::net::UnixStream;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use holdfast_server::Show;
use holdfast_server::machine::{Answer, Ask, Asking, Machine, NoMachine, Unavailable};
use serde::Deserialize;
use tokio::io::{
    AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWriteExt as _, BufReader,
};
use tokio::sync::{mpsc, oneshot, watch};
use zeroize::Zeroizing;

use crate::Failure;

/// Time for an answer of the machine's unit.
const PATIENCE: Duration = Duration::from_secs(10);
/// Most questions that wait for an answer; more wait before they are asked.
const WAITING: usize = 4;
/// Longest line that the machine's unit may send; its own bound for a page of the log is far below.
const MAX_REPLY: u64 = 1024 * 1024;

/// Where the picture goes.
pub enum Console {
    /// To the machine's unit, one JSON object a line.
    Machine(UnixStream, mpsc::Receiver<Question>),
    /// To standard error, for people.
    Here,
}

/// A question and where its answer goes.
pub struct Question {
    ask: Ask,
    answer: oneshot::Sender<Answer>,
}

/// The machine's unit, as the server asks it.
struct MachineUnit {
    questions: mpsc::Sender<Question>,
}

impl Machine for MachineUnit {
    fn ask(&self, ask: Ask) -> Asking<'_> {
        Box::pin(async move {
            let asking = async {
                let (answer, answered) = oneshot::channel();
                let question = Question { ask, answer };
                self.questions.send(question).await.ok()?;
                answered.await.ok()
            };
            let answered = tokio::time::timeout(PATIENCE, asking).await;
            answered.ok().flatten().ok_or(Unavailable::Silent)
        })
    }
}

impl Console {
    /// Connects to $HOLDFAST_MACHINE_SOCKET, if it is set; gives whom to ask as well.
    pub fn connect() -> Result<(Self, Arc<dyn Machine>), Failure> {
        let Some(path) = std::env::var_os("HOLDFAST_MACHINE_SOCKET") else {
            return Ok((Self::Here, Arc::new(NoMachine)));
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
        let (questions, asked) = mpsc::channel(WAITING);
        let machine = MachineUnit { questions };
        Ok((Self::Machine(stream, asked), Arc::new(machine)))
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
            Self::Machine(stream, mut asked) => {
                let Err(error) = forward(stream, &mut pictures, &mut asked).await else {
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

/// What the machine's unit sends: the receipt of a picture, or an answer.
#[derive(Deserialize)]
#[serde(untagged)]
enum Reply {
    Answer { id: u64, answer: Answer },
    Receipt {},
}

/// The questions that wait for their answers.
type Waiting = Mutex<HashMap<u64, oneshot::Sender<Answer>>>;

/// Returns `Ok` when there are no more pictures.
async fn forward(
    stream: UnixStream,
    pictures: &mut watch::Receiver<Show>,
    asked: &mut mpsc::Receiver<Question>,
) -> std::io::Result<()> {
    let stream = tokio::net::UnixStream::from_std(stream)?;
    let (replies, mut out) = stream.into_split();
    let waiting = Waiting::default();
    let mut replies = pin!(listen(replies, &waiting));
    let mut number = 0_u64;
    loop {
        // The end is noticed at once, and not only when there is something to show.
        let line = tokio::select! {
            end = &mut replies => return Err(end),
            more = pictures.changed() => {
                if more.is_err() {
                    return Ok(());
                }
                let picture = pictures.borrow_and_update().clone();
                Zeroizing::new(serde_json::to_string(&serde_json::json!({ "show": picture }))?)
            }
            Some(Question { ask, answer }) = asked.recv() => {
                number = number.wrapping_add(1);
                // Who does not wait any more needs no answer.
                lock(&waiting).retain(|_, waits| !waits.is_closed());
                lock(&waiting).insert(number, answer);
                let ask = serde_json::json!({ "ask": { "id": number, "question": ask } });
                Zeroizing::new(serde_json::to_string(&ask)?)
            }
        };
        out.write_all(line.as_bytes()).await?;
        out.write_all(b"\n").await?;
    }
}

/// Hands out answers until the connection ends.
async fn listen(stream: impl AsyncRead + Unpin, waiting: &Waiting) -> std::io::Error {
    let mut stream = BufReader::new(stream);
    loop {
        let mut line = Vec::new();
        let mut bounded = (&mut stream).take(MAX_REPLY);
        match bounded.read_until(b'\n', &mut line).await {
            Err(error) => return error,
            Ok(_) if line.last() != Some(&b'\n') => {
                return std::io::ErrorKind::UnexpectedEof.into();
            }
            Ok(_) => {}
        }
        match serde_json::from_slice(&line) {
            Ok(Reply::Answer { id, answer }) => {
                if let Some(waits) = lock(waiting).remove(&id) {
                    let _ = waits.send(answer);
                }
            }
            // A receipt, or nothing that is known here: who waits for an answer gives up in time.
            Ok(Reply::Receipt {}) | Err(_) => {}
        }
    }
}

fn lock(waiting: &Waiting) -> std::sync::MutexGuard<'_, HashMap<u64, oneshot::Sender<Answer>>> {
    waiting.lock().unwrap_or_else(PoisonError::into_inner)
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
    if let Some(note) = show.note {
        text.push_str(&format!("  note         {note}\n"));
    }
    text.push_str("\nholdfast: state ");
    text.push_str(show.state);
    text.push('\n');
    text
}
