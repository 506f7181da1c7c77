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
use crate::enrolment::code::{Code, Shown};
use crate::enrolment::proof::{Binding, Role, by_code, is_by_code, is_by_operator};
use crate::enrolment::refusals::{Keep, PERIOD, Refusals};
use crate::pin::Pin;
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

    let actor = Actor::Address(connection.peer.ip().to_canonical().to_string());
    let (shared, binding) = (Arc::clone(shared), binding.clone());
    // One at a time, so that two devices cannot both be the first.
    let alone = Arc::clone(&shared.enrolment).lock_owned().await;
    let answer = super::detached(async move {
        let answer = decide(&shared, &request, &binding, &proof, actor).await;
        drop(alone);
        answer
    });
    super::json(&answer.await?)
}

/// What a proof that holds is good for.
enum Proven {
    /// The device is to be enrolled.
    New(Vec<u8>, Way),
    /// It is enrolled by this very code, and asks again since the answer was lost.
    Again(Vec<u8>),
}

/// By what a device is enrolled.
#[derive(Clone, Copy)]
enum Way {
    /// The console's code.
    Console,
    /// A code that this device asked for.
    Invited(Pin),
    /// The operator's key.
    Operator,
}

async fn decide(
    shared: &Arc<Shared>,
    request: &EnrolRequest,
    binding: &Binding,
    proof: &[u8],
    actor: Actor,
) -> Result<EnrolAnswer, Rejection> {
    let proven = match request.method {
        Method::Code => check_code(shared, binding, proof)?,
        Method::OperatorKey => {
            check_operator(shared, binding, proof).map(|()| Proven::New(Vec::new(), Way::Operator))
        }
    };
    let answer = match proven {
        Ok(Proven::New(answer, way)) => {
            keep(shared, request, binding, way).await?;
            use_up(shared, binding, proof, way);
            answer
        }
        Ok(Proven::Again(answer)) => answer,
        Err(why) => {
            shared.refused(actor, binding).await?;
            return Err(Rejection::Enrolment(why));
        }
    };
    Ok(EnrolAnswer {
        device: binding.client,
        proof: BASE64.encode(&answer),
    })
}

/// Checks the client's proof; gives the server's own.
fn check_code(
    shared: &Shared,
    binding: &Binding,
    proof: &[u8],
) -> Result<Result<Proven, &'static str>, Rejection> {
    const TAKEN: &str = "A device was enrolled already, so no code of the console is good any more, and this code was \
        not made for this device. Let an enrolled device ask for one: `holdfast device add`.";
    let now = shared.clock.monotonic();
    let is = |code: &Code| is_by_code(code, Role::Client, binding, proof);
    let server = |code: &Code| by_code(code, Role::Server, binding);
    let invited = shared.invitations().find(now, is).and_then(|found| {
        let proof = server(found.shown.code(now)?);
        Some((proof, Way::Invited(found.by), found.shown.used()))
    });
    let enrolling = shared.enrolling();
    let console = || {
        let shown = shared.code();
        let shown = shown.as_ref()?;
        let code = shown.code(now).filter(|code| is(code))?;
        // After the first enrolment it is remembered only for the device that was enrolled by it.
        (enrolling || shown.used().is_some()).then(|| (server(code), Way::Console, shown.used()))
    };
    let found = invited.or_else(console);
    if let Some((proof, way, used)) = found {
        return Ok(match used {
            None => Ok(Proven::New(proof, way)),
            Some(device) if device == binding.client => {
                if device::is_enrolled(&shared.store.snapshot()?, &device)? {
                    Ok(Proven::Again(proof))
                } else {
                    Err(TAKEN)
                }
            }
            Some(_) => Err(TAKEN),
        });
    }
    let (good, used) = {
        let shown = shared.code();
        let shown = shown.as_ref();
        let used = shown.and_then(Shown::used);
        (shown.and_then(|shown| shown.code(now)).is_some(), used)
    };
    if enrolling && !good {
        shared.code_spent.notify_one();
        return Ok(Err(
            "The code has lapsed. Type the fresh one from the console.",
        ));
    }
    Ok(Err(
        if enrolling || (good && used == Some(binding.client)) {
            "The code is wrong. Type it as the console shows it now, or as `holdfast device add` printed it."
        } else if is_first(shared, &binding.client)? {
            "This device is enrolled already, and the code that it was enrolled by has lapsed."
        } else if shared.settings.operator.is_some() {
            "This appliance enrols by the operator's key, or by a code that an enrolled device asked for. \
            Use `--operator-key FILE`, or `holdfast device add` on an enrolled device."
        } else {
            TAKEN
        },
    ))
}

/// The code that was proven is good for no other device from now on.
fn use_up(shared: &Shared, binding: &Binding, proof: &[u8], way: Way) {
    let now = shared.clock.monotonic();
    match way {
        Way::Operator => {}
        Way::Console => {
            if let Some(shown) = shared.code().as_mut() {
                shown.use_up(binding.client);
            }
            shared.recovery.close();
            shared.code_spent.notify_one();
            shared.redraw();
        }
        Way::Invited(_) => {
            let is = |code: &Code| is_by_code(code, Role::Client, binding, proof);
            if let Some(found) = shared.invitations().find(now, is) {
                found.shown.use_up(binding.client);
            }
        }
    }
}

/// Whether this is the device that was enrolled first, and it may act.
fn is_first(shared: &Shared, device: &Pin) -> Result<bool, Rejection> {
    let snapshot = shared.store.snapshot()?;
    let first = snapshot.find::<FirstEnrolment>(FirstEnrolment::KEY)?;
    let is_it = first.is_some_and(|first| first.device == *device);
    Ok(is_it && device::is_enrolled(&snapshot, device)?)
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
async fn keep(
    shared: &Shared,
    request: &EnrolRequest,
    binding: &Binding,
    way: Way,
) -> Result<(), Rejection> {
    let known = shared
        .store
        .snapshot()?
        .find::<Device>(binding.client.as_bytes())?;
    if known
        .as_ref()
        .is_some_and(|device| device.state == State::Revoked)
    {
        let why = "This device was revoked. Enrol with a fresh key: use another `--state` folder.";
        return Err(Rejection::Enrolment(why));
    }
    if known.is_some_and(|device| device.name == request.name) {
        // Asked again, since the answer was lost.
        return Ok(());
    }
    let what = match way {
        Way::Console => format!("{} (console code)", request.name),
        Way::Invited(by) => format!("{} (code of {by})", request.name),
        Way::Operator => format!("{} (operator key)", request.name),
    };
    let event = shared.event(
        Kind::DeviceEnrolled,
        Actor::Device(binding.client.to_string()),
        &what,
        Outcome::Done,
    );
    let mut batch = Batch::new();
    batch.use_last_reserve();
    if matches!(way, Way::Console) && !shared.recovery.is_open() {
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
    shared.code_spent.notify_one();
    shared
        .devices
        .store(device::count(&shared.store.snapshot()?)?, Ordering::Relaxed);
    shared.redraw();
    Ok(())
}

impl Shared {
    /// Keeps a refused enrolment, or counts it where there are too many.
    async fn refused(self: &Arc<Self>, actor: Actor, binding: &Binding) -> Result<(), Rejection> {
        let keep = self.refusals().note(self.clock.monotonic());
        match keep {
            Keep::Counted => {}
            Keep::Count => {
                let shared = Arc::clone(self);
                tokio::spawn(async move {
                    tokio::time::sleep(PERIOD).await;
                    // A store that takes no writes tells so at the next request too.
                    let _ = shared.keep_counted().await;
                });
            }
            Keep::Whole => {
                let device = binding.client.to_string();
                let event = self.event(Kind::EnrolmentRefused, actor, &device, Outcome::Refused);
                let kept = self.keep(&event).await;
                kept.map_err(|error| Rejection::Internal(error.to_string()))?;
            }
        }
        Ok(())
    }

    /// Keeps the number of the refused enrolments that were only counted, if there are any.
    pub(crate) async fn keep_counted(&self) -> Result<(), crate::Error> {
        let counted = self.refusals().take();
        if counted == 0 {
            return Ok(());
        }
        let counted = format!("{counted} more");
        let refused = Outcome::Refused;
        let event = self.event(Kind::EnrolmentRefused, Actor::Machine, &counted, refused);
        self.keep(&event).await
    }

    fn refusals(&self) -> std::sync::MutexGuard<'_, Refusals> {
        self.refusals
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
