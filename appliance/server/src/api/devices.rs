//! `/v1/devices`: listing them, asking for a code for another, revoking one.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use holdfast_audit::{Actor, Kind};
use holdfast_identity::{Act, invites};
use holdfast_policy::{Appliance, InviteDevice, Permit, ReadDevices, RevokeDevice};
use holdfast_store::Batch;
use http::Response;
use hyper::body::Incoming;

use super::receive::{Bound, json};
use crate::body::Body;
use crate::device::{self, Device, State};
use crate::enrolment::code::{Code, LIFETIME};
use crate::enrolment::proof::Binding;
use crate::protocol::{DeviceItem, Invitation, RevocationRequest, Revoked};
use crate::rejection::Rejection;
use crate::request::RequestContext;
use crate::server::Shared;

const REQUEST: Bound = Bound {
    bytes: 4096,
    text: "4 KiB",
};

/// `GET /v1/devices`.
pub(crate) fn list(
    permit: Permit<ReadDevices>,
    shared: &Arc<Shared>,
    binding: &Binding,
) -> Result<Response<Body>, Rejection> {
    let Appliance = permit.into_resource();
    let mut items = Vec::new();
    for row in shared.store.snapshot()?.all::<Device>()? {
        let device = row?.1.record;
        items.push(DeviceItem {
            device: device.pin,
            name: device.name,
            enrolled: device.enrolled.div_euclid(1000),
            active: device.state == State::Active,
            this: device.pin == binding.client,
        });
    }
    items.sort_by_key(|item| (item.enrolled, item.device));
    super::json(&items)
}

/// `POST /v1/devices/invitations`: a code for one more device, good for 15 minutes and once.
pub(crate) async fn invite(
    permit: Permit<InviteDevice>,
    shared: &Arc<Shared>,
    context: &RequestContext,
    binding: &Binding,
) -> Result<Response<Body>, Rejection> {
    let Appliance = permit.into_resource();
    let code = Code::fresh()
        .ok_or_else(|| Rejection::Internal("the kernel gave no random bytes".to_owned()))?;
    let answer = Invitation {
        code: code.to_groups().to_string().into(),
        expires_s: LIFETIME.as_secs(),
        identity: shared.keys.identity_pin,
    };
    let event = shared.act(Kind::DeviceInvited, binding, "", context);
    let by = binding.client;
    // Together with enrolments and revocations: a device that is being revoked leaves no code behind.
    let alone = Arc::clone(&shared.enrolment).lock_owned().await;
    let shared = Arc::clone(shared);
    super::detached(async move {
        if !device::is_enrolled(&shared.store.snapshot()?, &by)? {
            let why = "This device was revoked meanwhile. Enrol it anew.";
            return Err(Rejection::Conflict(why.to_owned()));
        }
        if !shared.invitations().add(code, by, shared.clock.monotonic()) {
            let why = "Eight codes for devices are good already. Use one, or wait until they lapse (15 minutes).";
            return Err(Rejection::Conflict(why.to_owned()));
        }
        let mut batch = Batch::new();
        holdfast_audit::append(&mut batch, &event)?;
        let kept = shared.store.commit(batch).await;
        if let Err(error) = kept {
            // Without its event the code must not be good.
            shared.invitations().end_those_of(&by);
            return Err(error.into());
        }
        drop(alone);
        Ok(())
    })
    .await?;
    super::json(&answer)
}

/// `POST /v1/devices/revocations`: holds from the next request on, on open connections too.
pub(crate) async fn revoke(
    permit: Permit<RevokeDevice>,
    shared: &Arc<Shared>,
    context: &RequestContext,
    binding: &Binding,
    body: Incoming,
) -> Result<Response<Body>, Rejection> {
    let Appliance = permit.into_resource();
    let request: RevocationRequest = json(body, REQUEST).await?;
    let what = request.device.to_string();
    let event = shared.act(Kind::DeviceRevoked, binding, &what, context);
    let alone = Arc::clone(&shared.enrolment).lock_owned().await;
    let shared = Arc::clone(shared);
    let by = binding.client;
    let devices = super::detached(async move {
        device::still_enrolled(&shared.store, &by)?;
        let snapshot = shared.store.snapshot()?;
        let known = snapshot.find::<Device>(request.device.as_bytes())?;
        let Some(mut record) = known.filter(|device| device.state == State::Active) else {
            let why = "No device with this fingerprint is enrolled. `holdfast device list` shows those that are.";
            return Err(Rejection::Conflict(why.to_owned()));
        };
        if device::count(&snapshot)? <= 1 && !request.force {
            let why = "This is the last device: without it nobody can publish or operate this appliance over the \
                network. Add another one first (`holdfast device add`). With `--force` it is revoked even so; then \
                the way back is the operator's key, if the configuration names one, or a restart with a new \
                `holdfast.recover` credential and the code that the console shows then.";
            return Err(Rejection::Conflict(why.to_owned()));
        }
        record.state = State::Revoked;
        let mut batch = Batch::new();
        batch.use_last_reserve();
        batch.put(request.device.as_bytes(), &record)?;
        holdfast_audit::append(&mut batch, &event)?;
        let act = Act {
            now: shared.moment(),
            actor: event.actor.clone(),
            request: event.request.clone(),
        };
        let whose = Actor::Device(request.device.to_string());
        invites::withdraw_those_of(&snapshot, &mut batch, &act, &whose)?;
        shared.store.commit(batch).await?;
        shared.invitations().end_those_of(&request.device);
        let devices = device::count(&shared.store.snapshot()?)?;
        shared.devices.store(devices, Ordering::Relaxed);
        drop(alone);
        shared.redraw();
        Ok(devices)
    });
    super::json(&Revoked {
        devices: devices.await?,
    })
}
