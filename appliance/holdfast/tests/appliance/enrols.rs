//! Enrolment by code and by key, and what an unknown device may do.

use crate::appliance::{Appliance, ok, refused};
use crate::device::Device;

const WRONG: &str = "00000-00000-00000-00000-000000";

#[test]
fn the_consoles_code_enrols_once() {
    let appliance = Appliance::start();
    let code = appliance.code();
    assert!(refused(&appliance.enrol_as("state", WRONG)).contains("code is wrong"));
    assert!(refused(&appliance.holdfast(&["status"])).contains("not enrolled"));
    ok(&appliance.enrol_as("state", &code.to_lowercase().replace('-', " ")));
    assert!(ok(&appliance.holdfast(&["status"])).contains("devices      1"));
    assert!(refused(&appliance.enrol_as("other", &code)).contains("enrolled already"));
    assert!(refused(&appliance.enrol_as("other", "x")).contains("not a code"));
}

#[test]
fn wrong_tries_do_not_take_the_code_away() {
    let appliance = Appliance::start();
    let code = appliance.code();
    for _ in 0..12 {
        refused(&appliance.enrol_as("stranger", WRONG));
    }
    ok(&appliance.enrol_as("state", &code));
}

#[test]
fn a_device_that_lost_the_answer_enrols_again_by_the_same_code() {
    let mut appliance = Appliance::start();
    let code = appliance.code();
    ok(&appliance.enrol_as("state", &code));
    ok(&appliance.enrol_as("state", &code));
    assert!(refused(&appliance.enrol_as("state", WRONG)).contains("code is wrong"));
    assert!(refused(&appliance.enrol_as("other", &code)).contains("enrolled already"));
    assert!(ok(&appliance.holdfast(&["status"])).contains("devices      1"));
    appliance.stop();
    appliance.boot();
    assert!(refused(&appliance.enrol_as("state", &code)).contains("has lapsed"));
}

#[test]
fn an_unknown_device_is_refused() {
    let appliance = Appliance::start().enrolled();
    let stranger = Device::unknown(&appliance);
    for path in ["/v1/status", "/v1/site/versions"] {
        let answer = stranger.get(path);
        assert_eq!(answer.status, 403, "{path}");
        assert_eq!(
            answer.header("content-type"),
            Some("application/problem+json")
        );
    }
    for path in ["/v1/site/missing", "/v1/site/blobs", "/v1/site/versions"] {
        assert_eq!(stranger.post(path, b"[]").status, 403, "{path}");
    }
    assert_eq!(stranger.get("/v1/nothing").status, 404);
    assert_eq!(stranger.get("/v1/enroll").status, 405);
    assert_eq!(Device::enrolled(&appliance).get("/v1/status").status, 200);
}

#[test]
fn a_device_that_the_store_does_not_know_is_refused() {
    let mut appliance = Appliance::start().enrolled();
    appliance.stop();
    // Without the key file too: beside it, a missing store is a lost one, and refused.
    for name in ["data/store.redb", "data/store.keys"] {
        std::fs::remove_file(appliance.path(name)).unwrap();
    }
    appliance.boot();
    assert_eq!(Device::enrolled(&appliance).get("/v1/status").status, 403);
}

#[test]
fn the_operators_key_enrols_and_pins_the_identity() {
    let appliance = Appliance::start_with_operator_key();
    let address = appliance.authority();
    let key = appliance.path("secrets/operator.key");
    let key = key.to_str().unwrap();
    let log = appliance.log();
    assert!(!log.contains("code  "), "{log}");
    let identity = log
        .lines()
        .find_map(|line| line.trim().strip_prefix("identity"))
        .unwrap()
        .trim();
    let enrol = |identity: &str, key: &str| {
        appliance.holdfast(&[
            "enroll",
            "--address",
            &address,
            "--operator-key",
            key,
            "--identity",
            identity,
            "--name",
            "n",
        ])
    };
    let other = "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    assert!(refused(&enrol(other, key)).contains("shows the identity"));
    let foreign = appliance.path("secrets/holdfast.identity-key");
    assert!(refused(&enrol(identity, foreign.to_str().unwrap())).contains("operator key is not"));
    let blind = [
        "enroll",
        "--address",
        &address,
        "--operator-key",
        key,
        "--name",
        "n",
    ];
    assert!(refused(&appliance.holdfast(&blind)).contains("--identity"));
    assert!(refused(&appliance.enrol_as("state", WRONG)).contains("operator's key"));
    ok(&enrol(identity, key));
    ok(&appliance.holdfast(&["status", "--json"]));
}

#[test]
fn another_appliance_at_the_same_address_is_noticed() {
    let mut appliance = Appliance::start().enrolled();
    appliance.stop();
    for name in [
        "data/store.redb",
        "data/store.keys",
        "secrets/holdfast.identity-key",
    ] {
        std::fs::remove_file(appliance.path(name)).unwrap();
    }
    appliance.boot();
    assert!(refused(&appliance.holdfast(&["status"])).contains("someone is in between"));
}
