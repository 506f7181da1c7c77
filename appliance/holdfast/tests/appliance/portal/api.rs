//! The portal for programs: what it answers, and what it refuses.

use serde_json::{Value, json};

use super::client::Client;
use super::person::Person;
use crate::appliance::Appliance;
use crate::web::Answer;

/// What a program of the portal's own origin sends, with the token of this browser.
pub(super) fn ask(client: &mut Client, method: &str, path: &str, body: Option<&Value>) -> Answer {
    let token = told(&get(client, "/api/v1/session"))["token"].clone();
    let mut fields = format!(
        "Origin: {}\r\nX-Holdfast-Token: {}\r\n",
        client.portal(""),
        token.as_str().unwrap()
    );
    if body.is_some() {
        fields.push_str("Content-Type: application/json\r\n");
    }
    let body = body.map(Value::to_string).unwrap_or_default();
    let url = client.portal(path);
    client.send(method, &url, &fields, body.as_bytes())
}

pub(super) fn get(client: &mut Client, path: &str) -> Answer {
    let url = client.portal(path);
    client.send("GET", &url, "", b"")
}

/// The JSON of a good answer.
pub(super) fn told(answer: &Answer) -> Value {
    assert!((200..300).contains(&answer.status), "{}", answer.text());
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    serde_json::from_slice(&answer.body).unwrap()
}

/// A refusal of this status, as RFC 9457 shapes it.
fn problem(answer: &Answer, status: u16) -> Value {
    assert_eq!(answer.status, status, "{}\n{}", answer.head, answer.text());
    let kind = answer.header("content-type");
    assert_eq!(kind, Some("application/problem+json"), "{}", answer.head);
    let problem: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(problem["status"], status);
    for member in ["type", "title", "detail", "instance"] {
        assert!(!problem[member].as_str().unwrap().is_empty(), "{problem}");
    }
    problem
}

fn two() -> (Appliance, Person, Person) {
    let (appliance, codes) = super::appliance(&["admin", "member"]);
    let ada = Person::joined(&appliance, "Ada", &codes[0]);
    let bob = Person::joined(&appliance, "Bob", &codes[1]);
    (appliance, ada, bob)
}

/// The number of someone of this name.
fn number(client: &mut Client, name: &str) -> String {
    let people = told(&get(client, "/api/v1/people"));
    let all = people["items"].as_array().unwrap();
    let one = all.iter().find(|one| one["name"] == name).unwrap();
    one["id"].as_str().unwrap().to_owned()
}

#[test]
fn a_program_does_what_the_pages_do() {
    let (_appliance, mut ada, mut bob) = two();
    let client = &mut ada.client;
    let session = told(&get(client, "/api/v1/session"));
    assert_eq!(session["person"]["name"], "Ada");
    assert_eq!(session["admin"], true);
    assert_eq!(session["fresh"], true);
    let account = told(&get(client, "/api/v1/account"));
    assert_eq!(
        (&account["passkeys"], &account["recovery_codes"]),
        (&json!(1), &json!(0))
    );
    let codes = ask(client, "POST", "/api/v1/account/recovery-codes", None);
    assert_eq!(
        (
            codes.status,
            told(&codes)["codes"].as_array().unwrap().len()
        ),
        (201, 10)
    );
    assert_eq!(told(&get(client, "/api/v1/account"))["recovery_codes"], 10);
    let totp = told(&ask(client, "POST", "/api/v1/account/totp", None));
    assert!(
        totp["address"]
            .as_str()
            .unwrap()
            .starts_with("otpauth://totp/")
    );
    let wrong = json!({ "code": "00" });
    problem(
        &ask(client, "PUT", "/api/v1/account/totp", Some(&wrong)),
        403,
    );
    // A further passkey, by the ceremony that the script uses.
    let begun = told(&ask(
        client,
        "POST",
        "/api/v1/account/passkey-ceremonies",
        None,
    ));
    let answer =
        super::authenticator::Authenticator::new(b"another").create(&begun["options"], &ada.wrong);
    let answer: Value = serde_json::from_slice(&answer).unwrap();
    let body = json!({ "id": begun["id"], "answer": answer, "label": "A second one" });
    let client = &mut ada.client;
    assert_eq!(
        ask(client, "POST", "/api/v1/account/passkeys", Some(&body)).status,
        204
    );
    problem(
        &ask(client, "POST", "/api/v1/account/passkeys", Some(&body)),
        403,
    );
    let keys = told(&get(client, "/api/v1/account/passkeys"));
    assert_eq!(keys["items"][1]["label"], "A second one");
    let second = format!(
        "/api/v1/account/passkeys/{}",
        keys["items"][1]["id"].as_str().unwrap()
    );
    assert_eq!(ask(client, "DELETE", &second, None).status, 204);
    problem(&ask(client, "DELETE", &second, None), 404);

    // Invites and roles.
    let role = json!({ "inherits": ["member"], "idle_seconds": 600, "absolute_seconds": 3600, "sessions": 2 });
    assert_eq!(
        ask(client, "PUT", "/api/v1/roles/editor", Some(&role)).status,
        204
    );
    let invite = json!({ "roles": ["editor"], "life_seconds": 3600 });
    let invited = told(&ask(client, "POST", "/api/v1/invites", Some(&invite)));
    let unknown = json!({ "roles": ["nobody"], "life_seconds": 3600 });
    problem(&ask(client, "POST", "/api/v1/invites", Some(&unknown)), 422);
    let code = invited["code"].as_str().unwrap();
    let mut eve = Person::joined(&_appliance, "Eve", code);
    assert_eq!(
        told(&ask(client, "POST", "/api/v1/invites", Some(&invite)))["life_seconds"],
        3600
    );
    let open = told(&get(client, "/api/v1/invites"));
    assert!(!open.to_string().contains(code));
    let open = format!(
        "/api/v1/invites/{}",
        open["items"][0]["id"].as_str().unwrap()
    );
    assert_eq!(ask(client, "DELETE", &open, None).status, 204);
    problem(&ask(client, "DELETE", &open, None), 404);

    // People and their sessions.
    let eves = number(client, "Eve");
    let path = |rest: &str| format!("/api/v1/people/{eves}{rest}");
    let sessions = told(&get(client, &path("/sessions")));
    let one = sessions["items"][0]["id"].as_str().unwrap();
    assert_eq!(
        ask(client, "DELETE", &path(&format!("/sessions/{one}")), None).status,
        204
    );
    problem(&get(&mut eve.client, "/api/v1/session"), 401);
    eve.sign_in("/account");
    assert_eq!(
        told(&get(&mut eve.client, "/api/v1/session"))["admin"],
        false
    );
    let out = json!({ "enabled": false });
    assert_eq!(
        ask(client, "PUT", &path("/enabled"), Some(&out)).status,
        204
    );
    problem(&get(&mut eve.client, "/api/v1/session"), 401);
    let roles = json!({ "roles": ["member", "visitor"] });
    assert_eq!(
        ask(client, "PUT", &path("/roles"), Some(&roles)).status,
        204
    );
    let person = told(&get(client, &path("")));
    assert_eq!(
        (&person["enabled"], &person["roles"]),
        (&json!(false), &roles["roles"])
    );
    assert_eq!(ask(client, "DELETE", &path(""), None).status, 204);
    problem(&get(client, &path("")), 404);
    // The last admin stays one.
    let own = format!("/api/v1/people/{}", number(client, "Ada"));
    problem(&ask(client, "DELETE", &own, None), 409);

    // Out, by the program too.
    assert_eq!(ask(client, "DELETE", "/api/v1/session", None).status, 204);
    problem(&get(client, "/api/v1/session"), 401);
    assert_eq!(
        client.cookie("portal.localhost", "__Host-holdfast-portal"),
        None
    );
    assert_eq!(
        told(&get(&mut bob.client, "/api/v1/session"))["person"]["name"],
        "Bob"
    );
}

#[test]
fn a_program_that_is_not_signed_in_or_no_admin_is_refused() {
    let (appliance, mut ada, mut bob) = two();
    let mut stranger = Client::new(&appliance);
    let id = number(&mut ada.client, "Ada");
    let document = told(&get(&mut stranger, "/api/v1/openapi.json"));
    let mut seen = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        let to = path.replace("{person}", &id).replace("{role}", "admin");
        let to = to
            .replace("{session}", "0011223344556677")
            .replace("{invite}", "0011223344556677");
        let to = to.replace("{passkey}", "0011223344556677");
        for method in item
            .as_object()
            .unwrap()
            .keys()
            .filter(|name| *name != "parameters")
        {
            let method = method.to_ascii_uppercase();
            if to.ends_with("/openapi.json") {
                continue;
            }
            seen += 1;
            let url = stranger.portal(&to);
            let fields = format!("Origin: {}\r\n", stranger.portal(""));
            let refused = problem(&stranger.send(&method, &url, &fields, b""), 401);
            assert_eq!(refused["type"], "about:blank", "{method} {to}");
            if to.starts_with("/api/v1/session") || to.starts_with("/api/v1/account") {
                continue;
            }
            problem(&ask(&mut bob.client, &method, &to, None), 403);
        }
    }
    assert!(seen > 25, "{seen}");
    assert_eq!(
        told(&get(&mut bob.client, "/api/v1/session"))["person"]["name"],
        "Bob"
    );
}

#[test]
fn an_act_of_a_program_comes_from_the_portals_origin_with_the_browsers_token() {
    let (appliance, mut ada, mut bob) = two();
    let token = told(&get(&mut ada.client, "/api/v1/session"))["token"]
        .as_str()
        .unwrap()
        .to_owned();
    let others = told(&get(&mut bob.client, "/api/v1/session"))["token"]
        .as_str()
        .unwrap()
        .to_owned();
    let portal = format!("Origin: https://portal.localhost:{}\r\n", appliance.port);
    let site = format!("Origin: https://localhost:{}\r\n", appliance.port);
    let good = format!("X-Holdfast-Token: {token}\r\n");
    for method in ["POST", "PUT", "DELETE"] {
        let path = if method == "PUT" {
            "/api/v1/roles/editor"
        } else {
            "/api/v1/account/totp"
        };
        let url = ada.client.portal(path);
        for fields in [
            good.clone(),
            format!("{good}{site}"),
            format!("{good}{portal}{site}"),
            format!("{good}{portal}Sec-Fetch-Site: same-site\r\n"),
            format!("{good}{portal}Sec-Fetch-Site: cross-site\r\n"),
            format!("{good}Origin: null\r\n"),
            portal.clone(),
            format!("{portal}X-Holdfast-Token: \r\n"),
            format!("{portal}X-Holdfast-Token: {others}\r\n"),
            format!("{portal}{good}{good}"),
        ] {
            problem(&ada.client.send(method, &url, &fields, b""), 403);
        }
        // A token in the body or the query is none.
        let url = ada.client.portal(&format!("{path}?token={token}"));
        let json = format!("{portal}Content-Type: application/json\r\n");
        let body = json!({ "token": token }).to_string();
        problem(&ada.client.send(method, &url, &json, body.as_bytes()), 403);
    }
    assert_eq!(
        told(&get(&mut ada.client, "/api/v1/account"))["totp"],
        false
    );
    let roles = told(&get(&mut ada.client, "/api/v1/roles"));
    assert!(!roles.to_string().contains("editor"));
    // The cookie that the token belongs to is asked for as well.
    ada.client
        .lose_cookie("portal.localhost", "__Host-holdfast-browser");
    let url = ada.client.portal("/api/v1/account/totp");
    problem(
        &ada.client
            .send("POST", &url, &format!("{good}{portal}"), b""),
        403,
    );
    // And what may be done is done.
    let own = told(&ask(&mut ada.client, "POST", "/api/v1/account/totp", None));
    assert!(own["secret"].is_string());
}

#[test]
fn what_a_program_sends_is_taken_in_its_one_shape() {
    let (_appliance, mut ada, _bob) = two();
    let client = &mut ada.client;
    let token = told(&get(client, "/api/v1/session"))["token"]
        .as_str()
        .unwrap()
        .to_owned();
    let own = format!(
        "Origin: {}\r\nX-Holdfast-Token: {token}\r\n",
        client.portal("")
    );
    let json = format!("{own}Content-Type: application/json\r\n");
    let mut put = |fields: &str, body: &str| {
        let url = client.portal("/api/v1/roles/editor");
        client.send("PUT", &url, fields, body.as_bytes())
    };
    let good = r#"{"inherits":[],"idle_seconds":600,"absolute_seconds":3600,"sessions":2}"#;
    for (fields, body, status) in [
        (&json, "", 400),
        (&json, "{", 400),
        (&json, "[]", 422),
        (&json, "{}", 422),
        (
            &json,
            r#"{"inherits":[],"idle_seconds":600,"absolute_seconds":3600,"sessions":2,"more":1}"#,
            422,
        ),
        (
            &json,
            r#"{"inherits":[],"idle_seconds":-1,"absolute_seconds":3600,"sessions":2}"#,
            422,
        ),
        (
            &json,
            r#"{"inherits":[],"idle_seconds":59,"absolute_seconds":3600,"sessions":2}"#,
            422,
        ),
        (&own, good, 415),
        (&format!("{own}Content-Type: text/plain\r\n"), good, 415),
        (
            &format!("{own}Content-Type: application/x-www-form-urlencoded\r\n"),
            good,
            415,
        ),
    ] {
        let refused = problem(&put(fields, body), status);
        assert!(
            !refused.to_string().contains("more"),
            "it tells what was sent"
        );
    }
    problem(&put(&json, &format!("{good}{}", " ".repeat(32 << 10))), 413);
    assert_eq!(put(&json, good).status, 204);
    let url = client.portal("/api/v1/account/totp");
    problem(&client.send("POST", &url, &json, b"{}"), 400);
    // Nothing of these addresses, or not by this method.
    for path in [
        "/api/",
        "/api/v1",
        "/api/v1/",
        "/api/v1/people/",
        "/api/v1/nothing",
        "/api/v2/people",
    ] {
        problem(&get(client, path), 404);
    }
    let url = client.portal("/api/v1/account/totp");
    for method in ["GET", "PATCH", "TRACE", "QUERY"] {
        let answer = client.send(method, &url, "", b"");
        problem(&answer, 405);
        assert_eq!(answer.header("allow"), Some("POST, PUT, DELETE, OPTIONS"));
    }
    for (path, status) in [
        ("/api/v1/people?limit=0", 422),
        ("/api/v1/people?limit=101", 422),
        ("/api/v1/people?after=x", 422),
        ("/api/v1/account?after=x", 422),
        ("/api/v1/people/x", 404),
        ("/api/v1/people/00000000000000000000000000000000", 404),
    ] {
        problem(&get(client, path), status);
    }
    // A HEAD is told as a GET is, without its content.
    let url = client.portal("/api/v1/roles");
    let head = client.send("HEAD", &url, "", b"");
    let whole = get(client, "/api/v1/roles");
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!(
        head.header("content-length"),
        whole.header("content-length")
    );
}

#[test]
fn people_come_a_page_at_a_time() {
    let (appliance, codes) = super::appliance(&["admin", "member", "member", "member", "member"]);
    let mut ada = Person::joined(&appliance, "Ada", &codes[0]);
    for (at, code) in codes.iter().enumerate().skip(1) {
        Person::joined(&appliance, &format!("Person {at}"), code);
    }
    let (mut path, mut seen) = ("/api/v1/people?limit=2".to_owned(), Vec::new());
    for left in [3, 1, 0] {
        let page = told(&get(&mut ada.client, &path));
        let items = page["items"].as_array().unwrap();
        seen.extend(
            items
                .iter()
                .map(|one| one["id"].as_str().unwrap().to_owned()),
        );
        assert_eq!(seen.len(), 5 - left);
        match page["next"].as_str() {
            Some(next) => path = format!("/api/v1/people?limit=2&after={next}"),
            None => assert_eq!(left, 0),
        }
    }
    let mut sorted = seen.clone();
    sorted.sort();
    sorted.dedup();
    assert_eq!(seen, sorted);
    let roles = told(&get(&mut ada.client, "/api/v1/roles?limit=1&after=admin"));
    assert_eq!(
        (&roles["items"][0]["name"], &roles["next"]),
        (&json!("member"), &json!("member"))
    );
}

#[test]
fn a_program_finds_its_addresses_below_the_own_folder_on_a_host_of_both() {
    let appliance = Appliance::start_with_one_name("").enrolled();
    let mut client = Client::new(&appliance);
    let url = client.site("/.holdfast/api/v1/openapi.json");
    let document = told(&client.send("GET", &url, "", b""));
    assert_eq!(document["openapi"], "3.1.0");
    let url = client.site("/.holdfast/api/v1/session");
    problem(&client.send("GET", &url, "", b""), 401);
    let url = client.site("/.holdfast/api/v1/nothing");
    problem(&client.send("GET", &url, "", b""), 404);
    // What is there without that folder is the site's.
    let url = client.site("/api/v1/session");
    let answer = client.send("GET", &url, "", b"");
    assert_eq!(
        answer.header("content-type"),
        Some("text/html; charset=utf-8")
    );
}
