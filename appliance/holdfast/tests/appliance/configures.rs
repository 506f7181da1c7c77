//! `holdfast config`, and starting with what is wrong.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use crate::appliance::{HOLDFAST, ok, refused};

#[test]
fn config_new_makes_secrets_for_their_owner_alone_and_never_overwrites() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    let new = |portal: &str| {
        Command::new(HOLDFAST)
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
        !refused(&new("https://www.example.org")).is_empty(),
        "one name for both"
    );
    let text = ok(&new("https://portal.example.org"));
    assert!(text.contains("SHA256:"));
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
    let check = Command::new(HOLDFAST)
        .args(["config", "check"])
        .arg(&out)
        .output()
        .unwrap();
    assert!(ok(&check).contains("by the operator's key"));
}

#[test]
fn serve_refuses_what_starting_again_cannot_mend() {
    let dir = tempfile::tempdir().unwrap();
    let serve = Command::new(HOLDFAST)
        .args(["listen", "--listen", "127.0.0.1:0", "--", "--credentials"])
        .arg(dir.path())
        .arg("--data")
        .arg(dir.path())
        .output()
        .unwrap();
    assert_eq!(serve.status.code(), Some(78));
    assert!(refused(&serve).contains("holdfast.toml"));
}
