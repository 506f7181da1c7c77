//! Pages of the site: the HTTP side of what a path leads to.

use std::borrow::Cow;
use std::sync::Arc;

use holdfast_policy::{Channel, Context, Permit, Principal, Resource, View};
use holdfast_site::{Manifest, RequestPath, Resolved, location, pages, resolve};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue, LOCATION};
use http::request::Parts;
use http::{Response, StatusCode, Uri};

use super::entry;
use super::prepared::Ready;
use crate::body::Body;
use crate::headers;
use crate::rejection::Rejection;
use crate::request::RequestContext;
use crate::server::Shared;

/// What a site shows where nothing is there.
const NOT_FOUND: &str = "/404.html";

/// A page as a policy speaks of it, and what is answered if it may be seen.
#[derive(Clone, Debug)]
pub(crate) struct Page(Content);

/// What a path leads to. Even that there is a page under another spelling, or no site yet, is told after the decision.
#[derive(Clone, Debug)]
enum Content {
    /// No site was pushed yet.
    Welcome,
    /// An entry of the manifest; a policy knows it by its path there.
    Ready(Arc<Ready>),
    /// Nothing is there, and what the site shows in its place. A policy knows it by the folder that was asked for, so that
    /// who may not see a folder is not told what is missing in it.
    Missing {
        of: Box<str>,
        shown: Option<Arc<Ready>>,
    },
    /// The page has another URL. A policy knows it by the path of the page there, or by the rule that says so.
    Moved {
        of: Box<str>,
        status: StatusCode,
        target: String,
    },
}

impl Resource for Page {
    const TYPE: &'static str = "Page";

    fn id(&self) -> Cow<'_, str> {
        Cow::Borrowed(match &self.0 {
            Content::Welcome => "/index.html",
            Content::Ready(ready) => &ready.path,
            Content::Missing { of, .. } | Content::Moved { of, .. } => of,
        })
    }
}

impl Page {
    /// The page of a target that was resolved before, on the live version.
    pub(crate) fn known(shared: &Shared, uri: &Uri) -> Option<Self> {
        let live = shared.site.live()?;
        let ready = shared.prepared.find(live.version, uri)?;
        Some(Self(Content::Ready(ready)))
    }

    /// Finds the page of a path on the live version.
    pub(crate) fn resolve(
        shared: &Shared,
        path: &RequestPath,
        uri: &Uri,
    ) -> Result<Self, Rejection> {
        let Some(live) = shared.site.live() else {
            return match shared.site.unloadable() {
                None => Ok(Self(Content::Welcome)),
                Some(why) => Err(Rejection::Internal(format!(
                    "{why}. Push the site again, or make another version live"
                ))),
            };
        };
        let content = match resolve(&live, path, uri.query()) {
            Resolved::Page {
                path: found,
                entry,
                status,
            } => {
                let status = code(status)?;
                let listed = live.headers(found);
                let ready = Ready::new(shared.settings.pages(), found, entry, status, &listed)?;
                let ready = Arc::new(ready);
                // Pages that are not there have no end of paths.
                if status == StatusCode::OK {
                    shared.prepared.keep(live.version, uri, &ready);
                }
                if status == StatusCode::NOT_FOUND && found == NOT_FOUND {
                    Content::Missing {
                        of: folder_of(path),
                        shown: Some(ready),
                    }
                } else {
                    Content::Ready(ready)
                }
            }
            Resolved::Moved { folder } => {
                let mut target = location(path, folder);
                if let Some(query) = uri.query() {
                    target.push('?');
                    target.push_str(query);
                }
                Content::Moved {
                    of: target_path(&live.manifest, path.stem(), folder).into(),
                    status: StatusCode::MOVED_PERMANENTLY,
                    target,
                }
            }
            Resolved::Redirect {
                status,
                location,
                rule,
            } => Content::Moved {
                of: rule.into(),
                status: code(status)?,
                target: location,
            },
            Resolved::Missing => Content::Missing {
                of: folder_of(path),
                shown: None,
            },
        };
        Ok(Self(content))
    }
}

/// The folder of a path, with the slash at its end.
fn folder_of(path: &RequestPath) -> Box<str> {
    let stem = path.stem();
    if path.is_folder() {
        return format!("{stem}/").into();
    }
    let end = stem.rfind('/').map_or(0, |at| at.saturating_add(1));
    stem.get(..end).unwrap_or_default().into()
}

fn code(status: u16) -> Result<StatusCode, Rejection> {
    StatusCode::from_u16(status)
        .map_err(|_| Rejection::Internal(format!("the site answers with the status {status}")))
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

/// Serves the page of the permit.
pub(crate) fn page(
    permit: Permit<View<Page>>,
    shared: &Arc<Shared>,
    context: &RequestContext,
    parts: &Parts,
) -> Result<Response<Body>, Rejection> {
    let public = cacheable(&permit, shared, context);
    let mut response = match permit.into_resource().0 {
        Content::Ready(ready)
        | Content::Missing {
            shown: Some(ready), ..
        } => entry::serve(&ready, shared, parts)?,
        Content::Missing { shown: None, .. } => return Err(Rejection::NotFound),
        Content::Welcome => headers::own_page(StatusCode::OK, |nonce| {
            let frame = pages::Frame {
                nonce,
                home: context.home,
            };
            pages::welcome(&frame, &shared.settings.site.to_string())
        }),
        Content::Moved { status, target, .. } => moved(status, &target)?,
    };
    if !public {
        headers::keep_private(response.headers_mut());
    }
    Ok(response)
}

/// Whether the page is public: only then may what its author says of caches stand, since a shared cache would give it to
/// everybody (RFC 9111, section 3.5). Asked of the policy itself, for someone of whom nothing is known.
fn cacheable(permit: &Permit<View<Page>>, shared: &Shared, context: &RequestContext) -> bool {
    let channel = Context::of(Channel::Web);
    match context.principal {
        // The permit is the policy's answer.
        Principal::Visitor => true,
        Principal::Person { .. } | Principal::Device { .. } => {
            let page = permit.resource().clone();
            let policy = &shared.policy;
            policy
                .decide::<View<Page>>(&Principal::Visitor, page, &channel)
                .is_ok()
        }
    }
}

/// A redirect (RFC 9110, section 15.4). It is asked for again each time, since the next version may have a page there.
fn moved(status: StatusCode, target: &str) -> Result<Response<Body>, Rejection> {
    let mut response = Response::new(Body::Empty);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(LOCATION, headers::value(target)?);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    let kind = HeaderValue::from_static("text/html; charset=utf-8");
    headers.insert(CONTENT_TYPE, kind);
    Ok(response)
}
