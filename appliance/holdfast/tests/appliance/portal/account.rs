//! What people do to their own account.

use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::hmac;
use data_encoding::BASE32_NOPAD;
use serde_json::{Value, json};

use super::authenticator::Authenticator;
use super::client::Client;
use super::person::Person;
use crate::web::Answer;

/// What stands in a page between two texts, each time.
pub(super) fn between(page: &Answer, before: &str, after: &str) -> Vec<String> {
    let text = page.text();
    let parts = text.split(before).skip(1);
    parts
        .map(|part| part.split(after).next().unwrap().to_owned())
        .collect()
}

fn add(ann: &mut Person, label: &str, passkey: &mut Authenticator) -> Answer {
    let begun = ann.client.script("/account/passkeys/begin", &json!({}));
    if begun.status != 200 {
        return begun;
    }
    let begun: Value = serde_json::from_slice(&begun.body).unwrap();
    let answer = passkey.create(&begun["options"], &ann.wrong);
    let answer: Value = serde_json::from_slice(&answer).unwrap();
    let body =
        json!({ "id": begun["id"], "answer": answer, "label": label, "name": "", "next": "" });
    ann.client.script("/account/passkeys/finish", &body)
}

fn remove(ann: &mut Person, at: usize) -> Answer {
    let page = ann.account();
    let passkeys = between(&page, "name=\"passkey\" value=\"", "\"");
    let form = [("passkey", passkeys[at].as_str())];
    ann.client.form("/account/passkeys/remove", &form)
}

fn recover(client: &mut Client, name: &str, code: &str) -> Answer {
    client.form(
        "/recover",
        &[("name", name), ("code", code), ("next", "/account")],
    )
}

#[test]
fn a_second_passkey_signs_in_and_the_last_one_stays_until_there_are_recovery_codes() {
    let (appliance, codes) = super::appliance(&["member"]);
    let mut ann = Person::joined(&appliance, "Ann", &codes[0]);
    let refused = remove(&mut ann, 0);
    assert_eq!(refused.status, 409);
    assert!(
        refused.text().contains("recovery code"),
        "{}",
        refused.text()
    );
    // A second one, not the same twice, with a name.
    let mut second = Authenticator::new(b"the second passkey of Ann");
    assert_eq!(add(&mut ann, "", &mut second).status, 422);
    assert_eq!(add(&mut ann, "Key <b>", &mut second).status, 200);
    assert!(matches!(
        add(&mut ann, "again", &mut second).status,
        403 | 409
    ));
    let page = ann.account();
    assert!(page.text().contains("Key &lt;b&gt;"), "{}", page.text());
    // It signs in as the first does; a removed one does not, and who was signed in by it is out.
    let mut other = ann.at_another_browser(&appliance);
    let first = std::mem::replace(&mut ann.passkey, second);
    ann.sign_out();
    assert_eq!(ann.sign_in("/account"), "/account");
    let at = between(&ann.account(), "aria-label=\"Remove ", "\"");
    let at = at.iter().position(|label| label == "My laptop").unwrap();
    let removed = remove(&mut ann, at);
    assert_eq!(removed.status, 200);
    assert!(removed.text().contains("your other sessions have ended"));
    let account = other.portal("/account");
    assert_eq!(other.go(&account).status, 303);
    let second = std::mem::replace(&mut ann.passkey, first);
    let button = json!({ "how": "button" });
    assert_eq!(ann.prove(&button, "/account").status, 403);
    ann.passkey = second;
    assert_eq!(remove(&mut ann, 0).status, 409);
    // With recovery codes it may go; a code signs in once, and makes a new passkey.
    let shown = ann.client.form("/account/codes", &[]);
    let shown = between(&shown, "<li><code>", "</code>");
    assert_eq!(shown.len(), 10);
    assert_eq!(remove(&mut ann, 0).status, 200);
    ann.sign_out();
    assert_eq!(ann.prove(&button, "/account").status, 403);
    let answer = recover(&mut ann.client, "ann", &shown[3].to_lowercase());
    assert_eq!(answer.status, 303, "{}", answer.text());
    assert_eq!(answer.header("location"), Some("/account"));
    assert!(ann.account().text().contains("9 are left"));
    let mut third = Authenticator::new(b"the third passkey of Ann");
    assert_eq!(add(&mut ann, "New", &mut third).status, 200);
    ann.passkey = third;
    ann.sign_out();
    ann.sign_in("/account");
    let mut other = Client::new(&appliance);
    let again = recover(&mut other, "Ann", &shown[3]);
    assert_eq!(again.status, 403);
    // Wrong ones keep what was typed, but not the code.
    assert!(again.text().contains("value=\"Ann\"") && !again.text().contains(&shown[3]));
    assert_eq!(recover(&mut other, "Eve", &shown[4]).status, 403);
    // New codes take the place of the old ones.
    assert_eq!(ann.client.form("/account/codes", &[]).status, 200);
    assert_eq!(recover(&mut other, "Ann", &shown[4]).status, 403);
    let secrets: Vec<_> = shown.iter().map(String::as_str).collect();
    let log = appliance.log_with("/recover");
    assert!(secrets.iter().all(|secret| !log.contains(secret)));
}

/// The one-time password of a step of 30 s (RFC 6238).
pub(crate) fn password(secret: &[u8], step: u64) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret);
    let tag = hmac::sign(&key, &step.to_be_bytes());
    let tag = tag.as_ref();
    let at = usize::from(tag[19] & 15);
    let four: [u8; 4] = tag[at..at + 4].try_into().unwrap();
    format!(
        "{:06}",
        (u32::from_be_bytes(four) & 0x7fff_ffff) % 1_000_000
    )
}

pub(crate) fn step() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    now.as_secs() / 30
}

#[test]
fn a_one_time_password_is_a_second_factor_and_good_once() {
    let (appliance, codes) = super::appliance(&["member"]);
    let mut ann = Person::joined(&appliance, "Ann", &codes[0]);
    let shown = ann.client.form("/account/totp", &[]);
    assert_eq!(shown.status, 200);
    assert!(shown.text().contains("<svg"));
    let secret = between(&shown, "Secret: <code>", "</code>");
    let secret = BASE32_NOPAD.decode(secret[0].as_bytes()).unwrap();
    // None that was not confirmed is asked for.
    assert!(ann.account().text().contains("Set up a generator"));
    let wrong = ann
        .client
        .form("/account/totp/confirm", &[("code", "000000x")]);
    assert_eq!(wrong.status, 403);
    let now = step();
    let first = password(&secret, now);
    let done = ann
        .client
        .form("/account/totp/confirm", &[("code", &first)]);
    assert_eq!(done.status, 200, "{}", done.text());
    assert!(ann.account().text().contains("A generator is set up"));
    assert_eq!(ann.client.form("/account/totp", &[]).status, 409);
    let url = ann.client.portal("/second-factor?next=%2Faccount");
    assert!(ann.client.go(&url).text().contains("One-time password"));
    // The one of the confirmation is used up, and any before it.
    let factor = |ann: &mut Person, code: &str| {
        let form = [("code", code), ("next", "/account?welcome")];
        ann.client.form("/second-factor", &form)
    };
    assert_eq!(factor(&mut ann, &first).status, 403);
    assert_eq!(factor(&mut ann, &password(&secret, now - 1)).status, 403);
    let before = ann
        .client
        .cookie("portal.localhost", "__Host-holdfast-portal");
    let before = before.unwrap().to_owned();
    let next = password(&secret, now + 1);
    let done = factor(&mut ann, &next);
    assert_eq!(done.status, 303, "{}", done.text());
    assert_eq!(done.header("location"), Some("/account?welcome"));
    assert!(
        ann.account()
            .text()
            .contains("by passkey and one-time password")
    );
    assert_eq!(factor(&mut ann, &next).status, 403);
    // The session has a new token, and the old one is dead.
    let mut thief = Client::new(&appliance);
    thief.set_cookie("portal.localhost", "__Host-holdfast-portal", &before);
    let account = thief.portal("/account");
    assert_eq!(thief.go(&account).status, 303);
    // Who guesses waits.
    let guesses: Vec<u16> = (0..8).map(|_| factor(&mut ann, "000000").status).collect();
    assert_eq!(guesses.last(), Some(&429), "{guesses:?}");
    // Nobody else's, and not without a session.
    let url = thief.portal("/second-factor");
    assert_eq!(thief.go(&url).status, 303);
    assert_eq!(thief.form("/second-factor", &[("code", &next)]).status, 401);
    let removed = ann.client.form("/account/totp/remove", &[]);
    assert!(removed.text().contains("The generator was removed"));
}

#[test]
fn a_step_up_is_the_same_persons_and_leads_back() {
    let (appliance, codes) = super::appliance(&["member", "member"]);
    let mut ann = Person::joined(&appliance, "Ann", &codes[0]);
    let mut bob = Person::joined(&appliance, "Bob", &codes[1]);
    let url = ann.client.portal("/step-up?next=%2Faccount%3Fa");
    let page = ann.client.go(&url);
    assert!(page.text().contains("data-next=\"/account?a\""));
    let how = json!({ "how": "step-up" });
    let before = ann
        .client
        .cookie("portal.localhost", "__Host-holdfast-portal");
    let before = before.unwrap().to_owned();
    let done = ann.prove(&how, "/account?a");
    assert_eq!(super::person::next_of(&done), "/account?a");
    let after = ann
        .client
        .cookie("portal.localhost", "__Host-holdfast-portal");
    assert_ne!(after, Some(before.as_str()));
    let sessions = ann.account().text().matches("Signed in ").count();
    assert_eq!(sessions, 1, "one session, renewed");
    // Another person's passkey is none for it, and nothing changes.
    std::mem::swap(&mut ann.passkey, &mut bob.passkey);
    assert_eq!(ann.prove(&how, "/account").status, 403);
    assert!(ann.account().text().contains("Ann"));
    // Without a session there is nothing to step up.
    bob.sign_out();
    assert_eq!(bob.prove(&how, "/account").status, 401);
    let url = bob.client.portal("/step-up?next=%2Faccount");
    assert_eq!(bob.client.go(&url).status, 303);
}
