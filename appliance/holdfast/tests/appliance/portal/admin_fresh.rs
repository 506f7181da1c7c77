//! What could take power asks for a fresh sign-in; what takes it away does not.

use holdfast_secrets::{KeyRing, RootKey, Suite};
use holdfast_store::{Batch, Record, Store, Table};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::person::Person;
use crate::appliance::Appliance;

/// A session as `holdfast-identity` stores it. The method is an enum, kept by its position.
#[derive(Serialize, Deserialize)]
struct Session {
    id: [u8; 8],
    person: [u8; 16],
    portal: Option<[u8; 8]>,
    method: u32,
    proved: i64,
    made: i64,
    used: i64,
    limits: [u32; 3],
    device: Vec<u8>,
}

impl Record for Session {
    const TABLE: Table = Table::plain("sessions");
    const VERSION: u16 = 1;
}

/// Lets the proof of every session be so many seconds older, over a restart.
pub(super) fn age(appliance: &mut Appliance, seconds: i64) {
    appliance.stop();
    let key = std::fs::read_to_string(appliance.path("secrets/holdfast.root-key")).unwrap();
    let ring = KeyRing::new(RootKey::parse(&key).unwrap(), Suite::Aes256Gcm);
    let store = Store::open(appliance.path("data/store.redb"), ring).unwrap();
    let mut batch = Batch::new();
    for row in store.snapshot().unwrap().all::<Session>().unwrap() {
        let (key, found) = row.unwrap();
        let mut session = found.record;
        session.proved -= seconds * 1000;
        session.made -= seconds * 1000;
        batch.put(&key, &session).unwrap();
    }
    assert!(!batch.is_empty());
    store.commit_blocking(batch).unwrap();
    drop(store);
    appliance.boot_again();
}

#[test]
fn what_could_take_power_asks_for_a_fresh_sign_in_and_keeps_what_was_typed() {
    let (mut appliance, codes) = super::appliance(&["admin", "member", "admin"]);
    let mut ada = Person::joined(&appliance, "Ada", &codes[0]);
    Person::joined(&appliance, "Bob", &codes[1]);
    Person::joined(&appliance, "Cleo", &codes[2]);
    age(&mut appliance, 310);
    let list = ada.client.portal("/admin");
    let list = ada.client.go(&list);
    assert_eq!(list.status, 200, "{}", list.text());
    let text = list.text();
    let people: Vec<_> = text.split("/admin/person?id=").skip(1).collect();
    let id = |name: &str| {
        let row = people
            .iter()
            .find(|part| part.contains(&format!(">{name}<")));
        row.unwrap().split('"').next().unwrap().to_owned()
    };
    let (bob, cleo) = (id("Bob"), id("Cleo"));
    for (path, fields) in [
        (
            "/admin/invite",
            &[("role", "admin"), ("life", "7"), ("unit", "hours")][..],
        ),
        (
            "/admin/person/roles",
            &[("person", &bob), ("role", "admin")],
        ),
        (
            "/admin/person/enabled",
            &[("person", &bob), ("enabled", "yes")],
        ),
        ("/admin/person/delete", &[("person", &bob), ("name", "Bob")]),
        // Or an admin's session that was left open could keep all the others out.
        (
            "/admin/person/enabled",
            &[("person", &cleo), ("enabled", "no")],
        ),
        (
            "/admin/roles/put",
            &[
                ("name", "member"),
                ("inherits", "visitor"),
                ("idle", "9"),
                ("absolute", "99"),
                ("sessions", "2"),
            ],
        ),
    ] {
        let answer = ada.client.form(path, fields);
        assert_eq!(answer.status, 303, "{path}: {}", answer.text());
        let to = answer.header("location").unwrap();
        assert!(to.starts_with("/step-up?next=%2Fadmin"), "{path}: {to}");
    }
    // Nothing was changed.
    let now = ada.client.portal("/admin");
    let now = ada.client.go(&now).text();
    assert_eq!(
        now.matches(">admin<").count(),
        text.matches(">admin<").count()
    );
    assert!(now.contains(">Bob<") && now.contains("None."));

    // Keeping someone out waits for nothing.
    let no = [("person", bob.as_str()), ("enabled", "no")];
    assert_eq!(ada.client.form("/admin/person/enabled", &no).status, 200);

    // After the proof the form is as it was left, and is taken.
    let fields = [("role", "admin"), ("life", "7"), ("unit", "hours")];
    let away = ada.client.form("/admin/invite", &fields);
    let to = away.header("location").unwrap().to_owned();
    let mut next = to.split_once("?next=").unwrap().1.to_owned();
    for (code, text) in [("%2F", "/"), ("%3F", "?"), ("%3D", "="), ("%26", "&")] {
        next = next.replace(code, text);
    }
    let answer = ada.prove(&json!({ "how": "step-up" }), &next);
    assert_eq!(super::person::next_of(&answer), next);
    let back = ada.client.portal(&next);
    let back = ada.client.go(&back).text();
    assert!(back.contains("value=\"7\"") && back.contains("value=\"hours\" selected"));
    assert!(back.contains("value=\"admin\" checked"), "{back}");
    let made = ada.client.form("/admin/invite", &fields);
    assert_eq!(made.status, 200);
    assert!(made.text().contains("/join#"));
}
