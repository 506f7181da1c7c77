//! Pushing a site: which blobs are missing, their upload, the version.

use std::sync::Arc;

use holdfast_audit::{Actor, Event, Kind, Outcome};
use holdfast_policy::{Permit, Publish, Site};
use holdfast_site::{Commit, Digest, Manifest, WireManifest};
use http::Response;
use http::header::{CONTENT_TYPE, HeaderValue};
use hyper::body::Incoming;

use super::receive::{Bound, Stream, blocking, cut, json};
use crate::body::Body;
use crate::device;
use crate::enrolment::proof::Binding;
use crate::pin::Pin;
use crate::protocol::{
    ActivateRequest, Activated, CommitRequest, Committed, Digests, Stored, VersionItem,
};
use crate::rejection::Rejection;
use crate::request::RequestContext;
use crate::server::Shared;

/// A manifest of 500 000 entries takes some 200 MB; most sites stay far below this.
const MANIFEST: Bound = Bound {
    bytes: 64 * 1024 * 1024,
    text: "64 MiB",
};
/// A name takes 67 bytes of JSON.
const DIGESTS: Bound = Bound {
    bytes: 4 * 1024 * 1024,
    text: "4 MiB (60000 names)",
};
const ACTIVATE: Bound = Bound {
    bytes: 4096,
    text: "4 KiB",
};
/// Bytes of a blob handled at once.
const PIECE: usize = 1024 * 1024;

/// `POST /v1/site/missing`.
pub(crate) async fn missing(
    permit: Permit<Publish>,
    shared: &Arc<Shared>,
    binding: &Binding,
    body: Incoming,
) -> Result<Response<Body>, Rejection> {
    let Site = permit.into_resource();
    let digests: Digests = json(body, DIGESTS).await?;
    // Before it is told what is there.
    shared.pushes(binding.exporter).await;
    let shared = Arc::clone(shared);
    let missing = blocking(move || shared.site.missing(&digests)).await??;
    super::json(&missing)
}

/// `POST /v1/site/blobs`: repeated 32 bytes of SHA-256, 8 bytes of length (little endian), the bytes.
pub(crate) async fn blobs(
    permit: Permit<Publish>,
    shared: &Arc<Shared>,
    binding: &Binding,
    body: Incoming,
) -> Result<Response<Body>, Rejection> {
    let Site = permit.into_resource();
    shared.pushes(binding.exporter).await;
    let _held = shared.collection.leases.hold(binding.exporter);
    let mut stream = Stream::new(body, &shared.limits.limits);
    let mut upload = shared.site.upload();
    let mut unasked = 0_usize;
    while let Some(name) = stream.exact::<32>().await? {
        let length = stream
            .exact::<8>()
            .await?
            .map(u64::from_le_bytes)
            .ok_or_else(cut)?;
        // An upload may take long: a device that is revoked meanwhile is out at its next blob, or after some bytes of it.
        device::still_enrolled(&shared.store, &binding.client)?;
        upload.begin(Digest::from(name), length)?;
        let mut left = length;
        while left > 0 {
            let most = usize::try_from(left).unwrap_or(PIECE).min(PIECE);
            let piece = stream.some(most).await?;
            if piece.is_empty() {
                return Err(cut());
            }
            left = left.saturating_sub(piece.len() as u64);
            unasked = unasked.saturating_add(piece.len());
            if unasked >= PIECE {
                device::still_enrolled(&shared.store, &binding.client)?;
                unasked = 0;
            }
            upload.write(&piece).await?;
        }
        upload.end().await?;
    }
    let stored = upload.finish().await?;
    super::json(&Stored { stored })
}

/// `POST /v1/site/versions`.
pub(crate) async fn commit(
    permit: Permit<Publish>,
    shared: &Arc<Shared>,
    context: &RequestContext,
    binding: &Binding,
    body: Incoming,
) -> Result<Response<Body>, Rejection> {
    let Site = permit.into_resource();
    let CommitRequest {
        entries,
        redirects,
        headers,
        activate,
    } = {
        // A few at a time: each may take much memory while it is read.
        let reading = shared.collection.reading.acquire().await;
        let reading = reading.map_err(|error| Rejection::Internal(error.to_string()))?;
        let request = json(body, MANIFEST).await?;
        drop(reading);
        request
    };
    let wire = WireManifest {
        entries,
        redirects,
        headers,
    };
    let by = By::new(context, binding);
    let shared = Arc::clone(shared);
    let version = super::detached(async move {
        // From here to the commit no blob is removed.
        shared.pushes(by.connection).await;
        let held = shared.collection.leases.hold(by.connection);
        // One at a time: it decodes what it never saw.
        let alone = shared.collection.checking.lock().await;
        let checking = Arc::clone(&shared);
        let manifest = blocking(move || checking.site.check(wire)).await??;
        drop(alone);
        // One at a time, so that the store and memory agree on the order.
        let order = shared.publishing.lock().await;
        device::still_enrolled(&shared.store, &by.pin)?;
        let version = keep(&shared, manifest, activate, &by).await?;
        shared.collection.leases.end(&by.connection);
        drop((order, held));
        shared.collection.due();
        Ok(version)
    });
    super::json(&Committed {
        version: version.await?,
    })
}

/// Who publishes, and by which request.
struct By {
    pin: Pin,
    device: String,
    connection: [u8; 32],
    request: String,
}

impl By {
    fn new(context: &RequestContext, binding: &Binding) -> Self {
        Self {
            pin: binding.client,
            device: binding.client.to_string(),
            connection: binding.exporter,
            request: context.id.to_string(),
        }
    }

    fn event(&self, shared: &Shared, kind: Kind, version: u64) -> Event {
        let actor = Actor::Device(self.device.clone());
        let mut event = shared.event(kind, actor, &version.to_string(), Outcome::Done);
        event.request = Some(self.request.clone());
        event
    }
}

/// Keeps a version, and makes it the live one if it is to be: both in one commit, with their events.
async fn keep(
    shared: &Arc<Shared>,
    manifest: Manifest,
    activate: bool,
    by: &By,
) -> Result<u64, Rejection> {
    let seconds = shared.clock.now().unix_millis().div_euclid(1000);
    let author = by.device.clone();
    let Commit {
        mut batch,
        version,
        live,
    } = shared
        .site
        .commit(manifest, seconds, author, activate)
        .await?;
    holdfast_audit::append(&mut batch, &by.event(shared, Kind::SiteStored, version))?;
    if activate {
        holdfast_audit::append(&mut batch, &by.event(shared, Kind::SiteActivated, version))?;
    }
    shared.store.commit(batch).await?;
    if let Some(live) = live {
        shared.site.go_live(live);
        shared.redraw();
    }
    Ok(version)
}

/// `POST /v1/site/active`: makes a version live.
pub(crate) async fn activate(
    permit: Permit<Publish>,
    shared: &Arc<Shared>,
    context: &RequestContext,
    binding: &Binding,
    body: Incoming,
) -> Result<Response<Body>, Rejection> {
    let Site = permit.into_resource();
    let ActivateRequest {
        version,
        instead_of,
    } = json(body, ACTIVATE).await?;
    let by = By::new(context, binding);
    let shared = Arc::clone(shared);
    let answer = super::detached(async move {
        let _order = shared.publishing.lock().await;
        device::still_enrolled(&shared.store, &by.pin)?;
        let now = shared.site.live().map(|live| live.version);
        // Asked again, since the answer was lost.
        if now == Some(version) {
            return Ok(Activated {
                version,
                before: shared.site.before()?,
            });
        }
        if instead_of.is_some() && instead_of != now {
            return Err(Rejection::Conflict(
                "Another version went live meanwhile. See `holdfast site versions`, then decide again.".to_owned(),
            ));
        }
        let loading = Arc::clone(&shared);
        let (mut batch, live) = blocking(move || loading.site.activation(version)).await??;
        holdfast_audit::append(&mut batch, &by.event(&shared, Kind::SiteActivated, version))?;
        shared.store.commit(batch).await?;
        shared.site.go_live(live);
        shared.redraw();
        shared.collection.due();
        Ok(Activated {
            version,
            before: now,
        })
    });
    super::json(&answer.await?)
}

/// `GET /v1/site/versions/N`: the manifest of a version, as it is stored, in the format that the list of versions tells.
pub(crate) fn manifest(
    permit: Permit<Publish>,
    shared: &Arc<Shared>,
    version: u64,
) -> Result<Response<Body>, Rejection> {
    let Site = permit.into_resource();
    let blob = shared.site.version(version)?.manifest;
    let admitted = shared.room.admit(&shared.site, blob)?;
    let mut response = Response::new(Body::blob(admitted, 0, blob.length));
    response.headers_mut().insert(
        CONTENT_TYPE,
        HeaderValue::from_static("application/octet-stream"),
    );
    Ok(response)
}

/// `GET /v1/site/versions`.
pub(crate) fn versions(
    permit: Permit<Publish>,
    shared: &Arc<Shared>,
) -> Result<Response<Body>, Rejection> {
    let Site = permit.into_resource();
    let live = shared.site.live().map(|live| live.version);
    let before = shared.site.before()?;
    let items: Vec<_> = shared
        .site
        .versions()?
        .into_iter()
        .map(|(number, version)| VersionItem {
            version: number,
            live: live == Some(number),
            before: before == Some(number),
            created: version.created,
            author: version.author,
            pages: version.pages,
            bytes: version.bytes,
            format: version.format,
        })
        .collect();
    super::json(&items)
}
