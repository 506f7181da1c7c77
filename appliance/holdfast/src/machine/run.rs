//! The long-running unit: one thread, one loop, nothing to wait for but files.

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::time::{Duration, Instant};

use listenfd::ListenFd;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::console::{Page, print};
use super::error::MachineError;
use super::power::{Buttons, power_off};
use super::setup::Outcome;
use super::show::{MAX_LINE, Message, Reply};
use super::{addresses, cmdline};

/// How often addresses, input devices and set-up's outcome are looked at.
const TICK: Duration = Duration::from_secs(1);
/// At most this many connections; the server opens one.
const CONNECTIONS: usize = 4;

/// Runs until stopped.
///
/// # Errors
/// When the socket was not passed, or waiting itself fails.
pub fn run() -> Result<(), MachineError> {
    let io = |what| MachineError::io::<std::io::Error>(what, Path::new("the machine socket"));
    let listener = ListenFd::from_env()
        .take_unix_listener(0)
        .map_err(io("take"))?
        .ok_or_else(|| io("find")(ErrorKind::NotFound.into()))?;
    listener.set_nonblocking(true).map_err(io("set up"))?;
    let mut state = State::default();
    let command_line = fs::read_to_string("/proc/cmdline").unwrap_or_default();
    state.page.root_hash = cmdline::root_hash(&command_line);
    loop {
        state.tick();
        state.present();
        state
            .wait(&listener)
            .map_err(MachineError::io("wait on", Path::new("the machine socket")))?;
        if state.buttons.pressed() {
            print("holdfast: power button: shutting down\n");
            if let Err(e) = power_off() {
                print(&format!("holdfast: cannot ask for the shutdown: {e}\n"));
            }
        }
        state.accept(&listener);
        state.converse();
    }
}

#[derive(Default)]
struct State {
    page: Page,
    shown: Option<Page>,
    buttons: Buttons,
    connections: Vec<Connection>,
    ticked: Option<Instant>,
}

struct Connection {
    stream: UnixStream,
    pending: Vec<u8>,
    shows: bool,
}

impl State {
    fn tick(&mut self) {
        if self.ticked.is_some_and(|at| at.elapsed() < TICK) {
            return;
        }
        self.ticked = Some(Instant::now());
        self.buttons.refresh();
        self.page.addresses = addresses::current();
        if self.page.outcome.is_none() {
            self.page.outcome = Outcome::load();
        }
    }

    /// Prints the page when it changed, and one line more when the state did.
    fn present(&mut self) {
        if self.shown.as_ref() == Some(&self.page) {
            return;
        }
        let state = self.page.state();
        let mut text = self.page.text();
        if self.shown.as_ref().map(Page::state).as_ref() != Some(&state) {
            text.push_str(&format!("holdfast: state {state}\n"));
        }
        print(&text);
        self.shown = Some(self.page.clone());
    }

    fn wait(&self, listener: &UnixListener) -> rustix::io::Result<()> {
        let mut fds = vec![PollFd::new(listener, PollFlags::IN)];
        fds.extend(
            self.connections
                .iter()
                .map(|c| PollFd::new(&c.stream, PollFlags::IN)),
        );
        fds.extend(self.buttons.files().map(|f| PollFd::new(f, PollFlags::IN)));
        let timeout = Timespec {
            tv_sec: i64::try_from(TICK.as_secs()).unwrap_or(1),
            tv_nsec: 0,
        };
        match poll(&mut fds, Some(&timeout)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(e) => Err(e),
        }
    }

    fn accept(&mut self, listener: &UnixListener) {
        while let Ok((stream, _)) = listener.accept() {
            if self.connections.len() < CONNECTIONS && stream.set_nonblocking(true).is_ok() {
                self.connections.push(Connection {
                    stream,
                    pending: Vec::new(),
                    shows: false,
                });
            }
        }
    }

    fn converse(&mut self) {
        let page = &mut self.page;
        self.connections.retain_mut(|connection| {
            let alive = connection.read();
            while let Some(line) = connection.take_line() {
                let message = serde_json::from_slice::<Message>(&line);
                let reply = Reply {
                    ok: message.is_ok(),
                };
                match message {
                    Ok(Message::Show(show)) => {
                        page.show = Some(*show);
                        page.server_refused = None;
                        page.was_connected = true;
                        connection.shows = true;
                    }
                    Ok(Message::Refused(why)) => {
                        print(&refusal(&why));
                        page.server_refused = Some(why);
                    }
                    Err(_) => {}
                }
                if connection.answer(reply).is_err() {
                    return connection.leave(page);
                }
            }
            let fits = connection.pending.len() <= MAX_LINE;
            (alive && fits) || connection.leave(page)
        });
    }
}

/// The refusal as its own lines, which cannot steer the terminal.
fn refusal(why: &str) -> String {
    let plain: String = why
        .chars()
        .filter(|c| *c == '\n' || !c.is_control())
        .take(2000)
        .collect();
    format!("holdfast: refused: {}\n", plain.trim_end())
}

impl Connection {
    /// Reads what is there; false at the end.
    fn read(&mut self) -> bool {
        let mut buffer = [0; 4096];
        while self.pending.len() <= MAX_LINE {
            match self.stream.read(&mut buffer) {
                Ok(0) => return false,
                Ok(length) => self.pending.extend(buffer.iter().take(length)),
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => return e.kind() == ErrorKind::WouldBlock,
            }
        }
        true
    }

    fn take_line(&mut self) -> Option<Vec<u8>> {
        let end = self.pending.iter().position(|b| *b == b'\n')?;
        let rest = self.pending.split_off(end.checked_add(1)?);
        Some(std::mem::replace(&mut self.pending, rest))
    }

    fn answer(&mut self, reply: Reply) -> std::io::Result<()> {
        let mut line = serde_json::to_vec(&reply)?;
        line.push(b'\n');
        self.stream.write_all(&line)
    }

    /// The connection ends: what it showed no longer holds. Always false, for `retain_mut`.
    fn leave(&self, page: &mut Page) -> bool {
        if self.shows {
            page.show = None;
        }
        false
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::io::{BufRead, BufReader};

    use super::*;

    #[test]
    fn messages_reach_the_page_and_are_answered() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("machine.sock");
        let listener = UnixListener::bind(&path).unwrap();
        listener.set_nonblocking(true).unwrap();
        let mut server = UnixStream::connect(&path).unwrap();
        let mut state = State::default();
        server
            .write_all(b"{\"show\":{\"state\":\"ready\",\"code\":null}}\nnonsense\n")
            .unwrap();
        state.accept(&listener);
        state.converse();
        assert_eq!(state.page.state(), "ready");
        let mut lines = BufReader::new(server.try_clone().unwrap()).lines();
        assert_eq!(lines.next().unwrap().unwrap(), "{\"ok\":true}");
        assert_eq!(lines.next().unwrap().unwrap(), "{\"ok\":false}");
        drop((lines, server));
        state.converse();
        assert_eq!(state.page.state(), "not serving");
        let mut server = UnixStream::connect(&path).unwrap();
        server
            .write_all(b"{\"refused\":\"the root key\\u001b[2J does not open the store\"}\n")
            .unwrap();
        drop(server);
        state.accept(&listener);
        state.converse();
        assert_eq!(state.page.state(), "refused");
        assert!(
            state
                .page
                .text()
                .contains("  refused      the root key[2J does not")
        );
        assert!(state.connections.is_empty());
    }

    #[test]
    fn endless_line_is_cut_off() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        let mut state = State::default();
        state.connections.push(Connection {
            stream: ours,
            pending: Vec::new(),
            shows: false,
        });
        theirs.write_all(&vec![b' '; MAX_LINE * 2]).unwrap();
        state.converse();
        assert!(state.connections.is_empty());
    }
}
