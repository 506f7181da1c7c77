//! Refused acts: an event each, and a count where there are too many.

use std::sync::Arc;

use holdfast_audit::{Actor, Event, Kind, Outcome};

use crate::enrolment::proof::Binding;
use crate::enrolment::refusals::{Keep, PERIOD, Refusals};
use crate::request::RequestContext;
use crate::server::Shared;

impl Shared {
    /// The event of an act of this connection's device, in this request.
    pub(crate) fn act(
        &self,
        kind: Kind,
        binding: &Binding,
        resource: &str,
        context: &RequestContext,
    ) -> Event {
        let actor = Actor::Device(binding.client.to_string());
        let mut event = self.event(kind, actor, resource, Outcome::Done);
        event.request = Some(context.id.clone());
        event
    }

    /// Keeps that policy refused this action. Strangers must not fill the disk: ten a minute are kept one by one.
    pub(crate) async fn denied(
        self: &Arc<Self>,
        action: &str,
        binding: &Binding,
        context: &RequestContext,
    ) {
        let keep = self.denials().note(self.clock.monotonic());
        match keep {
            Keep::Counted => {}
            Keep::Count => {
                let shared = Arc::clone(self);
                tokio::spawn(async move {
                    tokio::time::sleep(PERIOD).await;
                    // A store that takes no writes tells so at the next request too.
                    let _ = shared.keep_counted_denials().await;
                });
            }
            Keep::Whole => {
                let mut event = self.act(Kind::AccessDenied, binding, action, context);
                event.outcome = Outcome::Refused;
                if let Err(error) = self.keep(&event).await {
                    // The request is refused whether or not that can be kept.
                    crate::record::note("event-not-kept", &error.to_string());
                }
            }
        }
    }

    /// Keeps the number of refused acts that were only counted, if there are any.
    pub(crate) async fn keep_counted_denials(&self) -> Result<(), crate::Error> {
        let counted = self.denials().take();
        if counted == 0 {
            return Ok(());
        }
        let counted = format!("{counted} more");
        let event = self.event(
            Kind::AccessDenied,
            Actor::Machine,
            &counted,
            Outcome::Refused,
        );
        self.keep(&event).await
    }

    fn denials(&self) -> std::sync::MutexGuard<'_, Refusals> {
        self.denials
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
