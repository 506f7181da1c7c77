//! HTTP/1.1 as far as a load needs it (RFC 9112): one request again and again, answers with a `Content-Length`.

use std::sync::Arc;

use super::stream::Protocol;
use crate::Failure;

/// Longest header of an answer that is waited for.
const LONGEST: usize = 32 * 1024;

/// One connection's state.
pub struct Http1 {
    /// `depth` requests in a row.
    requests: Arc<[u8]>,
    depth: u64,
    waiting: u64,
    expected: Arc<[u8]>,
    /// A header that is not complete yet.
    head: Vec<u8>,
    /// Length of the last header: most likely that of the next one.
    usual: usize,
    left: usize,
    compared: bool,
    once: bool,
}

impl Http1 {
    /// The requests of one connection: `depth` at once, then again when all are answered, unless `once`.
    pub fn new(authority: &str, path: &str, expected: Arc<[u8]>, depth: usize, once: bool) -> Self {
        let request = format!("GET {path} HTTP/1.1\r\nHost: {authority}\r\n\r\n");
        Self {
            requests: request.repeat(depth).into_bytes().into(),
            depth: depth as u64,
            waiting: 0,
            expected,
            head: Vec::new(),
            usual: 0,
            left: 0,
            compared: false,
            once,
        }
    }

    fn ask(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.requests);
        self.waiting = self.depth;
    }

    /// The length of the header that `bytes` begins with.
    fn header(&self, bytes: &[u8]) -> Option<usize> {
        let before = self.usual.saturating_sub(4);
        if self.usual > 4 && bytes.get(before..self.usual) == Some(b"\r\n\r\n") {
            return Some(self.usual);
        }
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
        Some(end.saturating_add(4))
    }

    fn begin_answer(&mut self, head: &[u8]) -> Result<(), Failure> {
        if !head.starts_with(b"HTTP/1.1 200 ") {
            let line = head.split(|byte| *byte == b'\r').next().unwrap_or_default();
            let line = String::from_utf8_lossy(line);
            return Err(format!(
                "the server answered `{line}`; look at its log, and lift its limits for the load"
            )
            .into());
        }
        if head.len() != self.usual {
            let length = content_length(head)
                .ok_or("an answer without a length; the load cannot follow it")?;
            if length != self.expected.len() {
                return Err(format!(
                    "an answer of {length} bytes instead of {}; the site is another one",
                    self.expected.len()
                )
                .into());
            }
            self.usual = head.len();
        }
        self.left = self.expected.len();
        Ok(())
    }
}

impl Protocol for Http1 {
    fn begin(&mut self, out: &mut Vec<u8>) -> bool {
        self.ask(out);
        false
    }

    fn take(&mut self, mut bytes: &[u8], out: &mut Vec<u8>) -> Result<u64, Failure> {
        let mut done = 0_u64;
        while !bytes.is_empty() {
            if self.left == 0 {
                if self.waiting == 0 {
                    return Err("an answer to no request; the load cannot follow it".into());
                }
                // A header seldom comes in two parts.
                let whole;
                let (head, known) = if self.head.is_empty() {
                    (bytes, 0)
                } else {
                    let known = self.head.len();
                    self.head.extend_from_slice(bytes);
                    whole = std::mem::take(&mut self.head);
                    (whole.as_slice(), known)
                };
                let Some(length) = self.header(head) else {
                    if head.len() > LONGEST {
                        return Err("a header without an end; the load cannot follow it".into());
                    }
                    self.head = head.to_vec();
                    return Ok(done);
                };
                self.begin_answer(head.get(..length).unwrap_or_default())?;
                bytes = bytes
                    .get(length.saturating_sub(known)..)
                    .unwrap_or_default();
            }
            let (body, rest) = bytes.split_at(self.left.min(bytes.len()));
            if !self.compared {
                let from = self.expected.len().saturating_sub(self.left);
                let until = from.saturating_add(body.len());
                if self.expected.get(from..until) != Some(body) {
                    return Err(
                        "an answer has other bytes than the file; look at the server's log".into(),
                    );
                }
            }
            self.left = self.left.saturating_sub(body.len());
            bytes = rest;
            if self.left == 0 {
                self.compared = true;
                done = done.saturating_add(1);
                self.waiting = self.waiting.saturating_sub(1);
                if self.waiting == 0 && !self.once {
                    self.ask(out);
                }
            }
        }
        Ok(done)
    }
}

fn content_length(head: &[u8]) -> Option<usize> {
    let text = std::str::from_utf8(head).ok()?;
    text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length")
            .then(|| value.trim().parse().ok())?
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nDate: now\r\ncontent-length: 5\r\n\r\nhello";

    fn connection(depth: usize) -> Http1 {
        Http1::new("localhost:1", "/a", b"hello".to_vec().into(), depth, false)
    }

    /// RFC 9112, section 2.2: a message may arrive in any parts.
    #[test]
    fn answers_are_counted_however_they_are_cut() {
        let stream = ANSWER.repeat(6);
        for size in 1..=stream.len() {
            let (mut connection, mut out) = (connection(3), Vec::new());
            connection.begin(&mut out);
            let asked = out.len();
            let mut done = 0;
            for part in stream.chunks(size) {
                done += connection.take(part, &mut out).unwrap();
            }
            assert_eq!(done, 6, "in parts of {size}");
            assert_eq!(
                out.len(),
                3 * asked,
                "three requests again after each three answers"
            );
        }
    }

    #[test]
    fn what_is_not_the_file_is_an_error() {
        for wrong in [
            "HTTP/1.1 429 Too Many Requests\r\ncontent-length: 5\r\n\r\nhello",
            "HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nhello!",
            "HTTP/1.1 200 OK\r\n\r\nhello",
            "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhallo",
        ] {
            let (mut connection, mut out) = (connection(1), Vec::new());
            connection.begin(&mut out);
            assert!(
                connection.take(wrong.as_bytes(), &mut out).is_err(),
                "{wrong}"
            );
        }
    }
}
