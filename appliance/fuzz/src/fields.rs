//! Fields of a request's header.

use holdfast_server::{Authority, fuzz};
use holdfast_site::Encoding;

/// `Accept-Encoding` (RFC 9110, section 12.5.3): only what exists and is named, or named by `*`, is chosen.
pub(crate) fn accept_encoding(bytes: &[u8]) {
    let Some((choice, field)) = bytes.split_first() else {
        return;
    };
    let Ok(field) = std::str::from_utf8(field) else {
        return;
    };
    let available: Vec<_> = Encoding::ALL
        .into_iter()
        .enumerate()
        .filter(|(at, _)| {
            u32::from(*choice) & 1_u32.wrapping_shl(u32::try_from(*at).unwrap_or(0)) != 0
        })
        .map(|(_, encoding)| encoding)
        .collect();
    let Some(chosen) = fuzz::encoding(field, &available) else {
        return;
    };
    assert!(
        available.contains(&chosen),
        "{field:?} chose what is not there"
    );
    let folded = field.to_ascii_lowercase();
    assert!(
        folded.contains(chosen.name()) || folded.contains('*'),
        "{field:?} does not ask for {}",
        chosen.name()
    );
    let fewer = fuzz::encoding(field, &[chosen]);
    assert_eq!(fewer, Some(chosen), "{field:?}: alone it is refused");
}

/// `Range` (RFC 9110, section 14.1.2): parts lie within the content, none is empty, and no byte is sent twice.
pub(crate) fn range(bytes: &[u8]) {
    let Some((length, field)) = bytes.split_first_chunk::<8>() else {
        return;
    };
    let length = u64::from_le_bytes(*length);
    let Ok(field) = std::str::from_utf8(field) else {
        return;
    };
    let mut parts = fuzz::range(field, length).unwrap_or_default();
    let within = |&(start, end): &(u64, u64)| start < end && end <= length;
    assert!(parts.iter().all(within), "{field:?} of {length}: {parts:?}");
    parts.sort_unstable();
    let apart = |pair: &[(u64, u64)]| pair.first().map(|p| p.1) <= pair.last().map(|p| p.0);
    assert!(
        parts.windows(2).all(apart),
        "{field:?} of {length}: {parts:?}"
    );
    assert!(parts.len() <= 16, "{field:?} makes {} parts", parts.len());
}

/// `Host` and `:authority` (RFC 9110, section 7.2): one name and one port, in no other spelling.
pub(crate) fn authority(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    for (host, port) in [("example.org", 443_u16), ("localhost", 8443)] {
        let ours = Authority {
            host: host.to_owned(),
            port,
        };
        let spelled = text.eq_ignore_ascii_case(&format!("{host}:{port}"))
            || port == 443 && text.eq_ignore_ascii_case(host);
        assert_eq!(ours.is(text), spelled, "{text:?} for {ours}");
        assert!(ours.is(&ours.to_string()));
    }
}
