//! Text that came from elsewhere, made fit for a terminal.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Most characters that are shown of one text.
const SHOWN: usize = 2000;

/// The text without what could steer a terminal or reorder what is read: control characters (Unicode category Cc), line
/// and paragraph separators, and the marks of bidirectional text (UAX #9, section 2).
pub fn plain(text: &str) -> String {
    let steers = |c: char| {
        c.is_control()
            || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().filter(|c| !steers(*c)).take(SHOWN).collect()
}

/// A time in seconds since 1970, by RFC 3339 in UTC.
pub fn date(seconds: i64) -> String {
    let time = OffsetDateTime::from_unix_timestamp(seconds).ok();
    let text = time.and_then(|time| time.format(&Rfc3339).ok());
    text.unwrap_or_else(|| "a time out of bounds".to_owned())
}

/// A span in its two largest units.
pub fn duration(seconds: u64) -> String {
    let (days, hours) = (seconds.div_euclid(86_400), seconds.div_euclid(3600));
    let minutes = seconds.div_euclid(60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min {} s", seconds.rem_euclid(60)),
        (0, ..) => format!("{hours} h {} min", minutes.rem_euclid(60)),
        _ => format!("{days} d {} h", hours.rem_euclid(24)),
    }
}

/// A number of bytes, in the unit that people use.
pub fn size(bytes: u64) -> String {
    let units = [("GiB", 30), ("MiB", 20), ("KiB", 10)];
    for (unit, shift) in units {
        let whole = bytes.wrapping_shr(shift);
        if whole > 0 {
            // Tenths, rounded down.
            let rest = bytes.wrapping_shr(shift.saturating_sub(10)) & 1023;
            let tenths = rest.saturating_mul(10).wrapping_shr(10);
            return format!("{whole}.{tenths} {unit}");
        }
    }
    format!("{bytes} bytes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_told_in_peoples_units() {
        assert_eq!(date(0), "1970-01-01T00:00:00Z");
        assert_eq!(duration(59), "59 s");
        assert_eq!(duration(61), "1 min 1 s");
        assert_eq!(duration(7260), "2 h 1 min");
        assert_eq!(duration(90_000), "1 d 1 h");
        assert_eq!(size(1023), "1023 bytes");
        assert_eq!(size(1536), "1.5 KiB");
        assert_eq!(size(3 << 30), "3.0 GiB");
    }

    #[test]
    fn text_of_a_server_cannot_steer_the_terminal() {
        let text = "a\u{1b}[2J\u{9b}1m\r\nb\u{202e}\u{7}c \u{e9}";
        assert_eq!(plain(text), "a[2J1mbc \u{e9}");
        assert_eq!(plain(&"x".repeat(5000)).len(), SHOWN);
    }
}
