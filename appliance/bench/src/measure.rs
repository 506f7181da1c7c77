//! One load against one server, and the rounds of a row.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStdin};
use std::sync::mpsc;
use std::time::Duration;

use crate::Failure;
use crate::load::{self, Report, Spec};
use crate::process;

/// The part of its core that a server must use for the rate to be its own.
const SATURATED: f64 = 0.95;

/// A load that holds its connections open.
pub struct Held {
    child: Child,
    _stdin: Option<ChildStdin>,
}

impl Drop for Held {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs a load to the end of its measurement; tells its report, and the most memory that the server had meanwhile, in MiB.
pub fn load(cpu: usize, spec: &Spec) -> Result<(Report, f64), Failure> {
    let (report, memory, _) = hold(cpu, spec)?;
    Ok((report, memory))
}

/// The same; its connections stay open until the load is dropped, if it measures for no time.
pub fn hold(cpu: usize, spec: &Spec) -> Result<(Report, f64, Held), Failure> {
    let mut child = load::start(cpu, spec)?;
    let stdin = child.stdin.take();
    let stdout = child
        .stdout
        .take()
        .ok_or("the load has no output; try again")?;
    let held = Held {
        child,
        _stdin: stdin,
    };
    let (sender, line) = mpsc::channel();
    std::thread::spawn(move || {
        let mut text = String::new();
        let read = BufReader::new(stdout).read_line(&mut text);
        // The receiver waits below.
        let _ = sender.send(read.map(|_| text));
    });
    let mut most = 0.0_f64;
    loop {
        match line.recv_timeout(Duration::from_millis(100)) {
            Ok(text) => {
                let text = text?;
                if text.is_empty() {
                    return Err("the load failed, as said above".into());
                }
                return Ok((serde_json::from_str(&text)?, most, held));
            }
            Err(mpsc::RecvTimeoutError::Timeout) => {
                most = most.max(process::memory(&spec.target.processes)?);
            }
            Err(mpsc::RecvTimeoutError::Disconnected) => {
                return Err("the load failed; try again".into());
            }
        }
    }
}

/// The reports of one server in all rounds of a row.
#[derive(Default)]
pub struct Rounds(Vec<Report>);

impl Rounds {
    /// Takes one in.
    pub fn push(&mut self, report: Report) {
        self.0.push(report);
    }

    /// Answers a second.
    pub fn rate(&self) -> f64 {
        median(
            self.0
                .iter()
                .map(|report| report.done as f64 / report.seconds),
        )
    }

    /// Answers for each second of the server's CPU time.
    pub fn rate_of_cpu(&self) -> f64 {
        median(
            self.0
                .iter()
                .map(|report| report.done as f64 / report.server),
        )
    }

    /// Microseconds of the server's CPU time for one answer.
    pub fn micros(&self) -> f64 {
        1e6 / self.rate_of_cpu()
    }

    /// The part of its core that the server used.
    pub fn share(&self) -> f64 {
        median(self.0.iter().map(|report| report.server / report.seconds))
    }

    /// Whether the server's core is what bounded the rate.
    pub fn saturated(&self) -> bool {
        self.share() >= SATURATED
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<_> = values.collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    let at = |index: usize| values.get(index).copied().unwrap_or(f64::NAN);
    if values.len() % 2 == 1 {
        at(middle)
    } else {
        f64::midpoint(at(middle.saturating_sub(1)), at(middle))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_counts_and_no_outlier() {
        assert_eq!(median([9.0, 1.0, 2.0].into_iter()), 2.0);
        assert_eq!(median([4.0, 1.0, 2.0, 100.0].into_iter()), 3.0);
        assert!(median(std::iter::empty()).is_nan());
    }

    #[test]
    fn a_server_that_waits_for_the_load_is_not_saturated() {
        let mut rounds = Rounds::default();
        rounds.push(Report {
            done: 1000,
            seconds: 2.0,
            server: 1.0,
            tickets: 0,
        });
        assert!(!rounds.saturated());
        assert_eq!(
            (rounds.rate(), rounds.rate_of_cpu(), rounds.micros()),
            (500.0, 1000.0, 1000.0)
        );
    }
}
