//! What admins do: in the portal, and from the operator's device.

use holdfast_audit::{Actor, Kind};
use serde_json::Value;

use super::client::Client;
use super::person::Person;
use crate::appliance::{Appliance, ok, refused};
use crate::device::Device;
use crate::machine::events;
use crate::web::Answer;

/// The session's cookie.
const COOKIE: &str = "__Host-holdfast-portal";

fn page(client: &mut Client, path: &str) -> Answer {
    let url = client.portal(path);
    client.go(&url)
}

fn listed(appliance: &Appliance) -> Value {
    let text = ok(&appliance.holdfast(&["user", "list", "--json"]));
    serde_json::from_str(&text).unwrap()
}

/// The number of a person, as the list has it.
fn id(appliance: &Appliance, name: &str) -> String {
    let list = listed(appliance);
    let people = list["people"].as_array().unwrap();
    let person = people.iter().find(|person| person["name"] == name);
    let person = person.unwrap_or_else(|| panic!("no {name}: {list}"));
    person["id"].as_str().unwrap().to_owned()
}

fn account(person: &mut Person) -> u16 {
    person.account().status
}

fn disable(by: &mut Person, who: &str) -> Answer {
    let no = [("person", who), ("enabled", "no")];
    by.client.form("/admin/person/enabled", &no)
}

fn contains(answer: &Answer, status: u16, text: &str) {
    assert_eq!(answer.status, status, "{}\n{}", answer.head, answer.text());
    assert!(answer.text().contains(text), "{}", answer.text());
}

#[test]
fn an_admin_invites_and_an_invite_is_withdrawn() {
    let (appliance, codes) = super::appliance(&["admin"]);
    let mut ada = Person::joined(&appliance, "Ada", &codes[0]);
    contains(&page(&mut ada.client, "/admin"), 200, "Invite someone");
    let fields = [
        ("role", "member"),
        ("role", "visitor"),
        ("life", "2"),
        ("unit", "days"),
    ];
    let made = ada.client.form("/admin/invite", &fields);
    contains(&made, 200, "2 days");
    let text = made.text();
    let link = text.split("/join#").nth(1).unwrap();
    let code = link.split('<').next().unwrap();
    assert_eq!(
        text.matches(code).count(),
        2,
        "as a link and as a code: {text}"
    );
    assert_eq!(made.header("cache-control"), Some("no-store"));
    // The list shows it, and its code nowhere.
    let list = page(&mut ada.client, "/admin").text();
    assert!(list.contains("/admin/invite/withdraw") && !list.contains(code));
    let mut bob = Person::joined(&appliance, "Bob", code);
    assert_eq!(account(&mut bob), 200);
    assert_eq!(listed(&appliance)["invites"].as_array().unwrap().len(), 0);
    let people = listed(&appliance);
    let roles = people["people"][1]["roles"].clone();
    assert_eq!(roles, serde_json::json!(["member", "visitor"]));

    // What cannot be taken is told, and what was typed stays.
    let wrong = [("role", "admin"), ("life", "31"), ("unit", "days")];
    let answer = ada.client.form("/admin/invite", &wrong);
    contains(&answer, 422, "30 days at most");
    contains(&answer, 422, "value=\"31\"");
    assert!(answer.text().contains("value=\"admin\" checked"));
    let none = ada
        .client
        .form("/admin/invite", &[("life", "1"), ("unit", "days")]);
    contains(&none, 422, "Choose one at least");
    let unknown = [("role", "nobody"), ("life", "1"), ("unit", "days")];
    contains(
        &ada.client.form("/admin/invite", &unknown),
        422,
        "no role `nobody`",
    );
    let odd = [("role", "member"), ("life", "+1"), ("unit", "days")];
    contains(&ada.client.form("/admin/invite", &odd), 422, "whole number");

    ada.client.form("/admin/invite", &fields);
    let open = listed(&appliance)["invites"][0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let taken = ada
        .client
        .form("/admin/invite/withdraw", &[("invite", &open)]);
    contains(&taken, 200, "worth nothing");
    let twice = ada
        .client
        .form("/admin/invite/withdraw", &[("invite", &open)]);
    contains(&twice, 409, "not there any more");
}

#[test]
fn nobody_but_an_admin_governs() {
    let (appliance, codes) = super::appliance(&["admin", "member"]);
    let mut ada = Person::joined(&appliance, "Ada", &codes[0]);
    let mut bob = Person::joined(&appliance, "Bob", &codes[1]);
    let (first, second) = (id(&appliance, "Ada"), id(&appliance, "Bob"));
    for path in [
        "/admin",
        "/admin/roles",
        "/admin/machine",
        "/admin/person?id=x",
    ] {
        assert_eq!(page(&mut bob.client, path).status, 403, "{path}");
        assert_eq!(
            page(&mut Client::new(&appliance), path).status,
            303,
            "{path}"
        );
    }
    for (path, fields) in [
        ("/admin/invite", [("role", "admin"), ("life", "1")]),
        (
            "/admin/person/roles",
            [("person", &second), ("role", "admin")],
        ),
        (
            "/admin/person/enabled",
            [("person", &first), ("enabled", "no")],
        ),
        (
            "/admin/person/delete",
            [("person", &first), ("name", "Ada")],
        ),
        (
            "/admin/person/sessions/end",
            [("person", &first), ("session", "all")],
        ),
        (
            "/admin/roles/put",
            [("name", "member"), ("inherits", "admin")],
        ),
        ("/admin/invite/withdraw", [("invite", "00"), ("x", "")]),
    ] {
        let answer = bob.client.form(path, &fields);
        assert_eq!(answer.status, 403, "{path}: {}", answer.text());
    }
    assert_eq!(account(&mut ada), 200);
    let member = page(&mut bob.client, "/account").text();
    assert!(!member.contains("href=\"/admin\""));
}

#[test]
fn who_is_disabled_is_out_at_once_and_comes_back_enabled() {
    let (mut appliance, codes) = super::appliance(&["admin", "admin"]);
    let mut ada = Person::joined(&appliance, "Ada", &codes[0]);
    let mut bob = Person::joined(&appliance, "Bob", &codes[1]);
    let second = id(&appliance, "Bob");
    let fields = [("role", "admin"), ("life", "1"), ("unit", "days")];
    let left = bob.client.form("/admin/invite", &fields).text();
    let left = left.split("/join#").nth(1).unwrap();
    let left = left.split('<').next().unwrap().to_owned();
    let mut other = bob.at_another_browser(&appliance);
    let no = [("person", second.as_str()), ("enabled", "no")];
    contains(
        &ada.client.form("/admin/person/enabled", &no),
        200,
        "is out",
    );
    assert_eq!(account(&mut bob), 303);
    assert_eq!(page(&mut other, "/account").status, 303);
    assert_eq!(
        bob.prove(&serde_json::json!({ "how": "button" }), "/")
            .status,
        403
    );
    // What they prepared for themselves is worth nothing either.
    let mut again = Person::new(&appliance, "Bob again");
    assert_eq!(again.join(&left).status, 422);
    let yes = [("person", second.as_str()), ("enabled", "yes")];
    contains(
        &ada.client.form("/admin/person/enabled", &yes),
        200,
        "may sign in again",
    );
    assert_eq!(account(&mut bob), 303, "the old session stays dead");
    bob.sign_in("/account");
    assert_eq!(account(&mut bob), 200);
    appliance.stop();
    let changed: Vec<_> = events(&appliance)
        .into_iter()
        .filter(|event| event.kind == Kind::PersonChanged)
        .collect();
    assert_eq!(changed.len(), 2);
    assert_eq!(changed[0].resource, format!("{second} disabled"));
    assert!(matches!(&changed[0].actor, Actor::Person(who) if *who != second));
}

#[test]
fn the_last_admin_stays_one() {
    let (appliance, codes) = super::appliance(&["admin", "admin", "member"]);
    let mut ada = Person::joined(&appliance, "Ada", &codes[0]);
    let mut bob = Person::joined(&appliance, "Bob", &codes[1]);
    Person::joined(&appliance, "Cy", &codes[2]);
    let (first, second) = (id(&appliance, "Ada"), id(&appliance, "Bob"));
    // Each takes the other's rights away, at the same moment: one of them stays.
    let (one, two) = std::thread::scope(|scope| {
        let one = scope.spawn(|| disable(&mut ada, &second).status);
        let two = scope.spawn(|| disable(&mut bob, &first).status);
        (one.join().unwrap(), two.join().unwrap())
    });
    assert_eq!(
        [one, two].iter().filter(|status| **status == 200).count(),
        1,
        "{one} {two}"
    );
    let (mut left, own) = if one == 200 {
        (ada, first)
    } else {
        (bob, second)
    };
    let name = left.name.clone();
    for (path, fields) in [
        (
            "/admin/person/enabled",
            [("person", own.as_str()), ("enabled", "no")],
        ),
        (
            "/admin/person/roles",
            [("person", own.as_str()), ("role", "member")],
        ),
        (
            "/admin/person/delete",
            [("person", own.as_str()), ("name", name.as_str())],
        ),
    ] {
        contains(
            &left.client.form(path, &fields),
            409,
            "lock every admin out",
        );
    }
    // Nor does the operator's device, by mistake.
    let text = ok(&appliance.holdfast(&["user", "list"]));
    assert!(text.contains("DISABLED"), "{text}");
    let kept = appliance.holdfast(&["user", "disable", &name]);
    assert_eq!(kept.status.code(), Some(4));
    assert!(refused(&kept).contains("--role admin"));
    let kept = appliance.holdfast(&["user", "delete", &name, "--yes", &name]);
    assert!(refused(&kept).contains("--force"));
    assert_eq!(account(&mut left), 200);
    ok(&appliance.holdfast(&["user", "disable", &name, "--force"]));
    assert_eq!(account(&mut left), 303);
}

#[test]
fn an_admin_by_an_inheriting_role_is_one_and_that_role_keeps_its_rights() {
    let (appliance, codes) = super::appliance(&["admin"]);
    let mut ada = Person::joined(&appliance, "Ada", &codes[0]);
    let first = id(&appliance, "Ada");
    let role = |name: &'static str, inherits: &'static str, idle: &'static str| {
        [
            ("name", name),
            ("inherits", inherits),
            ("idle", idle),
            ("absolute", "600"),
            ("sessions", "3"),
        ]
    };
    let made = ada
        .client
        .form("/admin/roles/put", &role("boss", "admin", "30"));
    contains(&made, 200, "The role is saved");
    let gone = [("person", first.as_str()), ("role", "boss")];
    let answer = ada.client.form("/admin/person/roles", &gone);
    assert_eq!(answer.status, 303, "{}", answer.text());
    assert!(answer.header("location").unwrap().starts_with("/sign-in"));
    ada.sign_in("/admin");
    contains(&page(&mut ada.client, "/admin"), 200, "boss");
    let less = ada
        .client
        .form("/admin/roles/put", &role("boss", "member", "30"));
    contains(&less, 409, "lock every admin out");
    contains(&less, 409, "value=\"boss\"");
    for (odd, text) in [
        (role("Boss", "member", "30"), "lower-case"),
        (role("x", "nobody", "30"), "no role `nobody`"),
        (role("x", "member", "0"), "a minute at least"),
        (role("x", "member", "700"), "not longer"),
        (role("x", "member", "-1"), "whole numbers"),
        (role("member", "boss", "30"), "do not inherit it"),
    ] {
        contains(&ada.client.form("/admin/roles/put", &odd), 422, text);
    }
    // Who governs no more by the change of a role leaves no invite behind.
    let boss = ok(&appliance.holdfast(&["user", "invite", "--role", "boss", "--json"]));
    let boss: Value = serde_json::from_str(&boss).unwrap();
    let mut cleo = Person::joined(&appliance, "Cleo", boss["code"].as_str().unwrap());
    let fields = [("role", "admin"), ("life", "1"), ("unit", "days")];
    assert_eq!(cleo.client.form("/admin/invite", &fields).status, 200);
    let admin = [("person", first.as_str()), ("role", "admin")];
    ada.client.form("/admin/person/roles", &admin);
    ada.sign_in("/admin");
    assert_eq!(listed(&appliance)["invites"].as_array().unwrap().len(), 1);
    let form = role("boss", "member", "30");
    contains(&ada.client.form("/admin/roles/put", &form), 200, "saved");
    assert_eq!(listed(&appliance)["invites"].as_array().unwrap().len(), 0);
    assert_eq!(page(&mut cleo.client, "/admin").status, 403);
    // What a role is stands in its form.
    let form = page(&mut ada.client, "/admin/roles?name=boss").text();
    assert!(form.contains("value=\"member\" checked") && form.contains("value=\"600\""));
}

#[test]
fn sessions_are_listed_and_ended_from_both_sides() {
    let (appliance, codes) = super::appliance(&["admin", "member"]);
    let mut ada = Person::joined(&appliance, "Ada", &codes[0]);
    let mut bob = Person::joined(&appliance, "Bob", &codes[1]);
    let second = id(&appliance, "Bob");
    let mut other = bob.at_another_browser(&appliance);
    let sessions = || -> Vec<Value> {
        let text = ok(&appliance.holdfast(&["user", "sessions", "bob", "--json"]));
        serde_json::from_str(&text).unwrap()
    };
    let all = sessions();
    assert_eq!(all.len(), 2);
    assert_eq!(all[0]["method"], "passkey");
    assert!(
        all[0]["device"]
            .as_str()
            .unwrap()
            .contains("Firefox on Linux")
    );
    let shown = page(&mut ada.client, &format!("/admin/person?id={second}")).text();
    for one in &all {
        assert!(shown.contains(one["id"].as_str().unwrap()), "{shown}");
    }
    let one = all[0]["id"].as_str().unwrap().to_owned();
    // Another's number is not enough: the session must be that person's.
    let mine = [("person", id(&appliance, "Ada")), ("session", one.clone())];
    let mine: Vec<_> = mine.iter().map(|(k, v)| (*k, v.as_str())).collect();
    contains(
        &ada.client.form("/admin/person/sessions/end", &mine),
        409,
        "not there any more",
    );
    ok(&appliance.holdfast(&["user", "revoke", "Bob", "--session", &one]));
    assert_eq!(sessions().len(), 1);
    let live = [account(&mut bob), page(&mut other, "/account").status];
    assert!(live.contains(&200) && live.contains(&303), "{live:?}");
    let twice = appliance.holdfast(&["user", "revoke", "Bob", "--session", &one]);
    assert!(refused(&twice).contains("not there any more"));
    let fields = [("person", second.as_str()), ("session", "all")];
    contains(
        &ada.client.form("/admin/person/sessions/end", &fields),
        200,
        "All sessions",
    );
    let live = [account(&mut bob), page(&mut other, "/account").status];
    assert_eq!(live, [303, 303]);
    let text = ok(&appliance.holdfast(&["user", "revoke", "--all"]));
    assert_eq!(text.trim(), "Sessions that ended: 1");
    assert_eq!(account(&mut ada), 303);
    assert!(ada.client.cookie("portal.localhost", COOKIE).is_some());
}

#[test]
fn who_is_deleted_is_gone_and_the_name_is_free() {
    let (mut appliance, codes) = super::appliance(&["admin", "member", "member"]);
    let mut ada = Person::joined(&appliance, "Ada", &codes[0]);
    let mut bob = Person::joined(&appliance, "Bob", &codes[1]);
    let second = id(&appliance, "Bob");
    let wrong = [("person", second.as_str()), ("name", "Bop")];
    let answer = ada.client.form("/admin/person/delete", &wrong);
    contains(&answer, 422, "Nothing was deleted");
    contains(&answer, 422, "value=\"Bop\"");
    let epochs = || -> u64 {
        let text = ok(&appliance.holdfast(&["key", "status", "--json"]));
        let keys: Value = serde_json::from_str(&text).unwrap();
        let tables = keys["tables"].as_array().unwrap();
        let table = tables.iter().find(|table| table["table"] == "person-keys");
        let epochs = table.unwrap()["epochs"].as_array().unwrap().clone();
        match epochs.as_slice() {
            [one] => one.as_u64().unwrap(),
            _ => 0,
        }
    };
    let before = epochs();
    let right = [("person", second.as_str()), ("name", "bob")];
    contains(
        &ada.client.form("/admin/person/delete", &right),
        200,
        "is deleted",
    );
    assert_eq!(account(&mut bob), 303);
    assert_eq!(
        bob.prove(&serde_json::json!({ "how": "button" }), "/")
            .status,
        403
    );
    assert_eq!(
        page(&mut ada.client, &format!("/admin/person?id={second}")).status,
        404
    );
    let start = std::time::Instant::now();
    while epochs() <= before {
        assert!(start.elapsed().as_secs() < 60, "the key was not replaced");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    // The name is free, and who has it now is another person.
    Person::joined(&appliance, "Bob", &codes[2]);
    assert_ne!(id(&appliance, "Bob"), second);
    let unsaid = appliance.holdfast(&["user", "delete", "Bob"]);
    assert!(refused(&unsaid).contains("--yes 'Bob'"));
    let other = appliance.holdfast(&["user", "delete", "Bob", "--yes", "Ada"]);
    assert!(refused(&other).contains("nothing was deleted"));
    ok(&appliance.holdfast(&["user", "delete", "Bob", "--yes", "Bob"]));
    assert_eq!(listed(&appliance)["people"].as_array().unwrap().len(), 1);
    let device = Device::enrolled(&appliance).pin().to_string();
    appliance.stop();
    let deleted: Vec<_> = events(&appliance)
        .into_iter()
        .filter(|event| event.kind == Kind::PersonDeleted)
        .map(|event| event.actor)
        .collect();
    assert!(matches!(deleted[0], Actor::Person(_)));
    assert_eq!(deleted[1], Actor::Device(device));
}

#[test]
fn the_machine_is_told() {
    let (appliance, codes) = super::appliance(&["admin"]);
    let mut ada = Person::joined(&appliance, "Ada", &codes[0]);
    let pin = Device::enrolled(&appliance).pin().to_string();
    let machine = page(&mut ada.client, "/admin/machine");
    contains(&machine, 200, &pin);
    contains(&machine, 200, ">live<");
}
