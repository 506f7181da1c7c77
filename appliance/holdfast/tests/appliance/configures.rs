//! `holdfast config`, and starting with what is wrong.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use crate::appliance::{Appliance, HOLDFAST, ok, refused};

#[test]
fn config_new_makes_secrets_for_their_owner_alone_and_never_overwrites() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    let new = |portal: &str| {
        Command::new(&*HOLDFAST)
            .args([
                "config",
                "new",
                "--site",
                "https://www.example.org",
                "--portal",
                portal,
            ])
            .arg(&out)
            .output()
            .unwrap()
    };
    assert!(
        !refused(&new("https://www.example.org:8443")).is_empty(),
        "one name with two ports"
    );
    let text = ok(&new("https://portal.example.org"));
    assert!(text.contains("SHA256:"));
    // The disk with the secrets is made beside them and for their owner alone.
    let image = format!(
        "umask 077\n    truncate -s 4M \"{}/config.img\"",
        out.display()
    );
    assert!(text.contains(&image), "{text}");
    for name in [
        "holdfast.toml",
        "holdfast.root-key",
        "holdfast.identity-key",
        "operator.key",
    ] {
        let mode = std::fs::metadata(out.join(name))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    assert!(refused(&new("https://portal.example.org")).contains("not overwritten"));
    let check = Command::new(&*HOLDFAST)
        .args(["config", "check"])
        .arg(&out)
        .output()
        .unwrap();
    assert!(ok(&check).contains("by the operator's key"));
}

#[test]
fn config_new_makes_no_root_key_where_the_passphrase_is_typed() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    let config = |words: &[&str]| {
        let mut command = Command::new(&*HOLDFAST);
        ok(&command
            .arg("config")
            .args(words)
            .arg(&out)
            .output()
            .unwrap())
    };
    let text = config(&[
        "new",
        "--site",
        "https://www.example.org",
        "--portal",
        "https://portal.example.org",
        "--unlock-on-console",
    ]);
    assert!(text.contains("the two holdfast.* files") && text.contains("new passphrase"));
    assert!(!text.contains("root-key"), "{text}");
    let mut names: Vec<_> = std::fs::read_dir(&out)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(
        names,
        ["holdfast.identity-key", "holdfast.toml", "operator.key"]
    );
    assert!(config(&["check"]).contains("by what is typed on the console at each start"));
    let json = config(&["check", "--json"]);
    assert!(json.contains("\"typed_on_the_console\":true"), "{json}");
    // A credential goes before it.
    std::fs::write(
        out.join("holdfast.passphrase"),
        "six words that nobody would guess",
    )
    .unwrap();
    assert!(config(&["check"]).contains("by a credential"));
}

#[test]
fn config_new_and_check_speak_json() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    let config = |arguments: &[&str]| {
        let output = Command::new(&*HOLDFAST)
            .args(["config", arguments[0], "--json"])
            .args(&arguments[1..])
            .arg(&out)
            .output()
            .unwrap();
        serde_json::from_str::<serde_json::Value>(&ok(&output)).unwrap()
    };
    let new = config(&[
        "new",
        "--site",
        "https://www.example.org",
        "--portal",
        "https://portal.example.org",
    ]);
    assert!(new["identity"].as_str().unwrap().starts_with("SHA256:"));
    assert_eq!(new["files"].as_array().unwrap().len(), 4);
    let check = config(&["check"]);
    assert_eq!(check["site"], "https://www.example.org");
    assert_eq!(check["enrolment"], "operator-key");
    assert_eq!(check["identity_key"], true);
    assert_eq!(check["web_certificate"], false);
}

#[test]
fn serve_refuses_what_starting_again_cannot_mend() {
    let dir = tempfile::tempdir().unwrap();
    let serve = Command::new(&*HOLDFAST)
        .args(["listen", "--listen", "127.0.0.1:0", "--", "--credentials"])
        .arg(dir.path())
        .arg("--data")
        .arg(dir.path())
        .output()
        .unwrap();
    assert_eq!(serve.status.code(), Some(78));
    assert!(refused(&serve).contains("holdfast.toml"));
}

#[test]
fn the_limits_in_force_are_told() {
    let appliance = Appliance::start_with("[limits]\nconnections = 77\nidle_s = 30\n").enrolled();
    let shown = ok(&appliance.holdfast(&["config", "show", "--json"]));
    let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
    let limits = &shown["limits"];
    // As set, and as the defaults are.
    assert_eq!(
        (&limits["connections"], &limits["idle_s"]),
        (&"77".into(), &"30".into())
    );
    assert_eq!(limits["header_bytes"], "16384");
    assert_eq!(limits["enrol"], "{ per_minute = 30, burst = 30 }");
    let text = ok(&appliance.holdfast(&["config", "show"]));
    assert!(text.contains("Limits in force:\n  answers "), "{text}");
    let logged = appliance.log();
    let mut lines = logged.lines();
    let line = lines
        .find(|line| line.contains("\"kind\":\"limits\""))
        .unwrap();
    let line: serde_json::Value = serde_json::from_str(line).unwrap();
    assert_eq!(&line["in_force"], limits);
    assert!(line["memory_mib"].as_u64().unwrap() > 16);
}
