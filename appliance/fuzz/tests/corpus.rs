//! Each target on its committed corpus, and on mutations of it: bounded, and the same at every run.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::panic
)]

use std::fs;
use std::path::Path;

use holdfast_fuzz::{TARGETS, Target, target};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

/// Mutations for each target.
const CASES: u32 = 4000;
/// All corpora together.
const MOST_BYTES: usize = 200 * 1024;

fn corpus(name: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("corpus")
        .join(name);
    let entries =
        fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

/// A piece of a seed goes, comes twice, comes from another seed, or a byte changes.
#[derive(Clone, Debug)]
enum Change {
    Byte(prop::sample::Index, u8),
    Remove(prop::sample::Index, usize),
    Repeat(prop::sample::Index, usize),
    Insert(prop::sample::Index, Vec<u8>),
    Splice(prop::sample::Index, prop::sample::Index),
}

fn change() -> impl Strategy<Value = Change> {
    let at = any::<prop::sample::Index>;
    prop_oneof![
        (at(), any::<u8>()).prop_map(|(at, byte)| Change::Byte(at, byte)),
        (at(), 1_usize..16).prop_map(|(at, length)| Change::Remove(at, length)),
        (at(), 1_usize..64).prop_map(|(at, length)| Change::Repeat(at, length)),
        (at(), prop::collection::vec(any::<u8>(), 1..8))
            .prop_map(|(at, more)| Change::Insert(at, more)),
        (at(), at()).prop_map(|(at, other)| Change::Splice(at, other)),
    ]
}

fn apply(mut bytes: Vec<u8>, change: &Change, seeds: &[Vec<u8>]) -> Vec<u8> {
    let place = |at: &prop::sample::Index, bytes: &[u8]| at.index(bytes.len() + 1);
    match change {
        Change::Byte(at, byte) => {
            let at = place(at, &bytes);
            if let Some(found) = bytes.get_mut(at) {
                *found = *byte;
            }
        }
        Change::Remove(at, length) => {
            let at = place(at, &bytes);
            bytes.drain(at..(at + length).min(bytes.len()));
        }
        Change::Repeat(at, length) => {
            let at = place(at, &bytes);
            let piece = bytes[at..(at + length).min(bytes.len())].to_vec();
            bytes.splice(at..at, piece);
        }
        Change::Insert(at, more) => {
            let at = place(at, &bytes);
            bytes.splice(at..at, more.iter().copied());
        }
        Change::Splice(at, other) => {
            let at = place(at, &bytes);
            bytes.truncate(at);
            let other = &seeds[other.index(seeds.len())];
            bytes.extend(&other[at.min(other.len())..]);
        }
    }
    bytes
}

fn holds(name: &str) {
    let Target { run, .. } = target(name).unwrap();
    let seeds = corpus(name);
    assert!(seeds.len() >= 4, "{name} has a corpus");
    seeds.iter().for_each(|seed| run(seed));
    let config = Config {
        cases: CASES,
        failure_persistence: None,
        ..Config::default()
    };
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let seed = prop::sample::select(seeds.clone());
    let mutated = (seed, prop::collection::vec(change(), 1..6));
    TestRunner::new_with_rng(config, rng)
        .run(&mutated, |(seed, changes)| {
            let bytes = changes
                .iter()
                .fold(seed, |bytes, change| apply(bytes, change, &seeds));
            run(&bytes);
            Ok(())
        })
        .unwrap();
}

macro_rules! targets {
    ($($name:ident)*) => {
        $(#[test]
        fn $name() {
            holds(stringify!($name));
        })*

        #[test]
        fn every_target_is_run_and_every_corpus_has_a_target() {
            let run = [$(stringify!($name)),*];
            assert_eq!(TARGETS.iter().map(|target| target.name).collect::<Vec<_>>(), run);
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
            let mut bytes = 0;
            for entry in fs::read_dir(folder).unwrap() {
                let name = entry.unwrap().file_name().into_string().unwrap();
                assert!(target(&name).is_some(), "corpus `{name}` has no target");
                bytes += corpus(&name).iter().map(Vec::len).sum::<usize>();
            }
            assert!(bytes < MOST_BYTES, "{bytes}");
            println!("figure: {} fuzz targets, corpora of {bytes} bytes, {CASES} mutations each", run.len());
        }
    };
}

targets! {
    accept_encoding
    attestation
    authority
    headers
    http1_lines
    http2_frames
    inline_scripts
    journal
    manifest_json
    manifest_postcard
    range
    redirects
    request_path
    sealed_value
    wire_messages
}

/// Targets whose seeds are all refused would assert nothing.
#[test]
fn seeds_reach_what_the_targets_assert() {
    use holdfast_site::{Manifest, RequestPath, WireManifest};
    let count = |name: &str, accepted: fn(&[u8]) -> bool| {
        corpus(name).iter().filter(|seed| accepted(seed)).count()
    };
    let json = count("manifest_json", |seed| {
        let wire = serde_json::from_slice::<WireManifest>(seed);
        wire.is_ok_and(|wire| Manifest::decode(wire).is_ok())
    });
    let postcard = count("manifest_postcard", |seed| {
        let wire = postcard::from_bytes::<WireManifest>(seed);
        wire.is_ok_and(|wire| Manifest::decode(wire).is_ok())
    });
    assert_eq!((json, postcard), (3, 3));
    let paths = count("request_path", |seed| {
        std::str::from_utf8(seed).is_ok_and(|raw| RequestPath::decode(raw).is_ok())
    });
    assert!(paths >= 8, "{paths}");
    let ranges = count("range", |seed| {
        let (length, field) = seed.split_first_chunk().unwrap();
        let field = std::str::from_utf8(field).unwrap();
        holdfast_server::fuzz::range(field, u64::from_le_bytes(*length))
            .is_some_and(|p| !p.is_empty())
    });
    assert!(ranges >= 5, "{ranges}");
    let redirects = count("redirects", |seed| {
        let text = std::str::from_utf8(seed).unwrap();
        holdfast_site::parse_redirects(text).is_ok()
    });
    let headers = count("headers", |seed| {
        let text = std::str::from_utf8(seed).unwrap();
        holdfast_site::parse_headers(text).is_ok()
    });
    assert!(redirects >= 4 && headers >= 4, "{redirects} {headers}");
    let scripts = count("inline_scripts", |seed| {
        let html = std::str::from_utf8(seed).unwrap();
        !holdfast_site::fuzz::script_hashes(html).is_empty()
    });
    assert!(scripts >= 5, "{scripts}");
    // Both verdicts, of requests that are whole.
    let passed = count("http1_lines", |seed| {
        holdfast_server::fuzz::http1(seed, seed.len()) == seed
    });
    let spoilt = corpus("http1_lines").len() - passed;
    assert!(passed >= 5 && spoilt >= 8, "{passed} {spoilt}");
    let passed = count("http2_frames", |seed| {
        let frames = seed.get(24..).unwrap_or_default();
        let (found, whole) = holdfast_server::fuzz::http2_frames(frames, frames.len());
        let goes_on = holdfast_server::fuzz::http2_verdict(seed, seed.len()).is_none();
        found.len() >= 2 && whole && goes_on
    });
    let ended = count("http2_frames", |seed| {
        holdfast_server::fuzz::http2_verdict(seed, seed.len()).is_some()
    });
    assert!(passed >= 3 && ended >= 6, "{passed} {ended}");
    let entries = count("journal", |seed| holdfast_fuzz::journal_entries(seed) > 0);
    assert!(entries >= 5, "{entries}");
}
