//! The search of the default site in a real browser, under the headers that every site gets.
//!
//! Needs a browser and the built site, so that no check runs it. With Debian's `chromium` in the path:
//!
//! ```sh
//! nix build .#docs
//! HOLDFAST_SITE=$PWD/result cargo test -p holdfast --test appliance -- --ignored --nocapture searches
//! ```
//!
//! `HOLDFAST_CHROMIUM` names another program of Chromium's kind.

use std::fs;
use std::path::Path;

use crate::appliance::{Appliance, ok};
use crate::browser::Browser;

/// What the policy must stop, so that what is told of it is known to arrive.
const CONTROL: &[u8] =
    b"<!doctype html><title>control</title><img alt='' src='https://elsewhere.example/a.png'>";

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() {
            copy(&from, &to);
        } else {
            fs::write(to, fs::read(from).unwrap()).unwrap();
        }
    }
}

#[test]
#[ignore = "needs a browser and the built site: see the head of this file"]
fn search_of_the_default_site_works_in_a_browser_and_breaks_no_policy() {
    let site = std::env::var("HOLDFAST_SITE").expect("HOLDFAST_SITE names the built site");
    let appliance = Appliance::start().enrolled();
    let folder = appliance.path("site");
    copy(Path::new(&site), &folder);
    fs::write(folder.join("control.html"), CONTROL).unwrap();
    ok(&appliance.holdfast(&["site", "push", folder.to_str().unwrap()]));
    let origin = format!("https://{}", appliance.authority());
    let policy = appliance.get("/");
    let policy = policy.header("content-security-policy").unwrap();
    assert!(policy.contains("script-src 'self'"), "{policy}");

    let mut browser = Browser::start();
    browser.go(&format!("{origin}/"));
    browser.click("#search-toggle");
    browser.wait("document.activeElement.id === 'searchbar'");
    browser.keys("verity");
    browser.wait("document.querySelectorAll('#searchresults li a').length > 2");
    let header = browser.value("document.getElementById('searchresults-header').textContent");
    let header = header.as_str().unwrap().to_owned();
    assert!(header.contains("results for 'verity'"), "{header}");
    let first = browser.value("document.querySelector('#searchresults li').textContent");
    let first = first.as_str().unwrap().to_lowercase();
    assert!(first.contains("verity"), "{first}");
    // The first one leads to a page of the site with the word marked in it.
    let first = browser.value("document.querySelector('#searchresults li a').pathname");
    browser.click("#searchresults li a");
    browser.wait(&format!(
        "location.pathname === {first} && document.readyState === 'complete' && document.querySelectorAll('mark').length > 0"
    ));
    assert!(browser.violations.is_empty(), "{:?}", browser.violations);
    assert!(!appliance.log().contains("csp-violation"));

    // Had there been a violation, the page would have told it, and the appliance would know of it.
    browser.go(&format!("{origin}/control"));
    let log = appliance.log_with("csp-violation");
    browser.value("1");
    let told: Vec<_> = browser.violations.iter().collect();
    assert!(
        told.len() == 1 && told[0].contains("/control img-src https://elsewhere.example"),
        "{told:?}"
    );
    let known: Vec<_> = log
        .lines()
        .filter(|line| line.contains("csp-violation"))
        .collect();
    assert!(
        known.len() == 1 && known[0].contains("\"path\":\"/control\""),
        "{known:?}"
    );
    println!("figure: {header} in the browser, and no violation of the policy");
}
