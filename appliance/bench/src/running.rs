//! A server that was started here, and is ended here.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::Failure;
use crate::fetch::{Client, Version, block_on};
use crate::target::{Group, Target};

/// Longest time for a start or a stop.
const PATIENCE: Duration = Duration::from_secs(120);

/// A running server.
pub struct Running {
    process: Child,
    log: PathBuf,
    /// Where it answers.
    pub target: Target,
}

impl Running {
    /// Takes over a process that was just started and writes to `log`.
    pub fn new(process: Child, log: &Path, target: Target) -> Self {
        Self {
            process,
            log: log.to_owned(),
            target,
        }
    }

    /// The first process.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Waits until this path is answered, with whatever status; tells how long that took from `start`.
    pub fn answers(
        &mut self,
        path: &str,
        group: Group,
        start: Instant,
    ) -> Result<Duration, Failure> {
        loop {
            let attempt = block_on(async {
                let mut client = Client::connect(&self.target, group, Version::Http1).await?;
                client.get(path).await
            });
            let error = match attempt {
                Ok(_) => return Ok(start.elapsed()),
                Err(error) => error,
            };
            if self.process.try_wait()?.is_some() {
                return Err(format!("the server ended at once: {}", self.last_words()).into());
            }
            if start.elapsed() > PATIENCE {
                return Err(
                    format!("no answer in two minutes ({error}): {}", self.last_words()).into(),
                );
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Ends it as systemd does, and waits.
    pub fn stop(mut self) -> Result<(), Failure> {
        kill_process(Pid::from_child(&self.process), Signal::TERM)?;
        let start = Instant::now();
        while self.process.try_wait()?.is_none() {
            if start.elapsed() > PATIENCE {
                return Err("a server does not stop; it is killed".into());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    fn last_words(&self) -> String {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        let mut lines: Vec<_> = log.lines().rev().take(10).collect();
        lines.reverse();
        lines.join("\n")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if matches!(self.process.try_wait(), Ok(None)) {
            // A server of several processes ends them by itself when asked; one that does not is killed.
            let _ = kill_process(Pid::from_child(&self.process), Signal::TERM);
            for _ in 0..200 {
                if !matches!(self.process.try_wait(), Ok(None)) {
                    return;
                }
                std::thread::sleep(Duration::from_millis(10));
            }
            let _ = self.process.kill();
            let _ = self.process.wait();
        }
    }
}
