//! Devices: one more by a one-time code, one less by revocation, and the way back when the last is lost.

use holdfast_audit::{Actor, Kind};
use serde_json::Value;

use crate::appliance::{Appliance, ok, refused};
use crate::device::Device;
use crate::machine::events;

fn invite(appliance: &Appliance, state: &str) -> String {
    let text = ok(&appliance.holdfast_as(state, &["device", "add", "--json"]));
    let answer: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(answer["expires_s"], 900);
    answer["code"].as_str().unwrap().to_owned()
}

fn list(appliance: &Appliance) -> Vec<Value> {
    let text = ok(&appliance.holdfast(&["device", "list", "--json"]));
    serde_json::from_str(&text).unwrap()
}

fn recover(appliance: &Appliance, seed: &str) {
    let path = appliance.path("secrets/holdfast.recover");
    std::fs::write(path, format!("{seed}{}", "01".repeat(31))).unwrap();
}

fn status(appliance: &Appliance, state: &str) -> Option<i32> {
    appliance.holdfast_as(state, &["status"]).status.code()
}

#[test]
fn an_enrolled_device_adds_another_by_a_code_that_is_good_once() {
    let mut appliance = Appliance::start().enrolled();
    let code = invite(&appliance, "state");
    assert_eq!(code.len(), 30, "130 bits in groups");
    let wrong = appliance.enrol_as("second", "00000-00000-00000-00000-000000");
    assert!(refused(&wrong).contains("code"));
    ok(&appliance.enrol_as("second", &code.to_lowercase()));
    assert_eq!(status(&appliance, "second"), Some(0));
    // It lost the answer, and asks again; another device gets nothing by the same code.
    ok(&appliance.enrol_as("second", &code));
    let other = appliance.enrol_as("third", &code);
    assert_eq!(other.status.code(), Some(4));
    assert!(refused(&other).contains("device add"));
    assert_eq!(list(&appliance).len(), 2);
    // The second one may add one too.
    ok(&appliance.enrol_as("third", &invite(&appliance, "second")));
    let text = ok(&appliance.holdfast(&["device", "add"]));
    assert!(text.contains("holdfast enroll --address") && text.contains("--identity SHA256:"));
    let first = Device::enrolled(&appliance).pin().to_string();
    let second = Device::of_state(&appliance, "second").pin().to_string();
    appliance.stop();
    let events = events(&appliance);
    let invited = events
        .iter()
        .find(|e| e.kind == Kind::DeviceInvited)
        .unwrap();
    assert_eq!(invited.actor, Actor::Device(first.clone()));
    let enrolled = events
        .iter()
        .find(|e| e.actor == Actor::Device(second.clone()) && e.kind == Kind::DeviceEnrolled)
        .unwrap();
    assert_eq!(enrolled.resource, format!("test (code of {first})"));
}

#[test]
fn a_restart_ends_codes_and_so_does_their_devices_revocation() {
    let mut appliance = Appliance::start().enrolled();
    let code = invite(&appliance, "state");
    appliance.stop();
    appliance.boot();
    refused(&appliance.enrol_as("second", &code));
    ok(&appliance.enrol_as("second", &invite(&appliance, "state")));
    let code = invite(&appliance, "second");
    let second = Device::of_state(&appliance, "second").pin().to_string();
    ok(&appliance.holdfast(&["device", "revoke", &second]));
    refused(&appliance.enrol_as("third", &code));
}

#[test]
fn eight_codes_are_good_at_once_and_no_more() {
    let appliance = Appliance::start().enrolled();
    for _ in 0..8 {
        invite(&appliance, "state");
    }
    let output = appliance.holdfast(&["device", "add"]);
    assert!(refused(&output).contains("Eight codes"));
}

#[test]
fn a_revoked_device_is_out_on_its_open_connection() {
    let appliance = Appliance::start().enrolled();
    ok(&appliance.enrol_as("second", &invite(&appliance, "state")));
    let second = Device::of_state(&appliance, "second");
    let mut open = second.open();
    assert_eq!(open.get("/v1/status").status, 200);
    let revoked = ok(&appliance.holdfast(&["device", "revoke", &second.pin().to_string()]));
    assert!(revoked.contains("may act now: 1"), "{revoked}");
    assert_eq!(open.get("/v1/status").status, 403);
    assert_eq!(open.get("/v1/site/versions").status, 403);
    assert_eq!(status(&appliance, "second"), Some(4));
    // Its key is worth nothing any more, whoever invites it.
    let again = appliance.enrol_as("second", &invite(&appliance, "state"));
    assert!(refused(&again).contains("was revoked"));
    let listed = list(&appliance);
    let active: Vec<_> = listed.iter().map(|item| item["active"].clone()).collect();
    assert_eq!(active.iter().filter(|active| **active == true).count(), 1);
    assert_eq!(listed.len(), 2);
    let twice = appliance.holdfast(&["device", "revoke", &second.pin().to_string()]);
    assert!(refused(&twice).contains("device list"));
}

#[test]
fn the_last_device_is_revoked_by_force_alone_and_recovery_is_the_way_back() {
    let mut appliance = Appliance::start().enrolled();
    let kept = appliance.holdfast(&["device", "revoke", "test"]);
    let why = refused(&kept);
    assert!(
        why.contains("last device") && why.contains("holdfast.recover"),
        "{why}"
    );
    assert_eq!(status(&appliance, "state"), Some(0));
    ok(&appliance.holdfast(&["device", "revoke", "test", "--force"]));
    assert_eq!(status(&appliance, "state"), Some(4));
    appliance.stop();

    recover(&appliance, "ab");
    appliance.boot();
    let code = appliance.code();
    ok(&appliance.enrol_as("new", &code));
    assert_eq!(status(&appliance, "new"), Some(0));
    refused(&appliance.enrol_as("other", &code));
    ok(&appliance.enrol_as("new", &code));
    appliance.stop();

    // The same value never works twice.
    appliance.boot();
    let log = appliance.log();
    assert!(
        !log.lines().any(|line| line.trim().starts_with("code ")),
        "{log}"
    );
    assert!(
        log.contains("  note         holdfast.recover was used before"),
        "{log}"
    );
    refused(&appliance.enrol_as("other", &code));
    appliance.stop();
    let kinds: Vec<_> = events(&appliance).iter().map(|event| event.kind).collect();
    let opened = kinds.iter().filter(|kind| **kind == Kind::RecoveryOpened);
    assert_eq!(opened.count(), 1);
    assert!(kinds.contains(&Kind::DeviceRevoked));

    // Another value does.
    recover(&appliance, "cd");
    appliance.boot();
    ok(&appliance.enrol_as("other", &appliance.code()));
}

#[test]
fn a_recovery_that_was_not_used_is_spent_all_the_same() {
    let mut appliance = Appliance::start().enrolled();
    appliance.stop();
    recover(&appliance, "ab");
    appliance.boot();
    let code = appliance.code();
    appliance.kill();
    appliance.boot();
    assert!(appliance.log().contains("was used before"));
    refused(&appliance.enrol_as("other", &code));
}

#[test]
fn an_operators_key_does_not_keep_codes_of_devices_or_a_recovery_away() {
    let mut appliance = Appliance::start_with_operator_key();
    let (address, key) = (
        appliance.authority(),
        appliance.path("secrets/operator.key"),
    );
    let log = appliance.log();
    let identity = log
        .lines()
        .find_map(|line| line.trim().strip_prefix("identity"));
    let enrol = [
        "enroll",
        "--address",
        &address,
        "--operator-key",
        key.to_str().unwrap(),
        "--identity",
        identity.unwrap().trim(),
        "--name",
        "first",
    ];
    ok(&appliance.holdfast(&enrol));
    ok(&appliance.enrol_as("second", &invite(&appliance, "state")));
    appliance.stop();
    recover(&appliance, "ab");
    appliance.boot();
    ok(&appliance.enrol_as("third", &appliance.code()));
    assert_eq!(list(&appliance).len(), 3);
}
