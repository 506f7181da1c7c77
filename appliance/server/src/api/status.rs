//! `GET /v1/status`.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use holdfast_policy::{Permit, ReadStatus};
use http::Response;

use crate::body::Body;
use crate::protocol::StatusAnswer;
use crate::rejection::Rejection;
use crate::server::Shared;

/// Tells what runs.
pub(crate) fn status(
    permit: Permit<ReadStatus>,
    shared: &Arc<Shared>,
) -> Result<Response<Body>, Rejection> {
    let holdfast_policy::Appliance = permit.into_resource();
    let live = shared.site.live();
    super::json(&StatusAnswer {
        version: shared.settings.version.clone(),
        root_hash: shared.settings.root_hash.clone(),
        site: shared.settings.site.url(),
        portal: shared.settings.portal_url(),
        live: live.as_ref().map(|live| live.version),
        pages: live.map_or(0, |live| live.manifest.len()),
        devices: shared.devices.load(Ordering::Relaxed),
        identity: shared.keys.identity_pin,
        certificate: shared.keys.web_fingerprint.clone(),
    })
}
