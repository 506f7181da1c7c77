//! A crash at any point of a push leaves the old version live and whole, or the new one; then the push succeeds.

use std::process::{Command, Stdio};
use std::time::Duration;

use holdfast_site::BlobRef;
use serde_json::json;

use crate::appliance::{Appliance, HOLDFAST, ok, write_site};
use crate::device::{Device, blob};

const FILES: usize = 16;

/// A site whose every page says which one it is; every eighth is large enough for chunks of its own.
fn site(version: usize) -> Vec<(String, Vec<u8>)> {
    let page = |n: usize| {
        let text = format!("page {n} of version {version}\n");
        let repeats = if n.is_multiple_of(8) { 60_000 } else { 20 };
        // Without a type that is compressed: this is about the store.
        (format!("{n}.bin"), text.repeat(repeats).into_bytes())
    };
    (0..FILES).map(page).collect()
}

fn write(appliance: &Appliance, version: usize) {
    let files = site(version);
    let files: Vec<_> = files
        .iter()
        .map(|(name, bytes)| (name.as_str(), bytes.as_slice()))
        .collect();
    write_site(&appliance.path("site"), &files);
}

/// The one version that all pages are of.
fn live(appliance: &Appliance, among: [usize; 2]) -> usize {
    let first = appliance.get("/1.bin").text();
    let version = among
        .into_iter()
        .find(|version| first.contains(&format!("of version {version}\n")));
    let version = version.unwrap_or_else(|| panic!("neither of {among:?}: {first}"));
    for (name, bytes) in site(version) {
        assert!(
            appliance.get(&format!("/{name}")).body == bytes,
            "{name} is not of version {version}"
        );
    }
    version
}

#[test]
fn kill_at_any_time_of_a_push_leaves_one_whole_version_live() {
    let mut appliance = Appliance::start().enrolled();
    write(&appliance, 0);
    let folder = appliance.path("site");
    let push = ["site", "push", folder.to_str().unwrap()];
    let start = std::time::Instant::now();
    ok(&appliance.holdfast(&push));
    let whole = start.elapsed();
    let mut old = 0;
    let mut outcomes = [0, 0];
    for step in 1..=7_u32 {
        let new = old + 1;
        write(&appliance, new);
        let mut pushing = Command::new(&*HOLDFAST)
            .args(push)
            .args(["--state".as_ref(), appliance.path("state").as_os_str()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // From the first blobs to about the answer.
        std::thread::sleep(whole * step / 6);
        appliance.kill();
        let answered = pushing.wait().unwrap().success();
        appliance.boot();
        let found = live(&appliance, [old, new]);
        outcomes[found - old] += 1;
        assert!(!answered || found == new, "what was answered is not there");
        ok(&appliance.holdfast(&push));
        assert_eq!(live(&appliance, [new, new]), new);
        old = new;
    }
    println!(
        "figure: kills at 7 times of a push: {} left the old version, {} the new one",
        outcomes[0], outcomes[1]
    );
}

#[test]
fn kill_while_a_version_is_committed_leaves_the_old_one_or_the_new_one() {
    let mut appliance = Appliance::start().enrolled();
    appliance.push(&[("index.html", b"0")]);
    let device = Device::enrolled(&appliance);
    let mut live = "0".to_owned();
    for step in 1..=6_u64 {
        let text = step.to_string();
        let page = BlobRef::of(text.as_bytes());
        assert_eq!(
            device
                .post("/v1/site/blobs", &blob(page.sha256, text.as_bytes()))
                .status,
            200
        );
        let entry = json!({ "content_type": "text/html; charset=utf-8", "identity": page });
        let request =
            json!({ "entries": [{ "path": "/index.html", "entry": entry }], "activate": true });
        let body = serde_json::to_vec(&request).unwrap();
        device.post_and_leave("/v1/site/versions", &body, Duration::from_millis(step * 2));
        appliance.kill();
        appliance.boot();
        let now = appliance.get("/").text();
        assert!(now == live || now == text, "{now}");
        // No version is there that is not the live one: storing and activating are one.
        let versions = ok(&appliance.holdfast(&["site", "versions", "--json"]));
        let versions: serde_json::Value = serde_json::from_str(&versions).unwrap();
        let last = versions.as_array().unwrap().last().unwrap().clone();
        assert_eq!(last["live"], true, "{versions}");
        let again = device.post("/v1/site/versions", &body);
        assert_eq!(again.status, 200, "{}", again.text());
        assert_eq!(appliance.get("/").text(), text);
        live = text;
    }
}
