#![allow(clippy::unwrap_used, clippy::arithmetic_side_effects)]

use std::collections::BTreeMap;

use data_encoding::HEXLOWER;
use holdfast_secrets::{KeyRing, RootKey, Suite};

use super::*;
use crate::encoding::Encoding;
use crate::manifest::{Entry, WireEntry};
use crate::redirects::RedirectRule;
use crate::{HeaderRule, Resolved, resolve};

/// What the software before format 2 stored: a manifest, its version record, the record of the live version.
const MANIFEST_1: &str = include_str!("../fixtures/manifest-1.hex");
const VERSION_1: &str = include_str!("../fixtures/version-1.hex");
const ACTIVE_1: &str = include_str!("../fixtures/active-1.hex");
/// What is stored now.
const MANIFEST_2: &str = include_str!("../fixtures/manifest-2.hex");
const VERSION_2: &str = include_str!("../fixtures/version-2.hex");
const ACTIVE_2: &str = include_str!("../fixtures/active-2.hex");

fn bytes(hex: &str) -> Vec<u8> {
    HEXLOWER.decode(hex.trim().as_bytes()).unwrap()
}

fn store(dir: &std::path::Path) -> Store {
    let ring = KeyRing::new(RootKey::from_bytes(&[7; 32]).unwrap(), Suite::Aes256Gcm);
    Store::open(dir.join("store.redb"), ring).unwrap()
}

fn open(dir: &std::path::Path) -> (Store, Site) {
    let store = store(dir);
    store.start_writer().unwrap();
    (store.clone(), Site::open(store, 1 << 20).unwrap())
}

async fn upload(site: &Site, bytes: &[u8]) -> BlobRef {
    let blob = BlobRef::of(bytes);
    let mut upload = site.upload();
    upload.begin(blob.sha256, blob.length).unwrap();
    upload.write(bytes).await.unwrap();
    upload.end().await.unwrap();
    upload.finish().await.unwrap();
    blob
}

fn wire(pages: &[(&str, BlobRef)]) -> WireManifest {
    let entry = |identity| Entry {
        content_type: "text/html; charset=utf-8".to_owned(),
        identity,
        encodings: BTreeMap::new(),
        scripts: Vec::new(),
    };
    let entries = pages.iter().map(|(path, blob)| WireEntry {
        path: (*path).to_owned(),
        entry: entry(*blob),
    });
    WireManifest {
        entries: entries.collect(),
        redirects: Vec::new(),
        headers: Vec::new(),
    }
}

/// Uploads a page and makes it a version, as the server does.
async fn push(site: &Site, text: &str) -> u64 {
    let blob = upload(site, text.as_bytes()).await;
    commit(site, wire(&[("/index.html", blob)])).await
}

async fn commit(site: &Site, wire: WireManifest) -> u64 {
    let manifest = site.check(wire).unwrap();
    let commit = site
        .commit(manifest, 1_790_000_000, "SHA256:abc".to_owned(), true)
        .await
        .unwrap();
    site.store().commit(commit.batch).await.unwrap();
    site.go_live(commit.live.unwrap());
    commit.version
}

async fn activate(site: &Site, version: u64) {
    let (batch, live) = site.activation(version).unwrap();
    site.store().commit(batch).await.unwrap();
    site.go_live(live);
}

async fn collect(site: &Site, keep: usize) -> Vec<u64> {
    let (batch, gone) = site.expired(keep).unwrap();
    site.store().commit(batch).await.unwrap();
    let mut garbage = site.garbage().unwrap();
    while !garbage.is_empty() {
        site.store()
            .commit(garbage.next_batch(false).unwrap())
            .await
            .unwrap();
    }
    gone
}

#[test]
fn stored_formats_are_still_read() {
    let record: Version = decode_as(1, &bytes(VERSION_1)).unwrap();
    assert_eq!((record.format, record.pages, record.bytes), (1, 2, 13));
    assert_eq!(record.manifest, BlobRef::of(&bytes(MANIFEST_1)));
    let manifest = Manifest::from_stored(record.format, &bytes(MANIFEST_1)).unwrap();
    let (path, page) = manifest.page("/index.html").unwrap();
    assert_eq!(path, "/index.html");
    assert_eq!(page.identity, BlobRef::of(b"<p>one</p>"));
    assert_eq!(
        page.encodings.get(&Encoding::Gzip),
        Some(&BlobRef::of(b"ggg"))
    );
    assert_eq!((page.scripts.len(), manifest.len()), (1, 2));
    assert!(manifest.entry("/café/a.txt").is_some());
    let active: Active = decode_as(1, &bytes(ACTIVE_1)).unwrap();
    assert_eq!((active.version, active.before), (300, None));

    let record: Version = decode_as(2, &bytes(VERSION_2)).unwrap();
    assert_eq!(record.manifest, BlobRef::of(&bytes(MANIFEST_2)));
    let manifest = Manifest::from_stored(record.format, &bytes(MANIFEST_2)).unwrap();
    assert_eq!(manifest, example());
    let active: Active = decode_as(2, &bytes(ACTIVE_2)).unwrap();
    assert_eq!((active.version, active.before), (300, Some(299)));
}

#[test]
fn what_is_stored_now_is_the_committed_fixture() {
    let manifest = example().to_stored().unwrap();
    assert_eq!(HEXLOWER.encode(&manifest), MANIFEST_2.trim());
    let record = Version {
        manifest: BlobRef::of(&manifest),
        created: 1_790_000_000,
        author: "SHA256:abc".to_owned(),
        pages: 1,
        bytes: 3,
        format: FORMAT,
    };
    let encoded = postcard::to_stdvec(&record).unwrap();
    assert_eq!(HEXLOWER.encode(&encoded), VERSION_2.trim());
    let active = Active {
        version: 300,
        before: Some(299),
    };
    let encoded = postcard::to_stdvec(&active).unwrap();
    assert_eq!(HEXLOWER.encode(&encoded), ACTIVE_2.trim());
}

fn example() -> Manifest {
    let rule = RedirectRule {
        from: "/old/*".to_owned(),
        query: vec![("id".to_owned(), ":id".to_owned())],
        to: "/new/:splat/:id".to_owned(),
        status: 302,
        force: true,
    };
    let field = HeaderRule {
        path: "/*".to_owned(),
        set: vec![("x-robots-tag".to_owned(), "noindex".to_owned())],
        remove: vec!["link".to_owned()],
    };
    let wire = WireManifest {
        redirects: vec![rule],
        headers: vec![field],
        ..wire(&[("/index.html", BlobRef::of(b"one"))])
    };
    Manifest::decode(wire).unwrap()
}

#[test]
fn damaged_or_foreign_manifests_are_refused() {
    let whole = bytes(MANIFEST_2);
    for length in 0..whole.len() {
        let cut = whole.get(..length).unwrap();
        assert!(Manifest::from_stored(2, cut).is_err(), "{length}");
    }
    assert!(Manifest::from_stored(2, &[&whole[..], b"x"].concat()).is_err());
    assert!(Manifest::from_stored(3, &whole).is_err());
    // Format 1 bytes are not format 2, and the other way round.
    assert!(Manifest::from_stored(2, &bytes(MANIFEST_1)).is_err());
    assert!(Manifest::from_stored(1, &whole).is_err());
}

#[tokio::test(flavor = "current_thread")]
async fn a_version_of_format_1_is_served_and_made_live_again() {
    let dir = tempfile::tempdir().unwrap();
    {
        let (store, site) = open(dir.path());
        upload(&site, &bytes(MANIFEST_1)).await;
        let old: VersionV1 = decode_as(1, &bytes(VERSION_1)).unwrap();
        let mut batch = Batch::new();
        batch.append(&old).unwrap();
        batch.put(ACTIVE, &ActiveV1 { version: 1 }).unwrap();
        store.commit(batch).await.unwrap();
    }
    let (_, site) = open(dir.path());
    let live = site.live().unwrap();
    assert_eq!((live.version, live.manifest.len()), (1, 2));
    assert!(live.headers("/index.html").is_empty());
    let request = crate::RequestPath::decode("/").unwrap();
    assert!(matches!(
        resolve(&live, &request, None),
        Resolved::Page { status: 200, .. }
    ));
    let second = push(&site, "two").await;
    assert_eq!((second, site.before().unwrap()), (2, Some(1)));
    activate(&site, 1).await;
    assert_eq!(site.before().unwrap(), Some(2));
    let formats: Vec<_> = site
        .versions()
        .unwrap()
        .iter()
        .map(|(_, v)| v.format)
        .collect();
    assert_eq!(formats, [1, 2]);
}

#[tokio::test(flavor = "current_thread")]
async fn the_version_before_is_known_after_a_restart_and_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    {
        let (_, site) = open(dir.path());
        for text in ["1", "2", "3", "4", "5"] {
            push(&site, text).await;
        }
        activate(&site, 2).await;
    }
    let (_, site) = open(dir.path());
    assert_eq!(
        (site.live().unwrap().version, site.before().unwrap()),
        (2, Some(5))
    );
    // Making the live one live again forgets nothing.
    activate(&site, 2).await;
    assert_eq!(site.before().unwrap(), Some(5));
    activate(&site, 1).await;
    // Live 1, before it 2, newest 5.
    assert_eq!(collect(&site, 1).await, [3, 4]);
    for version in [1, 2, 5] {
        activate(&site, version).await;
        let live = site.live().unwrap();
        let page = live.manifest.entry("/index.html").unwrap();
        let text = site.reader(page.identity).unwrap().read_all().unwrap();
        assert_eq!(text, version.to_string());
    }
    assert!(matches!(site.activation(3), Err(Error::NoVersion(3))));
    // Numbers are never given out again.
    assert_eq!(push(&site, "6").await, 6);
}

#[tokio::test(flavor = "current_thread")]
async fn blobs_that_no_kept_version_names_go_and_others_stay() {
    let dir = tempfile::tempdir().unwrap();
    let (store, site) = open(dir.path());
    // Two chunks and a bit, so that chunks go too.
    let large: Vec<u8> = (0..2_500_000_u32).map(|n| (n % 241) as u8).collect();
    let shared = upload(&site, b"shared").await;
    let once = upload(&site, &large).await;
    commit(&site, wire(&[("/s", shared), ("/l", once)])).await;
    let orphan = upload(&site, b"nobody commits this").await;
    push(&site, "two").await;
    let three = upload(&site, b"three").await;
    commit(&site, wire(&[("/s", shared), ("/t", three)])).await;
    assert!(collect(&site, 3).await.is_empty());
    // Nothing but what no version names.
    assert_eq!(
        site.missing(&[orphan.sha256, once.sha256]).unwrap(),
        [orphan.sha256]
    );
    assert_eq!(collect(&site, 1).await, [1]);
    assert_eq!(
        site.missing(&[once.sha256, shared.sha256, three.sha256])
            .unwrap(),
        [once.sha256]
    );
    let text = site.reader(shared).unwrap().read_all().unwrap();
    assert_eq!(&text[..], b"shared");
    // No chunk is left of what went: two pages, their manifests, "shared".
    let snapshot = store.snapshot().unwrap();
    let blobs: Vec<_> = snapshot
        .all::<blobs::Blob>()
        .unwrap()
        .map(|row| row.unwrap().1.record.length)
        .collect();
    assert_eq!(blobs.len(), 5);
    assert!(blobs.iter().all(|length| *length < 1000), "{blobs:?}");
}

#[tokio::test(flavor = "current_thread")]
async fn encoding_that_is_another_page_is_refused_by_name_and_a_right_one_is_checked_once() {
    let dir = tempfile::tempdir().unwrap();
    let (_, site) = open(dir.path());
    let (text, other) = (b"right ".repeat(100), b"wrong ".repeat(100));
    let identity = upload(&site, &text).await;
    let right = upload(&site, &Encoding::Brotli.compress(&text).unwrap()).await;
    let wrong = upload(&site, &Encoding::Brotli.compress(&other).unwrap()).await;
    let with = |encoded| {
        let mut wire = wire(&[("/a.html", identity)]);
        for entry in &mut wire.entries {
            entry.entry.encodings.insert(Encoding::Brotli, encoded);
        }
        wire
    };
    let why = site.check(with(wrong)).unwrap_err().to_string();
    assert!(why.contains("br encoding of `/a.html`"), "{why}");
    assert!(why.contains(&wrong.sha256.to_string()), "{why}");
    commit(&site, with(right)).await;
    // The chunks are gone, and only a check would notice: the pair is known from the first version.
    let snapshot = site.store().snapshot().unwrap();
    let blob = blobs::find(&snapshot, &right.sha256).unwrap().unwrap();
    let mut batch = Batch::new();
    batch.delete(blobs::CHUNKS, blobs::chunk_key(&blob.data, 0));
    site.store().commit(batch).await.unwrap();
    commit(&site, with(right)).await;
    push(&site, "another").await;
    site.check(with(right)).unwrap();
    // As another encoding, or of another file, it is another pair.
    let mut zstd = with(right);
    for entry in &mut zstd.entries {
        let encodings = BTreeMap::from([(Encoding::Zstd, right)]);
        entry.entry.encodings = encodings;
    }
    assert!(site.check(zstd).is_err());
}
