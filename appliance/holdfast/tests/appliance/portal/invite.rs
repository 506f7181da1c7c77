//! Invites.

use serde_json::Value;

use crate::appliance::{Appliance, ok};

/// Has the operator's device make an invite for each role; tells the codes as people get them.
pub fn make(appliance: &Appliance, roles: &[&str]) -> Vec<String> {
    let codes = roles.iter().map(|role| {
        let text = ok(&appliance.holdfast(&["user", "invite", "--role", role, "--json"]));
        let answer: Value = serde_json::from_str(&text).unwrap();
        answer["code"].as_str().unwrap().to_owned()
    });
    codes.collect()
}
