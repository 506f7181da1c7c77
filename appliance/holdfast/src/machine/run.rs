//! The long-running unit: one thread, one loop, nothing to wait for but files.

use std::fs;
use std::io::{ErrorKind, Read};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::time::{Duration, Instant};

use holdfast_server::machine::{Answer, Ask, SecureBoot};
use listenfd::ListenFd;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::console::{Page, print};
use super::conversation::Conversation;
use super::error::MachineError;
use super::journal::Parser;
use super::power::{self, Buttons, Stop};
use super::ring::Ring;
use super::setup::Outcome;
use super::show::{Answered, Asked, Message, Reply};
use super::{addresses, cmdline, metrics, variables};
use crate::say;
use crate::serve::notify::Notify;

/// How often addresses, input devices and set-up's outcome are looked at.
pub const TICK: Duration = Duration::from_secs(1);
/// At most this many connections; the server opens one.
const CONNECTIONS: usize = 4;
/// At most this many of journald, which opens one and another when that is lost.
const JOURNALS: usize = 2;
/// Bytes of the journal that are read before anything else has its turn.
const TURN: usize = 256 * 1024;
/// Time between the answer to a question for a stop and the stop, so that the server can tell who asked.
const MOMENT: Duration = Duration::from_secs(1);

/// The sockets that systemd passes, by their `FileDescriptorName=`.
struct Sockets {
    /// The server's.
    machine: UnixListener,
    /// journald's.
    log: Option<UnixListener>,
}

/// Runs until stopped.
///
/// # Errors
/// When the socket was not passed, or waiting itself fails.
pub fn run() -> Result<(), MachineError> {
    let sockets = Sockets::take()?;
    // Where nobody watches, nobody is told.
    let notify = Notify::connect().ok();
    let mut state = State::new(power::ask);
    let command_line = fs::read_to_string("/proc/cmdline").unwrap_or_default();
    state.page.root_hash = cmdline::root_hash(&command_line);
    loop {
        if state.tick()
            && let Some(notify) = &notify
        {
            // journald waits for this loop, and every program for journald: if it hangs, it must be started anew.
            notify.tell("WATCHDOG=1");
        }
        state.present();
        state
            .wait(&sockets)
            .map_err(MachineError::io("wait on", Path::new("the machine socket")))?;
        if state.buttons.pressed() {
            print("holdfast: power button: shutting down\n");
            state.stop(Stop::PowerOff);
        }
        state.accept(&sockets);
        state.listen();
        state.converse();
        state.stop_when_due();
    }
}

impl Sockets {
    fn take() -> Result<Self, MachineError> {
        let io = |what| MachineError::io::<std::io::Error>(what, Path::new("the machine socket"));
        let names = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
        let is_log = |index: usize| names.split(':').nth(index) == Some("log");
        let mut passed = ListenFd::from_env();
        let (mut machine, mut log) = (None, None);
        for index in 0..passed.len() {
            let listener = passed.take_unix_listener(index).map_err(io("take"))?;
            if let Some(listener) = &listener {
                listener.set_nonblocking(true).map_err(io("set up"))?;
            }
            if is_log(index) {
                log = listener;
            } else {
                machine = listener;
            }
        }
        let machine = machine.ok_or_else(|| io("find")(ErrorKind::NotFound.into()))?;
        Ok(Self { machine, log })
    }
}

struct State {
    page: Page,
    shown: Option<Page>,
    buttons: Buttons,
    conversations: Vec<Conversation>,
    journals: Vec<(UnixStream, Parser)>,
    ring: Ring,
    ticked: Option<Instant>,
    stopping: Option<(Instant, Stop)>,
    variables_told: bool,
    /// Asks PID 1; passed in, since tests must not.
    power: fn(Stop) -> rustix::io::Result<()>,
}

impl State {
    fn new(power: fn(Stop) -> rustix::io::Result<()>) -> Self {
        Self {
            page: Page::default(),
            shown: None,
            buttons: Buttons::default(),
            conversations: Vec::new(),
            journals: Vec::new(),
            ring: Ring::default(),
            ticked: None,
            stopping: None,
            variables_told: false,
            power,
        }
    }

    /// Looks at what tells nothing by itself, once in a while; tells whether it did.
    fn tick(&mut self) -> bool {
        if self.ticked.is_some_and(|at| at.elapsed() < TICK) {
            return false;
        }
        self.ticked = Some(Instant::now());
        self.buttons.refresh();
        self.page.addresses = addresses::current();
        // Until set-up has ended; it may tell first that it waits for somebody.
        let ended = |outcome: &Outcome| outcome.waiting.is_none();
        if !self.page.outcome.as_ref().is_some_and(ended) {
            self.page.outcome = Outcome::load();
        }
        // systemd-sysctl was before the server, which cannot look itself: it has a network of its own, with variables of its
        // own.
        if self.page.was_connected && !self.variables_told {
            self.variables_told = true;
            if let Some(variables) = variables::current() {
                say::line(&variables);
            }
        }
        true
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

    fn wait(&self, sockets: &Sockets) -> rustix::io::Result<()> {
        let mut fds = vec![PollFd::new(&sockets.machine, PollFlags::IN)];
        fds.extend(sockets.log.iter().map(|l| PollFd::new(l, PollFlags::IN)));
        fds.extend(self.conversations.iter().map(|conversation| {
            let mut wanted = PollFlags::IN;
            wanted.set(PollFlags::OUT, conversation.is_waiting());
            PollFd::new(conversation.stream(), wanted)
        }));
        fds.extend(
            self.journals
                .iter()
                .map(|(j, _)| PollFd::new(j, PollFlags::IN)),
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

    fn accept(&mut self, sockets: &Sockets) {
        while let Ok((stream, _)) = sockets.machine.accept() {
            if self.conversations.len() < CONNECTIONS && stream.set_nonblocking(true).is_ok() {
                self.conversations.push(Conversation::new(stream));
            }
        }
        let Some(log) = &sockets.log else { return };
        while let Ok((stream, _)) = log.accept() {
            if stream.set_nonblocking(true).is_ok() {
                // journald opens a new one when it has given the old one up.
                if self.journals.len() >= JOURNALS {
                    self.journals.remove(0);
                }
                self.journals.push((stream, Parser::default()));
            }
        }
    }

    /// Takes what journald has sent. It waits where its lines are not read, and every program's log with it.
    fn listen(&mut self) {
        let ring = &mut self.ring;
        self.journals.retain_mut(|(stream, parser)| {
            let mut buffer = [0; 16 * 1024];
            let mut taken = 0_usize;
            while taken < TURN {
                match stream.read(&mut buffer) {
                    Ok(0) => return false,
                    Ok(length) => {
                        taken = taken.saturating_add(length);
                        let bytes = buffer.get(..length).unwrap_or(&[]);
                        if parser.feed(bytes, |entry| ring.push(entry)).is_err() {
                            return false;
                        }
                    }
                    Err(e) if e.kind() == ErrorKind::Interrupted => {}
                    Err(e) => return e.kind() == ErrorKind::WouldBlock,
                }
            }
            true
        });
    }

    fn converse(&mut self) {
        let (page, ring, stopping) = (&mut self.page, &self.ring, &mut self.stopping);
        self.conversations.retain_mut(|conversation| {
            let mut alive = conversation.flush() && conversation.read();
            while let Some(line) = conversation.take_line() {
                let answered = match serde_json::from_slice::<Message>(&line) {
                    Ok(Message::Show(show)) => {
                        page.show = Some(*show);
                        page.server_refused = None;
                        page.was_connected = true;
                        conversation.shows = true;
                        conversation.answer(&Reply { ok: true })
                    }
                    Ok(Message::Refused(why)) => {
                        print(&refusal(&why));
                        page.server_refused = Some(why);
                        conversation.answer(&Reply { ok: true })
                    }
                    Ok(Message::Ask(Asked { id, question })) => {
                        let outcome = page.outcome.as_ref();
                        let secure_boot = outcome.map(|o| o.secure_boot).unwrap_or_default();
                        let answer = answer(&question, secure_boot, ring, stopping);
                        conversation.answer(&Answered { id, answer })
                    }
                    Err(_) => conversation.answer(&Reply { ok: false }),
                };
                alive = alive && answered;
            }
            let stays = alive && conversation.fits();
            if !stays && conversation.shows {
                // What it showed no longer holds.
                page.show = None;
            }
            stays
        });
    }

    /// Carries out what was asked for a moment ago.
    fn stop_when_due(&mut self) {
        let due = self.stopping.filter(|(at, _)| at.elapsed() >= MOMENT);
        if let Some((_, stop)) = due {
            self.stopping = None;
            print(match stop {
                Stop::Reboot => "holdfast: a device asked for it: restarting\n",
                Stop::PowerOff => "holdfast: a device asked for it: shutting down\n",
            });
            self.stop(stop);
        }
    }

    fn stop(&self, stop: Stop) {
        if let Err(e) = (self.power)(stop) {
            print(&format!("holdfast: cannot ask for the stop: {e}\n"));
        }
    }
}

/// The closed list.
fn answer(
    question: &Ask,
    secure_boot: SecureBoot,
    ring: &Ring,
    stopping: &mut Option<(Instant, Stop)>,
) -> Answer {
    let stop = match question {
        Ask::Status => return Answer::Status(metrics::current(secure_boot)),
        Ask::Logs(ask) => return Answer::Logs(ring.page(ask)),
        Ask::Reboot => Stop::Reboot,
        Ask::PowerOff => Stop::PowerOff,
    };
    if stopping.is_some() {
        return Answer::Failed("The machine is stopping already. Wait for it.".to_owned());
    }
    *stopping = Some((Instant::now(), stop));
    Answer::Done
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

#[cfg(test)]
mod tests;
