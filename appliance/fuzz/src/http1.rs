//! The lines of HTTP/1.1, as they pass between TLS and the parser.

use holdfast_server::fuzz::http1;

/// Longest line of a length that is taken.
const LONGEST: usize = 47;

/// However the stream is cut: where RFC 9112 has one reading of it, it passes as it is; where it has not, the first byte
/// that shows it is spoilt with a NUL, and no other.
pub(crate) fn lines(bytes: &[u8]) {
    let mut expected = bytes.to_vec();
    if let Some(byte) = fault(bytes).and_then(|at| expected.get_mut(at)) {
        *byte = 0;
    }
    for piece in [1, 2, 7, 48, bytes.len()] {
        let passed = http1(bytes, piece);
        assert!(
            passed == expected,
            "in pieces of {piece}: {:?} of {:?}",
            String::from_utf8_lossy(&passed),
            String::from_utf8_lossy(bytes)
        );
    }
}

/// Where a strict reader of the whole stream stops; one request after the other.
fn fault(stream: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        match request(stream, at) {
            Read::Next(next) => at = next,
            Read::Fault(fault) => return Some(fault),
            Read::End => return None,
        }
    }
}

/// What became of a request.
enum Read {
    /// The next one begins here.
    Next(usize),
    /// It has more than one reading, from this byte on.
    Fault(usize),
    /// Its end has not come, or the connection ends with it.
    End,
}

fn request(stream: &[u8], mut at: usize) -> Read {
    let mut lines: Vec<&[u8]> = Vec::new();
    let mut blank = false;
    let (mut length, mut coded) = (None, false);
    loop {
        let rest = stream.get(at..).unwrap_or_default();
        let Some(end) = rest.iter().position(|byte| matches!(byte, b'\r' | b'\n')) else {
            return Read::End;
        };
        let (line, ending) = rest.split_at(end);
        let end = at.saturating_add(end);
        let feed = end.saturating_add(1);
        match ending {
            [b'\r', b'\n', ..] => {}
            [b'\r'] => return Read::End,
            [b'\r', ..] => return Read::Fault(feed),
            _ => return Read::Fault(end),
        }
        at = feed.saturating_add(1);
        match (lines.is_empty(), line.is_empty()) {
            // RFC 9112, section 2.2: one empty line before a request.
            (true, true) if blank => return Read::Fault(feed),
            (true, true) => blank = true,
            (true, false) => lines.push(line),
            (false, true) => break,
            (false, false) => {
                let name = line.split(|byte| *byte == b':').next().unwrap_or_default();
                let value = line.get(name.len().saturating_add(1)..);
                match (name.to_ascii_lowercase().as_slice(), value) {
                    // RFC 9112, sections 6.1 and 6.3: a length, once, or a coding.
                    (b"transfer-encoding", Some(_)) if length.is_some() => {
                        return Read::Fault(feed);
                    }
                    (b"transfer-encoding", Some(_)) => coded = true,
                    (b"content-length", Some(value)) => {
                        let number = number(value).filter(|_| line.len() <= LONGEST);
                        if number.is_none() || length.is_some() || coded {
                            return Read::Fault(feed);
                        }
                        length = number;
                    }
                    _ => {}
                }
                lines.push(line);
            }
        }
    }
    if coded {
        return Read::End;
    }
    let next = at.saturating_add(length.unwrap_or(0));
    if next >= stream.len() {
        return Read::End;
    }
    Read::Next(next)
}

/// RFC 9110, section 8.6: digits alone, and as many as can be counted.
fn number(value: &[u8]) -> Option<usize> {
    let digits = std::str::from_utf8(value.trim_ascii()).ok()?;
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let number: u64 = digits.parse().ok().filter(|_| plain)?;
    usize::try_from(number).ok()
}
