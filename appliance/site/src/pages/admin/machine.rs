//! The machine: who may operate it, and what it serves.

use maud::html;

use super::table;
use crate::pages::shell::{Shell, shell as page, time};

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

/// The machine: who may operate it, and what it serves.
#[must_use]
pub fn machine(shell: &Shell<'_>, devices: &[DeviceRow], versions: &[VersionRow]) -> String {
    let body = html! {
        p { "What is here is changed from a device of the operator, with " code { "holdfast" } "." }
        h2 { "Devices" }
        @if devices.is_empty() { p { "None." } } @else {
            (table("Devices", &["Name", "Fingerprint", "Enrolled", "State"], &html! {
                @for row in devices {
                    tr {
                        th scope="row" { (row.name) }
                        td { code { (row.pin) } }
                        td { (time(&row.enrolled)) }
                        td { @if row.active { "active" } @else { "revoked" } }
                    }
                }
            }))
        }
        h2 { "Versions of the site" }
        @if versions.is_empty() { p { "None yet." } } @else {
            (table("Versions of the site", &["Number", "Pushed", "Files", "State"], &html! {
                @for row in versions {
                    tr {
                        th scope="row" { (row.number) }
                        td { (time(&row.created)) }
                        td { (row.files) }
                        td { @if row.live { span.tag { "live" } } @else { "kept" } }
                    }
                }
            }))
        }
    };
    page(shell, "Machine", &body)
}
