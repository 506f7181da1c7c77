//! One person.

use maud::html;

use super::{Choice, PersonRow, choices};
use crate::pages::account::{SessionRow, sessions};
use crate::pages::shell::{Shell, form, shell as page, time};

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
