//! The status page of the portal host.

use maud::html;

use super::layout::{Frame, document as page};

/// What the status page tells. Nothing here is secret: anyone may see it.
#[derive(Clone, Debug)]
pub struct Status {
    /// Version of the software.
    pub version: String,
    /// Root hash of the running image, if it runs from one.
    pub root_hash: Option<String>,
    /// URL of the site.
    pub site: String,
    /// The live version and its number of pages.
    pub live: Option<(u64, usize)>,
}

/// Renders the status page.
#[must_use]
pub fn status(frame: &Frame<'_>, status: &Status) -> String {
    let body = html! {
        @if status.live.is_some() {
            p.ready { "Ready" }
            h1 { "This appliance is serving" }
        } @else {
            p.ready.wait { "Waiting for a site" }
            h1 { "This appliance is up" }
        }
        nav { a.go href={ (frame.home) "sign-in" } { "Sign in" } }
        dl {
            dt { "Site" }
            dd { a href=(status.site) { (status.site) } }
            dt { "Live version" }
            dd {
                @match status.live {
                    Some((version, pages)) => { (version) " (" (pages) " files)" }
                    None => { "none yet: " code { "holdfast site push DIR" } }
                }
            }
            dt { "Holdfast" }
            dd { (status.version) }
            dt { "Root hash" }
            dd {
                @match &status.root_hash {
                    Some(hash) => code { (hash) },
                    None => "not running from a sealed image",
                }
            }
        }
    };
    page(frame, "Holdfast status", &body)
}
