#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]
use proptest::prelude::*;

use super::*;

fn field(name: &str, value: &[u8]) -> Vec<u8> {
    if value.iter().all(|byte| *byte >= b' ') {
        [name.as_bytes(), b"=", value, b"\n"].concat()
    } else {
        let length = u64::try_from(value.len()).unwrap().to_le_bytes();
        [name.as_bytes(), b"\n", &length, value, b"\n"].concat()
    }
}

fn read(bytes: &[u8], piece: usize) -> Result<Vec<Entry>, Malformed> {
    let mut parser = Parser::default();
    let mut entries = Vec::new();
    for part in bytes.chunks(piece.max(1)) {
        parser.feed(part, |entry| entries.push(entry))?;
    }
    Ok(entries)
}

#[test]
fn entries_are_read_as_journald_writes_them() {
    let mut stream = Vec::new();
    for (name, value) in [
        ("PRIORITY", &b"4"[..]),
        ("_TRANSPORT", b"stdout"),
        ("MESSAGE", b"first\nsecond"),
        ("_SYSTEMD_UNIT", b"holdfast.service"),
        ("__REALTIME_TIMESTAMP", b"1750000000000001"),
        ("__MONOTONIC_TIMESTAMP", b"5"),
    ] {
        stream.extend(field(name, value));
    }
    stream.extend(b"\n_TRANSPORT=kernel\nMESSAGE=Linux version 6.12\n_SYSTEMD_UNIT=x\n\n");
    stream.extend(b"MESSAGE\n\0\0\0\0\0\0\0\0\n\n");
    let entries = read(&stream, stream.len()).unwrap();
    let first = Entry {
        time_us: 1_750_000_000_000_001,
        unit: "holdfast.service".into(),
        priority: 4,
        message: "first\nsecond".into(),
    };
    assert_eq!(entries[0], first);
    assert_eq!(entries[1].unit, "kernel");
    assert_eq!(entries[1].message, "Linux version 6.12");
    assert_eq!(entries[2].message, "");
    assert_eq!(entries.len(), 3);
}

#[test]
fn what_a_program_says_of_itself_names_no_unit() {
    let entries = read(
        b"UNIT=holdfast.service\nSYSLOG_IDENTIFIER=kernel\nMESSAGE=x\n\n",
        7,
    );
    assert_eq!(entries.unwrap()[0].unit, "other");
}

#[test]
fn long_values_are_cut_and_endless_ones_refused() {
    let long = vec![b'x'; KEPT * 4];
    let stream = [
        field("MESSAGE", &long),
        field("OTHER", &[&long[..], b"\n"].concat()),
        b"PRIORITY=3\n\n".to_vec(),
    ]
    .concat();
    let entries = read(&stream, 1000).unwrap();
    assert_eq!(entries[0].message.len(), KEPT - "MESSAGE=".len());
    assert_eq!(entries[0].priority, 3);
    let endless = [&b"MESSAGE\n"[..], &u64::MAX.to_le_bytes()].concat();
    assert_eq!(read(&endless, 3), Err(Malformed));
    assert_eq!(
        read(&[b'A'; 100_000], 999).unwrap(),
        [],
        "it may still go on"
    );
    assert_eq!(
        read(&[&[b'A'; 100_000][..], b"\n"].concat(), 999),
        Err(Malformed)
    );
    for bad in [
        &b"lower=1\n"[..],
        b"=1\n",
        b"A B\n",
        b"MESSAGE\n\x01\0\0\0\0\0\0\0ab",
    ] {
        assert_eq!(read(bad, 100), Err(Malformed), "{bad:?}");
    }
}

proptest! {
    #[test]
    fn any_bytes_in_any_pieces_are_read_alike_and_without_a_panic(
        bytes in proptest::collection::vec(any::<u8>(), 0..2000),
        piece in 1_usize..50,
    ) {
        // Nearly right ones go deeper than random ones do.
        let near: Vec<u8> = bytes.iter().map(|b| b"AMESSAGE=\n\n\0\x02x"[usize::from(*b) % 14]).collect();
        for bytes in [&bytes, &near] {
            prop_assert_eq!(read(bytes, piece), read(bytes, 5000));
        }
    }

    #[test]
    fn every_value_comes_back(values in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..300), 1..5), piece in 1_usize..40) {
        let stream: Vec<u8> = values.iter().flat_map(|value| [field("MESSAGE", value), b"\n".to_vec()].concat()).collect();
        let entries = read(&stream, piece).unwrap();
        prop_assert_eq!(entries.len(), values.len());
        for (entry, value) in entries.iter().zip(&values) {
            prop_assert_eq!(&entry.message, &String::from_utf8_lossy(value));
        }
    }
}
