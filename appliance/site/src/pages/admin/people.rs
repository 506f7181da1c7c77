//! Everybody, and invites.

use maud::{Markup, html};

use super::{Choice, choices, table, tags};
use crate::pages::shell::{Shell, form, shell as page, time};

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

/// Everybody, and invites.
#[must_use]
pub fn people(shell: &Shell<'_>, people: &People) -> String {
    let body = html! {
        (table("People", &["Name", "Roles", "Sessions", "Joined"], &html! {
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
        }))
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
        (table("Open invites", &["Roles", "Ends", "!Act"], &html! {
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
        }))
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
