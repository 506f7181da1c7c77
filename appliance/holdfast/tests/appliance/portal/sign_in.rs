//! Joining, signing in, and who is told what.

use serde_json::{Value, json};

use super::authenticator::Authenticator;
use super::client::Client;
use super::person::{Person, next_of};
use crate::web::Answer;

/// The names of the header fields, in their order, and the status.
fn shape(answer: &Answer) -> (u16, Vec<String>) {
    let names = answer.head.lines().skip(1);
    let names = names.filter_map(|line| Some(line.split_once(':')?.0.to_owned()));
    (answer.status, names.collect())
}

/// The keys of JSON, without its values.
fn keys(value: &Value) -> Value {
    match value {
        Value::Object(all) => all
            .iter()
            .map(|(key, value)| (key.clone(), keys(value)))
            .collect(),
        Value::Array(all) => all.iter().map(keys).collect(),
        other => json!(other.is_string()),
    }
}

#[test]
fn an_invite_makes_a_member_who_signs_in_by_button_autofill_and_name() {
    let (appliance, codes) = super::appliance(&["member"]);
    let mut ann = Person::joined(&appliance, "Ann", &codes[0]);
    let page = ann.account();
    assert_eq!(page.status, 200);
    assert!(page.text().contains("Your account") && page.text().contains("My laptop"));
    // The invite is used up, and the name taken.
    let mut second = Person::new(&appliance, "Bob");
    assert_eq!(second.join(&codes[0]).status, 422);
    let before = ann
        .client
        .cookie("portal.localhost", "__Host-holdfast-portal");
    let before = before.unwrap().to_owned();
    assert_eq!(ann.sign_out().status, 303);
    assert_eq!(ann.account().status, 303);
    for how in [
        json!({ "how": "button" }),
        json!({ "how": "autofill" }),
        json!({ "how": "name", "name": "ann" }),
        json!({ "how": "name", "name": "  ANN " }),
    ] {
        assert_eq!(next_of(&ann.prove(&how, "/account")), "/account", "{how}");
        let now = ann
            .client
            .cookie("portal.localhost", "__Host-holdfast-portal");
        assert_ne!(now, Some(before.as_str()), "a session of its own");
        assert_eq!(ann.account().status, 200, "{how}");
        ann.sign_out();
    }
    // Where it leads is a path of the portal.
    for next in [
        "//evil.example",
        "https://evil.example/",
        "javascript:1",
        "/\\evil",
    ] {
        assert_eq!(ann.sign_in(next), "/account", "{next}");
    }
    assert_eq!(
        ann.sign_in("/hand-over?challenge=x"),
        "/hand-over?challenge=x"
    );
    // An old token is worth nothing.
    ann.client
        .set_cookie("portal.localhost", "__Host-holdfast-portal", &before);
    assert_eq!(ann.account().status, 303);
}

#[test]
fn a_member_goes_from_a_page_through_the_sign_in_and_back_to_it() {
    let (appliance, codes) = super::appliance(&["member"]);
    let mut ann = Person::joined(&appliance, "Ann", &codes[0]);
    ann.sign_out();
    let url = ann.client.site("/members/list?a=b");
    let (at, page) = ann.client.arrive(&url);
    assert!(at.contains("/sign-in?next="), "{at}");
    let next = page.text();
    let next = next.split("data-next=\"").nth(1).unwrap();
    let next = next.split('"').next().unwrap().replace("&amp;", "&");
    let led = ann.sign_in(&next);
    let to = ann.client.portal(&led);
    let (at, page) = ann.client.arrive(&to);
    assert_eq!(at, url);
    assert_eq!(page.status, 200);
    assert!(page.text().contains("list of members"));
    assert_eq!(page.header("cache-control"), Some("private, no-store"));
    let signed = ann.client.site("/signed-in/");
    assert_eq!(ann.client.go(&signed).status, 200);
    // What is for admins is not for members, and told as such.
    let admins = ann.client.site("/admins/");
    let refused = ann.client.go(&admins);
    assert_eq!(refused.status, 403, "{}", refused.text());
    assert!(!refused.text().contains("for admins"));
    // Pages for everybody stay cacheable for those who are signed in too.
    let first = ann.client.site("/");
    assert_eq!(
        ann.client.go(&first).header("cache-control"),
        Some("no-cache")
    );
    // And the session stays the same.
    let list = ann.client.site("/members/list");
    for _ in 0..20 {
        assert_eq!(ann.client.go(&list).status, 200);
    }
}

#[test]
fn a_name_that_is_unknown_is_answered_as_one_that_is_known() {
    let (appliance, codes) = super::appliance(&["member"]);
    let mut ann = Person::joined(&appliance, "Ann", &codes[0]);
    ann.sign_out();
    let mut client = Client::new(&appliance);
    client.token();
    let mut begin = |name: &str| {
        let answer = client.script("/sign-in/begin", &json!({ "how": "name", "name": name }));
        let told: Value = serde_json::from_slice(&answer.body).unwrap();
        (answer, told)
    };
    let (known, told) = begin("Ann");
    let listed = |told: &Value| told["options"]["publicKey"]["allowCredentials"].clone();
    assert_eq!(listed(&told).as_array().unwrap().len(), 8);
    for name in ["Eve", "ann2", "", "<script>", &"x".repeat(200), "ä ö"] {
        let (unknown, other) = begin(name);
        assert_eq!(shape(&unknown), shape(&known), "{name}");
        assert_eq!(keys(&other), keys(&told), "{name}");
        // The same ones each time, and not those of another name.
        assert_eq!(listed(&begin(name).1), listed(&other), "{name}");
        assert_ne!(listed(&other), listed(&told), "{name}");
    }
    // Wrong proofs: by a passkey that is none, for a name that is known, unknown, and without one.
    let mut stranger = Person::new(&appliance, "stranger");
    stranger.passkey.handle = ann.passkey.handle.clone();
    let mut all = Vec::new();
    for name in ["Ann", "Eve"] {
        let how = json!({ "how": "name", "name": name });
        all.push(stranger.prove(&how, "/account"));
    }
    all.push(stranger.prove(&json!({ "how": "button" }), "/account"));
    // A passkey that is known, with a signature that is wrong.
    ann.wrong.alter_signature = true;
    all.push(ann.prove(&json!({ "how": "name", "name": "Ann" }), "/account"));
    let told = |answer: &Answer| {
        let mut told: Value = serde_json::from_slice(&answer.body).unwrap();
        told["instance"].take();
        told
    };
    for answer in &all {
        assert_eq!(answer.status, 403);
        assert_eq!(shape(answer), shape(&all[0]));
        assert_eq!(told(answer), told(&all[0]));
    }
    // Recovery codes too.
    let good_shape = "00000-00000-00000-00000-0000000";
    let mut tell = |name: &str| {
        let answer = client.form("/recover", &[("name", name), ("code", good_shape)]);
        let text = answer.text().replace(name, "NAME");
        assert!(text.contains("do not belong together"), "{text}");
        (shape(&answer), text.len())
    };
    assert_eq!(tell("Ann"), tell("Eve"));
}

#[test]
fn hostile_answers_sign_nobody_in() {
    let (appliance, codes) = super::appliance(&["member", "member"]);
    let mut ann = Person::joined(&appliance, "Ann", &codes[0]);
    let mut bob = Person::joined(&appliance, "Bob", &codes[1]);
    ann.sign_out();
    let button = json!({ "how": "button" });
    let good = ann.wrong.clone();
    let mut refused = |change: &dyn Fn(&mut Person)| {
        change(&mut ann);
        assert_eq!(ann.prove(&button, "/account").status, 403);
        assert_eq!(ann.account().status, 303);
        ann.wrong = good.clone();
    };
    refused(&|ann| ann.wrong.origin = "https://localhost");
    refused(&|ann| ann.wrong.origin = "https://portal.localhost");
    refused(&|ann| ann.wrong.rp_id = "localhost");
    refused(&|ann| ann.wrong.kind = Some("webauthn.create"));
    refused(&|ann| ann.wrong.challenge = Some("AAAA".repeat(11)));
    refused(&|ann| ann.wrong.flags = 1);
    refused(&|ann| ann.wrong.flags = 0);
    refused(&|ann| ann.wrong.alter_signature = true);
    let handle = bob.passkey.handle.clone();
    refused(&|ann| ann.wrong.handle = Some(handle.clone()));
    // A ceremony is good once, and in the browser that began it.
    let begun = ann.client.scripted("/sign-in/begin", &button);
    let body = ann.answer(&begun, "", "/account");
    bob.sign_out();
    assert_eq!(bob.client.script("/sign-in/finish", &body).status, 403);
    assert_eq!(ann.client.script("/sign-in/finish", &body).status, 200);
    assert_eq!(ann.client.script("/sign-in/finish", &body).status, 403);
    // A counter that goes back: someone has a copy.
    ann.sign_out();
    ann.passkey.counter = 0;
    assert_eq!(ann.prove(&button, "/account").status, 403);
    ann.passkey.counter = 1000;
    assert_eq!(ann.sign_in("/account"), "/account");
    let mut appliance = appliance;
    appliance.stop();
    let events = crate::machine::events(&appliance);
    let count = |kind| events.iter().filter(|event| event.kind == kind).count();
    assert_eq!(count(holdfast_audit::Kind::PasskeyCounterBack), 1);
    assert!(count(holdfast_audit::Kind::SignInRefused) >= 11);
}

#[test]
fn joining_refuses_what_is_no_invite_no_name_and_no_passkey() {
    let (appliance, codes) = super::appliance(&["member", "member"]);
    let _ann = Person::joined(&appliance, "Ann", &codes[0]);
    let mut bob = Person::new(&appliance, "Bob");
    let mut wrong = codes[1].clone();
    wrong.replace_range(..1, if wrong.starts_with('A') { "B" } else { "A" });
    for code in ["", "x", &wrong, &codes[0]] {
        assert_eq!(bob.join(code).status, 422, "{code}");
    }
    for name in ["", "  ", "a\u{202e}b", "<b>", "-", &"x".repeat(65)] {
        bob.name = name.to_owned();
        assert_eq!(bob.join(&codes[1]).status, 422, "{name}");
    }
    bob.name = "aNN".to_owned();
    assert_eq!(bob.join(&codes[1]).status, 409);
    bob.name = "Bob".to_owned();
    // Not found without a name; not verified; another's.
    bob.wrong.discoverable = Some(false);
    assert_eq!(bob.join(&codes[1]).status, 422);
    bob.wrong.discoverable = Some(true);
    bob.wrong.flags = 1;
    assert_eq!(bob.join(&codes[1]).status, 403);
    bob.wrong.flags = 5;
    bob.passkey = Authenticator::new(b"the passkey of Ann");
    assert_eq!(bob.join(&codes[1]).status, 409);
    bob.passkey = Authenticator::new(b"the passkey of Bob");
    // The invite was never used up by that.
    assert_eq!(bob.join(&codes[1].to_lowercase()).status, 200);
}
