//! Byte ranges (RFC 9110, section 14).

/// Most ranges of a request; more are not worth their work (section 17.15), and the whole page is sent.
const MOST: usize = 16;
/// The same of large content, of which each range takes a read of its own.
const MOST_OF_LARGE: usize = 4;
/// Content longer than this is large.
const LARGE: u64 = 1024 * 1024;
/// Ranges nearer to each other than this become one: the head of a part would take more (section 15.3.7.2).
const GAP: u64 = 160;

/// What a `Range` field asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Range {
    /// Everything: no range, or one that we need not understand or follow (section 14.2).
    Whole,
    /// Bytes `start..end`, at least one.
    Part(Part),
    /// Several of these, apart from each other, in the order in which they were asked for.
    Parts(Vec<Part>),
    /// Nothing that exists.
    Unsatisfiable,
}

/// Bytes `start..end`, at least one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) start: u64,
    pub(super) end: u64,
}

/// Reads the field for content of `length` bytes.
pub(super) fn parse(field: &str, length: u64) -> Range {
    let Some((unit, set)) = field.split_once('=') else {
        return Range::Whole;
    };
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return Range::Whole;
    }
    let mut parts = Vec::new();
    let mut asked = 0_usize;
    let most = if length > LARGE { MOST_OF_LARGE } else { MOST };
    // A list may hold empty elements (section 5.6.1.2).
    for range in set
        .split(',')
        .map(str::trim)
        .filter(|range| !range.is_empty())
    {
        asked = asked.saturating_add(1);
        match one(range, length) {
            // One that is not valid makes the whole field so (section 14.1.1).
            None => return Range::Whole,
            _ if asked > most => return Range::Whole,
            Some(part) => parts.extend(part),
        }
    }
    let parts = coalesce(parts);
    match (asked, parts.as_slice()) {
        (0, _) => Range::Whole,
        (_, []) => Range::Unsatisfiable,
        (_, [part]) => Range::Part(*part),
        _ => Range::Parts(parts),
    }
}

/// One range (section 14.1.2): not valid, valid and empty, or a part.
fn one(range: &str, length: u64) -> Option<Option<Part>> {
    let (first, last) = range.split_once('-')?;
    let (start, end) = match (first.trim(), last.trim()) {
        ("", suffix) => (length.saturating_sub(number(suffix)?), length),
        (first, "") => (number(first)?, length),
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            if last < first {
                return None;
            }
            (first, last.saturating_add(1).min(length))
        }
    };
    Some((start < end).then_some(Part { start, end }))
}

/// Makes one of those that touch, overlap, or nearly touch (section 15.3.7.2), each in the place of its first.
fn coalesce(parts: Vec<Part>) -> Vec<Part> {
    let mut sorted: Vec<_> = parts.into_iter().enumerate().collect();
    sorted.sort_by_key(|(_, part)| part.start);
    let mut joined: Vec<(usize, Part)> = Vec::with_capacity(sorted.len());
    for (place, part) in sorted {
        match joined.last_mut() {
            Some((first, last)) if part.start <= last.end.saturating_add(GAP) => {
                *first = place.min(*first);
                last.end = part.end.max(last.end);
            }
            _ => joined.push((place, part)),
        }
    }
    joined.sort_by_key(|(place, _)| *place);
    joined.into_iter().map(|(_, part)| part).collect()
}

fn number(digits: &str) -> Option<u64> {
    let plain = !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
    plain.then(|| digits.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(start: u64, end: u64) -> Part {
        Part { start, end }
    }

    #[test]
    fn ranges_are_read_by_rfc_9110_section_14_1_2() {
        let one = |start, end| Range::Part(part(start, end));
        for (field, expected) in [
            ("bytes=0-0", one(0, 1)),
            ("bytes=2-", one(2, 10)),
            ("bytes=-3", one(7, 10)),
            ("bytes=-99", one(0, 10)),
            ("bytes=5-99", one(5, 10)),
            ("bytes= 1-2 ,", one(1, 3)),
            ("BYTES=1-2", one(1, 3)),
            ("bytes=10-", Range::Unsatisfiable),
            ("bytes=-0", Range::Unsatisfiable),
            ("bytes=10-,-0", Range::Unsatisfiable),
            ("bytes=99999999999999999999-", Range::Unsatisfiable),
            ("bytes=10-,2-3", one(2, 4)),
            ("bytes=5-2", Range::Whole),
            ("bytes=0-1,5-2", Range::Whole),
            ("bytes=0-1,x", Range::Whole),
            ("bytes=a-b", Range::Whole),
            ("bytes=+1-2", Range::Whole),
            ("bytes=--2", Range::Whole),
            ("bytes=", Range::Whole),
            ("bytes=,,", Range::Whole),
            ("lines=1-2", Range::Whole),
            ("bytes", Range::Whole),
        ] {
            assert_eq!(parse(field, 10), expected, "{field}");
        }
        assert_eq!(parse("bytes=0-", 0), Range::Unsatisfiable);
    }

    #[test]
    fn several_ranges_are_joined_where_they_meet_and_bounded_in_number() {
        // RFC 9110, sections 14.2, 15.3.7.2 and 17.15.
        let apart = parse("bytes=5000-5009,0-9,-10", 10_000);
        let expected = vec![part(5000, 5010), part(0, 10), part(9990, 10_000)];
        assert_eq!(apart, Range::Parts(expected));
        for overlapping in [
            "bytes=0-99,50-149",
            "bytes=0-,0-,0-",
            "bytes=0-9,100-109",
            "bytes=9-9,0-8",
        ] {
            assert!(
                matches!(parse(overlapping, 10_000), Range::Part(_)),
                "{overlapping}"
            );
        }
        assert_eq!(
            parse("bytes=9000-9001,0-9,5-19", 10_000),
            Range::Parts(vec![part(9000, 9002), part(0, 20)])
        );
        let many: Vec<_> = (0..=MOST).map(|n| format!("{0}-{0}", n * 1000)).collect();
        assert_eq!(
            parse(&format!("bytes={}", many.join(",")), 1 << 20),
            Range::Whole
        );
        let fewer = format!("bytes={}", many.get(1..).unwrap_or_default().join(","));
        assert!(matches!(parse(&fewer, 1 << 20), Range::Parts(parts) if parts.len() == MOST));
    }
}
