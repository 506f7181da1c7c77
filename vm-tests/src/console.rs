//! The serial console: every line with the moment at which it came.

use std::{
    io::Read,
    os::unix::net::UnixStream,
    sync::{Arc, Condvar, Mutex},
    thread,
    time::{Duration, Instant},
};

/// One line, without escape sequences and line end.
#[derive(Debug, Clone)]
pub struct Line {
    /// When its first byte was read by the harness.
    pub at: Instant,
    /// What it says.
    pub text: String,
}

#[derive(Debug, Default)]
struct Log {
    lines: Vec<Line>,
    open: bool,
    closed: bool,
    escape: Escape,
}

/// Where in an ANSI escape sequence (ECMA-48, section 5.4) the stream is; the firmware draws with them.
#[derive(Debug, Default, PartialEq)]
enum Escape {
    #[default]
    None,
    Start,
    Control,
}

/// A reader of the console that runs beside the test.
#[derive(Debug, Clone)]
pub struct Console(Arc<(Mutex<Log>, Condvar)>);

impl Console {
    /// Reads `stream` until QEMU closes it.
    pub fn read(mut stream: UnixStream) -> Self {
        let console = Self(Arc::default());
        let writer = console.clone();
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            loop {
                let count = stream.read(&mut buffer).unwrap_or(0);
                let mut log = writer.0.0.lock().unwrap();
                if count == 0 {
                    log.closed = true;
                } else {
                    log.take(&buffer[..count]);
                }
                writer.0.1.notify_all();
                if count == 0 {
                    return;
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

impl Log {
    fn take(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.escape = match (&self.escape, byte) {
                (Escape::None, 0x1b) => Escape::Start,
                (Escape::Start, b'[') => Escape::Control,
                (Escape::Control, 0x20..=0x3f) => Escape::Control,
                (Escape::None, byte) => {
                    self.put(byte);
                    Escape::None
                }
                _ => Escape::None,
            };
        }
    }

    fn put(&mut self, byte: u8) {
        match byte {
            b'\n' | b'\r' => self.open = false,
            // The console is ASCII but for box drawing, which no test reads.
            byte => {
                if !self.open {
                    self.lines.push(Line {
                        at: Instant::now(),
                        text: String::new(),
                    });
                    self.open = true;
                }
                let shown = if byte.is_ascii() {
                    char::from(byte)
                } else {
                    '?'
                };
                self.lines
                    .last_mut()
                    .expect("a line was just opened")
                    .text
                    .push(shown);
            }
        }
    }
}
