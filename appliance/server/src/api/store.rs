//! `/v1/store`: naming its content, and holding it against what was committed.

use std::sync::Arc;

use data_encoding::HEXLOWER;
use holdfast_audit::Kind;
use holdfast_policy::{Appliance, Permit, ReadStatus, VerifyStore};
use holdfast_store::Batch;
use http::Response;

use super::receive::blocking;
use crate::body::Body;
use crate::enrolment::proof::Binding;
use crate::protocol::{CheckpointAnswer, OpeningItem};
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
