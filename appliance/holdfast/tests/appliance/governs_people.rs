//! People from the operator's device: invites, and what is refused. What needs someone who has joined is in `portal/admin.rs`.

use holdfast_audit::{Actor, Kind};
use serde_json::{Value, json};

use crate::appliance::{Appliance, ok, refused};
use crate::device::Device;
use crate::machine::events;

fn listed(appliance: &Appliance) -> Value {
    let text = ok(&appliance.holdfast(&["user", "list", "--json"]));
    serde_json::from_str(&text).unwrap()
}

#[test]
fn an_invite_is_made_listed_and_withdrawn() {
    let mut appliance = Appliance::start().enrolled();
    let empty = ok(&appliance.holdfast(&["user", "list"]));
    assert!(
        empty.contains("holdfast user invite --role admin"),
        "{empty}"
    );
    let text = ok(&appliance.holdfast(&["user", "invite", "--role", "admin", "--life", "2h"]));
    let line = |of: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(of));
        line.unwrap_or_else(|| panic!("no {of}: {text}")).to_owned()
    };
    let code = line("Code: ");
    assert_eq!(
        code.len(),
        31,
        "130 bits and a check symbol in groups: {code}"
    );
    let portal = format!("https://portal.localhost:{}/join#{code}", appliance.port);
    assert_eq!(line("Link: "), portal);
    let list = listed(&appliance);
    let invite = &list["invites"][0];
    assert_eq!(invite["roles"], json!(["admin"]));
    let life = invite["ends"].as_i64().unwrap() - invite["made"].as_i64().unwrap();
    assert_eq!(life, 7200);
    assert!(!list.to_string().contains(&code));
    assert_eq!(list["roles"], json!(["admin", "member", "visitor"]));
    let id = invite["id"].as_str().unwrap();
    ok(&appliance.holdfast(&["user", "revoke", "--invite", id]));
    let twice = appliance.holdfast(&["user", "revoke", "--invite", id]);
    assert_eq!(twice.status.code(), Some(4));
    assert!(refused(&twice).contains("not there any more"));
    assert_eq!(listed(&appliance)["invites"], json!([]));
    let device = Device::enrolled(&appliance).pin().to_string();
    assert!(!appliance.log().contains(&code), "no record holds a code");
    appliance.stop();
    let events = events(&appliance);
    for kind in [Kind::PersonInvited, Kind::InviteWithdrawn] {
        let event = events.iter().find(|event| event.kind == kind).unwrap();
        assert_eq!(event.actor, Actor::Device(device.clone()));
        assert!(event.request.is_some());
    }
}

#[test]
fn what_cannot_be_is_refused_with_a_way_out() {
    let appliance = Appliance::start().enrolled();
    for (arguments, text) in [
        (
            vec!["invite", "--role", "nobody"],
            "Those that are: admin, member, visitor",
        ),
        (vec!["invite", "--life", "31d"], "30 days at most"),
        (vec!["revoke", "Nobody"], "Nobody has this name"),
        (vec!["revoke", "\u{1b}[2J"], "Nobody has this name"),
        (vec!["sessions", "Nobody"], "Nobody has this name"),
        (vec!["disable", "Nobody"], "Nobody has this name"),
        (vec!["enable", "Nobody"], "Nobody has this name"),
        (
            vec!["delete", "Nobody", "--yes", "Nobody"],
            "Nobody has this name",
        ),
        (
            vec!["revoke", "--invite", "0011223344556677"],
            "not there any more",
        ),
    ] {
        let output = appliance.holdfast(&[&["user"], arguments.as_slice()].concat());
        assert_eq!(output.status.code(), Some(4), "{arguments:?}");
        let why = refused(&output);
        assert!(why.contains(text), "{arguments:?}: {why}");
    }
    for arguments in [
        vec!["revoke"],
        vec!["revoke", "--all", "Ada"],
        vec!["revoke", "--session", "00"],
        vec!["invite", "--life", "soon"],
    ] {
        let output = appliance.holdfast(&[&["user"], arguments.as_slice()].concat());
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
    }
}

#[test]
fn a_stranger_governs_nobody() {
    let appliance = Appliance::start().enrolled();
    let stranger = Device::unknown(&appliance);
    assert_eq!(stranger.get("/v1/people").status, 403);
    let name = br#"{"name":"Ada"}"#;
    for (path, body) in [
        (
            "/v1/people/invites",
            &br#"{"roles":["admin"],"life_s":3600}"#[..],
        ),
        ("/v1/people/invites/withdrawals", br#"{"invite":"00"}"#),
        ("/v1/people/enabled", br#"{"name":"Ada","enabled":false}"#),
        ("/v1/people/deletions", name),
        ("/v1/people/sessions", name),
        ("/v1/people/sessions/ends", br#""all""#),
    ] {
        assert_eq!(stranger.post(path, body).status, 403, "{path}");
        // The same from a device that may: well-formed, so that the refusal above was about who asked.
        let status = Device::enrolled(&appliance).post(path, body).status;
        assert!([200, 409, 422].contains(&status), "{path}: {status}");
        assert_eq!(Device::enrolled(&appliance).get(path).status, 405, "{path}");
    }
    assert_eq!(listed(&appliance)["invites"].as_array().unwrap().len(), 1);
}

#[test]
fn a_revoked_device_leaves_no_invite_behind() {
    let appliance = Appliance::start().enrolled();
    let code = ok(&appliance.holdfast(&["device", "add", "--json"]));
    let code: Value = serde_json::from_str(&code).unwrap();
    ok(&appliance.enrol_as("second", code["code"].as_str().unwrap()));
    ok(&appliance.holdfast_as("second", &["user", "invite", "--role", "admin"]));
    ok(&appliance.holdfast(&["user", "invite", "--role", "member"]));
    let second = Device::of_state(&appliance, "second").pin().to_string();
    ok(&appliance.holdfast(&["device", "revoke", &second]));
    let list = listed(&appliance);
    assert_eq!(list["invites"].as_array().unwrap().len(), 1, "{list}");
    assert_eq!(list["invites"][0]["roles"], json!(["member"]));
}
