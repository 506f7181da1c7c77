//! Pages of the site: the HTTP side of a manifest entry.

use std::borrow::Cow;
use std::sync::Arc;

use holdfast_policy::{Permit, Resource, View};
use holdfast_site::{
    BlobRef, Encoding, Entry, Manifest, RequestPath, Resolved, location, negotiate, pages, resolve,
};
use http::header::{
    ACCEPT_ENCODING, ACCEPT_RANGES, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_RANGE,
    CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HeaderMap, HeaderName, HeaderValue, IF_NONE_MATCH,
    IF_RANGE, LOCATION, RANGE, VARY,
};
use http::{Request, Response, StatusCode};

use super::range::{Range, parse};
use crate::body::Body;
use crate::rejection::Rejection;
use crate::server::Shared;

/// A page as a policy speaks of it, by its path in the manifest, and what is answered if that may be seen.
#[derive(Debug)]
pub(crate) struct Page {
    path: String,
    content: Content,
}

/// What a path leads to. Even that there is a page under another spelling, or no site yet, is told after the decision.
#[derive(Debug)]
enum Content {
    /// No site was pushed yet.
    Welcome,
    /// The page has another URL: its path and query.
    Moved(String),
    /// A rule of `_redirects`: status and `Location`.
    Redirect(StatusCode, String),
    /// An entry of the manifest.
    Entry(Box<Entry>, StatusCode),
}

impl Resource for Page {
    const TYPE: &'static str = "Page";

    fn id(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.path)
    }
}

impl Page {
    /// Finds the page of a path on the live version.
    pub(crate) fn resolve(
        shared: &Arc<Shared>,
        path: &RequestPath,
        query: Option<&str>,
    ) -> Result<Self, Rejection> {
        let found = |path: &str, content| Self {
            path: path.to_owned(),
            content,
        };
        let entry = |(path, entry): (&str, &Entry), status| {
            found(path, Content::Entry(Box::new(entry.clone()), status))
        };
        let Some(live) = shared.site.live() else {
            return Ok(found("/index.html", Content::Welcome));
        };
        let status = |number| {
            StatusCode::from_u16(number).map_err(|error| Rejection::Internal(error.to_string()))
        };
        match resolve(&live, path, query) {
            Resolved::Page {
                path,
                entry: page,
                status: number,
            } => Ok(entry((path, page), status(number)?)),
            Resolved::Missing => Err(Rejection::NotFound),
            Resolved::Redirect {
                status: number,
                location,
                rule,
            } => Ok(found(rule, Content::Redirect(status(number)?, location))),
            Resolved::Moved { folder } => {
                let mut target = location(path, folder);
                if let Some(query) = query {
                    target.push('?');
                    target.push_str(query);
                }
                let path = target_path(&live.manifest, path.stem(), folder);
                Ok(found(&path, Content::Moved(target)))
            }
        }
    }
}

/// The path in the manifest of the page that a moved one leads to.
fn target_path(manifest: &Manifest, stem: &str, folder: bool) -> String {
    let html = if folder {
        format!("{stem}/index.html")
    } else {
        format!("{stem}.html")
    };
    let found = manifest.page(stem).filter(|_| !folder);
    found.map_or(html, |(path, _)| path.to_owned())
}

pub(super) fn html(status: StatusCode, text: String) -> Response<Body> {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    let kind = HeaderValue::from_static("text/html; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}

/// Serves the page of the permit.
pub(crate) fn page<B>(
    permit: Permit<View<Page>>,
    shared: &Arc<Shared>,
    request: &Request<B>,
) -> Result<Response<Body>, Rejection> {
    match permit.into_resource().content {
        Content::Welcome => {
            let text = pages::welcome(&shared.settings.site.to_string());
            Ok(html(StatusCode::OK, text))
        }
        Content::Moved(target) => {
            let mut response = html(StatusCode::MOVED_PERMANENTLY, String::new());
            insert(&mut response, LOCATION, &target)?;
            Ok(response)
        }
        Content::Redirect(status, target) => {
            let mut response = html(status, String::new());
            insert(&mut response, LOCATION, &target)?;
            Ok(response)
        }
        Content::Entry(entry, status) => serve(&entry, status, shared, request),
    }
}

/// Serves an entry: encoding (RFC 9110, 12.5.3), conditional (13.1.2), range (14.2).
fn serve<B>(
    entry: &Entry,
    status: StatusCode,
    shared: &Arc<Shared>,
    request: &Request<B>,
) -> Result<Response<Body>, Rejection> {
    let asked = request.headers();
    // A range is of the file as written, which is what clients that fetch parts put together again.
    let ranged = status == StatusCode::OK && request.method() == http::Method::GET;
    let range_field = text(asked, RANGE).filter(|_| ranged);
    let available: Vec<_> = entry.encodings.keys().copied().collect();
    let encoding = match range_field {
        Some(_) => None,
        None => negotiate(list(asked, ACCEPT_ENCODING).as_deref(), &available),
    };
    let blob = encoding
        .and_then(|encoding| entry.encodings.get(&encoding))
        .unwrap_or(&entry.identity);
    let etag = etag(blob, encoding);

    let mut response = Response::new(Body::Empty);
    *response.status_mut() = status;
    describe(response.headers_mut(), entry, encoding, &etag)?;
    if status == StatusCode::OK && list(asked, IF_NONE_MATCH).is_some_and(|f| matches(&f, &etag)) {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        response.headers_mut().remove(CONTENT_TYPE);
        response.headers_mut().remove(CONTENT_ENCODING);
        return Ok(response);
    }
    let whole = blob.length;
    // RFC 9110, 13.1.5: another or a weak validator means the whole page.
    let fresh = asked.get(IF_RANGE).is_none_or(|validator| {
        let validator = validator.to_str();
        validator.is_ok_and(|validator| validator.trim() == etag)
    });
    let range = range_field
        .filter(|_| fresh)
        .map_or(Range::Whole, |field| parse(field, whole));
    let (start, end) = match range {
        Range::Whole => (0, whole),
        Range::Part { start, end } => {
            *response.status_mut() = StatusCode::PARTIAL_CONTENT;
            let last = end.saturating_sub(1);
            insert(
                &mut response,
                CONTENT_RANGE,
                &format!("bytes {start}-{last}/{whole}"),
            )?;
            (start, end)
        }
        Range::Unsatisfiable => {
            *response.status_mut() = StatusCode::RANGE_NOT_SATISFIABLE;
            insert(&mut response, CONTENT_RANGE, &format!("bytes */{whole}"))?;
            return Ok(response);
        }
    };
    let admitted = shared.room.admit(&shared.site, *blob)?;
    *response.body_mut() = Body::blob(admitted, start, end);
    Ok(response)
}

fn describe(
    headers: &mut HeaderMap,
    entry: &Entry,
    encoding: Option<Encoding>,
    etag: &str,
) -> Result<(), Rejection> {
    let value = |text: &str| {
        HeaderValue::try_from(text).map_err(|error| Rejection::Internal(error.to_string()))
    };
    headers.insert(CONTENT_TYPE, value(&entry.content_type)?);
    headers.insert(ETAG, value(etag)?);
    // Kept, but asked for again each time: a new version shows at once, an unchanged page costs a 304.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(CONTENT_SECURITY_POLICY, value(&policy(entry))?);
    if !entry.encodings.is_empty() {
        headers.insert(VARY, HeaderValue::from_static("Accept-Encoding"));
    }
    if let Some(encoding) = encoding {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static(encoding.name()));
    }
    Ok(())
}

/// Scripts from the site's own files, and those inline ones that were pushed with the page.
fn policy(entry: &Entry) -> String {
    let mut hashes = String::new();
    for hash in &entry.scripts {
        hashes.push_str(" '");
        hashes.push_str(hash);
        hashes.push('\'');
    }
    format!(
        "default-src 'self'; script-src 'self'{hashes}; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
         font-src 'self' data:; object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'self'"
    )
}

/// A strong validator (RFC 9110, 8.8.3): the hash of exactly these bytes, and their encoding.
fn etag(blob: &BlobRef, encoding: Option<Encoding>) -> String {
    match encoding {
        Some(encoding) => format!("\"{}-{}\"", blob.sha256, encoding.name()),
        None => format!("\"{}\"", blob.sha256),
    }
}

/// Whether an `If-None-Match` names the validator, by weak comparison (RFC 9110, 13.1.2).
fn matches(field: &str, etag: &str) -> bool {
    field.trim() == "*"
        || field
            .split(',')
            .any(|item| item.trim().trim_start_matches("W/") == etag)
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// A list field that may come in several lines (RFC 9110, 5.3).
fn list(headers: &HeaderMap, name: HeaderName) -> Option<String> {
    let lines: Vec<_> = headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .collect();
    (!lines.is_empty()).then(|| lines.join(","))
}

fn insert(response: &mut Response<Body>, name: HeaderName, text: &str) -> Result<(), Rejection> {
    let value =
        HeaderValue::try_from(text).map_err(|error| Rejection::Internal(error.to_string()))?;
    response.headers_mut().insert(name, value);
    Ok(())
}
