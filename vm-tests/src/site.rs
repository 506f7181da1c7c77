//! The site that is pushed, and whether the machine gives it back.

use crate::{Console, Machine, configuration, https, inputs, limit};
use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

/// Files of a site's root that are instructions and not pages.
const INSTRUCTIONS: [&str; 3] = ["_headers", "_redirects", "site.toml"];

/// A file of the site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The path of its address, percent-encoded.
    pub path: String,
    /// What it holds.
    pub content: Vec<u8>,
}

/// Every page of the inputs' site, sorted by path.
///
/// # Panics
/// When the site has fewer than two HTML pages, since then a test of "every page" says little.
pub fn pages() -> Vec<Page> {
    let root = &inputs().site;
    let mut files = Vec::new();
    collect(root, &mut files);
    let mut pages: Vec<Page> = files
        .iter()
        .map(|file| {
            let path = file.strip_prefix(root).expect("the file is in the folder");
            let path = path.to_str().expect("names in a site are UTF-8");
            Page {
                path: encode(path),
                content: fs::read(file).expect("the site can be read"),
            }
        })
        .filter(|page| !INSTRUCTIONS.contains(&&page.path[1..]) && !page.path.ends_with(".cedar"))
        // Hidden files are left out of a push.
        .filter(|page| !page.path.contains("/."))
        .collect();
    pages.sort_by(|one, other| one.path.cmp(&other.path));
    let html = pages
        .iter()
        .filter(|page| page.path.ends_with(".html"))
        .count();
    assert!(
        html >= 2,
        "HOLDFAST_SITE has {html} HTML pages: give a site with several"
    );
    pages
}

/// Asserts that the machine serves these pages byte for byte; gives back how many bytes that were.
///
/// # Panics
/// When a page is missing or differs.
pub fn assert_served(machine: &Machine, pages: &[Page]) -> usize {
    served(&machine.console, machine.port, pages, limit(30)).unwrap_or_else(|what| panic!("{what}"))
}

/// Whether what has this console serves these pages byte for byte at `port`, each within `patience`; gives back how many bytes
/// that were.
///
/// # Errors
/// With the first page that is missing or differs.
///
/// # Panics
/// When the console shows no certificate, or no answer comes.
pub fn served(
    console: &Console,
    port: u16,
    pages: &[Page],
    patience: Duration,
) -> Result<usize, String> {
    let pin = console.wait_field("certificate", &["SHA256:"], limit(60));
    let site = configuration::site(port);
    let mut bytes = 0;
    for page in pages {
        let answer = https::get_within(&site, &page.path, &pin, patience);
        if answer.status != 200 {
            return Err(format!("{} is answered by {}", page.path, answer.status));
        }
        if answer.body != page.content {
            return Err(format!("{} is not what was pushed", page.path));
        }
        bytes += answer.body.len();
    }
    Ok(bytes)
}

/// The site's first page, for tests in which one is enough.
///
/// # Panics
/// As [`pages`] does, or when there is no `index.html`.
pub fn front() -> Page {
    let index = pages().into_iter().find(|page| page.path == "/index.html");
    index.expect("the site has an index.html")
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("the site can be listed") {
        let path = entry.expect("the site can be listed").path();
        if path.is_dir() {
            collect(&path, files);
        } else {
            files.push(path);
        }
    }
}

/// RFC 3986, section 2.1; everything but unreserved characters and slashes is encoded.
fn encode(path: &str) -> String {
    let mut text = String::from("/");
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                text.push(char::from(byte));
            }
            byte => text += &format!("%{byte:02X}"),
        }
    }
    text
}
