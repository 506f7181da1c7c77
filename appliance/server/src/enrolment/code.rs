//! One-time enrolment codes: 130 random bits in Crockford's base32, for people to copy from a console.

use std::fmt;
use std::time::{Duration, Instant};

use zeroize::Zeroizing;

use crate::pin::Pin;

/// Characters of a code; 5 bits each.
const LENGTH: usize = 26;
/// How long a code is good for, on the monotonic clock.
pub const LIFETIME: Duration = Duration::from_secs(15 * 60);
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// An enrolment code. Its `Debug` shows nothing; only [`Code::to_groups`] writes it out, for the console.
#[derive(Clone, PartialEq, Eq)]
pub struct Code(Zeroizing<String>);

impl Code {
    /// A fresh code; `None` where the system gives no random bytes.
    #[must_use]
    pub fn fresh() -> Option<Self> {
        let mut random = Zeroizing::new([0_u8; 17]);
        aws_lc_rs::rand::fill(&mut *random).ok()?;
        Some(Self::from_random(&random))
    }

    /// A code of the first 130 bits of 17 random bytes.
    #[must_use]
    pub fn from_random(random: &[u8; 17]) -> Self {
        let mut text = String::with_capacity(LENGTH);
        let mut bits = random
            .iter()
            .flat_map(|byte| (0..8).rev().map(move |bit| byte.wrapping_shr(bit) & 1));
        for _ in 0..LENGTH {
            let value = bits
                .by_ref()
                .take(5)
                .fold(0_u8, |value, bit| value.wrapping_shl(1) | bit);
            text.push(
                ALPHABET
                    .get(usize::from(value))
                    .map_or('0', |&letter| char::from(letter)),
            );
        }
        Self(Zeroizing::new(text))
    }

    /// Reads what a person typed: case, spaces and hyphens do not matter, `O` is 0, `I` and `L` are 1.
    ///
    /// Returns `None` for anything but 26 letters and digits of the alphabet.
    #[must_use]
    pub fn parse(typed: &str) -> Option<Self> {
        let mut text = Zeroizing::new(String::with_capacity(LENGTH));
        for c in typed.chars().filter(|c| !c.is_whitespace() && *c != '-') {
            let c = match c.to_ascii_uppercase() {
                'O' => '0',
                'I' | 'L' => '1',
                c => c,
            };
            if !c.is_ascii() || !ALPHABET.contains(&u8::try_from(c).ok()?) || text.len() == LENGTH {
                return None;
            }
            text.push(c);
        }
        (text.len() == LENGTH).then_some(Self(text))
    }

    /// The code in groups for people, `XXXXX-XXXXX-XXXXX-XXXXX-XXXXXX`.
    #[must_use]
    pub fn to_groups(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(LENGTH.saturating_add(4)));
        for (at, c) in self.0.chars().enumerate() {
            if matches!(at, 5 | 10 | 15 | 20) {
                text.push('-');
            }
            text.push(c);
        }
        text
    }

    /// The normalised characters.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Code(…)")
    }
}

/// A code that is being shown, with its end.
///
/// Wrong tries are not counted: 130 random bits cannot be guessed in its lifetime, and a bound would let any stranger
/// take the code away from the one who reads it.
#[derive(Debug)]
pub struct Shown {
    code: Code,
    expires: Instant,
    used: Option<Pin>,
}

impl Shown {
    /// Starts the life of a code at `now`.
    #[must_use]
    pub fn new(code: Code, now: Instant) -> Self {
        Self {
            code,
            expires: now.checked_add(LIFETIME).unwrap_or(now),
            used: None,
        }
    }

    /// The device that was enrolled by it: it is good for no other.
    #[must_use]
    pub fn used(&self) -> Option<Pin> {
        self.used
    }

    /// Notes that this device was enrolled by it.
    pub fn use_up(&mut self, device: Pin) {
        self.used = Some(device);
    }

    /// The code while it is good.
    #[must_use]
    pub fn code(&self, now: Instant) -> Option<&Code> {
        (now < self.expires).then_some(&self.code)
    }

    /// Time left.
    #[must_use]
    pub fn remaining(&self, now: Instant) -> Duration {
        self.expires.saturating_duration_since(now)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::arithmetic_side_effects)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_read_as_people_type_it() {
        let code = Code::from_random(&[
            0x08, 0x42, 0x10, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 255,
        ]);
        let groups = code.to_groups();
        assert_eq!(groups.len(), 30);
        assert!(groups.starts_with("11110-"));
        assert_eq!(Code::parse(&groups.to_lowercase()).unwrap(), code);
        assert_eq!(
            Code::parse(&groups.replace('-', " ").replace('1', "l").replace('0', "o")).unwrap(),
            code
        );
        assert!(Code::parse("too short").is_none());
        assert!(Code::parse(&format!("{}0", *groups)).is_none());
        assert!(Code::parse(&groups.replace('1', "U")).is_none());
    }

    #[test]
    fn a_code_lapses_by_time() {
        let now = Instant::now();
        let shown = Shown::new(Code::from_random(&[1; 17]), now);
        assert!(
            shown
                .code(now + LIFETIME - Duration::from_secs(1))
                .is_some()
        );
        assert!(shown.code(now + LIFETIME).is_none());
    }
}
