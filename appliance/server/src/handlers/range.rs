//! Single byte ranges (RFC 9110, section 14.1.2).

/// What a `Range` field asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Range {
    /// Everything: no range, or one that we need not understand.
    Whole,
    /// Bytes `start..end`, at least one.
    Part { start: u64, end: u64 },
    /// Nothing that exists.
    Unsatisfiable,
}

/// Reads the field for content of `length` bytes. Several ranges are answered whole, which section 14.2 allows.
pub(super) fn parse(field: &str, length: u64) -> Range {
    let Some((unit, set)) = field.split_once('=') else {
        return Range::Whole;
    };
    let Some((first, last)) = set.trim().split_once('-') else {
        return Range::Whole;
    };
    if !unit.trim().eq_ignore_ascii_case("bytes") || set.contains(',') {
        return Range::Whole;
    }
    let (start, end) = match (first.trim(), last.trim()) {
        ("", suffix) => match number(suffix) {
            Some(0) => return Range::Unsatisfiable,
            Some(suffix) => (length.saturating_sub(suffix), length),
            None => return Range::Whole,
        },
        (first, "") => match number(first) {
            Some(first) => (first, length),
            None => return Range::Whole,
        },
        (first, last) => match (number(first), number(last)) {
            (Some(first), Some(last)) if first <= last => {
                (first, last.saturating_add(1).min(length))
            }
            _ => return Range::Whole,
        },
    };
    if start < end {
        Range::Part { start, end }
    } else {
        Range::Unsatisfiable
    }
}

fn number(digits: &str) -> Option<u64> {
    let plain = !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
    plain.then(|| digits.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_by_rfc_9110_section_14_1_2() {
        let part = |start, end| Range::Part { start, end };
        for (field, expected) in [
            ("bytes=0-0", part(0, 1)),
            ("bytes=2-", part(2, 10)),
            ("bytes=-3", part(7, 10)),
            ("bytes=-99", part(0, 10)),
            ("bytes=5-99", part(5, 10)),
            ("bytes=10-", Range::Unsatisfiable),
            ("bytes=-0", Range::Unsatisfiable),
            ("bytes=99999999999999999999-", Range::Unsatisfiable),
            ("bytes=5-2", Range::Whole),
            ("bytes=0-1,3-4", Range::Whole),
            ("bytes=a-b", Range::Whole),
            ("bytes=+1-2", Range::Whole),
            ("lines=1-2", Range::Whole),
            ("bytes", Range::Whole),
        ] {
            assert_eq!(parse(field, 10), expected, "{field}");
        }
        assert_eq!(parse("bytes=0-", 0), Range::Unsatisfiable);
    }
}
