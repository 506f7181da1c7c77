//! The API of the portal against its description, by schemathesis, which tries all that fits it and much that does not.
//!
//! Run by `./check api`. By hand, with schemathesis in a virtual environment:
//!
//! ```sh
//! HOLDFAST_VENV=VENV HOLDFAST_SCHEMATHESIS=$PWD/image/run/schemathesis/run \
//!   cargo test -p holdfast --test appliance portal::api_check -- --ignored --nocapture
//! ```

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::Command;

use serde_json::{Value, json};

use super::api::{ask, get, told};
use super::person::Person;
use crate::appliance::Appliance;

const HOST: &str = "portal.localhost";
/// Rates that nothing here reaches, and passwords, so that there is something to set.
const LINES: &str = r"
[sign_in]
passwords = true

[limits]
portal = { per_minute = 1000000, burst = 1000000 }
sign_in = { per_minute = 1000000, burst = 1000000 }
device = { per_minute = 1000000, burst = 1000000 }
handshake = { per_minute = 1000000, burst = 1000000 }
";

/// A new admin as a program needs one: cookies, origin and token, and numbers of what is there to act on.
fn admin(appliance: &Appliance, number: u32) -> Value {
    let codes = super::invite::make(appliance, &["admin", "member"]);
    let mut member = Person::joined(appliance, &format!("Member {number}"), &codes[1]);
    let theirs = told(&get(&mut member.client, "/api/v1/session"));
    let mut person = Person::joined(appliance, &format!("Admin {number}"), &codes[0]);
    let client = &mut person.client;
    let own = told(&get(client, "/api/v1/session"));
    let invite = json!({ "roles": ["visitor"], "life_seconds": 3600 });
    told(&ask(client, "POST", "/api/v1/invites", Some(&invite)));
    // So that the last passkey can go.
    told(&ask(client, "POST", "/api/v1/account/recovery-codes", None));
    let mut first = |path| told(&get(client, path))["items"][0]["id"].clone();
    let (passkey, invite) = (
        first("/api/v1/account/passkeys"),
        first("/api/v1/invites?limit=1"),
    );
    let cookies: serde_json::Map<_, _> = ["__Host-holdfast-portal", "__Host-holdfast-browser"]
        .into_iter()
        .map(|name| (name.to_owned(), json!(client.cookie(HOST, name))))
        .collect();
    json!({
        "cookies": cookies,
        "origin": client.portal(""),
        "token": own["token"],
        "own": { "session": own["session"], "passkey": passkey },
        "others": { "person": theirs["person"]["id"], "session": theirs["session"], "invite": invite, "role": "member" },
    })
}

fn hand_out(mut stream: TcpStream, admin: &Value) {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap_or(0) > 0 {
        head.extend(byte);
    }
    let text = admin.to_string();
    let length = text.len();
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n";
    let _ = write!(stream, "{head}Content-Length: {length}\r\n\r\n{text}");
}

#[test]
#[ignore = "needs schemathesis: run by `./check api`"]
fn schemathesis_finds_nothing() {
    let program = std::env::var_os("HOLDFAST_SCHEMATHESIS").expect("HOLDFAST_SCHEMATHESIS");
    let appliance = Appliance::start_with(LINES).enrolled();
    let mut stranger = super::client::Client::new(&appliance);
    let url = stranger.portal("/api/v1/openapi.json");
    let served: Value = serde_json::from_slice(&stranger.go(&url).body).unwrap();
    if let Some(path) = std::env::var_os("HOLDFAST_DOCUMENT") {
        let kept = std::fs::read(&path).unwrap_or_default();
        let text = serde_json::to_string_pretty(&served).unwrap() + "\n";
        if text.as_bytes() != kept {
            std::fs::write(&path, text).unwrap();
            panic!(
                "docs/openapi.json was not what is served. It is now: look at it, and commit it."
            );
        }
    }
    let admins = TcpListener::bind("127.0.0.1:0").unwrap();
    let from = format!("http://{}/", admins.local_addr().unwrap());
    let mut child = Command::new(program)
        .args([&stranger.portal(""), &from])
        .spawn()
        .unwrap();
    admins.set_nonblocking(true).unwrap();
    let mut given = 0;
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        match admins.accept() {
            Ok((stream, _)) => {
                stream.set_nonblocking(false).unwrap();
                given += 1;
                hand_out(stream, &admin(&appliance, given));
            }
            Err(_) => std::thread::sleep(std::time::Duration::from_millis(20)),
        }
    };
    let ours = appliance.log();
    assert!(!ours.contains("panicked"), "{ours}");
    assert!(
        status.success() && given > 0,
        "schemathesis found something"
    );
}
