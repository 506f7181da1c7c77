//! Another name of the portal.

use super::person::Person;
use crate::appliance::{Appliance, ok};

/// Gives the portal this name, over a restart.
fn rename(appliance: &mut Appliance, from: &str, to: &str) {
    appliance.stop();
    let toml = appliance.path("secrets/holdfast.toml");
    let text = std::fs::read_to_string(&toml).unwrap();
    let (from, to) = (format!("https://{from}:"), format!("https://{to}:"));
    assert!(text.contains(&from), "{text}");
    std::fs::write(&toml, text.replace(&from, &to)).unwrap();
    appliance.boot_again();
}

/// What the command line and the log warn of.
fn warned(appliance: &Appliance) -> bool {
    let listed = appliance.holdfast(&["user", "list"]);
    let told = String::from_utf8_lossy(&listed.stderr).contains("are worth nothing at");
    ok(&listed);
    if told {
        appliance.log_with("passkeys-lost");
    } else {
        assert!(!appliance.log().contains("passkeys-lost"));
    }
    told
}

#[test]
fn another_name_of_the_portal_is_told_while_there_are_passkeys_of_the_earlier_one() {
    let (mut appliance, codes) = super::appliance(&["member"]);
    let (name, other) = ("portal.localhost", "gate.localhost");
    rename(&mut appliance, name, other);
    assert!(!warned(&appliance), "nobody has a passkey");
    rename(&mut appliance, other, name);
    Person::joined(&appliance, "Ann", &codes[0]);
    rename(&mut appliance, name, other);
    assert!(warned(&appliance));
    rename(&mut appliance, other, other);
    assert!(warned(&appliance), "at each start");
    rename(&mut appliance, other, name);
    assert!(!warned(&appliance), "they are good again");
    rename(&mut appliance, name, other);
    assert!(warned(&appliance));
    ok(&appliance.holdfast(&["user", "delete", "Ann", "--yes", "Ann"]));
    rename(&mut appliance, other, other);
    assert!(!warned(&appliance), "they are gone");
}
