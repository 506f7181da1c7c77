//! Pushes that go away, dawdle, or come from a device that is revoked meanwhile.

use std::time::{Duration, Instant};

use holdfast_site::BlobRef;

use super::until;
use crate::appliance::{Appliance, ok};
use crate::device::{Device, Open, blob};
use crate::publishes::manifest;

#[test]
fn a_push_whose_client_goes_away_leaves_store_and_memory_agreed() {
    let mut appliance = Appliance::start().enrolled();
    appliance.push(&[("index.html", b"old")]);
    for wait in [0, 3, 8, 20] {
        let device = Device::enrolled(&appliance);
        let text = format!("gone after {wait} ms");
        let page = BlobRef::of(text.as_bytes());
        let bytes = blob(page.sha256, text.as_bytes());
        assert_eq!(device.post("/v1/site/blobs", &bytes).status, 200);
        let manifest = manifest("/index.html", page, true);
        device.post_and_leave("/v1/site/versions", &manifest, Duration::from_millis(wait));
        std::thread::sleep(Duration::from_secs(1));
        let served = appliance.get("/").text();
        appliance.kill();
        appliance.boot();
        assert_eq!(appliance.get("/").text(), served);
    }
}

/// Begins an upload of so many bytes.
fn begin(device: &Device, length: usize) -> Open {
    let mut open = device.open();
    let head = format!(
        "POST /v1/site/blobs HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n"
    );
    assert!(open.say(head.as_bytes()));
    open
}

#[test]
fn an_upload_ends_when_its_device_is_revoked() {
    let appliance = Appliance::start().enrolled();
    let code = ok(&appliance.holdfast(&["device", "add", "--json"]));
    let code: serde_json::Value = serde_json::from_str(&code).unwrap();
    ok(&appliance.enrol_as("second", code["code"].as_str().unwrap()));
    let second = Device::of_state(&appliance, "second");
    let named = |bytes: &[u8]| {
        let digest = BlobRef::of(bytes).sha256;
        (digest, blob(digest, bytes))
    };
    // The first ones are large enough to be in the store before the upload ends, which tells that it is under way.
    let (before, beside) = (named(&[1; 5_000_000]), named(&[2; 5_000_000]));
    let after = named(b"after");
    let mut upload = begin(&second, before.1.len() + after.1.len());
    // A large one as well, in the middle of it.
    let large = vec![5; 4_000_000];
    let large = blob(BlobRef::of(&large).sha256, &large);
    let mut inside = begin(&second, beside.1.len() + large.len());
    assert!(upload.say(&before.1) && inside.say(&beside.1) && inside.say(&large[..1_500_000]));
    let first = Device::enrolled(&appliance);
    let missing = || {
        let asked = [&before, &beside, &after].map(|(digest, _)| digest.to_string());
        let asked = serde_json::to_vec(&asked).unwrap();
        first.post("/v1/site/missing", &asked).text()
    };
    until("the uploads did not begin", || {
        let missing = missing();
        !missing.contains(&before.0.to_string()) && !missing.contains(&beside.0.to_string())
    });
    ok(&appliance.holdfast(&["device", "revoke", &second.pin().to_string()]));
    upload.say(&after.1);
    inside.say(&large[1_500_000..]);
    for mut open in [upload, inside] {
        let answer = open.answer();
        assert_eq!(answer.status, 409, "{}", answer.text());
        assert!(answer.text().contains("revoked"));
    }
    let missing = missing();
    assert!(missing.contains(&after.0.to_string()), "{missing}");
}

#[test]
fn an_upload_that_dawdles_is_ended() {
    let appliance = Appliance::start_with("[limits]\nidle_s = 2\nleast_pace = 100000\n").enrolled();
    let device = Device::enrolled(&appliance);
    let bytes = vec![7; 2_000_000];
    let bytes = blob(BlobRef::of(&bytes).sha256, &bytes);
    let mut slow = begin(&device, bytes.len());
    let start = Instant::now();
    // Some 5 KB a second: never silent for long.
    let mut pieces = bytes.chunks(1000);
    while slow.say(pieces.next().unwrap()) {
        assert!(start.elapsed() < Duration::from_secs(60), "was kept");
        std::thread::sleep(Duration::from_millis(200));
    }
    // Its answer may be lost with what was on its way; the record is not.
    until("no record of it", || {
        let log = appliance.log();
        let mut lines = log.lines();
        lines.any(|line| line.contains("/v1/site/blobs") && line.contains("\"status\":408"))
    });
    // One that is fast enough is not concerned.
    assert_eq!(device.post("/v1/site/blobs", &bytes).status, 200);
}
