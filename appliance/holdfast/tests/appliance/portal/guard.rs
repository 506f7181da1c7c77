//! What changes something is taken from the portal's own pages alone.

use serde_json::json;

use super::client::{Client, url};
use crate::web::Answer;

const FORM: &str = "Content-Type: application/x-www-form-urlencoded\r\n";

fn post(client: &mut Client, fields: &str, body: &str) -> Answer {
    let url = client.portal("/recover");
    client.send("POST", &url, fields, body.as_bytes())
}

#[test]
fn what_changes_something_comes_from_a_page_of_the_portal_in_this_browser() {
    let (appliance, _) = super::appliance(&[]);
    let mut client = Client::new(&appliance);
    let token = client.token();
    let body = format!("token={token}&name=nobody&code=x");
    let own = client.back_from_portal("navigate", "document");
    // As a browser sends it, it is taken: this name and this code do not belong together.
    let taken = post(&mut client, &format!("{own}{FORM}"), &body);
    assert_eq!(taken.status, 403);
    assert!(
        taken.text().contains("do not belong together"),
        "{}",
        taken.text()
    );
    let portal = format!("Origin: https://portal.localhost:{}\r\n", appliance.port);
    let site = format!("Origin: https://localhost:{}\r\n", appliance.port);
    for fields in [
        // No browser sends neither.
        String::new(),
        site.clone(),
        format!("{site}Sec-Fetch-Site: cross-site\r\n"),
        format!("{site}Sec-Fetch-Site: same-site\r\n"),
        format!("{portal}Sec-Fetch-Site: cross-site\r\n"),
        format!("{portal}Sec-Fetch-Site: same-site\r\n"),
        format!("{portal}Sec-Fetch-Site: none\r\n"),
        format!("{portal}{site}"),
        format!("{portal}Sec-Fetch-Site: same-origin\r\nSec-Fetch-Site: cross-site\r\n"),
        "Origin: null\r\n".to_owned(),
        "Origin: null\r\nSec-Fetch-Site: same-origin\r\n".to_owned(),
        "Origin: https://evil.example\r\n".to_owned(),
        "Origin: https://portal.localhost\r\n".to_owned(),
        format!("Origin: http://portal.localhost:{}\r\n", appliance.port),
        "Sec-Fetch-Site: cross-site\r\n".to_owned(),
    ] {
        let answer = post(&mut client, &format!("{fields}{FORM}"), &body);
        assert_eq!(answer.status, 403, "{fields}");
        assert!(
            answer.text().contains("not taken from other sites"),
            "{fields}"
        );
    }
}

#[test]
fn a_form_without_this_browsers_token_changes_nothing() {
    let (appliance, _) = super::appliance(&[]);
    let mut client = Client::new(&appliance);
    let mut other = Client::new(&appliance);
    let token = client.token();
    let others = other.token();
    assert_ne!(token, others);
    let fields = format!("{}{FORM}", client.back_from_portal("navigate", "document"));
    let mut altered = token.clone();
    altered.replace_range(..1, if token.starts_with('A') { "B" } else { "A" });
    for wrong in ["", "x", &others, &altered, &token[1..]] {
        let body = url(&[("token", wrong), ("name", "nobody"), ("code", "x")]);
        let answer = post(&mut client, &fields, &body);
        assert_eq!(answer.status, 403, "{wrong}");
        assert!(answer.text().contains("out of date"), "{wrong}");
    }
    // The other one's token, and the other one's cookie beside it, is the other browser. The cookie alone is not.
    let body = url(&[("token", &token), ("name", "nobody"), ("code", "x")]);
    let answer = post(&mut other, &fields, &body);
    assert!(answer.text().contains("out of date"));
    other.lose_cookie("portal.localhost", "__Host-holdfast-browser");
    let answer = post(&mut other, &fields, &body);
    assert!(answer.text().contains("out of date"));
    // A token in the query is none.
    let to = client.portal(&format!("/recover?token={token}"));
    let answer = client.send("POST", &to, &fields, b"name=nobody&code=x");
    assert!(answer.text().contains("out of date"));
}

#[test]
fn acts_are_posts_of_a_known_type_and_size() {
    let (appliance, _) = super::appliance(&[]);
    let mut client = Client::new(&appliance);
    for path in [
        "/sign-in/begin",
        "/sign-in/finish",
        "/sign-out",
        "/join/begin",
        "/join/finish",
        "/account/passkeys/begin",
        "/account/passkeys/remove",
        "/account/totp",
        "/account/codes",
        "/account/sessions/end",
    ] {
        let url = client.portal(path);
        for method in ["GET", "HEAD", "PUT", "DELETE", "PATCH"] {
            let answer = client.send(method, &url, "", b"");
            assert_eq!(answer.status, 405, "{method} {path}");
            assert_eq!(answer.header("allow"), Some("POST, OPTIONS"), "{path}");
        }
    }
    let token = client.token();
    let own = client.back_from_portal("navigate", "document");
    let body = format!("token={token}&name=nobody&code=x");
    for kind in [
        "",
        "Content-Type: text/plain\r\n",
        "Content-Type: multipart/form-data; boundary=x\r\n",
        "Content-Type: application/jsonp\r\n",
    ] {
        let answer = post(&mut client, &format!("{own}{kind}"), &body);
        assert_eq!(answer.status, 415, "{kind}");
    }
    let large = format!("{body}&more={}", "x".repeat(32 << 10));
    let answer = post(&mut client, &format!("{own}{FORM}"), &large);
    assert_eq!(answer.status, 413);
    for wrong in ["", "{", "[]", "{\"how\":\"nothing\"}", "{\"how\":\"name\"}"] {
        let to = client.portal("/sign-in/begin");
        let fields =
            format!("{own}Content-Type: application/json\r\nX-Holdfast-Token: {token}\r\n");
        let answer = client.send("POST", &to, &fields, wrong.as_bytes());
        assert_eq!(answer.status, 400, "{wrong}");
        let kind = answer.header("content-type");
        assert_eq!(kind, Some("application/problem+json"), "{wrong}");
    }
    // What is one's own is nobody's without a session: acts are refused, pages lead through the sign-in.
    let answer = client.form("/account/codes", &[]);
    assert_eq!(answer.status, 401);
    let answer = client.script("/account/passkeys/begin", &json!({}));
    assert_eq!(answer.status, 401);
    let to = client.portal("/account");
    let answer = client.go(&to);
    assert_eq!(answer.status, 303);
    assert_eq!(answer.header("location"), Some("/sign-in?next=%2Faccount"));
}
