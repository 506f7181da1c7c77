//! Bytes of a terminal as lines.

use std::time::Instant;

/// One line, without escape sequences and line end.
#[derive(Debug, Clone)]
pub struct Line {
    /// When its first byte was read by the harness.
    pub at: Instant,
    /// What it says.
    pub text: String,
}

/// Everything that came.
#[derive(Debug, Default)]
pub struct Log {
    /// The lines.
    pub lines: Vec<Line>,
    /// Whether the last line may still grow.
    pub open: bool,
    /// Whether nothing more will come.
    pub closed: bool,
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

impl Log {
    /// Takes bytes as they come.
    pub fn take(&mut self, bytes: &[u8]) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_sequences_and_line_ends_leave_the_text() {
        let mut log = Log::default();
        log.take(b"\x1b[2J\x1b[01;01HBds: x\r\n\r\n  code");
        let texts: Vec<_> = log.lines.iter().map(|line| line.text.as_str()).collect();
        assert_eq!((texts, log.open), (vec!["Bds: x", "  code"], true));
    }
}
