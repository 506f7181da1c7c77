//! The content security policies (CSP level 3; Trusted Types).

use data_encoding::BASE64;

/// Of answers that are no pages: nothing may be loaded, and nobody may frame them.
pub(super) const NOTHING: &str =
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Of a page of the site: scripts from the site's own files, and those inline ones that were pushed with the page.
/// Generators write styles into pages, so that these may be inline.
pub(super) fn site(scripts: &[String]) -> String {
    let mut hashes = String::new();
    for hash in scripts {
        hashes.push_str(" '");
        hashes.push_str(hash);
        hashes.push('\'');
    }
    format!(
        "default-src 'self'; script-src 'self'{hashes}; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
         font-src 'self' data:; object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'self'; \
         report-to holdfast; report-uri /.holdfast/report"
    )
}

/// Of a page of the site where the portal has the same host name (law 11): no script, no form, no frame, and an origin
/// that is like no other. Links may open new windows, and files may be downloaded.
pub(super) fn sandboxed() -> &'static str {
    "default-src 'self'; script-src 'none'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
     font-src 'self' data:; connect-src 'none'; worker-src 'none'; frame-src 'none'; object-src 'none'; base-uri 'none'; \
     form-action 'none'; frame-ancestors 'none'; \
     sandbox allow-downloads allow-popups allow-popups-to-escape-sandbox"
}

/// Of a page of our own.
pub(super) fn own(nonce: &str) -> String {
    let allowed = if nonce.is_empty() {
        "'none'".to_owned()
    } else {
        format!("'nonce-{nonce}'")
    };
    format!(
        "default-src 'none'; script-src {allowed}; style-src {allowed}; img-src data:; base-uri 'none'; \
         form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'; \
         report-to holdfast; report-uri /.holdfast/report"
    )
}

/// Of a page of our own with forms: they and the script speak to this host alone. Browsers hold the redirect that answers
/// a form against the policy too, so that the site stands there where it may lead to.
pub(super) fn forms(nonce: &str, leads: Option<&str>) -> String {
    let leads = leads.map(|url| format!(" {url}")).unwrap_or_default();
    let forms = format!("connect-src 'self'; form-action 'self'{leads};");
    own(nonce).replace("form-action 'none';", &forms)
}

/// 128 random bits, for one answer (CSP level 3, section 7.1).
pub(super) fn nonce() -> Option<String> {
    let mut random = [0; 16];
    aws_lc_rs::rand::fill(&mut random).ok()?;
    Some(BASE64.encode(&random))
}
