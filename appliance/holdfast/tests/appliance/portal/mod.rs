//! The portal as people meet it: joining, signing in, the hand-over to the site, one's account, and what it refuses.

pub(crate) mod account;
mod admin;
mod admin_fresh;
mod answers;
mod api;
mod api_check;
mod api_guard;
#[path = "../../../../identity/src/authenticator.rs"]
pub(crate) mod authenticator;
mod browser;
mod browser_admin;
pub(crate) mod client;
mod forgets;
mod guard;
mod guesses;
mod hand_over;
mod invite;
mod person;
mod protected;
mod renamed;
mod sessions;
mod sign_in;
mod step_up;

use crate::appliance::Appliance;

/// A site with the three folders that are not for everybody.
const SITE: [(&str, &[u8]); 9] = [
    ("index.html", b"<!doctype html><title>first</title>"),
    ("script.js", b"1"),
    (
        "signed-in/index.html",
        b"<!doctype html><title>for the signed-in</title>",
    ),
    (
        "members/index.html",
        b"<!doctype html><title>for members</title>",
    ),
    (
        "members/list.html",
        b"<!doctype html><title>list of members</title>",
    ),
    ("members/data.json", b"{\"secret\":1}"),
    (
        "members/fresh/index.html",
        b"<!doctype html><title>for a fresh proof</title>",
    ),
    (
        "members/second-factor/index.html",
        b"<!doctype html><title>for a second factor</title>",
    ),
    (
        "admins/index.html",
        b"<!doctype html><title>for admins</title>",
    ),
];

/// An appliance with that site, and an invite for each of these roles.
fn appliance(roles: &[&str]) -> (Appliance, Vec<String>) {
    let appliance = Appliance::start().enrolled();
    appliance.push(&SITE);
    let codes = invite::make(&appliance, roles);
    (appliance, codes)
}
