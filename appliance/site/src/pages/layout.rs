//! The frame of every page, and the policy under which it is shown.

use data_encoding::BASE64;
use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::digest::Digest;

const STYLE: &str = include_str!("style.css");

/// The Content-Security-Policy of these pages: their own style sheet, nothing else.
#[must_use]
pub fn csp() -> String {
    let style = BASE64.encode(Digest::of(STYLE.as_bytes()).as_bytes());
    format!(
        "default-src 'none'; style-src 'sha256-{style}'; img-src data:; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'"
    )
}

pub(super) fn page(title: &str, body: &Markup) -> String {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) }
                link rel="icon" href="data:,";
                style { (PreEscaped(STYLE)) }
            }
            body {
                main {
                    header {
                        svg viewBox="0 0 24 24" aria-hidden="true" {
                            path d="M4 21V7h3V4h3v3h4V4h3v3h3v14h-6v-5a2 2 0 0 0-4 0v5z" {}
                        }
                        span { "Holdfast" }
                    }
                    (body)
                }
            }
        }
    }
    .into_string()
}
