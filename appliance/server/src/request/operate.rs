//! The device protocol, by the same steps.

use std::sync::Arc;

use holdfast_policy::{
    Appliance, ChangeCertificate, Channel, CompactStore, Context, DestroyKeys, Enrol, InviteDevice,
    MakeRecoveryKey, ManagePeople, PowerOff, Principal, Publish, ReadCertificate,
    ReadConfiguration, ReadDevices, ReadKeys, ReadLogs, ReadStatus, Reboot, RevokeDevice,
    RotateKeys, Site, VerifyStore,
};
use http::request::Parts;
use hyper::body::Incoming;

use super::{Answer, RequestContext};
use crate::api;
use crate::connection::{Connection, Side};
use crate::device;
use crate::limits::{Class, shape};
use crate::rejection::{Rejection, Voice};
use crate::server::Shared;

/// The device protocol.
pub(super) async fn answer(
    shared: &Arc<Shared>,
    connection: &Connection,
    context: &mut RequestContext,
    parts: &Parts,
    body: Incoming,
) -> Answer {
    context.voice = Voice::Api;
    let Side::Device(binding) = &connection.side else {
        return Err(Rejection::NotFound);
    };
    // limits
    let class = match parts.uri.path() {
        "/v1/enroll" => Class::Enrol,
        _ => Class::Device,
    };
    shared.limits.request(connection.peer.ip(), class)?;
    shape::bounded(&shared.limits.limits, parts)?;
    // route
    let route = api::Route::find(&parts.method, parts.uri.path())?;
    // session: looked up anew at every request, so that a revoked device is out at once
    let enrolled = device::is_enrolled(&shared.store.snapshot()?, &binding.client)?;
    context.principal = Principal::Device {
        fingerprint: binding.client.to_string(),
        enrolled,
    };
    let who = &context.principal;
    let channel = Context::of(Channel::Device);
    let policy = &shared.policy;
    // decide → handle
    match route {
        api::Route::Enrol => {
            let permit = policy.decide::<Enrol>(who, Appliance, &channel)?;
            api::enrol(permit, shared, connection, binding, body).await
        }
        api::Route::Status => {
            let permit = policy.decide::<ReadStatus>(who, Appliance, &channel)?;
            api::status(permit, shared).await
        }
        api::Route::Missing => {
            let permit = policy.decide::<Publish>(who, Site, &channel)?;
            api::missing(permit, shared, binding, body).await
        }
        api::Route::Blobs => {
            let permit = policy.decide::<Publish>(who, Site, &channel)?;
            api::blobs(permit, shared, binding, body).await
        }
        api::Route::Commit => {
            let permit = policy.decide::<Publish>(who, Site, &channel)?;
            api::commit(permit, shared, context, binding, body).await
        }
        api::Route::Versions => {
            let permit = policy.decide::<Publish>(who, Site, &channel)?;
            api::versions(permit, shared)
        }
        api::Route::Logs => {
            let permit = policy.decide::<ReadLogs>(who, Appliance, &channel)?;
            api::logs(permit, shared, binding, &parts.uri).await
        }
        api::Route::Configuration => {
            let permit = policy.decide::<ReadConfiguration>(who, Appliance, &channel)?;
            api::configuration(permit, shared)
        }
        api::Route::Certificate => {
            let permit = policy.decide::<ReadCertificate>(who, Appliance, &channel)?;
            api::certificate::show(permit, shared)
        }
        api::Route::InstallCertificate => {
            let permit = policy.decide::<ChangeCertificate>(who, Appliance, &channel)?;
            api::certificate::install(permit, shared, context, binding, body).await
        }
        api::Route::RemoveCertificate => {
            let permit = policy.decide::<ChangeCertificate>(who, Appliance, &channel)?;
            api::certificate::remove(permit, shared, context, binding).await
        }
        api::Route::Devices => {
            let permit = policy.decide::<ReadDevices>(who, Appliance, &channel)?;
            api::devices::list(permit, shared, binding)
        }
        api::Route::Invite => {
            let permit = policy.decide::<InviteDevice>(who, Appliance, &channel)?;
            api::devices::invite(permit, shared, context, binding).await
        }
        api::Route::Revoke => {
            let permit = policy.decide::<RevokeDevice>(who, Appliance, &channel)?;
            api::devices::revoke(permit, shared, context, binding, body).await
        }
        api::Route::People(route) => {
            let permit = policy.decide::<ManagePeople>(who, Appliance, &channel)?;
            api::people::answer(permit, shared, context, binding, route, body).await
        }
        api::Route::Reboot => {
            let permit = policy.decide::<Reboot>(who, Appliance, &channel)?;
            api::reboot(permit, shared, context, binding).await
        }
        api::Route::PowerOff => {
            let permit = policy.decide::<PowerOff>(who, Appliance, &channel)?;
            api::power_off(permit, shared, context, binding).await
        }
        api::Route::Activate => {
            let permit = policy.decide::<Publish>(who, Site, &channel)?;
            api::activate(permit, shared, context, binding, body).await
        }
        api::Route::Keys => {
            let permit = policy.decide::<ReadKeys>(who, Appliance, &channel)?;
            api::keys::status(permit, shared)
        }
        api::Route::RotateKeys => {
            let permit = policy.decide::<RotateKeys>(who, Appliance, &channel)?;
            api::keys::rotate(permit, shared, context, binding, body).await
        }
        api::Route::RecoveryKey => {
            let permit = policy.decide::<MakeRecoveryKey>(who, Appliance, &channel)?;
            api::keys::recovery(permit, shared, context, binding).await
        }
        api::Route::DestroyKeys => {
            let permit = policy.decide::<DestroyKeys>(who, Appliance, &channel)?;
            api::keys::destroy(permit, shared, context, binding, body).await
        }
        api::Route::Checkpoint => {
            let permit = policy.decide::<ReadStatus>(who, Appliance, &channel)?;
            api::store::checkpoint(permit, shared).await
        }
        api::Route::Verification => {
            let permit = policy.decide::<ReadStatus>(who, Appliance, &channel)?;
            api::store::verification(permit, shared)
        }
        api::Route::Verify => {
            let permit = policy.decide::<VerifyStore>(who, Appliance, &channel)?;
            api::store::verify(permit, shared, context, binding).await
        }
        api::Route::Compact => {
            let permit = policy.decide::<CompactStore>(who, Appliance, &channel)?;
            api::store::compact(permit, shared, context, binding).await
        }
        api::Route::Manifest(version) => {
            let permit = policy.decide::<Publish>(who, Site, &channel)?;
            api::manifest(permit, shared, version)
        }
    }
}
