//! What the portal's pages are, whoever asks.

use super::client::Client;
use crate::web::Answer;

fn directive<'a>(page: &'a Answer, name: &str) -> Vec<&'a str> {
    let policies = page.headers("content-security-policy");
    assert_eq!(policies.len(), 1, "{}", page.head);
    let mut all = policies[0].split(';').map(str::split_whitespace);
    let found = all.find(|one| one.clone().next() == Some(name));
    found
        .unwrap_or_else(|| panic!("no {name}"))
        .skip(1)
        .collect()
}

#[test]
fn pages_of_the_portal_run_one_script_and_stay_out_of_caches_and_frames() {
    let (appliance, _) = super::appliance(&[]);
    let mut client = Client::new(&appliance);
    let site = client.site("");
    for path in ["/sign-in", "/join", "/recover"] {
        let url = client.portal(path);
        let (first, second) = (client.go(&url), client.go(&url));
        assert_eq!(first.status, 200, "{path}");
        assert_eq!(first.header("cache-control"), Some("no-store"));
        assert_eq!(first.header("x-frame-options"), Some("DENY"));
        assert_eq!(directive(&first, "default-src"), ["'none'"]);
        assert_eq!(directive(&first, "base-uri"), ["'none'"]);
        assert_eq!(directive(&first, "frame-ancestors"), ["'none'"]);
        assert_eq!(directive(&first, "connect-src"), ["'self'"]);
        assert_eq!(directive(&first, "form-action"), ["'self'", &site]);
        assert_eq!(directive(&first, "require-trusted-types-for"), ["'script'"]);
        assert_eq!(directive(&first, "trusted-types"), ["'none'"]);
        // A nonce for each answer, which the page's one script has.
        let scripts = directive(&first, "script-src");
        assert_ne!(scripts, directive(&second, "script-src"));
        assert!(scripts.len() == 1 && scripts[0].starts_with("'nonce-"));
        let nonce = scripts[0].trim_matches('\'').trim_start_matches("nonce-");
        let text = first.text();
        assert_eq!(text.matches("<script").count(), 1, "{path}");
        let script = text.split("<script").nth(1).unwrap();
        assert!(script.contains(&format!("nonce=\"{nonce}\"")), "{script}");
        let at = script.split("src=\"").nth(1).unwrap();
        let at = at.split('"').next().unwrap();
        let url = client.portal(at);
        let script = client.go(&url);
        assert_eq!(
            script.header("content-type"),
            Some("text/javascript; charset=utf-8")
        );
        // A browser that has its cookie keeps it.
        assert_eq!(second.header("set-cookie"), None, "{path}");
        // Forms tell their origin: browsers say `null` under `no-referrer`.
        assert_eq!(
            first.header("referrer-policy"),
            Some("same-origin"),
            "{path}"
        );
    }
}

#[test]
fn what_leads_elsewhere_after_a_sign_in_leads_to_the_account() {
    let (appliance, _) = super::appliance(&[]);
    let mut client = Client::new(&appliance);
    for next in [
        "https%3A%2F%2Fevil.example%2F",
        "%2F%2Fevil.example",
        "%2F%5Cevil.example",
        "%5C%5Cevil.example",
        "javascript%3Aalert(1)",
        "%2F%09%2Fevil.example",
        "%2Fa%0D%0ASet-Cookie%3A%20a%3Db",
        "evil.example",
        "",
    ] {
        let url = client.portal(&format!("/sign-in?next={next}"));
        let page = client.go(&url);
        assert_eq!(page.status, 200, "{next}");
        let text = page.text();
        assert!(text.contains("data-next=\"/account\""), "{next}: {text}");
        assert!(
            !text.contains("evil") && !page.head.contains("evil"),
            "{next}"
        );
        let url = client.portal(&format!("/recover?next={next}"));
        let text = client.go(&url).text();
        assert!(text.contains("name=\"next\" value=\"/account\""), "{next}");
        assert!(!text.contains("evil"), "{next}");
        // At the site it leads to the first page.
        let url = client.site(&format!("/.holdfast/sign-in?next={next}"));
        let away = client.go(&url);
        let to = away.header("location").unwrap();
        assert!(to.ends_with("&next=%2F"), "{next}: {to}");
    }
    let url = client.portal("/sign-in?next=%2Fa%22%3E%3Cscript%3E");
    let page = client.go(&url).text();
    assert!(
        !page.contains("<script>") && page.contains("/a&quot;&gt;&lt;script"),
        "{page}"
    );
}
