//! The way from the site to the portal and back.

use super::client::Client;
use super::person::Person;
use crate::web::Answer;

const BINDING: &str = "__Host-holdfast-binding";
const SITE: &str = "__Host-holdfast-site";

/// Sets out from the site and goes as far as the portal's answer; where that leads.
fn code(client: &mut Client) -> String {
    let url = client.site("/members/");
    let away = client.go(&url);
    let (url, away) = client.follow(&url, &away);
    let (_, back) = client.follow(&url, &away);
    assert_eq!(back.status, 303, "{}", back.text());
    assert_eq!(back.header("referrer-policy"), Some("no-referrer"));
    back.header("location").unwrap().to_owned()
}

/// The code is worth nothing, and the address with it is left at once.
fn is_refused(client: &mut Client, answer: &Answer) {
    assert_eq!(answer.status, 303, "{}", answer.text());
    assert_eq!(answer.header("location"), Some("/.holdfast/redeem"));
    assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
    let clean = client.site("/.holdfast/redeem");
    let answer = client.go(&clean);
    assert_eq!(answer.status, 403, "{}", answer.text());
    assert!(answer.text().contains("took too long, was gone before"));
    assert_eq!(client.cookie("localhost", SITE), None);
}

#[test]
fn a_hand_over_is_for_the_browser_that_set_out_and_once() {
    let (appliance, codes) = super::appliance(&["member"]);
    let mut ann = Person::joined(&appliance, "Ann", &codes[0]);
    // Without the binding, and with another's.
    let url = code(&mut ann.client);
    let mut thief = Client::new(&appliance);
    let answer = thief.go(&url);
    is_refused(&mut thief, &answer);
    let url = code(&mut ann.client);
    let site = thief.site("/members/");
    let away = thief.go(&site);
    thief.follow(&site, &away);
    assert!(thief.cookie("localhost", BINDING).is_some());
    let answer = thief.go(&url);
    is_refused(&mut thief, &answer);
    // A code that was tried by another is used up for its own browser too.
    let answer = ann.client.go(&url);
    is_refused(&mut ann.client, &answer);
    // Its own way leads to the page, by a clean address.
    let url = code(&mut ann.client);
    let binding = ann.client.cookie("localhost", BINDING).unwrap().to_owned();
    let answer = ann.client.go(&url);
    assert_eq!(answer.status, 303);
    assert_eq!(answer.header("location"), Some("/members/"));
    assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(ann.client.cookie("localhost", BINDING), None);
    let page = ann.client.site("/members/");
    assert!(ann.client.go(&page).text().contains("for members"));
    // And a second time it is worth nothing, though the binding is there.
    let session = ann.client.cookie("localhost", SITE).unwrap().to_owned();
    ann.client.lose_cookie("localhost", SITE);
    ann.client.set_cookie("localhost", BINDING, &binding);
    let answer = ann.client.go(&url);
    is_refused(&mut ann.client, &answer);
    // The site's session is not the portal's, and the other way round.
    thief.set_cookie("portal.localhost", "__Host-holdfast-portal", &session);
    let account = thief.portal("/account");
    assert_eq!(thief.go(&account).status, 303);
    let portal = ann
        .client
        .cookie("portal.localhost", "__Host-holdfast-portal");
    let portal = portal.unwrap().to_owned();
    thief.set_cookie("localhost", SITE, &portal);
    assert_eq!(thief.go(&page).status, 303);
    // The code is in no record.
    let secret = url.split("code=").nth(1).unwrap();
    let secret = secret.split('&').next().unwrap();
    let log = appliance.log_with("/.holdfast/redeem");
    assert!(!log.contains(secret) && !log.contains("code="));
}

#[test]
fn a_hand_over_that_takes_too_long_is_worth_nothing() {
    let (appliance, codes) = super::appliance(&["member"]);
    let mut ann = Person::joined(&appliance, "Ann", &codes[0]);
    let url = code(&mut ann.client);
    std::thread::sleep(std::time::Duration::from_secs(31));
    let answer = ann.client.go(&url);
    is_refused(&mut ann.client, &answer);
}

#[test]
fn a_broken_way_to_the_site_is_told_and_leads_nowhere() {
    let (appliance, codes) = super::appliance(&["member"]);
    let mut ann = Person::joined(&appliance, "Ann", &codes[0]);
    let challenge = "A".repeat(43);
    for query in [
        "",
        "?challenge=",
        "?challenge=x",
        "?challenge=%00",
        "?next=/",
    ] {
        let url = ann.client.portal(&format!("/hand-over{query}"));
        let answer = ann.client.go(&url);
        assert_eq!(answer.status, 422, "{query}");
        assert!(answer.header("location").is_none());
    }
    // Always to the site, whatever is asked.
    for next in ["//evil.example", "https://evil.example", "/\\evil.example"] {
        let url = ann
            .client
            .portal(&format!("/hand-over?challenge={challenge}&next={next}"));
        let answer = ann.client.go(&url);
        let to = answer.header("location").unwrap();
        let site = ann.client.site("/.holdfast/redeem?code=");
        assert!(to.starts_with(&site) && to.ends_with("&next=%2F"), "{to}");
    }
}

#[test]
fn only_a_windows_own_navigation_takes_the_steps_of_a_hand_over() {
    let (appliance, codes) = super::appliance(&["member"]);
    let mut ann = Person::joined(&appliance, "Ann", &codes[0]);
    let url = code(&mut ann.client);
    let path = url.split("localhost").nth(1).unwrap();
    let way = ann.client.site(&path[path.find('/').unwrap()..]);
    assert_eq!(way, url);
    let set_out = ann.client.site("/.holdfast/sign-in?next=/members/");
    let challenge = "A".repeat(43);
    let over = ann
        .client
        .portal(&format!("/hand-over?challenge={challenge}"));
    let script = "Sec-Fetch-Site: same-origin\r\nSec-Fetch-Mode: cors\r\nSec-Fetch-Dest: empty\r\n";
    let frame =
        "Sec-Fetch-Site: same-origin\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: iframe\r\n";
    let ahead = "Sec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\nSec-Purpose: prefetch\r\n";
    for fields in [script, frame, ahead] {
        for step in [&set_out, &over] {
            let answer = ann.client.send("GET", step, fields, b"");
            assert_eq!(answer.status, 422, "{step} {fields}");
            assert!(answer.header("location").is_none());
        }
    }
    for step in [&set_out, &over, &url] {
        let answer = ann.client.send("HEAD", step, super::client::GOES, b"");
        assert_eq!(answer.status, 405, "{step}");
    }
    // A script that has got hold of a code gets nothing for it, and it is used up.
    let answer = ann.client.send("GET", &url, script, b"");
    is_refused(&mut ann.client, &answer);
    let answer = ann.client.go(&url);
    is_refused(&mut ann.client, &answer);
    // Neither does a browser that has no binding leave it for somebody else's.
    let url = code(&mut ann.client);
    let binding = ann.client.cookie("localhost", BINDING).unwrap().to_owned();
    ann.client.lose_cookie("localhost", BINDING);
    let answer = ann.client.go(&url);
    is_refused(&mut ann.client, &answer);
    ann.client.set_cookie("localhost", BINDING, &binding);
    let answer = ann.client.go(&url);
    is_refused(&mut ann.client, &answer);
    // A service worker may not stand where it would see the address.
    for (path, status) in [("/sw.js", 422), ("/index.html", 422), ("/a/sw.js", 404)] {
        let fields = "Service-Worker: script\r\nSec-Fetch-Mode: same-origin\r\nSec-Fetch-Dest: serviceworker\r\n";
        let url = ann.client.site(path);
        let answer = ann.client.send("GET", &url, fields, b"");
        assert_eq!(answer.status, status, "{path}");
        assert!(answer.header("service-worker-allowed").is_none());
    }
}
