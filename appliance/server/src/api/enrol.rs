//! `POST /v1/enroll`: a device proves the console's code or the operator's key, and is known from then on.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use data_encoding::BASE64;
use holdfast_audit::{Actor, Kind, Outcome};
use holdfast_policy::{Appliance, Enrol, Permit};
use holdfast_store::{Batch, Record as _};
use http::Response;
use hyper::body::Incoming;

use super::receive::{Bound, json};
use crate::body::Body;
use crate::connection::Connection;
use crate::device::{self, Device, FirstEnrolment, State};
use crate::enrolment::proof::{Binding, Role, by_code, is_by_code, is_by_operator};
use crate::protocol::{EnrolAnswer, EnrolRequest, Method};
use crate::rejection::Rejection;
use crate::server::Shared;

const REQUEST: Bound = Bound {
    bytes: 4096,
    text: "4 KiB",
};

/// Enrols the device of this connection.
pub(crate) async fn enrol(
    permit: Permit<Enrol>,
    shared: &Arc<Shared>,
    connection: &Connection,
    binding: &Binding,
    body: Incoming,
) -> Result<Response<Body>, Rejection> {
    let Appliance = permit.into_resource();
    let request: EnrolRequest = json(body, REQUEST).await?;
    let printable = request.name.chars().all(|c| !c.is_control());
    if request.name.is_empty() || request.name.chars().count() > 64 || !printable {
        let why = "The device's name must be 1 to 64 printable characters. Choose another.";
        return Err(Rejection::Body(why.to_owned()));
    }
    let proof = BASE64
        .decode(request.proof.as_bytes())
        .map_err(|_| Rejection::Body("The proof is not base64.".to_owned()))?;

    // One at a time, so that two devices cannot both be the first, nor guess at once.
    let _alone = shared.enrolment.lock().await;
    let outcome = match request.method {
        Method::Code => check_code(shared, binding, &proof),
        Method::OperatorKey => check_operator(shared, binding, &proof).map(|()| Vec::new()),
    };
    match outcome {
        Ok(answer) => {
            keep(shared, &request, binding).await?;
            super::json(&EnrolAnswer {
                device: binding.client,
                proof: BASE64.encode(&answer),
            })
        }
        Err(why) => {
            let actor = Actor::Address(connection.peer.ip().to_canonical().to_string());
            let device = binding.client.to_string();
            let event = shared.event(Kind::EnrolmentRefused, actor, &device, Outcome::Refused);
            let mut batch = Batch::new();
            holdfast_audit::append(&mut batch, &event)?;
            shared.store.commit(batch).await?;
            Err(Rejection::Enrolment(why))
        }
    }
}

/// Checks the client's proof; gives the server's own.
fn check_code(shared: &Shared, binding: &Binding, proof: &[u8]) -> Result<Vec<u8>, &'static str> {
    if shared.settings.operator.is_some() {
        return Err(
            "This appliance enrols by the operator's key alone. Use `--operator-key FILE`.",
        );
    }
    if !shared.enrolling() {
        return Err(
            "A device was enrolled already, so no code is good any more. \
            Ask who enrolled it to add this one.",
        );
    }
    let now = shared.clock.monotonic();
    let mut shown = shared.code();
    let Some(shown) = shown.as_mut() else {
        return Err("No code is shown now. Look at the console and try again.");
    };
    let Some(code) = shown.code(now) else {
        shared.code_spent.notify_one();
        return Err("The code has lapsed. Type the fresh one from the console.");
    };
    if is_by_code(code, Role::Client, binding, proof) {
        return Ok(by_code(code, Role::Server, binding));
    }
    shown.wrong();
    if shown.code(now).is_none() {
        shared.code_spent.notify_one();
    }
    Err("The code is wrong. Type it as the console shows it now.")
}

fn check_operator(shared: &Shared, binding: &Binding, proof: &[u8]) -> Result<(), &'static str> {
    let Some(operator) = &shared.settings.operator else {
        return Err(
            "This appliance's configuration names no operator key. Use the code of its console.",
        );
    };
    if is_by_operator(operator, binding, proof) {
        Ok(())
    } else {
        Err("The operator key is not the one in the appliance's configuration. Use that one.")
    }
}

/// Makes the device known, together with its audit event. For the first by code, the store itself refuses a second.
async fn keep(shared: &Shared, request: &EnrolRequest, binding: &Binding) -> Result<(), Rejection> {
    let known = shared
        .store
        .snapshot()?
        .find::<Device>(binding.client.as_bytes())?;
    if known.is_some_and(|device| device.state == State::Revoked) {
        let why = "This device was revoked. Enrol with a fresh key: use another `--state` folder.";
        return Err(Rejection::Enrolment(why));
    }
    let event = shared.event(
        Kind::DeviceEnrolled,
        Actor::Device(binding.client.to_string()),
        &request.name,
        Outcome::Done,
    );
    let mut batch = Batch::new();
    if request.method == Method::Code {
        batch.expect_absent(FirstEnrolment::TABLE, FirstEnrolment::KEY);
    }
    // Once true for ever, whoever was the first.
    if !shared.first_done.load(Ordering::Relaxed) {
        batch.put(
            FirstEnrolment::KEY,
            &FirstEnrolment {
                device: binding.client,
            },
        )?;
    }
    let record = Device {
        pin: binding.client,
        name: request.name.clone(),
        enrolled: event.time.unix_millis(),
        state: State::Active,
    };
    batch.put(binding.client.as_bytes(), &record)?;
    holdfast_audit::append(&mut batch, &event)?;
    shared.store.commit(batch).await?;
    shared.first_done.store(true, Ordering::Relaxed);
    shared
        .devices
        .store(device::count(&shared.store.snapshot()?)?, Ordering::Relaxed);
    shared.code_spent.notify_one();
    shared.redraw();
    Ok(())
}
