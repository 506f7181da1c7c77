//! `/v1/store`: naming its content, and holding it against what was committed.

use std::sync::Arc;

use data_encoding::HEXLOWER;
use holdfast_audit::Kind;
use holdfast_policy::{Appliance, CompactStore, Permit, ReadStatus, VerifyStore};
use holdfast_store::Batch;
use http::Response;

use super::receive::blocking;
use crate::body::Body;
use crate::device;
use crate::enrolment::proof::Binding;
use crate::protocol::{CheckpointAnswer, CompactionAnswer, OpeningItem};
use crate::rejection::Rejection;
use crate::request::RequestContext;
use crate::server::Shared;
use crate::upkeep::Verification;

/// `GET /v1/store/checkpoint`.
pub(crate) async fn checkpoint(
    permit: Permit<ReadStatus>,
    shared: &Arc<Shared>,
) -> Result<Response<Body>, Rejection> {
    let Appliance = permit.into_resource();
    let store = shared.store.clone();
    // It waits for a commit that is under way.
    let checkpoint = blocking(move || store.checkpoint()).await??;
    let openings = checkpoint.openings.iter().map(|opening| OpeningItem {
        commit: opening.commit,
        id: HEXLOWER.encode(&opening.id.to_be_bytes()),
    });
    super::json(&CheckpointAnswer {
        commit: checkpoint.commit,
        digest: HEXLOWER.encode(&checkpoint.digest),
        openings: openings.collect(),
    })
}

/// `GET /v1/store/verification`.
pub(crate) fn verification(
    permit: Permit<ReadStatus>,
    shared: &Arc<Shared>,
) -> Result<Response<Body>, Rejection> {
    let Appliance = permit.into_resource();
    super::json(&shared.upkeep.verification.told())
}

/// `POST /v1/store/verification`: begins one, or joins the one under way.
pub(crate) async fn verify(
    permit: Permit<VerifyStore>,
    shared: &Arc<Shared>,
    context: &RequestContext,
    binding: &Binding,
) -> Result<Response<Body>, Rejection> {
    let Appliance = permit.into_resource();
    let event = shared.act(Kind::StoreVerificationAsked, binding, "", context);
    let mut batch = Batch::new();
    holdfast_audit::append(&mut batch, &event)?;
    shared.store.commit(batch).await?;
    Verification::ask(shared);
    super::json(&shared.upkeep.verification.told())
}

/// Longest store that is made smaller, so that the start it delays stays within its limit (`TimeoutStartSec=`).
const LONGEST: u64 = 4 << 30;

/// `POST /v1/store/compaction`: the next start makes the file smaller before it serves.
pub(crate) async fn compact(
    permit: Permit<CompactStore>,
    shared: &Arc<Shared>,
    context: &RequestContext,
    binding: &Binding,
) -> Result<Response<Body>, Rejection> {
    let Appliance = permit.into_resource();
    let store = shared.store.clone();
    let usage = blocking(move || store.usage()).await?;
    let bytes = usage
        .map_err(|error| Rejection::Internal(error.to_string()))?
        .bytes;
    if bytes > LONGEST {
        let why = "The store is longer than 4 GiB: making it smaller would delay the next start for too long. Its free \
            pages are used again in any case.";
        return Err(Rejection::Conflict(why.to_owned()));
    }
    let event = shared.act(Kind::StoreCompactionAsked, binding, "", context);
    device::still_enrolled(&shared.store, &binding.client)?;
    let mut batch = Batch::new();
    batch.compact_at_next_opening();
    holdfast_audit::append(&mut batch, &event)?;
    shared.store.commit(batch).await?;
    super::json(&CompactionAnswer { bytes })
}
