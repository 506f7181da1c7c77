//! Pages that ask for more than being signed in: through exactly that, and back.

use data_encoding::BASE32_NOPAD;
use serde_json::json;

use super::account::{between, password, step};
use super::admin_fresh::age;
use super::client::GOES;
use super::person::{Person, next_of};
use crate::appliance::Appliance;
use crate::web::Answer;

const FETCHES: &str =
    "Sec-Fetch-Site: same-origin\r\nSec-Fetch-Mode: cors\r\nSec-Fetch-Dest: empty\r\n";

/// Goes to a page of the site, which asks for more; where the portal leads, and its answer.
fn asked(ann: &mut Person, path: &str, query: &str) -> (String, Answer) {
    let url = ann.client.site(path);
    let away = ann.client.go(&url);
    assert_eq!(away.status, 303, "{}", away.text());
    let to = away.header("location").unwrap();
    let next = path.replace('/', "%2F");
    assert_eq!(to, format!("/.holdfast/sign-in?next={next}&{query}"));
    let cache = away.header("cache-control").unwrap();
    assert!(cache.contains("no-store"), "{cache}");
    ann.client.on(&url, away)
}

fn page(ann: &mut Person, path: &str) -> Answer {
    let url = ann.client.site(path);
    ann.client.arrive(&url).1
}

/// The address behind `next` in this one.
fn next(url: &str) -> String {
    let value = url.split_once("next=").unwrap().1;
    let value = value.split('&').next().unwrap();
    let mut parts = value.split('%');
    let mut text = parts.next().unwrap().to_owned();
    for part in parts {
        text.push(u8::from_str_radix(&part[..2], 16).unwrap().into());
        text.push_str(&part[2..]);
    }
    text
}

fn member() -> (Appliance, Person) {
    let (appliance, codes) = super::appliance(&["member"]);
    let ann = Person::joined(&appliance, "Ann", &codes[0]);
    (appliance, ann)
}

#[test]
fn a_page_that_asks_for_a_fresh_proof_leads_through_it_and_back() {
    let (mut appliance, mut ann) = member();
    let path = "/members/fresh/";
    // Who has just signed in has one.
    assert!(page(&mut ann, path).text().contains("for a fresh proof"));
    age(&mut appliance, 310);
    assert!(page(&mut ann, "/members/").text().contains("for members"));
    // Nothing of the page is told, whatever is asked of it; a program is told what would do (RFC 9470).
    let url = ann.client.site(path);
    for (method, fields) in [
        ("GET", FETCHES.to_owned()),
        ("HEAD", GOES.to_owned()),
        ("GET", format!("{FETCHES}Range: bytes=0-9\r\n")),
        ("GET", format!("{FETCHES}If-None-Match: *\r\n")),
    ] {
        let answer = ann.client.send(method, &url, &fields, b"");
        assert_eq!(answer.status, 401, "{method} {fields}");
        let challenge = answer.header("www-authenticate").unwrap();
        assert_eq!(
            challenge,
            "Holdfast-Portal error=\"insufficient_user_authentication\", max_age=\"300\""
        );
        assert!(!answer.text().contains("for a fresh proof"));
        assert_eq!(answer.header("etag"), None);
    }
    let (at, shown) = asked(&mut ann, path, "max_age=300");
    assert!(at.contains("/step-up?next=%2Fhand-over"), "{at}");
    assert_eq!(shown.status, 200, "{}", shown.text());
    let before = ann.client.cookie("localhost", "__Host-holdfast-site");
    let before = before.unwrap().to_owned();
    let back = next(&at);
    let answer = ann.prove(&json!({ "how": "step-up" }), &back);
    assert_eq!(next_of(&answer), back);
    let back = ann.client.portal(&back);
    let (at, answer) = ann.client.arrive(&back);
    assert_eq!(at, url);
    assert!(answer.text().contains("for a fresh proof"));
    // By a session of its own: the one of before has proven no more than it had.
    let after = ann.client.cookie("localhost", "__Host-holdfast-site");
    let after = after.unwrap().to_owned();
    assert_ne!(after, before);
    ann.client
        .set_cookie("localhost", "__Host-holdfast-site", &before);
    let answer = ann.client.send("GET", &url, FETCHES, b"");
    assert_eq!(answer.status, 401);
}

#[test]
fn a_page_that_asks_for_a_second_factor_leads_through_it_or_says_how_to_get_one() {
    let (mut appliance, mut ann) = member();
    let path = "/members/second-factor/";
    let query = "max_age=3600&method=totp";
    page(&mut ann, "/members/");
    let (_, none) = asked(&mut ann, path, query);
    assert_eq!(none.status, 409, "{}", none.text());
    assert!(none.text().contains("you have no generator"));
    let url = ann.client.site(path);
    let answer = ann.client.send("GET", &url, FETCHES, b"");
    let challenge = answer.header("www-authenticate").unwrap();
    assert!(challenge.ends_with("max_age=\"3600\", acr_values=\"totp\""));

    let shown = ann.client.form("/account/totp", &[]);
    let secret = between(&shown, "Secret: <code>", "</code>");
    let secret = BASE32_NOPAD.decode(secret[0].as_bytes()).unwrap();
    let now = step();
    let first = password(&secret, now);
    ann.client
        .form("/account/totp/confirm", &[("code", &first)]);
    // The passkey was shown lately: the code alone is asked for.
    let (at, shown) = asked(&mut ann, path, query);
    assert!(at.contains("/second-factor?next=%2Fhand-over"), "{at}");
    assert!(shown.text().contains("One-time password"));
    let back = next(&at);
    let code = password(&secret, now + 1);
    let done = ann
        .client
        .form("/second-factor", &[("code", &code), ("next", &back)]);
    assert_eq!(done.status, 303, "{}", done.text());
    let from = ann.client.portal("/second-factor");
    let (at, answer) = ann.client.on(&from, done);
    assert_eq!(at, url);
    assert!(answer.text().contains("for a second factor"));
    // After a while both are asked for, the passkey first.
    age(&mut appliance, 3700);
    let (at, _) = asked(&mut ann, path, query);
    assert!(at.contains("/step-up?next=%2Fhand-over"), "{at}");
}

#[test]
fn no_proof_is_asked_for_where_none_would_help() {
    let (appliance, codes) = super::appliance(&["visitor"]);
    let mut eve = Person::joined(&appliance, "Eve", &codes[0]);
    page(&mut eve, "/signed-in/");
    for path in ["/members/", "/members/fresh/", "/members/second-factor/"] {
        let answer = page(&mut eve, path);
        assert_eq!(answer.status, 403, "{path}");
        assert!(answer.header("www-authenticate").is_none());
    }
    // Nor does the portal take a wish that is none.
    let challenge = "A".repeat(43);
    for wish in ["max_age=", "max_age=x", "max_age=-1", "max_age=99999999999"] {
        let url = eve
            .client
            .portal(&format!("/hand-over?challenge={challenge}&next=%2F&{wish}"));
        let answer = eve.client.go(&url);
        let to = answer.header("location").unwrap();
        assert!(to.contains("/.holdfast/redeem?code="), "{wish}: {to}");
    }
}
