//! `/v1/certificate`: which web certificate is shown; installing one, removing it.

use std::sync::Arc;

use holdfast_audit::Kind;
use holdfast_policy::{Appliance, ChangeCertificate, Permit, ReadCertificate};
use holdfast_store::{Batch, Record as _};
use http::Response;
use hyper::body::Incoming;

use super::receive::{Bound, blocking, json};
use crate::body::Body;
use crate::certificate::{Installed, check};
use crate::enrolment::proof::Binding;
use crate::protocol::{CertificateAnswer, CertificateRequest, CertificateSource};
use crate::rejection::Rejection;
use crate::request::RequestContext;
use crate::server::Shared;
use crate::tls::WebSide;

/// Ten certificates and a key stay far below.
const REQUEST: Bound = Bound {
    bytes: 128 * 1024,
    text: "128 KiB",
};

/// `GET`: tells which certificate is shown.
pub(crate) fn show(
    permit: Permit<ReadCertificate>,
    shared: &Arc<Shared>,
) -> Result<Response<Body>, Rejection> {
    let Appliance = permit.into_resource();
    super::json(&shared.web_certificate().answer())
}

/// `PUT`: checks a certificate, keeps it sealed, and shows it from the next handshake on.
pub(crate) async fn install(
    permit: Permit<ChangeCertificate>,
    shared: &Arc<Shared>,
    context: &RequestContext,
    binding: &Binding,
    body: Incoming,
) -> Result<Response<Body>, Rejection> {
    let Appliance = permit.into_resource();
    let request: CertificateRequest = json(body, REQUEST).await?;
    let checking = Arc::clone(shared);
    let checked = blocking(move || {
        let now = checking.clock.now().unix_millis().div_euclid(1000);
        let (chain, key) = (request.chain.as_str(), request.key.expose());
        let web = check(chain, key, checking.settings.hosts(), now)?;
        let side = WebSide::new(&web).map_err(|error| error.to_string())?;
        Ok((Installed::new(chain, key), side, web.certificate))
    });
    let (installed, side, certificate) = checked.await?.map_err(Rejection::Refused)?;
    let mut batch = Batch::new();
    batch.leave_reserve();
    batch.put(Installed::KEY, &installed)?;
    let what = &certificate.fingerprint;
    let event = shared.act(Kind::CertificateInstalled, binding, what, context);
    holdfast_audit::append(&mut batch, &event)?;
    change(shared, binding, batch, side).await?;
    super::json(&certificate.answer())
}

/// `DELETE`: back to the given certificate, or to the self-made one.
pub(crate) async fn remove(
    permit: Permit<ChangeCertificate>,
    shared: &Arc<Shared>,
    context: &RequestContext,
    binding: &Binding,
) -> Result<Response<Body>, Rejection> {
    let Appliance = permit.into_resource();
    let shown = shared.web_certificate();
    let kept = shared
        .store
        .snapshot()?
        .find::<Installed>(Installed::KEY)?
        .is_some();
    if !kept {
        let why = "No certificate is installed; there is nothing to remove.";
        return Err(Rejection::Conflict(why.to_owned()));
    }
    let fallback = &shared.keys.fallback;
    let side = WebSide::new(fallback).map_err(|error| Rejection::Internal(error.to_string()))?;
    let mut batch = Batch::new();
    batch.use_last_reserve();
    batch.delete(Installed::TABLE, Installed::KEY);
    // One that is kept but was not used (its names no longer fit) is not the one that is shown.
    let what = match shown.source {
        CertificateSource::Installed => shown.fingerprint.as_str(),
        _ => "not in use",
    };
    let event = shared.act(Kind::CertificateRemoved, binding, what, context);
    holdfast_audit::append(&mut batch, &event)?;
    change(shared, binding, batch, side).await?;
    let answer: CertificateAnswer = fallback.certificate.answer();
    super::json(&answer)
}

/// Commits the change, then shows it. Connections that are open keep the configuration that they began with.
async fn change(
    shared: &Arc<Shared>,
    binding: &Binding,
    batch: Batch,
    side: WebSide,
) -> Result<(), Rejection> {
    // One at a time, so that the store and what is shown agree on the order.
    let order = Arc::clone(&shared.changing).lock_owned().await;
    let shared = Arc::clone(shared);
    let by = binding.client;
    super::detached(async move {
        crate::device::still_enrolled(&shared.store, &by)?;
        shared.store.commit(batch).await?;
        shared.tls.show(side);
        drop(order);
        shared.redraw();
        Ok(())
    })
    .await
}
