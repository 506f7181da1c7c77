//! Keys that change while the appliance serves, and what opens it.

use std::fs;
use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use holdfast_audit::Kind;
use serde_json::Value;

use crate::appliance::{Appliance, HOLDFAST, ok, refused};
use crate::machine::events;

fn keys(appliance: &Appliance) -> Value {
    serde_json::from_str(&ok(&appliance.holdfast(&["key", "status", "--json"]))).unwrap()
}

fn ways(appliance: &Appliance) -> Vec<(u64, String, bool)> {
    let keys = keys(appliance);
    let ways = keys["ways"].as_array().unwrap().iter().map(|way| {
        let kind = way["kind"].as_str().unwrap().to_owned();
        (
            way["number"].as_u64().unwrap(),
            kind,
            way["passed"].as_bool().unwrap(),
        )
    });
    ways.collect()
}

/// The epochs of all tables, without those that nothing was ever rotated in.
fn epochs(appliance: &Appliance) -> Vec<(String, Vec<u64>)> {
    let keys = keys(appliance);
    let tables = keys["tables"].as_array().unwrap().iter().map(|table| {
        let epochs = table["epochs"].as_array().unwrap().iter();
        (
            table["table"].as_str().unwrap().to_owned(),
            epochs.map(|epoch| epoch.as_u64().unwrap()).collect(),
        )
    });
    tables.collect()
}

fn destroy(appliance: &Appliance, typed: &str) -> Output {
    let mut child = Command::new(&*HOLDFAST)
        .args(["key", "destroy", "--state"])
        .arg(appliance.path("state"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    writeln!(child.stdin.take().unwrap(), "{typed}").unwrap();
    child.wait_with_output().unwrap()
}

#[test]
fn tables_get_new_keys_while_the_site_is_served() {
    let mut appliance = Appliance::start().enrolled();
    appliance.push(&[("index.html", b"here"), ("big.bin", &vec![7; 300_000])]);
    let tables = epochs(&appliance);
    assert!(tables.len() > 5, "{tables:?}");
    assert!(
        tables.iter().all(|(_, epochs)| *epochs == [1]),
        "{tables:?}"
    );

    let one = &tables.iter().find(|(name, _)| name == "devices");
    let one = &one.expect("a table of devices").0;
    ok(&appliance.holdfast(&["key", "rotate", "--table", one]));
    for (name, epochs) in epochs(&appliance) {
        assert_eq!(epochs, [if name == *one { 2 } else { 1 }], "{name}");
    }
    let told = ok(&appliance.holdfast(&["key", "rotate"]));
    assert!(told.contains("root-key"), "{told}");
    for (name, epochs) in epochs(&appliance) {
        assert_eq!(epochs, [if name == *one { 3 } else { 2 }], "{name}");
    }
    assert_eq!(appliance.get("/").body, b"here");
    appliance.stop();
    let kinds: Vec<_> = events(&appliance)
        .into_iter()
        .map(|event| event.kind)
        .collect();
    assert_eq!(
        kinds
            .iter()
            .filter(|kind| **kind == Kind::KeyRotationAsked)
            .count(),
        2
    );
    let done = kinds
        .iter()
        .filter(|kind| **kind == Kind::KeyRotated)
        .count();
    assert!(done > tables.len(), "each table, and one twice: {done}");
    appliance.boot();
    assert_eq!(appliance.get("/").body, b"here");
    assert_eq!(appliance.get("/big.bin").body, vec![7; 300_000]);
    ok(&appliance.holdfast(&["store", "verify"]));

    let why = refused(&appliance.holdfast(&["key", "rotate", "--table", "nope"]));
    assert!(
        why.contains("No table has this name") && why.contains("devices"),
        "{why}"
    );
}

#[test]
fn root_key_is_changed_in_two_restarts() {
    let mut appliance = Appliance::start().enrolled();
    appliance.push(&[("index.html", b"here")]);
    let secrets = appliance.path("secrets");
    let (now, next) = (
        secrets.join("holdfast.root-key"),
        secrets.join("holdfast.root-key.next"),
    );
    let old = fs::read(&now).unwrap();
    let folder = secrets.to_str().unwrap();
    let told = ok(&appliance.holdfast(&["key", "rotate", "--root", "--dir", folder]));
    assert!(told.contains("holdfast reboot"), "{told}");
    assert_eq!(fs::read(&next).unwrap().len(), 65);
    let again = appliance.holdfast(&["key", "rotate", "--root", "--dir", folder]);
    assert!(
        !again.status.success(),
        "the one that was made is not overwritten"
    );

    appliance.stop();
    appliance.boot();
    let root = |number, passed| (number, "root-key".to_owned(), passed);
    assert_eq!(ways(&appliance), [root(1, true), root(2, true)]);
    let told = ok(&appliance.holdfast(&["key", "rotate", "--root"]));
    assert!(told.contains("Two root keys"), "{told}");
    // Back to the old one alone: both still open, and nothing was taken away.
    appliance.stop();
    let new = fs::read(&next).unwrap();
    fs::remove_file(&next).unwrap();
    appliance.boot();
    assert_eq!(ways(&appliance), [root(1, true), root(2, false)]);
    // And forward again, to the new one alone.
    appliance.stop();
    fs::write(&now, &new).unwrap();
    appliance.boot();
    assert_eq!(ways(&appliance), [root(2, true)]);
    assert_eq!(appliance.get("/").body, b"here");
    appliance.stop();
    fs::write(&now, &old).unwrap();
    let why = appliance.refuses_to_start();
    assert!(why.contains("another root key"), "{why}");
    fs::write(&now, &new).unwrap();
    appliance.boot();
    assert_eq!(appliance.get("/").body, b"here");
}

#[test]
fn recovery_key_opens_the_store_when_the_root_key_is_lost() {
    let mut appliance = Appliance::start().enrolled();
    appliance.push(&[("index.html", b"here")]);
    let first = ok(&appliance.holdfast(&["key", "recovery"]));
    let second = ok(&appliance.holdfast(&["key", "recovery"]));
    assert_ne!(first, second);
    let kinds: Vec<_> = ways(&appliance)
        .into_iter()
        .map(|(_, kind, _)| kind)
        .collect();
    assert_eq!(kinds, ["root-key", "recovery-key"]);
    appliance.stop();
    assert!(!appliance.log().contains(second.trim()), "it is in no log");
    let secrets = appliance.path("secrets");
    fs::write(
        secrets.join("holdfast.root-key"),
        "9f3c1e7740a85d2b6ce1f9038b47d25a10e6c3f7925bd84e61a0f7c23d98b54e\n",
    )
    .unwrap();
    let why = appliance.refuses_to_start();
    assert!(why.contains("another root key"), "{why}");
    fs::write(secrets.join("holdfast.recovery-key"), &first).unwrap();
    appliance.refuses_to_start();
    fs::write(secrets.join("holdfast.recovery-key"), second.to_lowercase()).unwrap();
    appliance.boot();
    assert_eq!(appliance.get("/").body, b"here");
    appliance.stop();
    fs::remove_file(secrets.join("holdfast.recovery-key")).unwrap();
    appliance.boot();
    assert_eq!(appliance.get("/").body, b"here");
}

#[test]
fn passphrase_takes_the_place_of_a_root_key() {
    let mut appliance = Appliance::prepared();
    let secrets = appliance.path("secrets");
    fs::remove_file(secrets.join("holdfast.root-key")).unwrap();
    fs::write(
        secrets.join("holdfast.passphrase"),
        "six words that nobody would guess",
    )
    .unwrap();
    appliance.boot();
    let mut appliance = appliance.enrolled();
    appliance.push(&[("index.html", b"here")]);
    assert_eq!(ways(&appliance), [(1, "passphrase".to_owned(), true)]);
    appliance.stop();
    fs::write(
        secrets.join("holdfast.passphrase"),
        "six words that nobody would say",
    )
    .unwrap();
    let why = appliance.refuses_to_start();
    assert!(why.contains("another root key"), "{why}");
    fs::write(
        secrets.join("holdfast.passphrase"),
        "six words that nobody would guess\n",
    )
    .unwrap();
    appliance.boot();
    assert_eq!(appliance.get("/").body, b"here");
}

#[test]
fn destroyed_keys_end_the_appliance_for_good() {
    let mut appliance = Appliance::start().enrolled();
    appliance.push(&[("index.html", b"here")]);
    let why = refused(&destroy(&appliance, "localhos"));
    assert!(why.contains("Nothing was destroyed"), "{why}");
    assert_eq!(appliance.get("/").body, b"here");
    ok(&destroy(&appliance, "localhost"));
    assert!(!appliance.ended().success());
    assert!(
        appliance.log().contains("keys-destroyed"),
        "{}",
        appliance.log()
    );
    let why = appliance.refuses_to_start();
    assert!(why.contains("destroyed on demand"), "{why}");
    let keys = fs::read(appliance.path("data/store.keys")).unwrap();
    assert!(keys.iter().all(|byte| *byte == 0));
}

#[test]
fn nothing_that_was_planted_is_in_the_files() {
    let mut appliance = Appliance::start().enrolled();
    let planted = "planted-page-text-7f3a91";
    appliance.push(&[
        ("index.html", b"here"),
        ("planted-file-name-55e2/page.html", planted.as_bytes()),
    ]);
    let recovery = ok(&appliance.holdfast(&["key", "recovery"]));
    ok(&appliance.holdfast(&["key", "rotate"]));
    appliance.stop();
    let root = fs::read_to_string(appliance.path("secrets/holdfast.root-key")).unwrap();
    let root_bytes = data_encoding::HEXLOWER
        .decode(root.trim().as_bytes())
        .unwrap();
    let plain = recovery.trim().replace('-', "");
    let needles: [(&str, &[u8]); 7] = [
        ("page text", planted.as_bytes()),
        ("file name", b"planted-file-name-55e2"),
        ("device name", b"planted-device-name"),
        ("root key", root.trim().as_bytes()),
        ("root key's bytes", &root_bytes),
        ("recovery key", recovery.trim().as_bytes()),
        ("recovery key without groups", plain.as_bytes()),
    ];
    let mut files = 0;
    for entry in fs::read_dir(appliance.path("data")).unwrap() {
        let path = entry.unwrap().path();
        if !path.is_file() {
            continue;
        }
        let bytes = fs::read(&path).unwrap();
        files += 1;
        for (what, needle) in needles {
            let found = bytes.windows(needle.len()).any(|window| window == needle);
            assert!(!found, "{what} in {}", path.display());
        }
    }
    assert!(files >= 2, "store and key file were read");
}
