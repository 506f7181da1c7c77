//! `/v1/keys`: what is known of the keys, new ones for tables, a recovery key, and the end of all of them.

use std::sync::Arc;
use std::time::Duration;

use holdfast_audit::Kind;
use holdfast_policy::{Appliance, DestroyKeys, MakeRecoveryKey, Permit, ReadKeys, RotateKeys};
use holdfast_store::{Batch, KeyKind as Way};
use http::Response;
use hyper::body::Incoming;

use super::receive::{Bound, blocking, json};
use crate::body::Body;
use crate::device;
use crate::enrolment::proof::Binding;
use crate::protocol::{
    DestructionAnswer, DestructionRequest, KeyWay, KeysAnswer, RecoveryAnswer, RotationRequest,
    TableKeysItem,
};
use crate::record;
use crate::rejection::Rejection;
use crate::request::RequestContext;
use crate::server::Shared;
use crate::upkeep::Rotation;

const REQUEST: Bound = Bound {
    bytes: 4096,
    text: "4 KiB",
};
/// From the destruction until the server stops, so that its answer goes out.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// `GET /v1/keys`.
pub(crate) fn status(
    permit: Permit<ReadKeys>,
    shared: &Arc<Shared>,
) -> Result<Response<Body>, Rejection> {
    let Appliance = permit.into_resource();
    super::json(&answer(shared))
}

/// `POST /v1/keys/rotations`: begins, and answers how it stands.
pub(crate) async fn rotate(
    permit: Permit<RotateKeys>,
    shared: &Arc<Shared>,
    context: &RequestContext,
    binding: &Binding,
    body: Incoming,
) -> Result<Response<Body>, Rejection> {
    let Appliance = permit.into_resource();
    let request: RotationRequest = json(body, REQUEST).await?;
    let known = shared.store.keys().status().tables;
    let known: Vec<_> = known.into_iter().map(|table| table.name).collect();
    let what = request.table.clone().unwrap_or_else(|| "all".to_owned());
    let tables = match request.table {
        None => known,
        Some(table) if known.contains(&table) => vec![table],
        Some(_) => {
            let why = format!(
                "No table has this name. Those that are: {}.",
                known.join(", ")
            );
            return Err(Rejection::Refused(why));
        }
    };
    let event = shared.act(Kind::KeyRotationAsked, binding, &what, context);
    let by = binding.client;
    let working = Arc::clone(shared);
    super::detached(async move {
        device::still_enrolled(&working.store, &by)?;
        let mut batch = Batch::new();
        holdfast_audit::append(&mut batch, &event)?;
        working.store.commit(batch).await?;
        Rotation::ask(&working, tables);
        Ok(())
    })
    .await?;
    super::json(&answer(shared))
}

/// `POST /v1/keys/recovery`: a new recovery key in place of the one before.
pub(crate) async fn recovery(
    permit: Permit<MakeRecoveryKey>,
    shared: &Arc<Shared>,
    context: &RequestContext,
    binding: &Binding,
) -> Result<Response<Body>, Rejection> {
    let Appliance = permit.into_resource();
    let event = shared.act(Kind::RecoveryKeyMade, binding, "", context);
    let by = binding.client;
    let shared = Arc::clone(shared);
    let key = super::detached(async move {
        device::still_enrolled(&shared.store, &by)?;
        let mut batch = Batch::new();
        holdfast_audit::append(&mut batch, &event)?;
        shared.store.commit(batch).await?;
        let store = shared.store.clone();
        let made = blocking(move || store.keys().new_recovery_key()).await?;
        made.map_err(|error| Rejection::Internal(error.to_string()))
    })
    .await?;
    super::json(&RecoveryAnswer {
        recovery_key: key.as_str().to_owned().into(),
    })
}

/// `POST /v1/keys/destruction`: overwrites the key file. Nobody can read the store again, and the server stops.
pub(crate) async fn destroy(
    permit: Permit<DestroyKeys>,
    shared: &Arc<Shared>,
    context: &RequestContext,
    binding: &Binding,
    body: Incoming,
) -> Result<Response<Body>, Rejection> {
    let Appliance = permit.into_resource();
    let request: DestructionRequest = json(body, REQUEST).await?;
    let site = shared.settings.site.host.clone();
    if request.site != site {
        let why =
            format!("Nothing was destroyed: the site's name is {site}, and another was typed.");
        return Err(Rejection::Refused(why));
    }
    let event = shared.act(Kind::KeysDestroyed, binding, &site, context);
    let by = binding.client;
    let shared = Arc::clone(shared);
    super::detached(async move {
        device::still_enrolled(&shared.store, &by)?;
        let mut batch = Batch::new();
        batch.use_last_reserve();
        holdfast_audit::append(&mut batch, &event)?;
        // The event goes the way of the store; that of the log stays. A full disk keeps nobody from this.
        if let Err(error) = shared.store.commit(batch).await {
            record::lost(&shared.records, &event, &error);
        }
        let store = shared.store.clone();
        let destroyed = blocking(move || store.keys().destroy()).await?;
        match &destroyed {
            Ok(()) => record::note(&shared.records, "keys-destroyed", &format!("by {by}")),
            Err(error) => {
                let why = format!("by {by}: {error}");
                record::note(&shared.records, "keys-not-destroyed", &why);
            }
        }
        tokio::spawn(async move {
            tokio::time::sleep(LAST_WORDS).await;
            let error = shared.store.keys_destroyed();
            shared.fatal.send_replace(Some(error));
        });
        destroyed.map_err(|error| {
            Rejection::Conflict(format!(
                "The keys were not overwritten to the end: {error}. The server stops now; its next start goes on with it, if \
                 it had begun. Where the disk is broken, destroy the root key as well."
            ))
        })
    })
    .await?;
    super::json(&DestructionAnswer { destroyed: site })
}

fn answer(shared: &Shared) -> KeysAnswer {
    let status = shared.store.keys().status();
    let ways = status.slots.into_iter().map(|slot| KeyWay {
        number: slot.id,
        kind: match slot.kind {
            Some(Way::Credential) => "root-key",
            Some(Way::Passphrase) => "passphrase",
            Some(Way::Recovery) => "recovery-key",
            _ => "unknown",
        }
        .to_owned(),
        passed: slot.open,
    });
    let tables = status.tables.into_iter().map(|table| TableKeysItem {
        table: table.name,
        epochs: table.epochs,
    });
    let (rotation, waiting, failed) = shared.upkeep.rotation.told();
    KeysAnswer {
        ways: ways.collect(),
        tables: tables.collect(),
        master_due: status.master_due,
        rotation,
        waiting,
        failed,
    }
}
