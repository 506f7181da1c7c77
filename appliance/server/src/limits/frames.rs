//! The frames of an HTTP/2 connection as they pass by (RFC 9113, section 4.1): heads, and payloads where they matter.

/// Bytes of a frame's head.
pub(super) const HEAD: usize = 9;

/// A frame's head.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(super) struct Head {
    pub(super) length: u32,
    pub(super) kind: u8,
    pub(super) flags: u8,
    pub(super) stream: u32,
}

/// Types of frames (RFC 9113, section 6).
pub(super) mod kind {
    pub(in super::super) const DATA: u8 = 0;
    pub(in super::super) const HEADERS: u8 = 1;
    pub(in super::super) const PRIORITY: u8 = 2;
    pub(in super::super) const RST_STREAM: u8 = 3;
    pub(in super::super) const SETTINGS: u8 = 4;
    pub(in super::super) const PING: u8 = 6;
    pub(in super::super) const GOAWAY: u8 = 7;
    pub(in super::super) const WINDOW_UPDATE: u8 = 8;
    pub(in super::super) const CONTINUATION: u8 = 9;
}

/// Where in the stream of frames we are.
#[derive(Default)]
pub(super) struct Frames {
    head: [u8; HEAD],
    have: usize,
    current: Head,
    left: usize,
}

/// What is told of a stream of frames.
pub(super) enum Seen<'a> {
    /// A frame begins.
    Head(Head),
    /// More of the payload of the frame that began last.
    Payload(Head, &'a [u8]),
}

impl Head {
    fn parse(bytes: [u8; HEAD]) -> Self {
        let [a, b, c, kind, flags, s, t, u, v] = bytes;
        Self {
            length: u32::from_be_bytes([0, a, b, c]),
            kind,
            flags,
            stream: u32::from_be_bytes([s & 0x7f, t, u, v]),
        }
    }
}

impl Frames {
    /// Follows more bytes; stops at the first error of `tell`.
    pub(super) fn follow<E>(
        &mut self,
        mut bytes: &[u8],
        mut tell: impl FnMut(Seen<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        while !bytes.is_empty() {
            if self.left > 0 {
                let (payload, rest) = bytes.split_at(self.left.min(bytes.len()));
                self.left = self.left.saturating_sub(payload.len());
                bytes = rest;
                tell(Seen::Payload(self.current, payload))?;
                continue;
            }
            let wanted = HEAD.saturating_sub(self.have).min(bytes.len());
            let (part, rest) = bytes.split_at(wanted);
            for (to, from) in self.head.iter_mut().skip(self.have).zip(part) {
                *to = *from;
            }
            self.have = self.have.saturating_add(wanted);
            bytes = rest;
            if self.have == HEAD {
                self.have = 0;
                self.current = Head::parse(self.head);
                self.left = usize::try_from(self.current.length).unwrap_or(usize::MAX);
                tell(Seen::Head(self.current))?;
            }
        }
        Ok(())
    }

    /// Whether a frame may begin here.
    pub(super) fn between(&self) -> bool {
        self.have == 0 && self.left == 0
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    #[test]
    fn frames_are_found_however_they_are_cut() {
        // SETTINGS with one parameter, PING, empty DATA that ends stream 3
        let mut bytes = vec![0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 4, 0, 0, 255, 255];
        bytes.extend([0, 0, 8, 6, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8]);
        bytes.extend([0, 0, 0, 0, 1, 128, 0, 0, 3]);
        for size in 1..=bytes.len() {
            let mut frames = Frames::default();
            let mut heads = Vec::new();
            let mut payload = Vec::new();
            for part in bytes.chunks(size) {
                let told = frames.follow(part, |seen| {
                    match seen {
                        Seen::Head(head) => heads.push((head.kind, head.length, head.stream)),
                        Seen::Payload(_, bytes) => payload.extend_from_slice(bytes),
                    }
                    Ok::<_, Infallible>(())
                });
                told.unwrap();
            }
            assert_eq!(heads, [(4, 6, 0), (6, 8, 0), (0, 0, 3)], "{size}");
            assert_eq!(payload.len(), 14);
            assert!(frames.between());
        }
    }
}
