//! The portal host: until sign-in exists, a status page and a health check.

use std::sync::Arc;

use holdfast_policy::{Permit, StatusPage};
use holdfast_site::{RequestPath, pages};
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Response, StatusCode};

use super::page::html;
use crate::body::Body;
use crate::rejection::Rejection;
use crate::server::Shared;

/// Serves the portal's pages.
pub(crate) fn portal(
    permit: Permit<StatusPage>,
    shared: &Arc<Shared>,
    path: &RequestPath,
) -> Result<Response<Body>, Rejection> {
    let holdfast_policy::Portal = permit.into_resource();
    match (path.stem(), path.is_folder()) {
        ("", true) => Ok(html(StatusCode::OK, pages::status(&status(shared)))),
        ("/healthz", false) => {
            let mut response = Response::new(Body::from("ok\n".to_owned()));
            let kind = HeaderValue::from_static("text/plain; charset=utf-8");
            response.headers_mut().insert(CONTENT_TYPE, kind);
            Ok(response)
        }
        _ => Err(Rejection::NotFound),
    }
}

fn status(shared: &Shared) -> pages::Status {
    pages::Status {
        version: shared.settings.version.clone(),
        root_hash: shared.settings.root_hash.clone(),
        site: shared.settings.site.url(),
        live: shared
            .site
            .live()
            .map(|live| (live.version, live.manifest.len())),
    }
}
