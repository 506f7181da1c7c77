//! How the last run ended: recorded as systemd has it recorded, told at the next start.

use std::os::unix::process::ExitStatusExt as _;
use std::process::Command;

use holdfast_audit::{Event, Kind, Outcome};
use holdfast_secrets::{KeyRing, RootKey, Suite};
use holdfast_store::Store;
use rustix::process::Signal;
use serde_json::Value;

use crate::appliance::{Appliance, HOLDFAST, ok};

/// As `ExecStopPost=` runs it (systemd.exec(5), "Environment Variables Set or Propagated by the Service Manager").
fn record(appliance: &Appliance, run: u8, result: &str, code: &str, status: &str) {
    let recorded = Command::new(&*HOLDFAST)
        .arg("record-exit")
        .env_clear()
        .env("STATE_DIRECTORY", appliance.path("data"))
        .env("INVOCATION_ID", format!("{run:032x}"))
        .env("SERVICE_RESULT", result)
        .env("EXIT_CODE", code)
        .env("EXIT_STATUS", status)
        .output()
        .unwrap();
    ok(&recorded);
}

fn last_exit(appliance: &Appliance) -> Value {
    let status = ok(&appliance.holdfast(&["status", "--json"]));
    let status: Value = serde_json::from_str(&status).unwrap();
    status["last_exit"].clone()
}

/// The events of ends, oldest first; the server must not run.
fn told(appliance: &Appliance) -> Vec<Event> {
    let key = std::fs::read_to_string(appliance.path("secrets/holdfast.root-key")).unwrap();
    let ring = KeyRing::new(RootKey::parse(&key).unwrap(), Suite::Aes256Gcm);
    let store = Store::open(appliance.path("data/store.redb"), ring).unwrap();
    let events = holdfast_audit::list(&store.snapshot().unwrap(), ..).unwrap();
    let events = events.map(|event| event.unwrap().1);
    events
        .filter(|event| event.kind == Kind::RunEnded)
        .collect()
}

#[test]
fn killed_server_is_reported_after_restart() {
    let mut appliance = Appliance::start().enrolled();
    assert_eq!(last_exit(&appliance), Value::Null, "the first run");
    for (run, signal, name, how) in [
        (1, Signal::KILL, "KILL", "signal KILL (ended by force)"),
        (
            2,
            Signal::SYS,
            "SYS",
            "signal SYS (a forbidden system call)",
        ),
    ] {
        assert_eq!(appliance.end_by(signal).signal(), Some(signal.as_raw()));
        record(&appliance, run, "signal", "killed", name);
        appliance.boot_again();
        let last = last_exit(&appliance);
        assert_eq!(last["how"], how);
        assert_eq!(last["clean"], false);
        assert!(last["time"].as_str().unwrap().ends_with('Z'), "{last}");
    }
    appliance.stop();
    let told = told(&appliance);
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told.iter().all(|event| event.outcome == Outcome::Failed));
    assert!(told[0].resource.starts_with("signal KILL"), "{told:?}");
    assert!(told[1].resource.starts_with("signal SYS"), "{told:?}");
    assert!(told[1].resource.ends_with(&format!("run {:032x}", 2)));
}

#[test]
fn clean_stop_is_no_alarm_and_no_end_is_told_twice() {
    let mut appliance = Appliance::start().enrolled();
    for run in 1..=2 {
        appliance.stop();
        record(&appliance, run, "success", "exited", "0");
        appliance.boot_again();
    }
    let last = last_exit(&appliance);
    assert_eq!(
        (&last["how"], &last["clean"]),
        (&"clean stop".into(), &true.into())
    );
    // Another start with nothing new to tell, and one that cannot read what was kept.
    appliance.stop();
    appliance.boot_again();
    appliance.stop();
    let kept = appliance.path("data/last-exit.json");
    let aside = appliance.path("data/aside");
    std::fs::rename(&kept, &aside).unwrap();
    std::fs::write(&kept, "{").unwrap();
    appliance.boot_again();
    appliance.stop();
    std::fs::rename(&aside, &kept).unwrap();
    appliance.boot_again();
    appliance.stop();
    let told = told(&appliance);
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told.iter().all(|event| event.outcome == Outcome::Done));
}

#[test]
fn crash_is_not_hidden_by_the_failed_starts_behind_it() {
    let mut appliance = Appliance::start().enrolled();
    appliance.end_by(Signal::SYS);
    record(&appliance, 1, "signal", "killed", "SYS");
    for run in 2..=4 {
        record(&appliance, run, "exit-code", "exited", "1");
    }
    appliance.boot_again();
    assert_eq!(last_exit(&appliance)["how"], "exit code 1");
    appliance.stop();
    let told = told(&appliance);
    assert_eq!(told.len(), 4, "{told:?}");
    assert!(told[0].resource.starts_with("signal SYS"), "{told:?}");
}

#[test]
fn end_that_nobody_recorded_is_told_as_such() {
    let mut appliance = Appliance::start().enrolled();
    appliance.end_by(Signal::KILL);
    appliance.boot_again();
    let last = last_exit(&appliance);
    assert!(
        last["how"].as_str().unwrap().starts_with("not recorded"),
        "{last}"
    );
    assert_eq!(last["clean"], false);
    // A damaged record is no reason not to serve.
    appliance.stop();
    std::fs::write(appliance.path("data/last-exit.json"), "{").unwrap();
    appliance.boot_again();
    appliance.stop();
    record(&appliance, 1, "success", "exited", "0");
    let told = told(&appliance);
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0].outcome, Outcome::Failed);
}
