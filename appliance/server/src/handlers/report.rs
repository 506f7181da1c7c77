//! Reports of violations of a content security policy, as browsers send them: by `report-uri` (CSP level 3, section 5.3)
//! and by the Reporting API (section 2.4 there). One line is noted of each: the directive, the origin of what was blocked,
//! and the path of the page. Nothing of a query, a script or a person.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use holdfast_policy::{Permit, Report};
use http::header::{CONTENT_TYPE, HeaderMap, ORIGIN};
use http::request::Parts;
use http::{Response, StatusCode, Uri};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::Incoming;
use serde::{Deserialize, Serialize};

use crate::body::Body;
use crate::rejection::Rejection;
use crate::request::RequestContext;
use crate::server::Shared;

/// Most bytes of a report.
const MOST: usize = 16 * 1024;
/// Time for all of it.
const TIME: Duration = Duration::from_secs(10);
/// Most violations that are noted of one report.
const AT_ONCE: usize = 8;
/// Most violations that are noted in a [`WINDOW`], from everybody together.
const NOTED: u32 = 60;
const WINDOW: Duration = Duration::from_secs(60);
/// Longest directive and path that are noted, in bytes.
const LONGEST: usize = 256;

/// What was noted lately: reports come from anyone, and must not fill the log.
#[derive(Default)]
pub(crate) struct Reports(Mutex<Window>);

#[derive(Default)]
struct Window {
    start: Option<Instant>,
    noted: u32,
    left_out: u64,
}

/// A violation, as it is noted.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Violation {
    kind: &'static str,
    request: String,
    directive: String,
    blocked: String,
    path: String,
    disposition: &'static str,
    /// Violations before this one that were not noted.
    #[serde(skip_serializing_if = "is_zero")]
    left_out: u64,
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// The body of `report-uri`.
#[derive(Deserialize)]
struct Classic {
    #[serde(rename = "csp-report")]
    report: ClassicBody,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct ClassicBody {
    document_uri: String,
    violated_directive: String,
    effective_directive: String,
    blocked_uri: String,
    disposition: String,
}

/// One report of the Reporting API.
#[derive(Deserialize)]
struct Modern {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    body: serde_json::Value,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ModernBody {
    #[serde(rename = "documentURL")]
    document: String,
    #[serde(rename = "blockedURL")]
    blocked: String,
    effective_directive: String,
    disposition: String,
}

/// Takes a report.
pub(crate) async fn report(
    permit: Permit<Report>,
    shared: &Shared,
    context: &RequestContext,
    parts: &Parts,
    body: Incoming,
) -> Result<Response<Body>, Rejection> {
    let holdfast_policy::Portal = permit.into_resource();
    let modern = is_modern(&parts.headers)?;
    if !is_same_origin(shared, &parts.headers) {
        return Err(Rejection::ForeignOrigin);
    }
    let whole = tokio::time::timeout(TIME, Limited::new(body, MOST).collect()).await;
    let whole = whole.map_err(|_| Rejection::Slow)?.map_err(|error| {
        if error.is::<LengthLimitError>() {
            Rejection::TooLarge("16 KiB")
        } else {
            Rejection::Body("The body ended too early.".to_owned())
        }
    })?;
    let violations = read(modern, &whole.to_bytes())
        .map_err(|error| Rejection::Body(format!("This is no report of a violation: {error}.")))?;
    let now = shared.clock.monotonic();
    for mut violation in violations.into_iter().take(AT_ONCE) {
        if let Some(left_out) = shared.reports.admit(now) {
            violation.request = context.id.to_string();
            violation.left_out = left_out;
            shared.records.note(&violation);
        }
    }
    let mut response = Response::new(Body::Empty);
    *response.status_mut() = StatusCode::NO_CONTENT;
    Ok(response)
}

/// Which of the two forms the body has; nothing else is read.
fn is_modern(headers: &HeaderMap) -> Result<bool, Rejection> {
    let kind = headers
        .get(CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok());
    let essence = kind
        .and_then(|kind| kind.split(';').next())
        .unwrap_or_default();
    match essence.trim().to_ascii_lowercase().as_str() {
        "application/csp-report" => Ok(false),
        "application/reports+json" => Ok(true),
        _ => Err(Rejection::MediaType(
            "application/csp-report or application/reports+json",
        )),
    }
}

/// Whether the browser says that the report is of one of our own pages (Fetch Metadata, section 2.1.3; Fetch, 3.1). A page
/// without a referrer has the origin `null`, and reports that are sent late may carry neither field.
fn is_same_origin(shared: &Shared, headers: &HeaderMap) -> bool {
    let site = headers.get("sec-fetch-site").map(|value| value.as_bytes());
    if site.is_some_and(|site| site != b"same-origin") {
        return false;
    }
    let settings = &shared.settings;
    headers.get(ORIGIN).is_none_or(|origin| {
        let ours = |url: String| url.as_bytes() == origin.as_bytes();
        ours(settings.site.url())
            || ours(settings.portal.url())
            || origin == "null" && site.is_some()
    })
}

fn read(modern: bool, bytes: &[u8]) -> Result<Vec<Violation>, serde_json::Error> {
    if !modern {
        let Classic { report } = serde_json::from_slice(bytes)?;
        let directive = if report.effective_directive.is_empty() {
            report.violated_directive
        } else {
            report.effective_directive
        };
        let (page, blocked) = (report.document_uri, report.blocked_uri);
        return Ok(vec![violation(
            &directive,
            &blocked,
            &page,
            &report.disposition,
        )]);
    }
    let reports: Vec<Modern> = serde_json::from_slice(bytes)?;
    let ours = reports
        .into_iter()
        .filter(|report| report.kind == "csp-violation");
    let mut violations = Vec::new();
    for report in ours.take(AT_ONCE) {
        let body: ModernBody = serde_json::from_value(report.body)?;
        let directive = &body.effective_directive;
        violations.push(violation(
            directive,
            &body.blocked,
            &body.document,
            &body.disposition,
        ));
    }
    Ok(violations)
}

/// Takes of a report what may be noted. All of it is foreign text.
fn violation(directive: &str, blocked: &str, page: &str, disposition: &str) -> Violation {
    let directive = directive
        .split_ascii_whitespace()
        .next()
        .unwrap_or_default();
    let plain = directive.len() <= LONGEST
        && directive
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte == b'-');
    let page = page.parse::<Uri>().ok();
    let path = page
        .as_ref()
        .filter(|page| page.scheme().is_some())
        .map(Uri::path);
    Violation {
        kind: "csp-violation",
        request: String::new(),
        directive: if plain { directive } else { "?" }.to_owned(),
        blocked: origin(blocked),
        path: path
            .filter(|path| path.len() <= LONGEST)
            .unwrap_or("?")
            .to_owned(),
        disposition: if disposition == "report" {
            "report"
        } else {
            "enforce"
        },
        left_out: 0,
    }
}

/// The origin of a URL, or the word that stands for what has none: `inline`, `eval`, `data`, `blob`.
fn origin(blocked: &str) -> String {
    let word = blocked.split(':').next().unwrap_or_default();
    if matches!(word, "blob" | "data" | "filesystem") {
        return word.to_owned();
    }
    let is_word = !word.is_empty()
        && word.len() <= 32
        && word
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte == b'-');
    let url = blocked.parse::<Uri>().ok();
    let host = url
        .as_ref()
        .and_then(|url| Some((url.scheme_str()?, url.host()?, url.port_u16())));
    match host {
        Some((_, host, _)) if host.len() > LONGEST => "?".to_owned(),
        Some((scheme, host, Some(port))) => format!("{scheme}://{host}:{port}"),
        Some((scheme, host, None)) => format!("{scheme}://{host}"),
        None if is_word && !blocked.contains("//") => word.to_owned(),
        None => "?".to_owned(),
    }
}

impl Reports {
    /// Whether one more may be noted now, and how many before it were not.
    fn admit(&self, now: Instant) -> Option<u64> {
        let mut window = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let over = |start: Instant| now.saturating_duration_since(start) >= WINDOW;
        if window.start.is_none_or(over) {
            window.start = Some(now);
            window.noted = 0;
        }
        if window.noted >= NOTED {
            window.left_out = window.left_out.saturating_add(1);
            return None;
        }
        window.noted = window.noted.saturating_add(1);
        Some(std::mem::take(&mut window.left_out))
    }
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]
mod tests {
    use super::*;

    #[test]
    fn of_a_report_nothing_is_noted_but_directive_origin_and_path() {
        let classic = br#"{"csp-report":{"document-uri":"https://example.org/a/b?token=secret#frag","referrer":"https://r/secret",
            "violated-directive":"script-src-elem 'self'","effective-directive":"script-src-elem","original-policy":"secret",
            "blocked-uri":"https://user:secret@evil.example:8443/x.js?secret","script-sample":"secret","disposition":"enforce"}}"#;
        let modern = br#"[{"type":"csp-violation","age":1,"url":"https://example.org/a/b?secret","user_agent":"secret",
            "body":{"documentURL":"https://example.org/a/b?secret","blockedURL":"https://evil.example:8443/secret",
            "effectiveDirective":"script-src-elem","disposition":"enforce","sample":"secret"}},
            {"type":"deprecation","body":{"id":"secret"}}]"#;
        for (is_modern, body) in [(false, &classic[..]), (true, &modern[..])] {
            let noted = read(is_modern, body).unwrap();
            assert_eq!(noted.len(), 1);
            let line = serde_json::to_string(&noted[0]).unwrap();
            assert!(!line.contains("secret"), "{line}");
            assert_eq!(noted[0].directive, "script-src-elem");
            assert_eq!(noted[0].blocked, "https://evil.example:8443");
            assert_eq!(noted[0].path, "/a/b");
        }
    }

    #[test]
    fn foreign_text_in_a_report_is_not_noted() {
        for (blocked, expected) in [
            ("inline", "inline"),
            ("eval", "eval"),
            ("trusted-types-sink", "trusted-types-sink"),
            ("data:text/html,secret", "data"),
            ("blob:https://example.org/secret", "blob"),
            ("", "?"),
            ("a b", "?"),
            ("\u{1b}[2J", "?"),
            ("//evil", "?"),
            ("https://", "?"),
            ("javascript://x", "javascript://x"),
        ] {
            assert_eq!(
                violation("x", blocked, "", "").blocked,
                expected,
                "{blocked}"
            );
        }
        assert_eq!(violation("a\"b", "", "", "").directive, "?");
        assert_eq!(violation("x", "", "about:blank", "").path, "?");
        assert_eq!(violation("x", "", "/only/a/path", "").path, "?");
        for wrong in [
            &b"{}"[..],
            b"[]x",
            b"{\"csp-report\":1}",
            b"\xff",
            b"[[[[[[",
        ] {
            assert!(read(false, wrong).is_err());
        }
        let many = format!(
            "[{}]",
            vec!["{\"type\":\"csp-violation\",\"body\":{}}"; 50].join(",")
        );
        assert_eq!(read(true, many.as_bytes()).unwrap().len(), AT_ONCE);
    }

    #[test]
    fn reports_cannot_fill_the_log() {
        let reports = Reports::default();
        let start = Instant::now();
        let noted = (0..1000).filter(|_| reports.admit(start).is_some()).count();
        assert_eq!(noted, 60);
        assert_eq!(reports.admit(start + WINDOW), Some(940));
        assert_eq!(reports.admit(start + WINDOW), Some(0));
    }
}
