//! The few parts of an X.509 certificate (RFC 5280, section 4.1) that no library at hand tells: issuer, subject, dates.

use time::{Date, Month, Time};

const SEQUENCE: u8 = 0x30;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
/// `[0] EXPLICIT`: the version, where it is not the first one.
const VERSION: u8 = 0xa0;

/// Parts of a certificate. Names are compared as they are encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Parts<'a> {
    pub(super) issuer: &'a [u8],
    pub(super) subject: &'a [u8],
    /// Seconds since 1970.
    pub(super) not_before: i64,
    pub(super) not_after: i64,
}

impl<'a> Parts<'a> {
    /// Reads a DER certificate; `None` for anything else. Never looks behind what its lengths announce.
    pub(super) fn of(certificate: &'a [u8]) -> Option<Self> {
        let mut outer = Reader(certificate);
        let mut whole = Reader(outer.sequence()?);
        let mut signed = Reader(whole.sequence()?);
        if signed.0.first() == Some(&VERSION) {
            signed.element()?;
        }
        // Serial number, signature algorithm.
        signed.element()?;
        signed.sequence()?;
        let issuer = signed.sequence()?;
        let mut validity = Reader(signed.sequence()?);
        let (not_before, not_after) = (validity.time()?, validity.time()?);
        let subject = signed.sequence()?;
        Some(Self {
            issuer,
            subject,
            not_before,
            not_after,
        })
    }
}

/// Reads DER (X.690, section 8.1) element by element.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn element(&mut self) -> Option<(u8, &'a [u8])> {
        let [tag, first, rest @ ..] = self.0 else {
            return None;
        };
        let (length, rest) = match *first {
            short @ 0..=0x7f => (usize::from(short), rest),
            long @ 0x81..=0x84 => {
                let (octets, rest) = rest.split_at_checked(usize::from(long & 0x7f))?;
                let length = octets
                    .iter()
                    .fold(0_u64, |length, octet| (length << 8) | u64::from(*octet));
                (usize::try_from(length).ok()?, rest)
            }
            _ => return None,
        };
        let (content, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some((*tag, content))
    }

    fn sequence(&mut self) -> Option<&'a [u8]> {
        let (tag, content) = self.element()?;
        (tag == SEQUENCE).then_some(content)
    }

    /// A time in seconds since 1970 (RFC 5280, section 4.1.2.5): always with seconds, always in UTC.
    fn time(&mut self) -> Option<i64> {
        let (tag, content) = self.element()?;
        let text = std::str::from_utf8(content).ok()?;
        let (year, rest) = match tag {
            UTC_TIME => {
                let (year, rest) = text.split_at_checked(2)?;
                let year = digits(year)?;
                let century = if year >= 50 { 1900 } else { 2000 };
                (year.checked_add(century)?, rest)
            }
            GENERALIZED_TIME => {
                let (year, rest) = text.split_at_checked(4)?;
                (digits(year)?, rest)
            }
            _ => return None,
        };
        let rest = rest.strip_suffix('Z').filter(|rest| rest.len() == 10)?;
        let field = |at: usize| {
            let field = rest.get(at..at.checked_add(2)?)?;
            u8::try_from(digits(field)?).ok()
        };
        let month = Month::try_from(field(0)?).ok()?;
        let date = Date::from_calendar_date(year, month, field(2)?).ok()?;
        let time = Time::from_hms(field(4)?, field(6)?, field(8)?).ok()?;
        Some(date.with_time(time).assume_utc().unix_timestamp())
    }
}

fn digits(text: &str) -> Option<i32> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]
mod tests {
    use time::macros::datetime;

    use super::*;

    fn made(not_before: time::OffsetDateTime, not_after: time::OffsetDateTime) -> Vec<u8> {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut parameters = rcgen::CertificateParams::new(vec!["a.example".into()]).unwrap();
        (parameters.not_before, parameters.not_after) = (not_before, not_after);
        parameters.self_signed(&key).unwrap().der().to_vec()
    }

    /// RFC 5280, section 4.1.2.5: dates through 2049 as UTCTime, later ones as GeneralizedTime.
    #[test]
    fn dates_of_both_forms_are_read() {
        let (from, to) = (
            datetime!(2025-02-03 04:05:06 UTC),
            datetime!(2061-12-31 23:59:59 UTC),
        );
        let der = made(from, to);
        let parts = Parts::of(&der).unwrap();
        assert_eq!(parts.not_before, from.unix_timestamp());
        assert_eq!(parts.not_after, to.unix_timestamp());
        assert_eq!(parts.issuer, parts.subject);
        assert!(!parts.subject.is_empty());
    }

    #[test]
    fn bytes_that_are_no_certificate_are_no_certificate() {
        let der = made(
            datetime!(2025-01-01 0:00 UTC),
            datetime!(2026-01-01 0:00 UTC),
        );
        for cut in 0..der.len() {
            assert_eq!(Parts::of(&der[..cut]), None, "cut at {cut}");
        }
        for at in 0..der.len() {
            for bit in 0..8 {
                let mut altered = der.clone();
                altered[at] ^= 1 << bit;
                // Whatever it finds, it must come back.
                let _ = Parts::of(&altered);
            }
        }
        assert_eq!(Parts::of(&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff, 0]), None);
        assert_eq!(Parts::of(&[0x30, 0x80, 0, 0]), None, "no length is known");
    }

    #[test]
    fn a_time_has_digits_and_a_zone() {
        let time = |tag: u8, text: &str| {
            let bytes = [&[tag, u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
            Reader(&bytes).time()
        };
        assert_eq!(time(UTC_TIME, "700101000000Z"), Some(0));
        assert_eq!(time(GENERALIZED_TIME, "19700101000001Z"), Some(1));
        assert_eq!(time(UTC_TIME, "500101000000Z").unwrap() / 31_557_600, -20);
        for bad in [
            "7001010000Z",
            "700101000000",
            "+70101000000Z",
            "701301000000Z",
            "700101006000Z",
            "70é0100000Z",
        ] {
            assert_eq!(time(UTC_TIME, bad), None, "{bad}");
        }
    }
}
