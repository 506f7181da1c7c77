//! `POST /v1/machine/reboot` and `POST /v1/machine/power-off`.

use std::sync::Arc;

use holdfast_audit::{Event, Kind, Outcome};
use holdfast_policy::{Appliance, Permit, PowerOff, Reboot};
use holdfast_store::Batch;
use http::Response;

use crate::body::Body;
use crate::enrolment::proof::Binding;
use crate::machine::{Answer, Ask, Unavailable};
use crate::protocol::PowerAnswer;
use crate::rejection::Rejection;
use crate::request::RequestContext;
use crate::server::Shared;

/// Restarts the machine.
pub(crate) async fn reboot(
    permit: Permit<Reboot>,
    shared: &Arc<Shared>,
    context: &RequestContext,
    binding: &Binding,
) -> Result<Response<Body>, Rejection> {
    let Appliance = permit.into_resource();
    let event = shared.act(Kind::RebootAsked, binding, "", context);
    carry_out(shared, Ask::Reboot, event).await?;
    super::json(&PowerAnswer {
        doing: "reboot".to_owned(),
    })
}

/// Switches the machine off.
pub(crate) async fn power_off(
    permit: Permit<PowerOff>,
    shared: &Arc<Shared>,
    context: &RequestContext,
    binding: &Binding,
) -> Result<Response<Body>, Rejection> {
    let Appliance = permit.into_resource();
    let event = shared.act(Kind::PowerOffAsked, binding, "", context);
    carry_out(shared, Ask::PowerOff, event).await?;
    super::json(&PowerAnswer {
        doing: "power-off".to_owned(),
    })
}

/// The event is durable before the machine is asked; it waits a moment before it acts, so that the answer goes out.
async fn carry_out(shared: &Arc<Shared>, ask: Ask, event: Event) -> Result<(), Rejection> {
    if !shared.machine.is_there() {
        return Err(Rejection::Unavailable(Unavailable::NoMachine));
    }
    let shared = Arc::clone(shared);
    super::detached(async move {
        append(&shared, &event).await?;
        let why = match shared.machine.ask(ask).await {
            Ok(Answer::Done) => return Ok(()),
            Ok(Answer::Failed(why)) => Rejection::Conflict(why),
            Ok(_) => Rejection::Unavailable(Unavailable::Silent),
            Err(unavailable) => Rejection::Unavailable(unavailable),
        };
        let failed = Event {
            outcome: Outcome::Failed,
            ..event
        };
        append(&shared, &failed).await?;
        Err(why)
    })
    .await
}

async fn append(shared: &Shared, event: &Event) -> Result<(), Rejection> {
    let mut batch = Batch::new();
    holdfast_audit::append(&mut batch, event)?;
    match shared.store.commit(batch).await {
        // A machine whose disk is full must still be possible to restart.
        Err(error) if error.is_full() => {
            crate::record::lost(event, &error);
            Ok(())
        }
        outcome => Ok(outcome.map(drop)?),
    }
}
