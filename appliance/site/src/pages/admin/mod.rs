//! The pages of who governs: people, roles, and the machine.

mod machine;
mod people;
mod person;
mod roles;
#[cfg(test)]
mod tests;

use maud::{Markup, html};

pub use machine::{DeviceRow, VersionRow, machine};
pub use people::{InviteForm, InviteRow, People, PersonRow, invited, people};
pub use person::{PersonPage, person};
pub use roles::{RoleForm, RoleRow, roles};

/// A role to choose.
#[derive(Clone, Debug)]
pub struct Choice {
    /// Its name.
    pub name: String,
    /// Whether it is chosen.
    pub chosen: bool,
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

/// A table that scrolls by itself where the page is narrow. A head that begins with `!` is for ears alone.
fn table(caption: &str, heads: &[&str], rows: &Markup) -> Markup {
    html! {
        div.wide { table {
            caption.sr { (caption) }
            thead { tr {
                @for head in heads {
                    th scope="col" {
                        @if let Some(heard) = head.strip_prefix('!') { span.sr { (heard) } } @else { (head) }
                    }
                }
            } }
            tbody { (rows) }
        } }
    }
}
