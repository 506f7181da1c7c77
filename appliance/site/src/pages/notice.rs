//! Error pages, and the page of an appliance that has no site yet.

use maud::html;

use super::layout::page;

/// A page that says what went wrong and what to do; `status` is the HTTP status code.
#[must_use]
pub fn error(status: u16, title: &str, text: &str) -> String {
    let body = html! {
        p.code { (status) }
        h1 { (title) }
        p { (text) }
    };
    page(title, &body)
}

/// The page shown at the site's address until a site is pushed; `authority` is the site's `host[:port]`.
#[must_use]
pub fn welcome(authority: &str) -> String {
    let body = html! {
        h1 { "This appliance is ready for its first site" }
        p { "Nothing has been pushed to " code { (authority) } " yet. From the workstation that holds your pages:" }
        pre { code {
            "holdfast enroll --address " (authority) " --name laptop\n"
            "holdfast site push ./public"
        } }
        p { "The first line asks for the code on the appliance's console. The second sends the folder that your "
            "generator wrote (mdBook, Hugo, Zola, plain HTML); this page then makes way for it." }
    };
    page("Ready for its first site", &body)
}
