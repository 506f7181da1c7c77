//! Roles, and the form of one.

use maud::{Markup, html};

use super::{Choice, choices, table, tags};
use crate::pages::shell::{Shell, form, shell as page};

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

/// Roles, and the form of one.
#[must_use]
pub fn roles(shell: &Shell<'_>, rows: &[RoleRow], role: &RoleForm) -> String {
    let body = html! {
        p { "Who holds several roles has the strictest limits of those that were given. What a role inherits adds rights, not limits." }
        (table("Roles", &["Name", "Inherits", "Ends unused", "Ends in any case", "Sessions"], &html! {
            @for row in rows {
                tr {
                    th scope="row" { a href={ (shell.base) "/admin/roles?name=" (row.name) "#role" } { (row.name) } }
                    td { (tags(&row.inherits)) }
                    td { (span(row.idle)) }
                    td { (span(row.absolute)) }
                    td { (row.sessions) }
                }
            }
        }))
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
