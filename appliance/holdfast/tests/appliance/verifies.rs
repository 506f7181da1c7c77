//! A store that was changed behind the appliance's back, and one that was put back as a whole.

use std::fs;

use redb::{ReadableDatabase as _, TableDefinition};
use serde_json::Value;

use crate::appliance::{Appliance, ok, refused};

type Raw = TableDefinition<'static, &'static [u8], &'static [u8]>;
const DEVICES: Raw = TableDefinition::new("devices");

fn verify(appliance: &Appliance) -> (Option<i32>, Value) {
    let output = appliance.holdfast(&["store", "verify", "--json"]);
    let told = serde_json::from_slice(&output.stdout).unwrap_or_default();
    (output.status.code(), told)
}

/// Copies store and key file.
fn copy(appliance: &Appliance, from: &str, to: &str) {
    fs::create_dir_all(appliance.path(to)).unwrap();
    for file in ["store.redb", "store.keys"] {
        let (from, to) = (appliance.path(from), appliance.path(to));
        fs::copy(from.join(file), to.join(file)).unwrap();
    }
}

#[test]
fn whole_store_is_verified_and_the_checkpoint_remembered() {
    let appliance = Appliance::start().enrolled();
    appliance.push(&[("index.html", b"here")]);
    let (code, told) = verify(&appliance);
    assert_eq!(code, Some(0), "{told}");
    assert!(
        told["verification"]["records"].as_u64().unwrap() > 5,
        "{told}"
    );
    assert!(told["checkpoint"]["commit"].as_u64().unwrap() > 3, "{told}");
    assert!(fs::metadata(appliance.path("state/checkpoints.json")).is_ok());
}

#[test]
fn revoked_device_that_was_put_back_is_found_and_nothing_is_served() {
    let mut appliance = Appliance::start().enrolled();
    appliance.push(&[("index.html", b"here")]);
    let invitation: Value =
        serde_json::from_str(&ok(&appliance.holdfast(&["device", "add", "--json"]))).unwrap();
    ok(&appliance.enrol_as("thief", invitation["code"].as_str().unwrap()));
    let thief: Value =
        serde_json::from_str(&ok(&appliance.holdfast(&["device", "list", "--json"]))).unwrap();
    let thief = thief
        .as_array()
        .unwrap()
        .iter()
        .find(|item| item["this"] == false);
    let thief = thief.unwrap()["device"].as_str().unwrap().to_owned();
    appliance.stop();
    copy(&appliance, "data", "before");
    appliance.boot();
    ok(&appliance.holdfast(&["device", "revoke", &thief]));
    appliance.stop();
    // The thief has the disk, and puts each record of that table back as it was.
    let older = redb::Database::open(appliance.path("before/store.redb")).unwrap();
    let older = older.begin_read().unwrap().open_table(DEVICES).unwrap();
    let database = redb::Database::open(appliance.path("data/store.redb")).unwrap();
    let write = database.begin_write().unwrap();
    {
        let mut rows = write.open_table(DEVICES).unwrap();
        for row in older.range::<&[u8]>(..).unwrap() {
            let (key, value) = row.unwrap();
            rows.insert(key.value(), value.value()).unwrap();
        }
    }
    write.commit().unwrap();
    drop(database);
    appliance.boot();
    ok(&appliance.holdfast_as("thief", &["status"]));
    let (code, told) = verify(&appliance);
    assert_eq!(code, Some(5), "{told}");
    assert_eq!(told["verification"]["altered"][0], "devices", "{told}");
    assert!(!appliance.ended().success(), "it serves nothing any more");
    assert!(
        appliance.log().contains("store-altered"),
        "{}",
        appliance.log()
    );
    let why = appliance.refuses_to_start();
    assert!(
        why.contains("store altered") && why.contains("devices"),
        "{why}"
    );
}

#[test]
fn store_that_was_put_back_as_a_whole_is_told_by_the_command_line() {
    let mut appliance = Appliance::start().enrolled();
    appliance.push(&[("index.html", b"one")]);
    appliance.stop();
    copy(&appliance, "data", "before");
    appliance.boot();
    appliance.push(&[("index.html", b"two")]);
    ok(&appliance.holdfast(&["status"]));
    appliance.stop();
    copy(&appliance, "before", "data");
    appliance.boot();
    assert_eq!(appliance.get("/").body, b"one");
    let output = appliance.holdfast(&["status"]);
    ok(&output);
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("WARNING: the store was put back"), "{told}");
    // It goes on past the commit that was seen, and is still told.
    for n in 0..8 {
        appliance.push(&[("index.html", format!("three {n}").as_bytes())]);
    }
    let output = appliance.holdfast(&["status"]);
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(
        told.contains("WARNING: the store has another history"),
        "{told}"
    );
    let output = appliance.holdfast(&["store", "verify"]);
    assert_eq!(output.status.code(), Some(5));
    let why = refused(&output);
    assert!(why.contains("--accept"), "{why}");
    ok(&appliance.holdfast(&["store", "verify", "--accept"]));
    let output = appliance.holdfast(&["status"]);
    assert!(
        output.stderr.is_empty(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    ok(&appliance.holdfast(&["store", "verify"]));
}

/// Flips a bit in the middle of the value that `pick` takes of all sealed chunks, told their lengths.
fn flip(appliance: &Appliance, pick: impl Fn(&[usize]) -> usize) {
    const CHUNKS: Raw = TableDefinition::new("site-chunks");
    let database = redb::Database::open(appliance.path("data/store.redb")).unwrap();
    let read = database.begin_read().unwrap().open_table(CHUNKS).unwrap();
    let all: Vec<_> = read
        .range::<&[u8]>(..)
        .unwrap()
        .map(|row| {
            row.map(|(key, value)| (key.value().to_vec(), value.value().to_vec()))
                .unwrap()
        })
        .collect();
    drop(read);
    let lengths: Vec<_> = all.iter().map(|(_, value)| value.len()).collect();
    let (key, mut value) = all[pick(&lengths)].clone();
    let middle = value.len() / 2;
    value[middle] ^= 1;
    let write = database.begin_write().unwrap();
    write
        .open_table(CHUNKS)
        .unwrap()
        .insert(key.as_slice(), value.as_slice())
        .unwrap();
    write.commit().unwrap();
}

fn shortest(lengths: &[usize]) -> usize {
    (0..lengths.len()).min_by_key(|n| lengths[*n]).unwrap()
}

fn longest(lengths: &[usize]) -> usize {
    (0..lengths.len()).max_by_key(|n| lengths[*n]).unwrap()
}

/// Long enough that the middle of each sealed value is of the page, and not of what the sums are made of; shorter than the list
/// of the pages; and nothing that can be compressed, which would be stored twice.
fn pages() -> [(&'static str, Vec<u8>); 2] {
    let noise = |length: usize| {
        let digest = |n: usize| aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA512, &[n as u8]);
        let bytes = [digest(length), digest(length + 1)];
        let bytes = bytes.iter().flat_map(|digest| digest.as_ref().to_vec());
        bytes.take(length).collect()
    };
    [("one.bin", noise(80)), ("other.bin", noise(90))]
}

fn push_pages(appliance: &Appliance) {
    let pages = pages();
    let pages = pages.each_ref().map(|(name, bytes)| (*name, &bytes[..]));
    appliance.push(&pages);
}

/// How both pages are answered.
fn served(appliance: &Appliance) -> [u16; 2] {
    ["/one.bin", "/other.bin"].map(|path| appliance.get(path).status)
}

#[test]
fn flipped_bit_is_named_and_the_rest_is_served() {
    let mut appliance = Appliance::start().enrolled();
    push_pages(&appliance);
    appliance.stop();
    // One of the two pages; the longest is the list of all.
    flip(&appliance, shortest);
    appliance.boot();
    let (code, told) = verify(&appliance);
    assert_eq!(code, Some(5), "{told}");
    assert_eq!(told["verification"]["unopened_records"], 1, "{told}");
    assert_eq!(
        told["verification"]["unopened"][0]["table"], "site-chunks",
        "{told}"
    );
    assert_eq!(
        told["verification"]["altered"],
        serde_json::json!([]),
        "{told}"
    );
    let mut found = served(&appliance);
    found.sort_unstable();
    assert_eq!(
        found,
        [200, 500],
        "the damaged one is not served, the other is"
    );
    push_pages(&appliance);
    assert_eq!(served(&appliance), [200, 200]);
    // What was left of the damaged one goes at the next start.
    appliance.stop();
    appliance.boot();
    assert_eq!(served(&appliance), [200, 200]);
    let (code, told) = verify(&appliance);
    assert_eq!(code, Some(0), "{told}");
}

#[test]
fn damaged_list_of_the_live_version_stops_its_pages_and_a_push_of_the_same_mends_it() {
    let mut appliance = Appliance::start().enrolled();
    push_pages(&appliance);
    appliance.stop();
    flip(&appliance, longest);
    appliance.boot();
    assert_eq!(served(&appliance), [500, 500], "nothing is served of it");
    let log = appliance.log_with("site-not-served");
    assert!(log.contains("push the site again"), "{log}");
    // The device can still do what mends it, with the very same pages.
    ok(&appliance.holdfast(&["status"]));
    push_pages(&appliance);
    assert_eq!(served(&appliance), [200, 200]);
    appliance.stop();
    appliance.boot();
    assert_eq!(served(&appliance), [200, 200]);
    let (code, told) = verify(&appliance);
    assert_eq!(code, Some(0), "{told}");
}

#[test]
fn version_before_a_damaged_one_can_be_made_live() {
    let mut appliance = Appliance::start().enrolled();
    appliance.push(&[("index.html", b"first")]);
    push_pages(&appliance);
    appliance.stop();
    flip(&appliance, longest);
    appliance.boot();
    assert_eq!(served(&appliance), [500, 500]);
    ok(&appliance.holdfast(&["site", "rollback"]));
    assert_eq!(appliance.get("/").body, b"first");
}

#[test]
fn store_is_made_smaller_at_the_next_start() {
    let mut appliance = Appliance::start_with("\n[site]\nkeep_versions = 2\n").enrolled();
    let mut state = 7_u32;
    for n in 0..6 {
        let noise = (0..3_000_000).map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state.to_be_bytes()[0]
        });
        let noise: Vec<u8> = noise.collect();
        appliance.push(&[
            ("index.html", format!("{n}").as_bytes()),
            ("noise.bin", &noise),
        ]);
    }
    appliance.push(&[("index.html", b"small")]);
    appliance.push(&[("index.html", b"small too")]);
    let told = ok(&appliance.holdfast(&["store", "compact"]));
    assert!(told.contains("holdfast reboot"), "{told}");
    appliance.stop();
    let before = fs::metadata(appliance.path("data/store.redb"))
        .unwrap()
        .len();
    appliance.boot();
    let log = appliance.log();
    assert!(
        log.contains("store-compacting") && log.contains("store-compacted"),
        "{log}"
    );
    assert!(appliance.path("data/store.redb").metadata().unwrap().len() <= before);
    assert_eq!(appliance.get("/").body, b"small too");
    let (code, told) = verify(&appliance);
    assert_eq!(code, Some(0), "{told}");
}
