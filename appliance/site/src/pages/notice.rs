//! Error pages, and the page of an appliance that has no site yet.

use maud::html;

use super::layout::{Frame, document as page};

/// What an error page tells.
#[derive(Clone, Copy, Debug)]
pub struct Notice<'a> {
    /// The HTTP status code.
    pub status: u16,
    /// What happened, in a few words.
    pub title: &'a str,
    /// What to do next.
    pub text: &'a str,
    /// Name of the request in the log.
    pub request: &'a str,
}

/// A page that says what went wrong and what to do.
#[must_use]
pub fn error(frame: &Frame<'_>, notice: &Notice<'_>) -> String {
    let body = html! {
        p.code { (notice.status) }
        h1 { (notice.title) }
        p { (notice.text) }
        nav { a.go href=(frame.home) { "Go to the first page" } }
        footer { "Request " code { (notice.request) } }
    };
    page(frame, notice.title, &body)
}

/// The page shown at the site's address until a site is pushed; `authority` is the site's `host[:port]`.
#[must_use]
pub fn welcome(frame: &Frame<'_>, authority: &str) -> String {
    let body = html! {
        p.ready.wait { "Waiting for a site" }
        h1 { "This appliance is ready for its first site" }
        p { "Nothing has been pushed to " code { (authority) } " yet. From the workstation that holds your pages:" }
        pre { code {
            "holdfast enroll --address " (authority) " --name laptop\n"
            "holdfast site push ./public"
        } }
        p { "The first line asks for the code on the appliance's console. The second sends the folder that your "
            "generator wrote (mdBook, Hugo, Zola, plain HTML); this page then makes way for it." }
    };
    page(frame, "Ready for its first site", &body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_is_text_and_the_way_on_is_there() {
        let frame = Frame {
            nonce: "n0nce",
            home: "/",
        };
        let notice = Notice {
            status: 404,
            title: "<b>no</b>",
            text: "\"><script>x</script>",
            request: "0a-1",
        };
        let html = error(&frame, &notice);
        assert!(!html.contains("<b>") && !html.contains("<script"));
        assert!(html.contains("0a-1") && html.contains("href=\"/\""));
        assert!(html.contains("nonce=\"n0nce\""));
        // Neither inline style nor inline script: the policy of these pages has no place for them.
        assert!(!html.contains("<style") && !html.contains("style=\""));
    }
}
