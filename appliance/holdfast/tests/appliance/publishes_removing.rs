//! What no kept version names is removed from the store, and what one names stays.

use std::time::{Duration, Instant};

use holdfast_site::BlobRef;
use serde_json::Value;

use crate::appliance::{Appliance, ok, write_site};
use crate::device::{Device, Open, blob};
use crate::publishes::manifest;

/// Room for all the pushes at once that these tests make.
const LIMITS: &str = "[limits]\nhandshake = { per_minute = 100000, burst = 100000 }\n\
    device = { per_minute = 100000, burst = 100000 }\n";
/// Pushes at once of which the appliance takes note; of more, the one that was silent longest is taken for broken off.
const NOTED: usize = 64;

/// An appliance that keeps the live version, the one before it, and one more, if that is newer.
pub fn start() -> Appliance {
    Appliance::start_with(&format!("{LIMITS}[site]\nkeep_versions = 1\n")).enrolled()
}

/// Begins so many pushes at once that each other push is taken for broken off, also the one that may have been going on
/// before the appliance started; then ends them.
pub fn forget_pushes(appliance: &Appliance) {
    let device = Device::enrolled(appliance);
    let filler = BlobRef::of(b"filler");
    let sent = device.post("/v1/site/blobs", &blob(filler.sha256, b"filler"));
    assert_eq!(sent.status, 200, "{}", sent.text());
    let mut pushes: Vec<_> = (0..NOTED).map(|_| device.open()).collect();
    for push in &mut pushes {
        assert_eq!(push.post("/v1/site/missing", b"[]").text(), "[]");
    }
    for push in &mut pushes {
        end(push);
    }
}

/// Ends a push by the commit of a version that is not made live.
fn end(push: &mut Open) {
    let filler = BlobRef::of(b"filler");
    let version = manifest("/filler", filler, false);
    let committed = push.post("/v1/site/versions", &version);
    // Meanwhile it may have been removed, since no version that is kept names it.
    if committed.status == 409 {
        let sent = push.post("/v1/site/blobs", &blob(filler.sha256, b"filler"));
        assert_eq!(sent.status, 200, "{}", sent.text());
        let committed = push.post("/v1/site/versions", &version);
        assert_eq!(committed.status, 200, "{}", committed.text());
    } else {
        assert_eq!(committed.status, 200, "{}", committed.text());
    }
}

/// Which of these blobs are there. To ask is to begin a push, so that it is ended too.
pub fn there(appliance: &Appliance, blobs: &[&[u8]]) -> Vec<bool> {
    let names: Vec<_> = blobs
        .iter()
        .map(|bytes| BlobRef::of(bytes).sha256)
        .collect();
    let mut push = Device::enrolled(appliance).open();
    let missing = push.post("/v1/site/missing", &serde_json::to_vec(&names).unwrap());
    let missing: Vec<String> = serde_json::from_str(&missing.text()).unwrap();
    end(&mut push);
    let is_there = |name: &holdfast_site::Digest| !missing.contains(&name.to_string());
    names.iter().map(is_there).collect()
}

/// Waits until these blobs are gone, which comes in the background.
pub fn wait_gone(appliance: &Appliance, blobs: &[&[u8]]) {
    let start = Instant::now();
    while there(appliance, blobs).contains(&true) {
        assert!(start.elapsed() < Duration::from_secs(60), "it stays");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Bytes that no compression makes smaller.
pub fn noise(length: u32, seed: u32) -> Vec<u8> {
    let byte = |n: u32| (n.wrapping_add(seed).wrapping_mul(2_654_435_761) >> 11) as u8;
    (0..length).map(byte).collect()
}

fn sent(appliance: &Appliance, files: &[(&str, &[u8])]) -> u64 {
    let site = appliance.path("site");
    write_site(&site, files);
    let told = ok(&appliance.holdfast(&["site", "push", "--json", site.to_str().unwrap()]));
    let told: Value = serde_json::from_str(&told).unwrap();
    told["blobs"].as_u64().unwrap()
}

#[test]
fn blobs_of_a_removed_version_leave_the_store_and_those_of_kept_ones_stay() {
    let mut appliance = start();
    forget_pushes(&appliance);
    // Of two chunks and a bit.
    let large = noise(2_500_000, 1);
    let (shared, second, third) = (noise(3000, 2), noise(3000, 3), noise(3000, 4));
    let first = [
        ("shared.bin", &shared[..]),
        ("old.bin", &large),
        ("a.txt", b"1"),
    ];
    assert_eq!(sent(&appliance, &first), 3);
    assert_eq!(
        sent(&appliance, &[("shared.bin", &shared), ("old.bin", &second)]),
        1
    );
    let all = [&large[..], &shared, &second, b"1"];
    // The version before the live one can come back.
    assert_eq!(there(&appliance, &all), [true; 4]);
    ok(&appliance.holdfast(&["site", "rollback"]));
    assert!(appliance.get("/old.bin").body == large);
    ok(&appliance.holdfast(&["site", "rollback"]));
    assert_eq!(
        sent(&appliance, &[("shared.bin", &shared), ("old.bin", &third)]),
        1
    );

    wait_gone(&appliance, &[&large, b"1"]);
    assert_eq!(there(&appliance, &all), [false, true, true, false]);
    assert!(appliance.get("/old.bin").body == third);
    assert!(appliance.get("/shared.bin").body == shared);
    ok(&appliance.holdfast(&["site", "rollback"]));
    assert!(appliance.get("/old.bin").body == second);

    // Gone it is for good, and what is pushed once more is sent once more, and is whole.
    appliance.stop();
    appliance.boot();
    assert_eq!(there(&appliance, &all), [false, true, true, false]);
    assert_eq!(sent(&appliance, &first), 2);
    assert!(appliance.get("/old.bin").body == large);
    assert!(appliance.get("/shared.bin").body == shared);
}
