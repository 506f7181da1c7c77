//! One host name for site and portal (law 11): pages can do nothing to the portal.

use crate::appliance::Appliance;
use crate::web::Answer;

const PAGES: [(&str, &[u8]); 5] = [
    (
        "index.html",
        b"<!doctype html><title>a</title><script>fetch('/.holdfast/')</script><form action='/.holdfast/'></form>\
          <iframe src='/.holdfast/'></iframe>",
    ),
    ("picture.svg", b"<svg xmlns='http://www.w3.org/2000/svg'><script>1</script></svg>"),
    ("worker.js", b"fetch('/.holdfast/')"),
    ("font.woff2", b"not a font"),
    ("404.html", b"own 404"),
];

fn policy(answer: &Answer) -> Vec<Vec<&str>> {
    let policy = answer.headers("content-security-policy");
    let directives = policy.first().unwrap().split(';');
    directives
        .map(|one| one.split_whitespace().collect())
        .collect()
}

fn says(answer: &Answer, expected: &[&str]) {
    let policy = policy(answer);
    assert!(
        policy.iter().any(|one| one == expected),
        "{expected:?} {policy:?}"
    );
}

#[test]
fn scripts_forms_and_frames_of_pages_cannot_reach_the_portal() {
    let appliance = Appliance::start_with_one_name("[site]\nheaders_may_loosen = true").enrolled();
    appliance.push(&PAGES);
    for path in [
        "/",
        "/picture.svg",
        "/worker.js",
        "/font.woff2",
        "/no-such-page",
    ] {
        let answer = appliance.get(path);
        // A script: none is run, in pages, pictures or workers, and none can be brought in by a sandboxed page.
        says(&answer, &["script-src", "'none'"]);
        says(&answer, &["worker-src", "'none'"]);
        says(&answer, &["connect-src", "'none'"]);
        // A form: none is sent.
        says(&answer, &["form-action", "'none'"]);
        // A frame: the portal cannot be in a page, and no page in another.
        says(&answer, &["frame-src", "'none'"]);
        says(&answer, &["frame-ancestors", "'none'"]);
        // And its origin is not the portal's.
        let policy = policy(&answer);
        let sandbox = policy
            .iter()
            .find(|one| one.first() == Some(&"sandbox"))
            .unwrap();
        for power in [
            "allow-scripts",
            "allow-forms",
            "allow-same-origin",
            "allow-top-navigation",
        ] {
            assert!(!sandbox.contains(&power), "{path} {power}");
        }
        assert!(!answer.head.contains("sha256-"), "{}", answer.head);
        assert_eq!(answer.header("set-cookie"), None);
    }
    // Its own pictures and fonts are foreign to a page of such an origin.
    let font = appliance.get("/font.woff2");
    assert_eq!(
        font.header("cross-origin-resource-policy"),
        Some("cross-origin")
    );
    assert_eq!(font.header("access-control-allow-origin"), Some("*"));
    assert_eq!(
        appliance.get("/").header("access-control-allow-origin"),
        None
    );
}

#[test]
fn the_portal_is_below_the_reserved_folder_and_takes_nothing_from_pages() {
    let appliance = Appliance::start_with_one_name("").enrolled();
    appliance.push(&PAGES);
    for path in ["/.holdfast/", "/%2Eholdfast/"] {
        let portal = appliance.get(path);
        assert_eq!(portal.status, 200, "{path}");
        assert!(portal.text().contains("This appliance is serving"));
        says(&portal, &["frame-ancestors", "'none'"]);
        says(&portal, &["trusted-types", "'none'"]);
        assert_eq!(portal.header("x-frame-options"), Some("DENY"));
        assert_eq!(
            portal.header("cross-origin-resource-policy"),
            Some("same-origin")
        );
        assert_eq!(
            portal.header("cross-origin-opener-policy"),
            Some("same-origin")
        );
        assert_eq!(portal.header("access-control-allow-origin"), None);
    }
    assert_eq!(appliance.get("/.holdfast/healthz").text(), "ok\n");
    let missing = appliance.get("/.holdfast/nothing");
    assert_eq!(missing.status, 404);
    // Not the site's own 404 page, which the site's author wrote.
    assert!(missing.text().contains("href=\"/.holdfast/\"") && !missing.text().contains("own 404"));
    // There is no other host.
    assert_eq!(appliance.get_portal("/").status, 421);
    // What a page sends has the origin `null`, and says so.
    let report = "{\"csp-report\":{}}";
    for origin in [
        "Origin: null\r\nSec-Fetch-Site: cross-site\r\n",
        "Origin: null\r\n",
        "Origin: https://evil.example\r\n",
    ] {
        let answer = appliance.raw(&format!(
            "POST /.holdfast/report HTTP/1.1\r\nHost: {}\r\nContent-Type: application/csp-report\r\n{origin}\
             Content-Length: {}\r\nConnection: close\r\n\r\n{report}",
            appliance.authority(),
            report.len()
        ));
        assert_eq!(answer.status, 403, "{origin}");
    }
    // And nothing can be pushed there.
    let site = appliance.path("site");
    crate::appliance::write_site(
        &site,
        &[("index.html", b"a"), (".holdfast/index.html", b"mine")],
    );
    let push = appliance.holdfast(&["site", "push", site.to_str().unwrap()]);
    let portal = appliance.get("/.holdfast/").text();
    assert!(
        !portal.contains("mine"),
        "{}",
        String::from_utf8_lossy(&push.stderr)
    );
}

#[test]
fn publishers_that_are_admins_may_run_scripts() {
    let appliance = Appliance::start_with_one_name("").enrolled();
    let toml = appliance.path("secrets/holdfast.toml");
    let text = std::fs::read_to_string(&toml).unwrap();
    let text = text.replace("[origin]\n", "[origin]\npublishers_are_admins = true\n");
    std::fs::write(&toml, text).unwrap();
    let mut appliance = appliance;
    appliance.push(&PAGES);
    appliance.stop();
    appliance.boot();
    let page = appliance.get("/");
    let policy = page.header("content-security-policy").unwrap();
    assert!(
        policy.contains("script-src 'self' 'sha256-") && !policy.contains("sandbox"),
        "{policy}"
    );
    assert_eq!(appliance.get("/.holdfast/").status, 200);
}
