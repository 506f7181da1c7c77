//! Progress on standard error: nothing for what is quick, one line that moves on a terminal, a line every while elsewhere.

use std::io::{IsTerminal as _, Write as _};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Before this nothing is shown.
const QUIET: Duration = Duration::from_secs(2);

/// The progress of one task.
pub struct Progress {
    what: &'static str,
    total: u64,
    terminal: bool,
    state: Mutex<Shown>,
}

struct Shown {
    start: Instant,
    last: Option<Instant>,
}

impl Progress {
    /// Starts a task of `total` steps.
    pub fn new(what: &'static str, total: u64) -> Self {
        let state = Mutex::new(Shown {
            start: Instant::now(),
            last: None,
        });
        Self {
            what,
            total,
            terminal: std::io::stderr().is_terminal(),
            state,
        }
    }

    /// Shows that `done` steps are done, if it is time.
    pub fn at(&self, done: u64) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let every = if self.terminal {
            Duration::from_millis(200)
        } else {
            Duration::from_secs(5)
        };
        let due = state.last.map_or(state.start.elapsed() >= QUIET, |last| {
            last.elapsed() >= every
        });
        if !due {
            return;
        }
        state.last = Some(Instant::now());
        let end = if self.terminal { '\r' } else { '\n' };
        let percent = done
            .saturating_mul(100)
            .checked_div(self.total)
            .unwrap_or(100);
        eprint!("{} {percent} % ({done} of {}){end}", self.what, self.total);
        let _ = std::io::stderr().flush();
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        if self.terminal && state.last.is_some() {
            eprintln!();
        }
    }
}
