//! Sealed values: whatever is in the file, only what was sealed for this place opens.

use std::sync::LazyLock;

use holdfast_secrets::{Context, KeyRing, RootKey, Suite};

static RINGS: LazyLock<Vec<KeyRing>> = LazyLock::new(|| {
    [
        (7, Suite::Aes256Gcm),
        (7, Suite::ChaCha20Poly1305),
        (8, Suite::Aes256Gcm),
    ]
    .into_iter()
    .filter_map(|(byte, suite)| Some(KeyRing::new(RootKey::from_bytes(&[byte; 32]).ok()?, suite)))
    .collect()
});

/// Bytes: suite, place and value of a change, then a key's length, the key, and the plaintext.
pub(crate) fn sealed_value(bytes: &[u8]) {
    let [aes, chacha, foreign] = RINGS.as_slice() else {
        unreachable!("three keys are good");
    };
    let here = |key| Context {
        table: "fuzz",
        key,
        version: 1,
    };
    // Never sealed by us: 2^-128 that it opens.
    assert!(aes.open(&here(b"k"), bytes).is_err());
    let Some((&[suite, low, high, change, length], rest)) = bytes.split_first_chunk::<5>() else {
        return;
    };
    let (key, plaintext) = rest.split_at(usize::from(length).min(rest.len()));
    let ring = if suite & 1 == 0 { aes } else { chacha };
    let other = if suite & 1 == 0 { chacha } else { aes };
    let Ok(sealed) = ring.seal(&here(key), plaintext) else {
        return;
    };
    for ring in [ring, other] {
        let opened = ring.open(&here(key), &sealed);
        assert!(
            opened.is_ok_and(|opened| *opened == plaintext),
            "what was sealed opens"
        );
    }
    let mut changed = sealed.clone();
    let at = usize::from(u16::from_le_bytes([low, high]));
    let at = at.checked_rem(changed.len()).unwrap_or(0);
    if let Some(byte) = changed.get_mut(at) {
        *byte ^= change.max(1);
    }
    assert!(ring.open(&here(key), &changed).is_err(), "changed at {at}");
    let cut = sealed.get(..at).unwrap_or_default();
    assert!(ring.open(&here(key), cut).is_err(), "cut at {at}");
    let mut longer = sealed.clone();
    longer.push(change);
    assert!(ring.open(&here(key), &longer).is_err(), "longer");
    let elsewhere = [
        Context {
            table: "fuzzy",
            ..here(key)
        },
        Context {
            version: 2,
            ..here(key)
        },
        here(b"another key"),
    ];
    for context in elsewhere
        .iter()
        .filter(|context| context.key != key || context.table != "fuzz" || context.version != 1)
    {
        assert!(ring.open(context, &sealed).is_err(), "it opens elsewhere");
    }
    assert!(
        foreign.open(&here(key), &sealed).is_err(),
        "under another root key"
    );
}
