//! The pages of who governs: people, roles, and the machine.

use maud::{Markup, html};

use super::account::{SessionRow, sessions};
use super::shell::{Shell, form, shell as page, time};

/// One person of the list.
#[derive(Clone, Debug)]
pub struct PersonRow {
    /// The number, in hex.
    pub id: String,
    /// The name.
    pub name: String,
    /// The roles that were given.
    pub roles: Vec<String>,
    /// Whether the person may sign in.
    pub enabled: bool,
    /// When the person joined, RFC 3339.
    pub joined: String,
    /// Sessions that live.
    pub sessions: usize,
    /// Whether it is who asks.
    pub own: bool,
}

/// One invite of the list.
#[derive(Clone, Debug)]
pub struct InviteRow {
    /// Its number, in hex.
    pub id: String,
    /// The roles that it gives.
    pub roles: Vec<String>,
    /// When it was made, RFC 3339.
    pub made: String,
    /// When it ends, RFC 3339.
    pub ends: String,
}

/// A role to choose.
#[derive(Clone, Debug)]
pub struct Choice {
    /// Its name.
    pub name: String,
    /// Whether it is chosen.
    pub chosen: bool,
}

/// The form of an invite, as it was filled in.
#[derive(Clone, Debug)]
pub struct InviteForm {
    /// The roles that it gives.
    pub roles: Vec<Choice>,
    /// How many of the units it is good.
    pub life: String,
    /// Whether the unit is days rather than hours.
    pub days: bool,
}

/// What the page of people tells.
#[derive(Clone, Debug)]
pub struct People {
    /// Everybody.
    pub people: Vec<PersonRow>,
    /// Invites that are good.
    pub invites: Vec<InviteRow>,
    /// A new invite.
    pub form: InviteForm,
}

/// What the page of one person tells.
#[derive(Clone, Debug)]
pub struct PersonPage {
    /// Who.
    pub person: PersonRow,
    /// The roles, chosen as they are or as they were typed.
    pub roles: Vec<Choice>,
    /// The sessions.
    pub sessions: Vec<SessionRow>,
    /// The name as it was typed for the deletion.
    pub typed: String,
}

/// One role of the list.
#[derive(Clone, Debug)]
pub struct RoleRow {
    /// Its name.
    pub name: String,
    /// What it inherits.
    pub inherits: Vec<String>,
    /// Seconds without a request after which a session ends.
    pub idle: u32,
    /// Seconds after sign-in at which it ends in any case.
    pub absolute: u32,
    /// Sessions at the same time.
    pub sessions: u32,
}

/// The form of a role, as it was filled in.
#[derive(Clone, Debug)]
pub struct RoleForm {
    /// Its name.
    pub name: String,
    /// What it inherits.
    pub inherits: Vec<Choice>,
    /// Minutes without a request.
    pub idle: String,
    /// Minutes in all.
    pub absolute: String,
    /// Sessions at the same time.
    pub sessions: String,
}

/// One device of the list.
#[derive(Clone, Debug)]
pub struct DeviceRow {
    /// Its name.
    pub name: String,
    /// Its fingerprint.
    pub pin: String,
    /// When it was enrolled, RFC 3339.
    pub enrolled: String,
    /// Whether it may act.
    pub active: bool,
}

/// One version of the site.
#[derive(Clone, Debug)]
pub struct VersionRow {
    /// Its number.
    pub number: u64,
    /// When it was pushed, RFC 3339.
    pub created: String,
    /// Number of files.
    pub files: u64,
    /// Whether it is the live one.
    pub live: bool,
}

/// Everybody, and invites.
#[must_use]
pub fn people(shell: &Shell<'_>, people: &People) -> String {
    let body = html! {
        div.wide { table {
            caption.sr { "People" }
            thead { tr {
                th scope="col" { "Name" }
                th scope="col" { "Roles" }
                th scope="col" { "Sessions" }
                th scope="col" { "Joined" }
            } }
            tbody {
                @for row in &people.people {
                    tr {
                        th scope="row" {
                            a href={ (shell.base) "/admin/person?id=" (row.id) } { (row.name) } " "
                            @if row.own { span.tag { "you" } }
                            @if !row.enabled { span.tag.danger { "disabled" } }
                        }
                        td { (tags(&row.roles)) }
                        td { (row.sessions) }
                        td { (time(&row.joined)) }
                    }
                }
            }
        } }
        h2 #invite { "Invite someone" }
        p { "An invite is a code that makes its finder a person with these roles, once. You hand it over yourself." }
        (form(shell, "/admin/invite", &invite_fields(&people.form)))
        h2 { "Open invites" }
        @if people.invites.is_empty() { p { "None." } } @else { (invites(shell, &people.invites)) }
    };
    page(shell, "People", &body)
}

fn invite_fields(form: &InviteForm) -> Markup {
    html! {
        (choices("Roles", "role", &form.roles))
        div.row {
            div {
                label for="life" { "Good for" }
                input #life.count name="life" type="text" inputmode="numeric" required maxlength="4" value=(form.life)
                    aria-describedby="life-help";
            }
            div {
                label for="unit" { "Unit" }
                select #unit name="unit" {
                    option value="hours" selected[!form.days] { "hours" }
                    option value="days" selected[form.days] { "days" }
                }
            }
        }
        p.help #life-help { "30 days at most. The shorter, the better." }
        button.go type="submit" { "Make an invite" }
    }
}

fn invites(shell: &Shell<'_>, rows: &[InviteRow]) -> Markup {
    html! {
        div.wide { table {
            caption.sr { "Open invites" }
            thead { tr {
                th scope="col" { "Roles" }
                th scope="col" { "Ends" }
                th scope="col" { span.sr { "Act" } }
            } }
            tbody {
                @for row in rows {
                    tr {
                        td { (tags(&row.roles)) }
                        td { (time(&row.ends)) p.help { "Made " (time(&row.made)) } }
                        td { (form(shell, "/admin/invite/withdraw", &html! {
                            input type="hidden" name="invite" value=(row.id);
                            button.quiet.danger type="submit" aria-label={ "Withdraw the invite of " (row.made) } { "Withdraw" }
                        })) }
                    }
                }
            }
        } }
    }
}

/// A new invite: its code as people type it, its address, and for how long. Shown once.
#[must_use]
pub fn invited(shell: &Shell<'_>, code: &str, link: &str, life: &str) -> String {
    let body = html! {
        p.told role="status" { "This is shown this once. It is good for " (life) " and for one person." }
        h2 { "As a link" }
        p { "Send it over a way that only the one you mean can read. Whoever opens it first may join." }
        p.once { code { (link) } }
        h2 { "Or as a code" }
        p { "To read out, or to type at " code { (link.split('#').next().unwrap_or(link)) } }
        p.once { code { (code) } }
        p.more { a.go href={ (shell.base) "/admin" } { "Back to people" } }
    };
    page(shell, "An invite", &body)
}

/// One person.
#[must_use]
pub fn person(shell: &Shell<'_>, person: &PersonPage) -> String {
    let row = &person.person;
    let who = html! { input type="hidden" name="person" value=(row.id); };
    let body = html! {
        p {
            "Joined " (time(&row.joined)) ". "
            @if row.own { span.tag { "you" } }
            @if !row.enabled { span.tag.danger { "disabled" } }
        }
        h2 { "Roles" }
        (form(shell, "/admin/person/roles", &html! {
            (who)
            (choices("What this person may do", "role", &person.roles))
            p.help { "With other roles the sessions end, and the person signs in anew." }
            button.go type="submit" { "Save the roles" }
        }))
        (sessions(shell, &person.sessions, "/admin/person/sessions/end", Some(&row.id)))
        @if !person.sessions.is_empty() {
            (form(shell, "/admin/person/sessions/end", &html! {
                (who)
                input type="hidden" name="session" value="all";
                button.quiet.danger type="submit" { "End all sessions" }
            }))
        }
        h2 { "Access" }
        @if row.enabled {
            p { "Who is disabled is out at once and cannot sign in, until someone enables them again. Nothing of theirs is lost." }
        } @else {
            p { "This person cannot sign in." }
        }
        (form(shell, "/admin/person/enabled", &html! {
            (who)
            input type="hidden" name="enabled" value=(if row.enabled { "no" } else { "yes" });
            @if row.enabled {
                button.quiet.danger type="submit" { "Disable " (row.name) }
            } @else {
                button.quiet type="submit" { "Enable " (row.name) }
            }
        }))
        h2 { "Delete" }
        p { "Removes the person with passkeys, codes and sessions, for ever: the key under which they are sealed is destroyed." }
        (form(shell, "/admin/person/delete", &html! {
            (who)
            label for="name" { "Type the name to delete the person" }
            div.beside {
                input #name name="name" type="text" autocomplete="off" autocapitalize="none" spellcheck="false" required
                    maxlength="64" value=(person.typed);
                button.quiet.danger type="submit" { "Delete " (row.name) }
            }
        }))
        p.more { a href={ (shell.base) "/admin" } { "All people" } }
    };
    page(shell, &row.name, &body)
}

/// Roles, and the form of one.
#[must_use]
pub fn roles(shell: &Shell<'_>, rows: &[RoleRow], role: &RoleForm) -> String {
    let body = html! {
        p { "Who holds several roles has the strictest limits of those that were given. What a role inherits adds rights, not limits." }
        div.wide { table {
            caption.sr { "Roles" }
            thead { tr {
                th scope="col" { "Name" }
                th scope="col" { "Inherits" }
                th scope="col" { "Ends unused" }
                th scope="col" { "Ends in any case" }
                th scope="col" { "Sessions" }
            } }
            tbody {
                @for row in rows {
                    tr {
                        th scope="row" { a href={ (shell.base) "/admin/roles?name=" (row.name) "#role" } { (row.name) } }
                        td { (tags(&row.inherits)) }
                        td { (span(row.idle)) }
                        td { (span(row.absolute)) }
                        td { (row.sessions) }
                    }
                }
            }
        } }
        h2 #role { "Make or change a role" }
        (form(shell, "/admin/roles/put", &role_fields(role)))
    };
    page(shell, "Roles", &body)
}

fn role_fields(role: &RoleForm) -> Markup {
    html! {
        label for="name" { "Name" }
        input #name name="name" type="text" autocomplete="off" autocapitalize="none" spellcheck="false" required maxlength="32"
            value=(role.name) aria-describedby="name-help";
        p.help #name-help { "Lower-case letters, digits and hyphens. With the name of a role that is there, that one is changed." }
        (choices("Inherits the rights of", "inherits", &role.inherits))
        label for="idle" { "A session ends unused after, in minutes" }
        input #idle.count name="idle" type="text" inputmode="numeric" required maxlength="8" value=(role.idle);
        label for="absolute" { "It ends in any case after, in minutes" }
        input #absolute.count name="absolute" type="text" inputmode="numeric" required maxlength="8" value=(role.absolute)
            aria-describedby="absolute-help";
        p.help #absolute-help { "720 are 12 hours, 43200 are 30 days." }
        label for="sessions" { "Sessions at the same time" }
        input #sessions.count name="sessions" type="text" inputmode="numeric" required maxlength="4" value=(role.sessions);
        p.help { "Limits hold for sessions that begin from now on; rights at once." }
        button.go type="submit" { "Save the role" }
    }
}

/// The machine: who may operate it, and what it serves.
#[must_use]
pub fn machine(shell: &Shell<'_>, devices: &[DeviceRow], versions: &[VersionRow]) -> String {
    let body = html! {
        p { "What is here is changed from a device of the operator, with " code { "holdfast" } "." }
        h2 { "Devices" }
        @if devices.is_empty() { p { "None." } } @else {
            div.wide { table {
                caption.sr { "Devices" }
                thead { tr {
                    th scope="col" { "Name" }
                    th scope="col" { "Fingerprint" }
                    th scope="col" { "Enrolled" }
                    th scope="col" { "State" }
                } }
                tbody {
                    @for row in devices {
                        tr {
                            th scope="row" { (row.name) }
                            td { code { (row.pin) } }
                            td { (time(&row.enrolled)) }
                            td { @if row.active { "active" } @else { "revoked" } }
                        }
                    }
                }
            } }
        }
        h2 { "Versions of the site" }
        @if versions.is_empty() { p { "None yet." } } @else {
            div.wide { table {
                caption.sr { "Versions of the site" }
                thead { tr {
                    th scope="col" { "Number" }
                    th scope="col" { "Pushed" }
                    th scope="col" { "Files" }
                    th scope="col" { "State" }
                } }
                tbody {
                    @for row in versions {
                        tr {
                            th scope="row" { (row.number) }
                            td { (time(&row.created)) }
                            td { (row.files) }
                            td { @if row.live { span.tag { "live" } } @else { "kept" } }
                        }
                    }
                }
            } }
        }
    };
    page(shell, "Machine", &body)
}

/// Roles as check boxes of one name.
fn choices(legend: &str, name: &str, all: &[Choice]) -> Markup {
    html! {
        fieldset {
            legend { (legend) }
            @for choice in all {
                label.choice {
                    input type="checkbox" name=(name) value=(choice.name) checked[choice.chosen];
                    (choice.name)
                }
            }
        }
    }
}

fn tags(names: &[String]) -> Markup {
    html! { @for name in names { span.tag { (name) } } }
}

/// A span of seconds in its largest even unit.
fn span(seconds: u32) -> String {
    let units = [
        (86_400, "day", "days"),
        (3600, "hour", "hours"),
        (60, "minute", "minutes"),
    ];
    for (unit, one, many) in units {
        if seconds >= unit && seconds.is_multiple_of(unit) {
            let count = seconds.div_euclid(unit);
            return format!("{count} {}", if count == 1 { one } else { many });
        }
    }
    format!("{seconds} seconds")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pages::Frame;

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
}
