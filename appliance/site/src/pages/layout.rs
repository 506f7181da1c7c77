//! The frame of every page.

use std::sync::LazyLock;

use maud::{DOCTYPE, Markup, html};

use crate::digest::Digest;

/// The style sheet of these pages.
pub const STYLE: &str = include_str!("style.css");

/// The path of the style sheet, on every host. It names the content, so that it may be kept for ever.
#[must_use]
pub fn style_path() -> &'static str {
    static PATH: LazyLock<String> = LazyLock::new(|| {
        let hash = Digest::of(STYLE.as_bytes()).to_string();
        format!("/.holdfast/style-{}.css", hash.get(..16).unwrap_or(&hash))
    });
    &PATH
}

/// The script of these pages.
pub const SCRIPT: &str = include_str!("script.js");

/// The path of the script, on every host, as that of the style sheet.
#[must_use]
pub fn script_path() -> &'static str {
    static PATH: LazyLock<String> = LazyLock::new(|| {
        let hash = Digest::of(SCRIPT.as_bytes()).to_string();
        format!("/.holdfast/script-{}.js", hash.get(..16).unwrap_or(&hash))
    });
    &PATH
}

/// What a page must know of the answer that carries it.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// The nonce of the answer's Content-Security-Policy, without which the style sheet is not loaded.
    pub nonce: &'a str,
    /// Where the first page is: of the site or of the portal.
    pub home: &'a str,
}

pub(super) fn document(frame: &Frame<'_>, title: &str, body: &Markup) -> String {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) }
                link rel="icon" href="data:,";
                link rel="stylesheet" href=(style_path()) nonce=(frame.nonce);
            }
            body {
                main {
                    header {
                        svg viewBox="0 0 24 24" width="26" height="26" fill="none" stroke="currentColor" stroke-width="2"
                            stroke-linejoin="round" aria-hidden="true" {
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
