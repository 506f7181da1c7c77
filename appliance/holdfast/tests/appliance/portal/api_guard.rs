//! What the portal refuses programs.

use serde_json::json;

use super::api::{ask, get, number, problem, told, two};
use super::client::Client;
use crate::appliance::Appliance;

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
