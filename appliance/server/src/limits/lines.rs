//! The lines of HTTP/1.1 requests as they pass by, held to the letter.
//!
//! hyper's parser is lenient where RFC 9112 allows it: it takes a bare LF as the end of a line, one length that stands
//! twice, and a length beside a transfer coding. Another recipient in the way may read the same bytes otherwise, and then
//! both disagree where the next request begins (request smuggling). So what a strict reader would refuse is spoilt with
//! a NUL here, which the parser refuses by RFC 9110, section 5.5: the client gets a 400 and the connection ends.

/// Longest part of a line that is looked at: `Content-Length: ` and more digits than a length can have.
const START: usize = 48;

/// Where in the stream of requests we are.
pub(super) struct Lines {
    state: State,
    start: [u8; START],
    /// Bytes of the line so far.
    length: usize,
    /// Whether the last byte was CR.
    cr: bool,
    /// Whether the line is the request's first.
    first: bool,
    /// Whether an empty line came before it.
    skipped: bool,
    content: Option<u64>,
    coded: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// In the header of a request.
    Header,
    /// In a body that has so many bytes left.
    Body(u64),
    /// Nothing more is looked at: a transfer coding, which ends the connection, or a refused request.
    Over,
}

impl Default for Lines {
    fn default() -> Self {
        Self {
            state: State::Header,
            start: [0; START],
            length: 0,
            cr: false,
            first: true,
            skipped: false,
            content: None,
            coded: false,
        }
    }
}

impl Lines {
    /// Looks at bytes from the client, and spoils what must not pass.
    pub(super) fn read(&mut self, mut bytes: &mut [u8]) {
        while !bytes.is_empty() {
            match self.state {
                State::Over => return,
                State::Body(left) => {
                    let here = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
                    let left = left.saturating_sub(here as u64);
                    self.state = if left == 0 {
                        State::Header
                    } else {
                        State::Body(left)
                    };
                    bytes = bytes.split_at_mut(here).1;
                }
                State::Header => {
                    let end = bytes.iter().position(|byte| matches!(byte, b'\r' | b'\n'));
                    let (text, rest) = bytes.split_at_mut(end.unwrap_or(bytes.len()));
                    if let Some(byte) = text.first_mut() {
                        // RFC 9112, section 2.2: a bare CR is never part of a line.
                        if self.cr {
                            *byte = 0;
                            self.state = State::Over;
                            return;
                        }
                        self.take(text);
                    }
                    let Some((byte, rest)) = rest.split_first_mut() else {
                        return;
                    };
                    let fine = match (*byte, self.cr) {
                        (b'\r', false) => {
                            self.cr = true;
                            true
                        }
                        (b'\n', true) => {
                            self.cr = false;
                            self.end_of_line()
                        }
                        _ => false,
                    };
                    if !fine {
                        *byte = 0;
                        self.state = State::Over;
                        return;
                    }
                    bytes = rest;
                }
            }
        }
    }

    fn take(&mut self, text: &[u8]) {
        for (to, from) in self.start.iter_mut().skip(self.length).zip(text) {
            *to = *from;
        }
        self.length = self.length.saturating_add(text.len());
    }

    /// Whether the line may stand.
    fn end_of_line(&mut self) -> bool {
        let length = std::mem::take(&mut self.length);
        if self.first {
            // RFC 9112, section 2.2: an empty line before a request is passed over; one is enough.
            let blank = length == 0;
            let fine = !blank || !std::mem::replace(&mut self.skipped, true);
            self.first = blank;
            return fine;
        }
        if length == 0 {
            self.state = match self.content.take() {
                _ if self.coded => State::Over,
                Some(content) if content > 0 => State::Body(content),
                _ => State::Header,
            };
            (self.first, self.skipped) = (true, false);
            return true;
        }
        let line = self.start.get(..length.min(START)).unwrap_or_default();
        let Some(colon) = line.iter().position(|byte| *byte == b':') else {
            return true;
        };
        let (name, value) = line.split_at(colon);
        if name.eq_ignore_ascii_case(b"transfer-encoding") {
            // RFC 9112, section 6.1: both a length and a coding "ought to be handled as an error".
            self.coded = true;
            return self.content.is_none();
        }
        if !name.eq_ignore_ascii_case(b"content-length") {
            return true;
        }
        // RFC 9112, section 6.3: a list of lengths, even of equal ones, may be refused.
        let digits = value
            .trim_ascii_start()
            .strip_prefix(b":")
            .unwrap_or_default();
        let digits = digits.trim_ascii();
        let plain = length < START && digits.iter().all(u8::is_ascii_digit);
        let text = std::str::from_utf8(digits).unwrap_or_default();
        let content = text.parse().ok().filter(|_| plain);
        let fine = content.is_some() && self.content.is_none() && !self.coded;
        self.content = content;
        fine
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether it passes unspoilt, cut into pieces of every size.
    fn passes(request: &str) -> bool {
        let mut verdicts = (1..=request.len()).map(|size| {
            let mut bytes = request.as_bytes().to_vec();
            let mut lines = Lines::default();
            for part in bytes.chunks_mut(size) {
                lines.read(part);
            }
            bytes == request.as_bytes()
        });
        let first = verdicts.next().unwrap_or_default();
        assert!(verdicts.all(|verdict| verdict == first), "{request:?}");
        first
    }

    #[test]
    fn requests_by_the_letter_pass() {
        for request in [
            "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
            "\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\n\n\r\n\nxGET / HTTP/1.1\r\nHost: x\r\n\r\n",
            "POST / HTTP/1.1\r\ncontent-length:0\r\n\r\nGET / HTTP/1.1\r\n\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "GET / HTTP/1.1\r\nA: content-length: x\r\n\r\n",
        ] {
            assert!(passes(request), "{request:?}");
        }
    }

    #[test]
    fn what_others_may_read_otherwise_is_spoilt() {
        for request in [
            "GET / HTTP/1.1\nHost: x\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: x\n\r\n",
            "GET / HTTP/1.1\r\nHost: x\r\n\n",
            "GET / HTTP/1.1\r\nA: b\rc: d\r\n\r\n",
            "GET / HTTP/1.1\r\nA: b\r\r\n\r\n",
            "\r\n\r\nGET / HTTP/1.1\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx",
            "POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx",
            "POST / HTTP/1.1\r\nContent-Length: 1, 1\r\n\r\nx",
            "POST / HTTP/1.1\r\nContent-Length: +1\r\n\r\nx",
            "POST / HTTP/1.1\r\nContent-Length: 0x1\r\n\r\nx",
            "POST / HTTP/1.1\r\nContent-Length:\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\nx",
            "POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\nx",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nCONTENT-LENGTH: 1\r\n\r\nx",
            "POST / HTTP/1.1\r\nContent-Length: 1\r\n\r\nxGET / HTTP/1.1\nHost: x\r\n\r\n",
        ] {
            assert!(!passes(request), "{request:?}");
        }
    }
}
