//! Restarting and switching off: confirmed, recorded before they are done, and done by the machine's unit alone.

use std::time::Duration;

use holdfast_audit::{Actor, Kind, Outcome};
use serde_json::json;

use crate::appliance::{Appliance, ok, refused};
use crate::device::Device;
use crate::machine::{events, peer};

#[test]
fn a_restart_and_a_power_off_are_asked_of_the_machine_and_recorded() {
    let mut appliance = Appliance::start().enrolled();
    appliance.stop();
    let questions = peer(&appliance, |_| Some(json!("done")));
    appliance.boot();
    let unconfirmed = refused(&appliance.holdfast(&["reboot"]));
    assert!(unconfirmed.contains("--yes"), "{unconfirmed}");
    assert!(
        questions.try_recv().is_err(),
        "nothing is asked without a yes"
    );
    assert!(ok(&appliance.holdfast(&["reboot", "--yes"])).contains("restarts now"));
    assert_eq!(questions.recv().unwrap(), "reboot");
    let answer = ok(&appliance.holdfast(&["poweroff", "--yes", "--json"]));
    assert_eq!(answer.trim(), "{\"doing\":\"power-off\"}");
    assert_eq!(questions.recv().unwrap(), "power-off");
    let device = Device::enrolled(&appliance).pin().to_string();
    appliance.stop();
    for kind in [Kind::RebootAsked, Kind::PowerOffAsked] {
        let events = events(&appliance);
        let event = events.iter().find(|event| event.kind == kind).unwrap();
        assert_eq!(event.actor, Actor::Device(device.clone()));
        assert_eq!(event.outcome, Outcome::Done);
    }
}

#[test]
fn a_machine_that_refuses_is_told_and_recorded() {
    let mut appliance = Appliance::start().enrolled();
    appliance.stop();
    let questions = peer(&appliance, |_| {
        Some(json!({ "failed": "The machine is stopping already. Wait for it." }))
    });
    appliance.boot();
    let output = appliance.holdfast(&["poweroff", "--yes"]);
    assert_eq!(output.status.code(), Some(4));
    assert!(refused(&output).contains("stopping already"));
    assert!(questions.recv_timeout(Duration::from_secs(1)).is_ok());
    appliance.stop();
    let outcomes: Vec<_> = events(&appliance)
        .into_iter()
        .filter(|event| event.kind == Kind::PowerOffAsked)
        .map(|event| event.outcome)
        .collect();
    assert_eq!(outcomes, [Outcome::Done, Outcome::Failed]);
}

#[test]
fn a_stranger_stops_nothing() {
    let mut appliance = Appliance::start().enrolled();
    appliance.stop();
    let questions = peer(&appliance, |_| Some(json!("done")));
    appliance.boot();
    let stranger = Device::unknown(&appliance);
    for path in ["/v1/machine/reboot", "/v1/machine/power-off"] {
        assert_eq!(stranger.post(path, b"null").status, 403);
        assert_eq!(Device::enrolled(&appliance).get(path).status, 405);
    }
    assert!(questions.try_recv().is_err());
}
