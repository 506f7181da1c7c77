//! What sealing promises, tried through the public face.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::panic
)]

use std::collections::HashSet;

use holdfast_secrets::{Context, Error, KeyRing, RootKey, Suite, format};
use proptest::prelude::*;

fn ring(byte: u8, suite: Suite) -> KeyRing {
    KeyRing::new(RootKey::from_bytes(&[byte; 32]).unwrap(), suite)
}

fn suites() -> impl Strategy<Value = Suite> {
    prop_oneof![Just(Suite::Aes256Gcm), Just(Suite::ChaCha20Poly1305)]
}

const HERE: Context<'static> = Context {
    table: "devices",
    key: b"laptop",
    version: 1,
};

proptest! {
    #[test]
    fn opens_what_was_sealed(
        suite in suites(),
        other in suites(),
        table in ".{0,40}",
        key in proptest::collection::vec(any::<u8>(), 0..64),
        version: u16,
        plaintext in proptest::collection::vec(any::<u8>(), 0..2000),
    ) {
        let context = Context { table: &table, key: &key, version };
        let sealed = ring(7, suite).seal(&context, &plaintext).unwrap();
        prop_assert_eq!(sealed.len(), plaintext.len() + format::OVERHEAD);
        // A ring that seals by another suite opens it all the same.
        prop_assert_eq!(&**ring(7, other).open(&context, &sealed).unwrap(), &plaintext[..]);
    }

    #[test]
    fn opens_in_its_own_context_only(
        suite in suites(),
        table in "[a-c]{0,3}", key in "[a-c]{0,3}", version in 0..3_u16,
        other_table in "[a-c]{0,3}", other_key in "[a-c]{0,3}", other_version in 0..3_u16,
    ) {
        let ring = ring(7, suite);
        let here = Context { table: &table, key: key.as_bytes(), version };
        let there = Context { table: &other_table, key: other_key.as_bytes(), version: other_version };
        let same = (&table, &key, version) == (&other_table, &other_key, other_version);
        let sealed = ring.seal(&here, b"secret").unwrap();
        prop_assert_eq!(ring.open(&there, &sealed).is_ok(), same);
    }

    #[test]
    fn any_bytes_are_an_answer(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(ring(7, Suite::Aes256Gcm).open(&HERE, &bytes).is_err());
    }

    #[test]
    fn any_text_is_a_root_key_or_an_error(text in "\\PC{0,80}") {
        let _ = RootKey::parse(&text);
    }
}

#[test]
fn flipped_bit_in_any_byte_is_refused() {
    for suite in [Suite::Aes256Gcm, Suite::ChaCha20Poly1305] {
        let ring = ring(7, suite);
        let sealed = ring.seal(&HERE, b"some plaintext").unwrap();
        for bit in 0..sealed.len() * 8 {
            let mut altered = sealed.clone();
            altered[bit / 8] ^= 1 << (bit % 8);
            assert!(ring.open(&HERE, &altered).is_err(), "bit {bit}, {suite:?}");
        }
    }
}

#[test]
fn cut_or_lengthened_value_is_refused() {
    let ring = ring(7, Suite::Aes256Gcm);
    let mut sealed = ring.seal(&HERE, b"some plaintext").unwrap();
    for length in 0..sealed.len() {
        assert!(ring.open(&HERE, &sealed[..length]).is_err(), "{length}");
    }
    sealed.push(0);
    assert!(ring.open(&HERE, &sealed).is_err());
}

#[test]
fn equal_plaintexts_are_sealed_differently_each_time() {
    let ring = ring(7, Suite::Aes256Gcm);
    let mut salts = HashSet::new();
    let mut nonces = HashSet::new();
    for _ in 0..1000 {
        let sealed = ring.seal(&HERE, b"same").unwrap();
        let start = format::HEADER_LEN + format::SALT_LEN;
        nonces.insert(sealed[start..start + format::NONCE_LEN].to_vec());
        salts.insert(format::salt(&sealed).unwrap());
    }
    assert_eq!((salts.len(), nonces.len()), (1000, 1000));
}

#[test]
fn unknown_fields_are_named() {
    let ring = ring(7, Suite::Aes256Gcm);
    let sealed = ring.seal(&HERE, b"x").unwrap();
    let with = |at: usize, byte: u8| {
        let mut altered = sealed.clone();
        altered[at] = byte;
        ring.open(&HERE, &altered).unwrap_err()
    };
    assert!(matches!(with(0, 3), Error::UnknownFormat(3)));
    assert!(matches!(with(1, 9), Error::UnknownSuite(9)));
    assert!(matches!(with(5, 2), Error::UnknownEpoch(2)));
    assert!(matches!(ring.open(&HERE, &[]), Err(Error::TooShort(0))));
}

#[test]
fn another_root_key_opens_nothing_and_has_another_check_value() {
    let (one, two) = (ring(1, Suite::Aes256Gcm), ring(2, Suite::Aes256Gcm));
    let sealed = one.seal(&HERE, b"x").unwrap();
    assert!(matches!(two.open(&HERE, &sealed), Err(Error::NotAuthentic)));
    assert!(one.matches(&one.check_value().unwrap()));
    assert!(!two.matches(&one.check_value().unwrap()));
    assert!(!one.matches(&[]));
    // The suite is no part of it: changing the suite keeps the store readable.
    assert!(ring(1, Suite::ChaCha20Poly1305).matches(&one.check_value().unwrap()));
}

#[test]
fn lookup_differs_by_key_table_and_value() {
    let (one, two) = (ring(1, Suite::Aes256Gcm), ring(2, Suite::Aes256Gcm));
    let all = [
        one.lookup("people", b"ann").unwrap(),
        one.lookup("people", b"bob").unwrap(),
        one.lookup("devices", b"ann").unwrap(),
        two.lookup("people", b"ann").unwrap(),
    ];
    assert_eq!(HashSet::from(all).len(), 4);
    assert_eq!(
        one.lookup("people", b"ann").unwrap(),
        one.lookup("people", b"ann").unwrap()
    );
}

#[test]
fn root_key_is_read_from_hex_and_base64_and_never_printed() {
    let hex = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
    let base64 = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    let check =
        |text: &str| KeyRing::new(RootKey::parse(text).unwrap(), Suite::Aes256Gcm).check_value();
    let expected = check(hex);
    assert_eq!(check(&format!("{hex}\n")), expected);
    assert_eq!(check(base64), expected);
    assert_eq!(check(base64.trim_end_matches('=')), expected);
    assert_eq!(
        format!("{:?}", RootKey::parse(hex).unwrap()),
        "RootKey(redacted)"
    );
    let ring = format!(
        "{:?}",
        KeyRing::new(RootKey::parse(hex).unwrap(), Suite::Aes256Gcm)
    );
    assert_eq!(ring, "KeyRing { suite: Aes256Gcm, .. }");

    for bad in ["", "00", &hex[1..], &hex.to_uppercase(), &base64[4..], "é"] {
        assert!(
            matches!(RootKey::parse(bad), Err(Error::RootKeySyntax)),
            "{bad}"
        );
    }
    assert!(matches!(
        RootKey::parse(&"0".repeat(64)),
        Err(Error::RootKeyZero)
    ));
}

/// Values of format 1, as the first version wrote them. Never changed: stores with such values exist.
#[test]
fn values_of_format_1_open_for_ever() {
    let aes = "010100000001b90f791f9321936332aac53df861a79caa7172051208b0a400ce8d0d4204b71621a374e597c6ac9eb903a12d\
               95f4c1438c6ed327a6b925869fc64d5655dec27d4e";
    let chacha = "010200000001f93c63a7d4f2d35c7691e37c6a7c811c25d91948db9f685bcdea1492f6b46ebe6d6022050a4ef84ee4b067be\
                  44b007c9b5931a84c01642f3c389f99bfc6cc81cf5";
    let ring = ring(7, Suite::Aes256Gcm);
    for fixture in [aes, chacha] {
        let sealed = hex(fixture);
        assert_eq!(&**ring.open(&HERE, &sealed).unwrap(), b"kept for ever");
    }
    assert_eq!(
        ring.check_value().unwrap().to_vec(),
        hex("78e85c3aa040cd559a9058c63870eaf0")
    );
    let lookup = "fff26fec79bbf3bb4a0fb90911b9d21d3133ed2003f6672b39473a7c2b20bf47";
    assert_eq!(
        ring.lookup("devices", b"laptop").unwrap().to_vec(),
        hex(lookup)
    );
}

#[test]
fn values_of_format_2_open_for_ever() {
    let aes = "0201000000013e15d125d3cb0b607a20eec53a88933bd4167e094e1dea5176420dfc840518bfb09b379bb92a0d86d81bce6c\
               b26ef337608d0132ff2bf9a897a03eed687af80a26";
    let chacha = "0202000000017c5aa11e552005ce85dd64e63a43573b3b41c5d8eb1d225c93f6344c4d2f6c44b1b5d86b44dc7feeaaeff89a\
                  21b768516d7a4878e16c66e878fe23ff4c72864944";
    let ring = ring(7, Suite::Aes256Gcm);
    for fixture in [aes, chacha, aes] {
        let sealed = hex(fixture);
        assert_eq!(&**ring.open(&HERE, &sealed).unwrap(), b"kept for ever");
    }
}

#[test]
fn formats_1_and_2_are_not_taken_for_each_other() {
    let ring = ring(7, Suite::Aes256Gcm);
    let mut sealed = ring.seal(&HERE, b"x").unwrap();
    sealed[0] = 1;
    let opened = ring.open(&HERE, &sealed);
    assert!(matches!(opened, Err(Error::NotAuthentic)));
}

#[test]
fn long_names_are_bound_as_short_ones_are() {
    let ring = ring(7, Suite::Aes256Gcm);
    for length in [
        0, 100, 140, 141, 142, 143, 144, 145, 146, 147, 148, 200, 5000,
    ] {
        let key = vec![b'k'; length];
        let here = Context { key: &key, ..HERE };
        let sealed = ring.seal(&here, b"x").unwrap();
        assert_eq!(&**ring.open(&here, &sealed).unwrap(), b"x", "{length}");
        let longer = vec![b'k'; length + 1];
        let there = Context {
            key: &longer,
            ..HERE
        };
        assert!(ring.open(&there, &sealed).is_err(), "{length}");
    }
}

fn hex(text: &str) -> Vec<u8> {
    data_encoding::HEXLOWER.decode(text.as_bytes()).unwrap()
}
