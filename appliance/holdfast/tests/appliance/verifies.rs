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

#[test]
fn flipped_bit_is_named_and_the_rest_is_served() {
    let mut appliance = Appliance::start().enrolled();
    appliance.push(&[("index.html", b"here"), ("other.html", b"there")]);
    appliance.stop();
    const BLOBS: Raw = TableDefinition::new("site-chunks");
    let database = redb::Database::open(appliance.path("data/store.redb")).unwrap();
    let read = database.begin_read().unwrap().open_table(BLOBS).unwrap();
    let all: Vec<_> = read
        .range::<&[u8]>(..)
        .unwrap()
        .map(|row| {
            row.map(|(key, value)| (key.value().to_vec(), value.value().to_vec()))
                .unwrap()
        })
        .collect();
    drop(read);
    let write = database.begin_write().unwrap();
    {
        let mut rows = write.open_table(BLOBS).unwrap();
        // The shortest is one of the two pages; the longest is the list of all.
        let shortest = all.iter().min_by_key(|(_, value)| value.len());
        let (key, mut value) = shortest.unwrap().clone();
        let middle = value.len() / 2;
        value[middle] ^= 1;
        rows.insert(key.as_slice(), value.as_slice()).unwrap();
    }
    write.commit().unwrap();
    drop(database);
    appliance.boot();
    let (code, told) = verify(&appliance);
    assert_eq!(code, Some(5), "{told}");
    assert_eq!(told["verification"]["unopened_records"], 1, "{told}");
    assert_eq!(
        told["verification"]["unopened"][0]["table"], "site-chunks",
        "{told}"
    );
    let served = ["/", "/other.html"].map(|path| appliance.get(path).status);
    let mut served = served.to_vec();
    served.sort_unstable();
    assert_eq!(
        served,
        [200, 500],
        "the damaged one is not served, the other is"
    );
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
