//! Conditional requests and ranges (RFC 9110, sections 13 and 14).

use crate::serves::pushed;
use crate::web::Answer;

#[test]
fn conditions_and_ranges_follow_rfc_9110() {
    let (appliance, big) = pushed();
    let etag = appliance.get("/big.bin").header("etag").unwrap().to_owned();
    for field in [etag.clone(), format!("\"x\", W/{etag}"), "*".to_owned()] {
        let field = format!("If-None-Match: {field}\r\n");
        let answer = appliance.get_with("/big.bin", &field);
        assert_eq!((answer.status, answer.body.len()), (304, 0), "{field}");
        assert_eq!(answer.header("etag"), Some(etag.as_str()));
        assert_eq!(answer.header("content-length"), None);
        let head = appliance.ask("HEAD", "/big.bin", &field);
        assert_eq!((head.status, head.header("content-length")), (304, None));
    }
    let other = appliance.get_with("/big.bin", "If-None-Match: \"x\"\r\n");
    assert_eq!(other.status, 200);
    let part = appliance.get_with("/big.bin", "Range: bytes=1048570-1048590\r\n");
    assert_eq!(
        (part.status, &part.body[..]),
        (206, &big[1_048_570..=1_048_590])
    );
    assert_eq!(
        part.header("content-range"),
        Some("bytes 1048570-1048590/2500000")
    );
    let suffix = appliance.get_with("/big.bin", "Range: bytes=-7\r\n");
    assert_eq!((suffix.status, &suffix.body[..]), (206, &big[2_499_993..]));
    let open = appliance.get_with("/big.bin", "Range: bytes=2499990-\r\n");
    assert_eq!((open.status, &open.body[..]), (206, &big[2_499_990..]));
    let stale = appliance.get_with("/big.bin", "Range: bytes=0-1\r\nIf-Range: \"old\"\r\n");
    assert_eq!((stale.status, stale.body.len()), (200, big.len()));
    let fresh = format!("Range: bytes=0-1\r\nIf-Range: {etag}\r\n");
    assert_eq!(appliance.get_with("/big.bin", &fresh).status, 206);
    // A weak validator or a date never holds (13.1.5).
    for validator in [&format!("W/{etag}"), "Sat, 29 Oct 2094 19:43:31 GMT"] {
        let fields = format!("Range: bytes=0-1\r\nIf-Range: {validator}\r\n");
        assert_eq!(appliance.get_with("/big.bin", &fields).status, 200);
    }
    let beyond = appliance.get_with("/big.bin", "Range: bytes=2500000-\r\n");
    assert_eq!(
        (beyond.status, beyond.header("content-range")),
        (416, Some("bytes */2500000"))
    );
    // HEAD has no ranges (14.2), nor has what is no 200.
    assert_eq!(
        appliance
            .ask("HEAD", "/big.bin", "Range: bytes=0-1\r\n")
            .status,
        200
    );
    assert_eq!(
        appliance
            .get_with("/nothing", "Range: bytes=0-1\r\n")
            .status,
        404
    );
    // Nor are preconditions looked at there (13.2.1).
    assert_eq!(
        appliance
            .get_with("/nothing", "If-None-Match: *\r\n")
            .status,
        404
    );
}

#[test]
fn a_304_tells_what_caches_need_and_no_more() {
    let (appliance, _) = pushed();
    let accept = "Accept-Encoding: br\r\n";
    let whole = appliance.get_with("/", accept);
    let etag = whole.header("etag").unwrap();
    let fields = format!("{accept}If-None-Match: {etag}\r\n");
    let answer = appliance.get_with("/", &fields);
    assert_eq!(answer.status, 304);
    // RFC 9110, section 15.4.5; and the policy, which a cache takes over into what it has kept (RFC 9111, section 3.2).
    for name in ["etag", "cache-control", "vary", "content-security-policy"] {
        assert_eq!(answer.header(name), whole.header(name), "{name}");
    }
    assert!(answer.header("date").is_some());
    for name in [
        "content-type",
        "content-encoding",
        "content-length",
        "last-modified",
    ] {
        assert_eq!(answer.header(name), None, "{name}");
    }
    // The validator is that of one encoding.
    let plain = format!("If-None-Match: {etag}\r\n");
    assert_eq!(appliance.get_with("/", &plain).status, 200);
}

#[test]
fn a_failed_precondition_is_412() {
    let (appliance, _) = pushed();
    let etag = appliance.get("/about").header("etag").unwrap().to_owned();
    let status = |fields: &str| appliance.get_with("/about", fields).status;
    assert_eq!(status("If-Match: \"x\"\r\n"), 412);
    assert_eq!(status(&format!("If-Match: W/{etag}\r\n")), 412);
    assert_eq!(status(&format!("If-Match: \"x\", {etag}\r\n")), 200);
    assert_eq!(status("If-Match: *\r\n"), 200);
    // It is looked at before If-None-Match (13.2.2).
    assert_eq!(status("If-Match: \"x\"\r\nIf-None-Match: *\r\n"), 412);
    // No page has a date of modification, so that these are ignored (13.1.3, 13.1.4).
    assert_eq!(
        status("If-Unmodified-Since: Sat, 29 Oct 1994 19:43:31 GMT\r\n"),
        200
    );
    assert_eq!(
        status("If-Modified-Since: Sat, 29 Oct 2094 19:43:31 GMT\r\n"),
        200
    );
}

/// The parts of a `multipart/byteranges` answer: Content-Range and bytes of each.
fn parts(answer: &Answer) -> Vec<(String, Vec<u8>)> {
    let kind = answer.header("content-type").unwrap();
    let boundary = kind
        .strip_prefix("multipart/byteranges; boundary=")
        .unwrap();
    let mut rest = &answer.body[..];
    let mut parts = Vec::new();
    let open = format!("--{boundary}");
    rest = rest.strip_prefix(open.as_bytes()).unwrap();
    while rest != b"--\r\n" {
        let end = rest
            .windows(4)
            .position(|four| four == b"\r\n\r\n")
            .unwrap();
        let head = String::from_utf8(rest[..end].to_vec()).unwrap();
        assert!(
            head.contains("Content-Type: application/octet-stream"),
            "{head}"
        );
        let range = head.split("Content-Range: ").nth(1).unwrap().to_owned();
        let close = format!("\r\n{open}");
        let close = close.as_bytes();
        let body = &rest[end + 4..];
        let at = body
            .windows(close.len())
            .position(|some| some == close)
            .unwrap();
        parts.push((range, body[..at].to_vec()));
        rest = &body[at + close.len()..];
    }
    parts
}

#[test]
fn several_ranges_come_as_parts_and_cannot_cost_more_than_the_whole() {
    let (appliance, big) = pushed();
    let get = |ranges: &str| appliance.get_with("/big.bin", &format!("Range: bytes={ranges}\r\n"));
    // In the order in which they were asked for (RFC 9110, section 15.3.7.2), across the chunks of the store.
    let answer = get("2000000-2000009, 5-9, 1044470-1044490, -3");
    assert_eq!((answer.status, answer.header("content-range")), (206, None));
    let expected: Vec<_> = [
        (2_000_000, 2_000_010),
        (5, 10),
        (1_044_470, 1_044_491),
        (2_499_997, 2_500_000),
    ]
    .map(|(start, end)| {
        (
            format!("bytes {start}-{}/2500000", end - 1),
            big[start..end].to_vec(),
        )
    })
    .into();
    assert_eq!(parts(&answer), expected);
    let length: usize = answer.header("content-length").unwrap().parse().unwrap();
    assert_eq!(length, answer.body.len());
    // Overlapping ones become one, and one is no multipart (15.3.7.2).
    let joined = get("0-99,50-149,20-30");
    assert_eq!(
        (joined.status, joined.header("content-range")),
        (206, Some("bytes 0-149/2500000"))
    );
    assert_eq!(joined.body, &big[..150]);
    // Some of them satisfiable (15.5.17).
    assert_eq!(
        get("9999999-,0-1").header("content-range"),
        Some("bytes 0-1/2500000")
    );
    assert_eq!(get("9999999-,-0").status, 416);
    // Many, or all of it in pieces: the whole file, once (14.2, 17.15).
    let many: Vec<_> = (0..200).map(|n| format!("{0}-{0}", n * 10_000)).collect();
    for greedy in [
        many.join(","),
        vec!["0-"; 100].join(","),
        "0-1249000,1249800-".to_owned(),
    ] {
        let answer = get(&greedy);
        assert!(matches!(answer.status, 200 | 206), "{}", answer.head);
        assert!(answer.body.len() <= big.len() + 500);
    }
    assert_eq!(get(&many.join(",")).status, 200);
    // A small file, where the heads would be longer than the file.
    let small = appliance.get_with("/", "Range: bytes=0-0,190-190\r\n");
    assert!(small.body.len() <= 400, "{}", small.head);
}

#[test]
fn a_range_of_an_encoded_page_goes_on_where_the_client_stopped() {
    let (appliance, _) = pushed();
    let accept = "Accept-Encoding: gzip\r\n";
    let whole = appliance.get_with("/", accept);
    let etag = whole.header("etag").unwrap();
    // By its validator the client says that it holds the encoded form.
    let rest = appliance.get_with(
        "/",
        &format!("{accept}Range: bytes=10-\r\nIf-Range: {etag}\r\n"),
    );
    assert_eq!(
        (rest.status, rest.header("content-encoding")),
        (206, Some("gzip"))
    );
    assert_eq!(rest.body, &whole.body[10..]);
    // Without one, a range is of the file as written.
    let plain = appliance.get_with("/", &format!("{accept}Range: bytes=0-8\r\n"));
    assert_eq!(
        (plain.status, plain.header("content-encoding")),
        (206, None)
    );
    assert_eq!(plain.text(), "<!doctype");
    // A client that refuses the file as written gets all of what it takes.
    let refused = "Accept-Encoding: gzip, identity;q=0\r\nRange: bytes=0-8\r\n";
    let all = appliance.get_with("/", refused);
    assert_eq!(
        (all.status, all.header("content-encoding")),
        (200, Some("gzip"))
    );
}
