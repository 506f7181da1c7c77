//! Status, log and configuration over an enrolled device.

use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::net::UnixDatagram;
use std::process::{Command, Stdio};
use std::time::Duration;

use holdfast_audit::{Actor, Kind, Outcome};
use serde_json::Value;

use crate::appliance::{Appliance, HOLDFAST, ok, refused};
use crate::device::Device;
use crate::machine::{Journald, Unit, events, peer};

fn with_unit() -> (Appliance, Unit) {
    let mut appliance = Appliance::start().enrolled();
    appliance.stop();
    let unit = Unit::start(&appliance);
    appliance.boot();
    (appliance, unit)
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn who_stops_reading_stops_no_command_and_a_full_disk_does() {
    let appliance = Appliance::start().enrolled();
    let status = |out: Stdio| {
        Command::new(&*HOLDFAST)
            .args(["status", "--state"])
            .arg(appliance.path("state"))
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    };
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let closed = status(writer.into()).wait_with_output().unwrap();
    assert!(closed.status.success(), "{closed:?}");
    assert!(closed.stderr.is_empty(), "{closed:?}");
    let full = std::fs::File::create("/dev/full").unwrap();
    let full = status(full.into()).wait_with_output().unwrap();
    assert_eq!(full.status.code(), Some(1), "{full:?}");
    let told = String::from_utf8_lossy(&full.stderr);
    assert!(told.contains("standard output cannot be written"), "{told}");
}

#[test]
fn status_tells_the_machine_the_store_and_the_certificate() {
    let (appliance, _unit) = with_unit();
    let status = json(&ok(&appliance.holdfast(&["status", "--json"])));
    assert!(
        status["machine"]["uptime_s"].as_u64().unwrap() > 0,
        "{status}"
    );
    assert!(status["machine"]["memory"].as_u64().unwrap() > 1 << 20);
    assert!(status["machine"]["clock_synchronised"].is_boolean());
    assert!(status["machine"]["addresses"].is_array());
    // No set-up ran here, who alone sees the firmware's variables.
    assert_eq!(status["machine"]["secure_boot"], "unknown");
    let file = std::fs::metadata(appliance.path("data/store.redb")).unwrap();
    assert_eq!(status["store"]["bytes"].as_u64(), Some(file.len()));
    assert!(status["store"]["room"].as_u64().unwrap() > 0);
    // Nobody stays in the store.
    assert!(status["store"]["readers"].as_u64().unwrap() < 8, "{status}");
    let oldest = &status["store"]["oldest_reader_ms"];
    assert!(
        oldest.as_u64().is_none_or(|oldest| oldest < 60_000),
        "{status}"
    );
    assert_eq!(status["web"]["source"], "self-made");
    assert_eq!(status["web"]["fingerprint"], status["certificate"]);
    let years = status["web"]["not_after"].as_i64().unwrap()
        - status["web"]["not_before"].as_i64().unwrap();
    assert_eq!(years, 3650 * 86_400);
    let text = ok(&appliance.holdfast(&["status"]));
    for line in [
        "addresses    ",
        "clock        ",
        "store        ",
        "self-made, good from ",
        "secure boot  UNKNOWN: ",
    ] {
        assert!(text.contains(line), "{text}");
    }
}

#[test]
fn a_machine_that_does_not_answer_hides_nothing_else() {
    let mut appliance = Appliance::start().enrolled();
    appliance.stop();
    let questions = peer(&appliance, |_| None);
    appliance.boot();
    let status = json(&ok(&appliance.holdfast(&["status", "--json"])));
    assert_eq!(status["machine"], Value::Null);
    assert_eq!(status["devices"], 1);
    assert_eq!(questions.recv().unwrap(), "status");
}

/// sd_notify(3): without it the service manager starts the unit anew, since journald waits for it.
#[test]
fn the_machines_unit_tells_the_service_manager_that_it_lives() {
    let mut appliance = Appliance::start();
    appliance.stop();
    let manager = UnixDatagram::bind(appliance.path("notify.sock")).unwrap();
    manager
        .set_read_timeout(Some(Duration::from_secs(30)))
        .unwrap();
    let _unit = Unit::start(&appliance);
    for _ in 0..2 {
        let mut message = [0; 64];
        let length = manager.recv(&mut message).unwrap();
        assert_eq!(&message[..length], b"WATCHDOG=1");
    }
}

#[test]
fn the_log_is_read_by_unit_and_number() {
    let (appliance, _unit) = with_unit();
    let mut journald = Journald::connect(&appliance);
    journald.write("kernel", "Linux version 6.12");
    for number in 0..300 {
        journald.write("holdfast.service", &format!("line {number}"));
    }
    journald.write("holdfast.service", "two\nlines\u{1b}[2J");
    let logs = |more: &[&str]| {
        let text = ok(&appliance.holdfast(&[&["logs"], more].concat()));
        text.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let all = logs(&["--lines", "10000"]);
    assert_eq!(all.len(), 302, "nothing is lost over several pages");
    assert!(
        all[0].ends_with("  kernel  Linux version 6.12"),
        "{}",
        all[0]
    );
    assert!(
        all[301].ends_with("  holdfast.service  twolines[2J"),
        "{}",
        all[301]
    );
    assert_eq!(logs(&[]).len(), 100);
    assert_eq!(logs(&["--unit", "kernel"]).len(), 1);
    let last = json(&logs(&["--json", "--lines", "1"])[0]);
    assert_eq!(last["message"], "two\nlines\u{1b}[2J");
    assert_eq!(last["number"], 302);
    let wrong = appliance.holdfast(&["logs", "--unit", "a/b"]);
    assert_eq!(wrong.status.code(), Some(4));
    assert!(refused(&wrong).contains("`unit`"));
}

#[test]
fn a_followed_log_goes_on_and_ends_when_its_device_is_revoked() {
    let (appliance, _unit) = with_unit();
    let code = ok(&appliance.holdfast(&["device", "add", "--json"]));
    let code = json(&code)["code"].as_str().unwrap().to_owned();
    ok(&appliance.enrol_as("second", &code));
    let mut journald = Journald::connect(&appliance);
    journald.write("kernel", "first");
    let mut following = Command::new(&*HOLDFAST)
        .args(["logs", "--follow", "--json", "--unit", "kernel", "--state"])
        .arg(appliance.path("second"))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(following.stdout.take().unwrap()).lines();
    let mut next = || json(&lines.next().unwrap().unwrap())["message"].clone();
    assert_eq!(next(), "first");
    journald.write("kernel", "second");
    assert_eq!(next(), "second");
    let second = Device::of_state(&appliance, "second").pin().to_string();
    ok(&appliance.holdfast(&["device", "revoke", &second]));
    assert_eq!(following.wait().unwrap().code(), Some(4));
    let mut why = String::new();
    let mut stderr = following.stderr.take().unwrap();
    stderr.read_to_string(&mut why).unwrap();
    assert!(why.contains("revoked"), "{why}");
}

#[test]
fn a_stop_does_not_wait_for_those_who_follow_the_log() {
    let (mut appliance, _unit) = with_unit();
    let mut following = Command::new(&*HOLDFAST)
        .args(["logs", "--follow", "--state"])
        .arg(appliance.path("state"))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut journald = Journald::connect(&appliance);
    journald.write("kernel", "here");
    let mut lines = BufReader::new(following.stdout.take().unwrap()).lines();
    lines.next().unwrap().unwrap();
    let took = appliance.stop();
    assert!(took.as_secs() < 5, "{took:?}");
    assert_eq!(following.wait().unwrap().code(), Some(3));
}

#[test]
fn without_a_machine_its_acts_are_clear_problems() {
    let mut appliance = Appliance::start().enrolled();
    for command in [&["logs"][..], &["reboot", "--yes"], &["poweroff", "--yes"]] {
        let output = appliance.holdfast(command);
        assert_eq!(output.status.code(), Some(4));
        let why = refused(&output);
        assert!(why.contains("holdfast listen"), "{why}");
    }
    appliance.stop();
    let kinds: Vec<_> = events(&appliance).iter().map(|event| event.kind).collect();
    assert!(!kinds.contains(&Kind::RebootAsked), "{kinds:?}");
}

#[test]
fn the_configuration_in_force_is_shown_without_secrets() {
    let appliance = Appliance::start().enrolled();
    let shown = ok(&appliance.holdfast(&["config", "show", "--json"]));
    let key = std::fs::read_to_string(appliance.path("secrets/holdfast.root-key")).unwrap();
    assert!(!shown.contains(key.trim()) && !shown.contains("PRIVATE"));
    let shown = json(&shown);
    let site = format!("\"https://localhost:{}\"", appliance.port);
    assert_eq!(shown["settings"]["origin.site"], site.as_str());
    let source = |name: &str| {
        let items = shown["credentials"].as_array().unwrap();
        items.iter().find(|item| item["name"] == name).unwrap()["source"].clone()
    };
    assert!(
        source("holdfast.root-key")
            .as_str()
            .unwrap()
            .contains("folder")
    );
    assert_eq!(source("holdfast.tls-key"), Value::Null);
    let text = ok(&appliance.holdfast(&["config", "show"]));
    assert!(
        text.contains("holdfast.tls-cert        not passed"),
        "{text}"
    );
}

#[test]
fn another_configuration_is_an_event_and_the_same_is_none() {
    let mut appliance = Appliance::start();
    let changes = |appliance: &Appliance| {
        let events = events(appliance);
        let changed = events.iter().filter(|e| e.kind == Kind::ConfigChanged);
        changed
            .map(|event| event.resource.clone())
            .collect::<Vec<_>>()
    };
    appliance.stop();
    appliance.boot();
    appliance.stop();
    assert_eq!(changes(&appliance).len(), 0);
    let path = appliance.path("secrets/holdfast.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let more = text.clone() + "\n[time]\nservers = [\"ntp.example.org\"]\n";
    std::fs::write(&path, more).unwrap();
    appliance.boot();
    appliance.stop();
    appliance.boot();
    appliance.stop();
    let one = changes(&appliance);
    assert_eq!(one.len(), 1);
    assert_eq!(one[0].len(), 64);
    // A given certificate is a part of it.
    std::fs::write(&path, text).unwrap();
    appliance.boot();
    appliance.stop();
    assert_eq!(changes(&appliance).len(), 2);
}

#[test]
fn refused_acts_are_events_and_strangers_cannot_fill_the_disk_by_them() {
    let mut appliance = Appliance::start().enrolled();
    let stranger = Device::unknown(&appliance);
    for _ in 0..15 {
        assert_eq!(stranger.get("/v1/logs").status, 403);
    }
    appliance.stop();
    let events = events(&appliance);
    let denied: Vec<_> = events
        .iter()
        .filter(|event| event.kind == Kind::AccessDenied)
        .collect();
    assert_eq!(
        denied.len(),
        11,
        "ten one by one, and the count of the rest"
    );
    assert_eq!(denied[0].resource, "readLogs");
    assert_eq!(denied[0].outcome, Outcome::Refused);
    assert_eq!(denied[0].actor, Actor::Device(stranger.pin().to_string()));
    assert!(denied[0].request.is_some());
    assert_eq!(denied[10].resource, "5 more");
    assert_eq!(denied[10].actor, Actor::Machine);
}

#[test]
fn an_appliance_that_cannot_be_reached_has_its_own_exit_code() {
    let mut appliance = Appliance::start().enrolled();
    appliance.stop();
    assert_eq!(appliance.holdfast(&["status"]).status.code(), Some(3));
    assert_eq!(
        appliance
            .holdfast(&["status", "--json", "--wrong"])
            .status
            .code(),
        Some(2)
    );
    assert_eq!(
        appliance.holdfast_as("none", &["status"]).status.code(),
        Some(1)
    );
}
