//! The portal for programs: what it does for them.

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
pub(super) fn problem(answer: &Answer, status: u16) -> Value {
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

pub(super) fn two() -> (Appliance, Person, Person) {
    let (appliance, codes) = super::appliance(&["admin", "member"]);
    let ada = Person::joined(&appliance, "Ada", &codes[0]);
    let bob = Person::joined(&appliance, "Bob", &codes[1]);
    (appliance, ada, bob)
}

/// The number of someone of this name.
pub(super) fn number(client: &mut Client, name: &str) -> String {
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
fn an_act_of_a_program_that_could_give_power_asks_for_a_fresh_proof() {
    let (mut appliance, mut ada, _bob) = two();
    let code = super::invite::make(&appliance, &["admin"]).remove(0);
    Person::joined(&appliance, "Cleo", &code);
    let bob = number(&mut ada.client, "Bob");
    super::admin_fresh::age(&mut appliance, 310);
    let client = &mut ada.client;
    assert_eq!(told(&get(client, "/api/v1/session"))["fresh"], false);
    let stale = |answer: &Answer| {
        let refused = problem(answer, 401);
        assert_eq!(refused["type"], "urn:holdfast:not-fresh");
        // RFC 9470, section 3.
        let asked = answer.header("www-authenticate").unwrap();
        assert!(asked.contains("error=\"insufficient_user_authentication\", max_age=\"300\""));
    };
    let document = told(&get(client, "/api/v1/openapi.json"));
    let mut seen = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        let path = path.replace("{person}", &bob).replace("{role}", "editor");
        let path = path.replace("{passkey}", "0011223344556677");
        for (method, operation) in item.as_object().unwrap() {
            if operation["description"].is_string() {
                let body = operation["requestBody"].is_object().then(|| json!({}));
                stale(&ask(
                    client,
                    &method.to_ascii_uppercase(),
                    &path,
                    body.as_ref(),
                ));
                seen += 1;
            }
        }
    }
    assert_eq!(seen, 13);
    let enabled = format!("/api/v1/people/{bob}/enabled");
    stale(&ask(
        client,
        "PUT",
        &enabled,
        Some(&json!({ "enabled": true })),
    ));
    // Or an admin's session that was left open could keep all the others out.
    let out = json!({ "enabled": false });
    let cleo = format!("/api/v1/people/{}/enabled", number(client, "Cleo"));
    stale(&ask(client, "PUT", &cleo, Some(&out)));
    // Keeping somebody else out, and ending sessions, do not wait.
    assert_eq!(ask(client, "PUT", &enabled, Some(&out)).status, 204);
    let sessions = "/api/v1/account/sessions";
    assert_eq!(ask(client, "DELETE", sessions, None).status, 204);
    let person = told(&get(client, &format!("/api/v1/people/{bob}")));
    assert_eq!(
        (&person["enabled"], &person["roles"]),
        (&json!(false), &json!(["member"]))
    );
    assert!(
        !told(&get(client, "/api/v1/roles"))
            .to_string()
            .contains("editor")
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
