//! Rules on HTTP/2 frames that h2 does not hold, or answers with another error than RFC 9113 wants.

use std::sync::Arc;
use std::time::Instant;

use super::frames::{Frames, Head, Seen, kind};
use super::ledger::{Earned, Ledger, Overdrawn};

/// What a client sends first (RFC 9113, section 3.4). h2 compares it.
const PREFACE: usize = 24;
/// The largest flow-control window (RFC 9113, section 6.9.1).
const LARGEST_WINDOW: u32 = (1 << 31) - 1;
/// SETTINGS_INITIAL_WINDOW_SIZE (RFC 9113, section 6.5.2).
const INITIAL_WINDOW_SIZE: u16 = 4;
/// Bytes of a parameter of SETTINGS (RFC 9113, section 6.5.1).
const PARAMETER: usize = 6;

/// Streams that a client has begun and not ended, above which it is not followed any more which of them are open.
const FOLLOWED: usize = 256;

/// Why a connection ends (RFC 9113, section 7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    ProtocolError = 1,
    FlowControlError = 3,
    StreamClosed = 5,
    FrameSizeError = 6,
    EnhanceYourCalm = 11,
}

/// What is known of a connection's frames, both ways.
pub(super) struct Rules {
    preface: usize,
    incoming: Frames,
    outgoing: Frames,
    ledger: Ledger,
    /// Whether the client's first frame was seen.
    begun: bool,
    parameter: [u8; PARAMETER],
    have: usize,
    /// The highest stream of the client.
    last: u32,
    /// Streams that may still bring DATA.
    open: Vec<u32>,
}

impl From<Overdrawn> for Reason {
    fn from(_: Overdrawn) -> Self {
        Self::EnhanceYourCalm
    }
}

impl Rules {
    pub(super) fn new(earned: Arc<Earned>, now: Instant) -> Self {
        Self {
            preface: PREFACE,
            incoming: Frames::default(),
            outgoing: Frames::default(),
            ledger: Ledger::new(earned, now),
            begun: false,
            parameter: [0; PARAMETER],
            have: 0,
            last: 0,
            open: Vec::new(),
        }
    }

    /// Looks at bytes from the client.
    pub(super) fn read(&mut self, bytes: &[u8], now: fn() -> Instant) -> Result<(), Reason> {
        let (preface, frames) = bytes.split_at(self.preface.min(bytes.len()));
        self.preface = self.preface.saturating_sub(preface.len());
        let Self {
            incoming,
            ledger,
            begun,
            parameter,
            have,
            last,
            open,
            ..
        } = self;
        ledger.read(bytes.len(), now)?;
        incoming.follow(frames, |seen| match seen {
            Seen::Head(head) => {
                check(head, *begun)?;
                *begun = true;
                *have = 0;
                ledger.frame(head, now)?;
                follow(head, last, open)
            }
            Seen::Payload(head, bytes) if head.kind == kind::SETTINGS => {
                for byte in bytes {
                    if let Some(to) = parameter.get_mut(*have) {
                        *to = *byte;
                    }
                    *have = have.saturating_add(1);
                    if *have == PARAMETER {
                        *have = 0;
                        check_parameter(*parameter)?;
                    }
                }
                Ok(())
            }
            Seen::Payload(..) => Ok(()),
        })
    }

    /// Looks at bytes to the client.
    pub(super) fn wrote(&mut self, bytes: &[u8]) {
        self.ledger.taken(bytes.len());
        let followed = self
            .outgoing
            .follow(bytes, |_| Ok::<_, std::convert::Infallible>(()));
        let Ok(()) = followed;
    }

    /// The GOAWAY that ends the connection (RFC 9113, section 6.8), if a frame may begin now.
    pub(super) fn goaway(&self, reason: Reason) -> Option<[u8; 17]> {
        let [a, b, c, d] = self.last.to_be_bytes();
        self.outgoing.between().then_some([
            0,
            0,
            8,
            kind::GOAWAY,
            0,
            0,
            0,
            0,
            0,
            a,
            b,
            c,
            d,
            0,
            0,
            0,
            reason as u8,
        ])
    }
}

fn check(head: Head, begun: bool) -> Result<(), Reason> {
    let ack = head.flags & 1 == 1;
    // RFC 9113, section 3.4: the preface is followed by SETTINGS.
    if !begun && (head.kind != kind::SETTINGS || ack) {
        return Err(Reason::ProtocolError);
    }
    let right = match head.kind {
        // RFC 9113, section 6.5.
        kind::SETTINGS if ack => head.length == 0,
        kind::SETTINGS => head.length.is_multiple_of(PARAMETER as u32),
        // RFC 9113, sections 6.7, 6.4, 6.9, 6.3, 6.8.
        kind::PING => head.length == 8,
        kind::RST_STREAM | kind::WINDOW_UPDATE => head.length == 4,
        kind::PRIORITY => head.length == 5,
        kind::GOAWAY => head.length >= 8,
        _ => true,
    };
    if right {
        Ok(())
    } else {
        Err(Reason::FrameSizeError)
    }
}

/// Follows which streams are open: h2 calls what comes on others a fault of another kind (RFC 9113, section 5.1).
fn follow(head: Head, last: &mut u32, open: &mut Vec<u32>) -> Result<(), Reason> {
    let ends = head.flags & 1 == 1;
    match head.kind {
        kind::HEADERS if head.stream > *last => {
            *last = head.stream;
            if !ends && open.len() <= FOLLOWED {
                open.push(head.stream);
            }
        }
        kind::HEADERS
            if head.stream == *last
                && *last > 0
                && open.len() <= FOLLOWED
                && !open.contains(last) =>
        {
            return Err(Reason::StreamClosed);
        }
        kind::DATA if head.stream > *last || head.stream == 0 || open.len() > FOLLOWED => {}
        kind::DATA if !open.contains(&head.stream) => return Err(Reason::StreamClosed),
        kind::DATA | kind::HEADERS if ends => open.retain(|stream| *stream != head.stream),
        kind::RST_STREAM => open.retain(|stream| *stream != head.stream),
        _ => {}
    }
    Ok(())
}

/// RFC 9113, section 6.5.2.
fn check_parameter([a, b, c, d, e, f]: [u8; PARAMETER]) -> Result<(), Reason> {
    let id = u16::from_be_bytes([a, b]);
    let value = u32::from_be_bytes([c, d, e, f]);
    if id == INITIAL_WINDOW_SIZE && value > LARGEST_WINDOW {
        return Err(Reason::FlowControlError);
    }
    Ok(())
}
