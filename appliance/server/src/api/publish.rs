//! Pushing a site: which blobs are missing, their upload, the version.

use std::sync::Arc;

use holdfast_audit::{Actor, Kind, Outcome};
use holdfast_policy::{Permit, Publish, Site};
use holdfast_site::{Digest, Manifest, WireManifest};
use http::Response;
use hyper::body::Incoming;

use super::receive::{Bound, Stream, blocking, cut, json};
use crate::body::Body;
use crate::enrolment::proof::Binding;
use crate::protocol::{CommitRequest, Committed, Digests, Stored, VersionItem};
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
/// Bytes of a blob handled at once.
const PIECE: usize = 1024 * 1024;

/// `POST /v1/site/missing`.
pub(crate) async fn missing(
    permit: Permit<Publish>,
    shared: &Arc<Shared>,
    body: Incoming,
) -> Result<Response<Body>, Rejection> {
    let Site = permit.into_resource();
    let digests: Digests = json(body, DIGESTS).await?;
    let shared = Arc::clone(shared);
    let missing = blocking(move || shared.site.missing(&digests)).await??;
    super::json(&missing)
}

/// `POST /v1/site/blobs`: repeated 32 bytes of SHA-256, 8 bytes of length (little endian), the bytes.
pub(crate) async fn blobs(
    permit: Permit<Publish>,
    shared: &Arc<Shared>,
    body: Incoming,
) -> Result<Response<Body>, Rejection> {
    let Site = permit.into_resource();
    let mut stream = Stream::new(body);
    let mut upload = shared.site.upload();
    while let Some(name) = stream.exact::<32>().await? {
        let length = stream
            .exact::<8>()
            .await?
            .map(u64::from_le_bytes)
            .ok_or_else(cut)?;
        upload.begin(Digest::from(name), length)?;
        let mut left = length;
        while left > 0 {
            let most = usize::try_from(left).unwrap_or(PIECE).min(PIECE);
            let piece = stream.some(most).await?;
            if piece.is_empty() {
                return Err(cut());
            }
            left = left.saturating_sub(piece.len() as u64);
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
    let CommitRequest { entries, activate } = json(body, MANIFEST).await?;
    let checking = Arc::clone(shared);
    let manifest = blocking(move || checking.site.check(WireManifest { entries })).await??;
    let author = binding.client.to_string();
    // One at a time, so that the store and memory agree on the order.
    let order = Arc::clone(&shared.publishing).lock_owned().await;
    let (shared, request) = (Arc::clone(shared), context.id.to_string());
    let version = super::detached(async move {
        let version = keep(&shared, &manifest, activate, &author, &request).await;
        drop(order);
        version
    });
    super::json(&Committed {
        version: version.await?,
    })
}

/// Keeps a version, and makes it the live one if it is to be.
async fn keep(
    shared: &Arc<Shared>,
    manifest: &Manifest,
    activate: bool,
    author: &str,
    request: &str,
) -> Result<u64, Rejection> {
    let event = |kind, resource: &str| {
        let actor = Actor::Device(author.to_owned());
        let mut event = shared.event(kind, actor, resource, Outcome::Done);
        event.request = Some(request.to_owned());
        event
    };
    let seconds = shared.clock.now().unix_millis().div_euclid(1000);
    let mut batch = shared
        .site
        .commit(manifest, seconds, author.to_owned())
        .await?;
    holdfast_audit::append(&mut batch, &event(Kind::SiteStored, ""))?;
    // The version is the first record that the batch appends, its event the second.
    let receipt = shared.store.commit(batch).await?;
    let version =
        receipt.sequences().first().copied().ok_or_else(|| {
            Rejection::Internal("the store gave the version no number".to_owned())
        })?;
    if activate {
        let loading = Arc::clone(shared);
        let (mut batch, live) = blocking(move || loading.site.activation(version)).await??;
        holdfast_audit::append(
            &mut batch,
            &event(Kind::SiteActivated, &version.to_string()),
        )?;
        shared.store.commit(batch).await?;
        shared.site.go_live(live);
        shared.redraw();
    }
    Ok(version)
}

/// `GET /v1/site/versions`.
pub(crate) fn versions(
    permit: Permit<Publish>,
    shared: &Arc<Shared>,
) -> Result<Response<Body>, Rejection> {
    let Site = permit.into_resource();
    let live = shared.site.live().map(|live| live.version);
    let items: Vec<_> = shared
        .site
        .versions()?
        .into_iter()
        .map(|(number, version)| VersionItem {
            version: number,
            live: live == Some(number),
            created: version.created,
            author: version.author,
            pages: version.pages,
            bytes: version.bytes,
        })
        .collect();
    super::json(&items)
}
