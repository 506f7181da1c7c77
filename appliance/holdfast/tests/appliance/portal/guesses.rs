//! What stands in the way of who guesses.

use data_encoding::BASE32_NOPAD;
use holdfast_audit::Kind;
use serde_json::{Value, json};

use super::account::{password, step};
use super::client::Client;
use super::person::{Person, next_of};
use crate::appliance::Appliance;
use crate::web::Answer;

const PORTAL: &str = "__Host-holdfast-portal";
/// A recovery code by its form, of nobody.
const NO_CODE: &str = "00000-00000-00000-00000-0000000";
const SECRET: &str = "correct horse battery staple";

fn recover(client: &mut Client, name: &str) -> u16 {
    let form = [("name", name), ("code", NO_CODE)];
    client.form("/recover", &form).status
}

#[test]
fn a_sign_in_forgets_the_failures_of_no_other_name() {
    let (appliance, codes) = super::appliance(&["member", "member"]);
    let mut ann = Person::joined(&appliance, "Ann", &codes[0]);
    let mut bob = Person::joined(&appliance, "Bob", &codes[1]);
    ann.sign_out();
    let mut client = Client::new(&appliance);
    for _ in 0..4 {
        assert_eq!(recover(&mut client, "Bob"), 403);
    }
    // Ann signs in, and says at the end that it was Bob; and once more, to begin as Bob is a failure of its own.
    let begun = ann
        .client
        .scripted("/sign-in/begin", &json!({ "how": "button" }));
    let body = ann.answer(&begun, "Bob", "/account");
    assert_eq!(
        next_of(&ann.client.script("/sign-in/finish", &body)),
        "/account"
    );
    let more: Vec<u16> = (0..3).map(|_| recover(&mut client, "Bob")).collect();
    assert!(more.contains(&429), "{more:?}");
    // Ann's own name is not held up, nor Bob where nobody guessed.
    assert_eq!(recover(&mut client, "Ann"), 403);
    bob.sign_out();
    assert_eq!(bob.sign_in("/account"), "/account");
}

#[test]
fn a_recovery_code_that_is_wrong_leaves_one_record_whether_the_name_is_known_or_not() {
    let (mut appliance, codes) = super::appliance(&["member"]);
    let mut ann = Person::joined(&appliance, "Ann", &codes[0]);
    assert_eq!(ann.client.form("/account/codes", &[]).status, 200);
    let mut client = Client::new(&appliance);
    for name in ["Ann", "Eve", "Ann", "Eve"] {
        assert_eq!(recover(&mut client, name), 403);
    }
    appliance.stop();
    let events = crate::machine::events(&appliance);
    let refused = events.iter().filter(|one| one.kind == Kind::SignInRefused);
    let refused: Vec<_> = refused.map(|one| one.resource.is_empty()).collect();
    assert_eq!(refused, [false, true, false, true], "{events:?}");
}

#[test]
fn proofs_that_prove_nothing_cannot_fill_the_disk() {
    let (mut appliance, _) = super::appliance(&["member"]);
    let mut client = Client::new(&appliance);
    let body = json!({ "id": "A".repeat(22), "answer": {}, "next": "/" });
    let token = client.token();
    let (url, fields) = (client.portal("/sign-in/finish"), client.script_of(&token));
    for _ in 0..40 {
        let answer = client.send("POST", &url, &fields, body.to_string().as_bytes());
        assert_eq!(answer.status, 403, "{}", answer.text());
    }
    for name in 0..10 {
        recover(&mut client, &format!("nobody {name}"));
    }
    appliance.stop();
    let events = crate::machine::events(&appliance);
    let refused = events.iter().filter(|one| one.kind == Kind::SignInRefused);
    let refused: Vec<_> = refused.map(|one| one.resource.as_str()).collect();
    assert!(refused.len() <= 11, "{refused:?}");
    assert_eq!(refused.last(), Some(&"40 more"), "{refused:?}");
}

#[test]
fn what_foreign_pages_send_takes_no_sign_in_from_the_people_behind_an_address() {
    let (appliance, codes) = super::appliance(&["member"]);
    let mut ann = Person::joined(&appliance, "Ann", &codes[0]);
    ann.sign_out();
    let mut client = Client::new(&appliance);
    let (begin, redeem) = (
        client.portal("/sign-in/begin"),
        client.site("/.holdfast/redeem?code=x"),
    );
    let foreign = "Origin: https://foreign.example\r\nSec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: no-cors\r\n";
    for _ in 0..70 {
        let answer = client.send("POST", &begin, foreign, b"{}");
        assert_eq!(answer.status, 403, "{}", answer.text());
        assert_eq!(client.send("GET", &redeem, foreign, b"").status, 303);
    }
    assert_eq!(ann.sign_in("/account"), "/account");
    goes_in_as(&mut ann);
}

fn goes_in_as(ann: &mut Person) {
    let url = ann.client.site("/members/");
    let (at, page) = ann.client.arrive(&url);
    assert_eq!((at, page.status), (url, 200), "{}", page.text());
}

/// The one text between two others.
fn between<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
    let rest = text.split(before).nth(1).unwrap();
    rest.split(after).next().unwrap()
}

#[test]
fn a_password_alone_gives_nothing_to_who_has_a_generator() {
    let appliance = Appliance::start_with("\n[sign_in]\npasswords = true\n").enrolled();
    let codes = super::invite::make(&appliance, &["member"]);
    let mut ann = Person::joined(&appliance, "Ann", &codes[0]);
    let fields = [("password", SECRET), ("again", SECRET)];
    assert_eq!(ann.client.form("/account/password", &fields).status, 200);
    let by = |client: &mut Client, typed: &str, code: &str| -> Answer {
        let form = [
            ("name", "ann"),
            ("password", typed),
            ("code", code),
            ("next", "/account"),
        ];
        client.form("/password", &form)
    };
    let signed = |client: &Client| client.cookie("portal.localhost", PORTAL).is_some();
    // Without a generator the password suffices, and says so.
    let mut client = Client::new(&appliance);
    assert_eq!(by(&mut client, "correct horse battery", "").status, 403);
    assert!(!signed(&client));
    assert_eq!(by(&mut client, SECRET, "").status, 303);
    let account = client.portal("/account");
    assert!(client.go(&account).text().contains("by password"));
    // What signs one in is not changed by a password alone.
    assert_eq!(client.form("/account/totp", &[]).status, 303);
    assert_eq!(client.form("/sign-out", &[]).status, 303);
    // With one, it does not.
    let unknown = ann.client.form("/account/totp", &[("algorithm", "MD5")]);
    assert_eq!(unknown.status, 422);
    let shown = ann
        .client
        .form("/account/totp", &[("algorithm", "SHA1")])
        .text();
    let secret = between(&shown, "Secret: <code>", "</code>");
    let secret = BASE32_NOPAD.decode(secret.as_bytes()).unwrap();
    let now = step();
    let confirm = [("code", &*password(&secret, now - 1))];
    assert_eq!(
        ann.client.form("/account/totp/confirm", &confirm).status,
        200
    );
    let next = password(&secret, now + 1);
    let wrong = if next == "123456" { "654321" } else { "123456" };
    let mut told = Vec::new();
    for (typed, code) in [(SECRET, ""), (SECRET, wrong), ("a wrong password", &*next)] {
        let answer = by(&mut client, typed, code);
        assert_eq!(answer.status, 403, "{typed} {code}");
        assert!(!signed(&client) && answer.header("set-cookie").is_none());
        told.push(answer.text().replace(&client.token(), "TOKEN").len());
    }
    assert!(
        told.iter().all(|one| *one == told[0]),
        "which was wrong is not told"
    );
    // Nor does the page of the second factor take who has no session.
    assert_eq!(
        client.form("/second-factor", &[("code", &next)]).status,
        401
    );
    assert_eq!(by(&mut client, SECRET, &next).status, 303);
    let page = client.go(&account).text();
    assert!(page.contains("by password and one-time password"), "{page}");
    let mut other = Client::new(&appliance);
    assert_eq!(
        by(&mut other, SECRET, &next).status,
        403,
        "each is good once"
    );
    // Wrong codes are the person's, wherever they come from, and hold up no passkey.
    ann.sign_out();
    let button: Value = json!({ "how": "button" });
    assert_eq!(next_of(&ann.prove(&button, "/account")), "/account");
    let log = appliance.log_with("/password");
    assert!(!log.contains(SECRET) && !log.contains(&next));
}
