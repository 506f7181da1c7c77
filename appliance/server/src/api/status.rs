//! `GET /v1/status` and `GET /v1/configuration`.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use holdfast_policy::{Appliance, Permit, ReadConfiguration, ReadStatus};
use http::Response;

use super::receive::blocking;
use crate::body::Body;
use crate::machine::{Answer, Ask};
use crate::protocol::{StatusAnswer, StoreStatus};
use crate::rejection::Rejection;
use crate::server::Shared;

/// Tells what runs.
pub(crate) async fn status(
    permit: Permit<ReadStatus>,
    shared: &Arc<Shared>,
) -> Result<Response<Body>, Rejection> {
    let Appliance = permit.into_resource();
    // A machine that does not answer is no reason to say nothing of the rest.
    let machine = match shared.machine.ask(Ask::Status).await {
        Ok(Answer::Status(status)) => Some(status),
        _ => None,
    };
    let store = shared.store.clone();
    let reading = store.reading();
    let usage = blocking(move || store.usage()).await?.ok();
    let live = shared.site.live();
    let web = shared.web_certificate();
    let serving = shared
        .clock
        .monotonic()
        .saturating_duration_since(shared.started);
    super::json(&StatusAnswer {
        version: shared.settings.version.clone(),
        root_hash: shared.settings.root_hash.clone(),
        site: shared.settings.site.url(),
        portal: shared.settings.portal_url(),
        live: live.as_ref().map(|live| live.version),
        pages: live.map_or(0, |live| live.manifest.len()),
        devices: shared.devices.load(Ordering::Relaxed),
        identity: shared.keys.identity_pin,
        certificate: web.fingerprint.clone(),
        web: web.answer(),
        time: shared.clock.now().unix_millis().div_euclid(1000),
        serving_s: serving.as_secs(),
        machine,
        store: usage.map(|usage| StoreStatus {
            bytes: usage.bytes,
            room: usage.room,
            readers: reading.open,
            oldest_reader_ms: reading
                .oldest
                .map(|age| u64::try_from(age.as_millis()).unwrap_or(u64::MAX)),
        }),
        last_exit: shared.settings.last_exit.clone(),
    })
}

/// Tells the configuration in force.
pub(crate) fn configuration(
    permit: Permit<ReadConfiguration>,
    shared: &Arc<Shared>,
) -> Result<Response<Body>, Rejection> {
    let Appliance = permit.into_resource();
    super::json(&shared.settings.configuration)
}
