//! One connection of the server: lines in, lines out, both bounded, never waiting.

use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;

use serde::Serialize;

use super::show::MAX_LINE;

/// Most bytes that wait to be sent. The server has four questions open at the most.
const MAX_WAITING: usize = 4 * 1024 * 1024;

/// A connection.
pub struct Conversation {
    stream: UnixStream,
    pending: Vec<u8>,
    waiting: Vec<u8>,
    /// Whether it has shown a picture: the page belongs to it.
    pub shows: bool,
}

impl Conversation {
    /// Takes a stream that does not block.
    pub fn new(stream: UnixStream) -> Self {
        Self {
            stream,
            pending: Vec::new(),
            waiting: Vec::new(),
            shows: false,
        }
    }

    /// To wait for.
    pub fn stream(&self) -> &UnixStream {
        &self.stream
    }

    /// Whether there is something to send.
    pub fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Reads what is there; false at the end.
    pub fn read(&mut self) -> bool {
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

    /// A whole line, if one has come.
    pub fn take_line(&mut self) -> Option<Vec<u8>> {
        let end = self.pending.iter().position(|b| *b == b'\n')?;
        let rest = self.pending.split_off(end.checked_add(1)?);
        Some(std::mem::replace(&mut self.pending, rest))
    }

    /// Whether what has come of a line may still become one.
    pub fn fits(&self) -> bool {
        self.pending.len() <= MAX_LINE
    }

    /// Sends a line, now or when there is room; false where too much waits already.
    pub fn answer(&mut self, answer: &impl Serialize) -> bool {
        let Ok(line) = serde_json::to_vec(answer) else {
            return false;
        };
        if self.waiting.len().saturating_add(line.len()) > MAX_WAITING {
            return false;
        }
        self.waiting.extend(line);
        self.waiting.push(b'\n');
        self.flush()
    }

    /// Sends what the other side takes; false when it is gone.
    pub fn flush(&mut self) -> bool {
        while !self.waiting.is_empty() {
            match self.stream.write(&self.waiting) {
                Ok(0) => return false,
                Ok(length) => drop(self.waiting.drain(..length.min(self.waiting.len()))),
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => return e.kind() == ErrorKind::WouldBlock,
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::io::{BufRead as _, BufReader};

    use super::*;

    #[test]
    fn a_long_answer_waits_for_a_slow_reader_and_arrives_whole() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        let mut conversation = Conversation::new(ours);
        let text = "x".repeat(MAX_WAITING / 2);
        assert!(conversation.answer(&text));
        assert!(conversation.is_waiting(), "no socket takes so much at once");
        assert!(!conversation.answer(&text.repeat(2)), "nor does this");
        let reading = std::thread::spawn(move || {
            let mut line = String::new();
            BufReader::new(theirs).read_line(&mut line).unwrap();
            line
        });
        while conversation.is_waiting() {
            assert!(conversation.flush());
            std::thread::yield_now();
        }
        assert_eq!(reading.join().unwrap().len(), text.len().saturating_add(3));
    }
}
