//! Reports of violations of a content security policy.

use crate::appliance::Appliance;
use crate::web::Answer;

const REPORT: &str = r#"{"csp-report":{"document-uri":"https://localhost/page?secret","effective-directive":"img-src",
    "blocked-uri":"https://evil.example/secret.png?secret","original-policy":"secret","script-sample":"secret"}}"#;

fn post(appliance: &Appliance, host: &str, fields: &str, body: &str) -> Answer {
    appliance.raw(&format!(
        "POST /.holdfast/report HTTP/1.1\r\nHost: {host}\r\n{fields}Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    ))
}

#[test]
fn reports_of_own_pages_are_recorded_without_anything_personal() {
    let appliance = Appliance::start();
    let (site, portal) = (
        appliance.authority(),
        format!("portal.{}", appliance.authority()),
    );
    let kind = "Content-Type: application/csp-report\r\n";
    let answer = post(
        &appliance,
        &site,
        &format!("{kind}Origin: https://{site}\r\nSec-Fetch-Site: same-origin\r\n"),
        REPORT,
    );
    assert_eq!((answer.status, answer.body.len()), (204, 0));
    let log = appliance.log_with("csp-violation");
    let line = log
        .lines()
        .find(|line| line.contains("csp-violation"))
        .unwrap();
    let record: serde_json::Value = serde_json::from_str(line).unwrap();
    assert_eq!(
        (record["directive"].as_str(), record["blocked"].as_str()),
        (Some("img-src"), Some("https://evil.example"))
    );
    assert_eq!(record["path"], "/page");
    assert!(!log.contains("secret"), "{line}");
    // A page without a referrer sends `null`; and the Reporting API has a form of its own.
    let modern = "Content-Type: application/reports+json\r\n";
    let fields = format!("{modern}Origin: null\r\nSec-Fetch-Site: same-origin\r\n");
    let body = r#"[{"type":"csp-violation","body":{"documentURL":"https://x/portal-page","blockedURL":"inline","effectiveDirective":"script-src-elem"}}]"#;
    assert_eq!(post(&appliance, &portal, &fields, body).status, 204);
    appliance.log_with("/portal-page");
}

#[test]
fn reports_of_others_and_what_is_no_report_are_refused() {
    let appliance = Appliance::start();
    let site = appliance.authority();
    let kind = "Content-Type: application/csp-report\r\n";
    for foreign in [
        "Sec-Fetch-Site: cross-site\r\n",
        "Sec-Fetch-Site: same-site\r\n",
        "Origin: https://evil.example\r\n",
        "Origin: null\r\n",
    ] {
        assert_eq!(
            post(&appliance, &site, &format!("{kind}{foreign}"), REPORT).status,
            403,
            "{foreign}"
        );
    }
    for other in [
        "",
        "Content-Type: application/json\r\n",
        "Content-Type: text/plain\r\n",
        "Content-Type: application/x-www-form-urlencoded\r\n",
    ] {
        assert_eq!(
            post(&appliance, &site, other, REPORT).status,
            415,
            "{other}"
        );
    }
    assert_eq!(post(&appliance, &site, kind, "{").status, 400);
    assert_eq!(
        post(&appliance, &site, kind, &" ".repeat(17 * 1024)).status,
        413
    );
    let get = appliance.get("/.holdfast/report");
    assert_eq!(
        (get.status, get.header("allow")),
        (405, Some("POST, OPTIONS"))
    );
    let preflight = appliance.ask(
        "OPTIONS",
        "/.holdfast/report",
        "Origin: https://evil.example\r\n",
    );
    assert_eq!(
        (
            preflight.status,
            preflight.header("access-control-allow-origin")
        ),
        (204, None)
    );
    // Far more than one address may send, or than is noted in a minute from everybody (RFC 6585, section 4).
    let mut shed = 0;
    for _ in 0..90 {
        match post(&appliance, &site, kind, REPORT).status {
            204 => {}
            429 => shed += 1,
            other => panic!("{other}"),
        }
    }
    std::thread::sleep(std::time::Duration::from_millis(500));
    let log = appliance.log();
    let noted = log.lines().filter(|line| line.contains("csp-violation"));
    let noted = noted.count();
    assert!(noted > 0 && noted < 90, "{noted} noted, {shed} shed");
}
