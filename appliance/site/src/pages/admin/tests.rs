use super::*;
use crate::pages::Frame;
use crate::pages::Shell;

fn shell() -> Shell<'static> {
    Shell {
        frame: Frame {
            nonce: "n",
            home: "/",
        },
        base: "/.holdfast",
        token: "form-token",
        who: Some("Ada"),
        admin: true,
        site: "https://site.example",
        told: None,
    }
}

fn row(name: &str, enabled: bool) -> PersonRow {
    PersonRow {
        id: "00ff".to_owned(),
        name: name.to_owned(),
        roles: vec!["member".to_owned()],
        enabled,
        joined: "2026-11-23T18:15:00Z".to_owned(),
        sessions: 2,
        own: false,
    }
}

fn choice(name: &str, chosen: bool) -> Choice {
    Choice {
        name: name.to_owned(),
        chosen,
    }
}

fn count(text: &str, part: &str) -> usize {
    text.matches(part).count()
}

/// Each form carries the token, and each field that is shown has a label that names it.
fn is_usable(text: &str) {
    let posts = count(text, "method=\"post\"");
    assert_eq!(posts, count(text, "value=\"form-token\""), "{text}");
    assert_eq!(count(text, "<h1"), 1);
    let tables = count(text, "<table");
    assert_eq!(tables, count(text, "<caption"), "{text}");
    assert_eq!(count(text, "<th>"), 0, "a header says of what: {text}");
    for part in text.split("<input ").skip(1) {
        let tag = part.split('>').next().unwrap_or_default();
        let id = tag
            .split("id=\"")
            .nth(1)
            .and_then(|id| id.split('"').next());
        let labelled = id.is_some_and(|id| text.contains(&format!("for=\"{id}\"")));
        let hidden = tag.contains("type=\"hidden\"");
        assert!(hidden || labelled || tag.contains("checkbox"), "{tag}");
    }
    assert_eq!(count(text, "checkbox"), count(text, "class=\"choice\""));
}

#[test]
fn people_and_invites_are_told_and_what_was_typed_stays() {
    let text = people(
        &shell(),
        &People {
            people: vec![row("<b>Ada", true), row("Bob", false)],
            invites: vec![InviteRow {
                id: "aa".to_owned(),
                roles: vec!["admin".to_owned()],
                made: "2026-11-23T18:15:00Z".to_owned(),
                ends: "2026-11-24T18:15:00Z".to_owned(),
            }],
            form: InviteForm {
                roles: vec![choice("admin", true), choice("member", false)],
                life: "x12".to_owned(),
                days: true,
            },
        },
    );
    // The list of sessions has none here.
    is_usable(&text);
    assert!(text.contains("&lt;b&gt;Ada") && !text.contains("<b>Ada"));
    assert_eq!(count(&text, ">disabled<"), 1);
    assert!(text.contains("value=\"x12\""));
    assert!(text.contains("value=\"admin\" checked"));
    assert!(!text.contains("value=\"member\" checked"));
    assert!(text.contains("value=\"days\" selected"));
    assert!(text.contains("action=\"/.holdfast/admin/invite/withdraw\""));
    assert!(text.contains("href=\"/.holdfast/admin/person?id=00ff\""));
}

#[test]
fn a_person_is_disabled_or_enabled_and_deleted_by_name() {
    let page = |enabled| {
        person(
            &shell(),
            &PersonPage {
                person: row("Ada", enabled),
                roles: vec![choice("member", true)],
                sessions: Vec::new(),
                typed: "Adda".to_owned(),
            },
        )
    };
    let (on, off) = (page(true), page(false));
    is_usable(&on);
    assert!(on.contains("name=\"enabled\" value=\"no\"") && on.contains("Disable Ada"));
    assert!(off.contains("name=\"enabled\" value=\"yes\"") && off.contains("Enable Ada"));
    assert!(on.contains("value=\"Adda\""));
    assert!(!on.contains("End all sessions"));
}

#[test]
fn roles_and_the_machine_are_told() {
    let row = RoleRow {
        name: "editor".to_owned(),
        inherits: vec!["member".to_owned()],
        idle: 90,
        absolute: 43_200,
        sessions: 3,
    };
    let form = RoleForm {
        name: "Bad".to_owned(),
        inherits: vec![choice("member", true)],
        idle: "1".to_owned(),
        absolute: "720".to_owned(),
        sessions: "3".to_owned(),
    };
    let text = roles(&shell(), &[row], &form);
    is_usable(&text);
    assert!(text.contains("90 seconds") && text.contains("12 hours"));
    assert!(text.contains("value=\"Bad\""));
    let device = DeviceRow {
        name: "laptop".to_owned(),
        pin: "SHA256:x".to_owned(),
        enrolled: "2026-11-23T18:15:00Z".to_owned(),
        active: false,
    };
    let version = VersionRow {
        number: 7,
        created: "2026-11-23T18:15:00Z".to_owned(),
        files: 12,
        live: true,
    };
    let text = machine(&shell(), &[device], &[version]);
    is_usable(&text);
    assert!(text.contains("revoked") && text.contains(">live<"));
}
