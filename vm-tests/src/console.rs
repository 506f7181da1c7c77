//! The serial console: every line with the moment at which it came.

mod log;

use crate::program::Watch;
pub use log::Line;
use log::Log;
use std::{
    fs::File,
    io::Read,
    path::Path,
    sync::{Arc, Condvar, Mutex},
    thread,
    time::{Duration, Instant},
};

/// A reader of the console that runs beside the test.
#[derive(Debug, Clone)]
pub struct Console(Arc<(Mutex<Log>, Condvar)>);

impl Console {
    /// Follows the file into which QEMU writes the serial line, until QEMU has ended. A file and not a socket: QEMU writes byte by byte
    /// and drops what a socket does not take at once.
    ///
    /// # Panics
    /// When the file is not there.
    pub fn follow(path: &Path, qemu: Watch) -> Self {
        let mut file = File::open(path).expect("QEMU has made the file");
        let console = Self(Arc::default());
        let writer = console.clone();
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            loop {
                // Asked first, so that what was written until the end is still read.
                let ended = qemu.ended();
                let count = file.read(&mut buffer).unwrap_or(0);
                let mut log = writer.0.0.lock().unwrap();
                log.take(&buffer[..count]);
                log.closed = ended && count == 0;
                let closed = log.closed;
                drop(log);
                writer.0.1.notify_all();
                if closed {
                    return;
                }
                if count == 0 {
                    thread::sleep(Duration::from_millis(10));
                }
            }
        });
        console
    }

    /// Everything so far.
    pub fn lines(&self) -> Vec<Line> {
        self.0.0.lock().unwrap().lines.clone()
    }

    /// Everything so far as one text.
    pub fn text(&self) -> String {
        self.lines()
            .iter()
            .map(|line| format!("{}\n", line.text))
            .collect()
    }

    /// The first line that holds one of `texts`, or none when the limit passes or QEMU ends.
    pub fn find(&self, texts: &[&str], limit: Duration) -> Option<Line> {
        let (lock, changed) = &*self.0;
        let end = Instant::now() + limit;
        let mut log = lock.lock().unwrap();
        let mut seen = 0;
        loop {
            let hit = |line: &&Line| texts.iter().any(|text| line.text.contains(text));
            if let Some(line) = log.lines[seen..].iter().find(hit) {
                return Some(line.clone());
            }
            // The last line may still grow.
            seen = log.lines.len().saturating_sub(1);
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() || log.closed {
                return None;
            }
            log = changed.wait_timeout(log, left).unwrap().0;
        }
    }

    /// The first line that holds one of `texts`.
    ///
    /// # Panics
    /// With the end of the console, when no such line comes within `limit`.
    pub fn wait(&self, texts: &[&str], limit: Duration) -> Line {
        self.find(texts, limit).unwrap_or_else(|| {
            panic!(
                "none of {texts:?} on the console within {limit:?}:\n{}",
                self.tail(80)
            )
        })
    }

    /// Waits until `count` lines hold `text`, from the start on.
    ///
    /// # Panics
    /// With the end of the console, when there are not so many within `limit`.
    pub fn wait_count(&self, text: &str, count: usize, limit: Duration) {
        let end = Instant::now() + limit;
        loop {
            let lines = self.lines();
            let found = lines.iter().filter(|line| line.text.contains(text)).count();
            if found >= count {
                return;
            }
            assert!(
                Instant::now() < end,
                "`{text}` is on the console {found} times after {limit:?}, not {count}:\n{}",
                self.tail(80)
            );
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Whether a line holds `text`.
    pub fn has(&self, text: &str) -> bool {
        self.find(&[text], Duration::ZERO).is_some()
    }

    /// The value that the status page last showed under `label`, such as `root hash`. A line still being written is not read.
    pub fn field(&self, label: &str) -> Option<String> {
        let log = self.0.0.lock().unwrap();
        let whole = log.lines.len() - usize::from(log.open);
        log.lines[..whole].iter().rev().find_map(|line| {
            let rest = line.text.trim_start().strip_prefix(label)?;
            rest.starts_with("  ").then(|| rest.trim().to_owned())
        })
    }

    /// As [`Console::field`], waiting until the page shows a value that holds all of `texts`.
    ///
    /// # Panics
    /// With the end of the console, when it does not.
    pub fn wait_field(&self, label: &str, texts: &[&str], limit: Duration) -> String {
        let end = Instant::now() + limit;
        loop {
            let shown = self.field(label);
            match shown {
                Some(value) if texts.iter().all(|text| value.contains(text)) => return value,
                _ if Instant::now() > end => panic!(
                    "`{label}` is {shown:?} after {limit:?}, not {texts:?}:\n{}",
                    self.tail(80)
                ),
                _ => thread::sleep(Duration::from_millis(50)),
            }
        }
    }

    /// The last `count` lines, for messages.
    pub fn tail(&self, count: usize) -> String {
        let lines = self.lines();
        lines
            .iter()
            .rev()
            .take(count)
            .rev()
            .map(|line| format!("  | {}\n", line.text))
            .collect()
    }
}
