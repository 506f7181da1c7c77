//! The manifest, as it travels (JSON) and as it is stored (postcard).

use holdfast_site::{Manifest, PagePath, WireManifest};

pub(crate) fn json(bytes: &[u8]) {
    if let Ok(wire) = serde_json::from_slice::<WireManifest>(bytes) {
        check(wire, |wire| {
            let bytes = serde_json::to_vec(wire).ok()?;
            serde_json::from_slice(&bytes).ok()
        });
    }
}

pub(crate) fn postcard(bytes: &[u8]) {
    if let Ok(wire) = postcard::from_bytes::<WireManifest>(bytes) {
        check(wire, |wire| {
            let bytes = postcard::to_allocvec(wire).ok()?;
            postcard::from_bytes(&bytes).ok()
        });
    }
}

/// What is accepted comes back the same, and holds nothing that could leave the site or end a header.
fn check(wire: WireManifest, again: impl Fn(&WireManifest) -> Option<WireManifest>) {
    let Ok(manifest) = Manifest::decode(wire) else {
        return;
    };
    let decoded = again(&manifest.to_wire()).and_then(|wire| Manifest::decode(wire).ok());
    assert!(decoded.as_ref() == Some(&manifest), "it comes back changed");
    for (path, entry) in manifest.entries() {
        assert!(PagePath::parse(path.as_str()).as_ref() == Ok(path));
        assert!(
            path.as_str()
                .split('/')
                .skip(1)
                .all(|s| !matches!(s, "" | "." | ".."))
        );
        assert!(
            entry
                .content_type
                .bytes()
                .all(|b| (0x20..0x7f).contains(&b))
        );
        let quoted = |text: &String| text.contains(['\'', ';', ' ', ',']);
        assert!(
            !entry.scripts.iter().any(quoted),
            "a hash ends its directive"
        );
        let smaller = |blob: holdfast_site::BlobRef| blob.length < entry.identity.length;
        assert!(entry.encodings.values().copied().all(smaller));
    }
}
