//! What comes of a proof: a session, or a refusal that is counted and recorded. Either takes one commit.

use std::sync::{Arc, OnceLock, PoisonError};

use holdfast_audit::{Actor, Kind, Outcome};
use holdfast_identity::limits::Tried;
use holdfast_identity::sessions::{Method, New, Pending};
use holdfast_identity::{Act, Error, PersonId, people};
use holdfast_store::{Batch, Snapshot};
use http::Response;

use super::{Answer, Call, Signed};
use crate::body::Body;
use crate::enrolment::refusals::{Keep, PERIOD, Refusals};
use crate::identity::{Kernel, stranger};
use crate::rejection::Rejection;
use crate::server::Shared;

/// A proof that someone gives here.
pub(super) struct Try<'a> {
    /// By whom and when.
    pub(super) act: Act,
    /// What it counts as, if it is one that can be guessed.
    pub(super) tried: Option<Tried<'a>>,
    /// Of whom it is, as far as there is such a person.
    pub(super) whose: Option<PersonId>,
    /// Whether its refusal has an event of its own, once that is asked.
    whole: OnceLock<bool>,
}

impl<'a> Try<'a> {
    /// Counts a proof of whoever asks, before anybody looks at it.
    ///
    /// # Errors
    /// [`Rejection::TooMany`] if it has to wait.
    pub(super) fn count(call: &Call<'_>, tried: Option<Tried<'a>>) -> Result<Self, Rejection> {
        let act = call.shared.act_of(stranger(call.peer), call.context);
        let one = Self::of(act, tried, None);
        if let Some(tried) = tried {
            let failures = &call.shared.identity.failures;
            failures.count(call.peer, tried, one.act.now.monotonic)?;
        }
        Ok(one)
    }

    /// One that is counted elsewhere.
    pub(super) fn of(act: Act, tried: Option<Tried<'a>>, whose: Option<PersonId>) -> Self {
        Self {
            act,
            tried,
            whose,
            whole: OnceLock::new(),
        }
    }

    /// Takes it back, where nobody has looked at it.
    pub(super) fn take_back(&self, call: &Call<'_>) {
        if let Some(tried) = self.tried {
            let failures = &call.shared.identity.failures;
            failures.take_back(call.peer, tried, self.act.now.monotonic);
        }
    }

    /// Does what the proof is for. One that proves nothing leaves its record and no more.
    ///
    /// # Errors
    /// What the act refuses by, or the store's.
    pub(super) async fn change<T>(
        &self,
        call: &Call<'_>,
        mut act: impl FnMut(&Snapshot, &mut Batch) -> Result<T, Error>,
    ) -> Result<T, Rejection> {
        let done = call.shared.change(|snapshot, batch| {
            Ok(match act(snapshot, batch) {
                Ok(done) => Ok(done),
                Err(error) => Err(self.record(call, batch, error)?),
            })
        });
        Ok(done.await??)
    }

    /// A new session of this person, by the method that `prove` tells, in one commit with what that changes; recorded as `act`.
    ///
    /// # Errors
    /// As [`Try::change`].
    pub(super) async fn sign_in(
        &self,
        call: &Call<'_>,
        act: &Act,
        mut prove: impl FnMut(&Snapshot, &mut Batch) -> Result<Method, Error>,
    ) -> Result<Pending, Rejection> {
        let device = call.device();
        self.change(call, |snapshot, batch| {
            let method = prove(snapshot, batch)?;
            let new = New {
                person: self.whose.ok_or(Error::Refused)?,
                portal: None,
                method,
                device: &device,
            };
            let sessions = &call.shared.identity.sessions;
            sessions.begin(snapshot, batch, act, &Kernel, new)
        })
        .await
    }

    /// Refuses it, with what `batch` has of it already.
    pub(super) async fn refuse(
        &self,
        call: &Call<'_>,
        mut batch: Batch,
        error: Error,
    ) -> Rejection {
        let error = match self.record(call, &mut batch, error) {
            Ok(error) | Err(error) => error,
        };
        if batch.is_empty() {
            return error.into();
        }
        match call.shared.store.commit(batch).await {
            Ok(_) => error.into(),
            Err(error) => error.into(),
        }
    }

    /// Puts the record of a refusal into the batch in place of all else that is not to stay; gives the error on, unless it is
    /// no refusal, of which nothing may be committed.
    fn record(&self, call: &Call<'_>, batch: &mut Batch, error: Error) -> Result<Error, Error> {
        match error {
            Error::Refused | Error::Ceremony => {
                *batch = Batch::new();
                if *self.whole.get_or_init(|| call.shared.keeps_guess()) {
                    self.act.refused(batch, self.whose)?;
                }
            }
            // It is in the batch already.
            Error::Recorded => {}
            other => {
                *batch = Batch::new();
                return Err(other);
            }
        }
        if let Some(tried) = self.tried {
            let failures = &call.shared.identity.failures;
            failures.failed(batch, &self.act, call.peer, tried)?;
        }
        Ok(error)
    }
}

impl Shared {
    /// Whether a proof that proved nothing is kept as an event of its own: ten a minute, whoever they come from. Otherwise it is
    /// counted, so that strangers cannot fill the disk.
    fn keeps_guess(self: &Arc<Self>) -> bool {
        let keep = self.guesses().note(self.clock.monotonic());
        if keep == Keep::Count {
            let shared = Arc::clone(self);
            tokio::spawn(async move {
                tokio::time::sleep(PERIOD).await;
                // A store that takes no writes tells so at the next request too.
                let _ = shared.keep_counted_guesses().await;
            });
        }
        keep == Keep::Whole
    }

    /// Keeps the number of those that were only counted, if there are any.
    pub(crate) async fn keep_counted_guesses(&self) -> Result<(), crate::Error> {
        let counted = self.guesses().take();
        if counted == 0 {
            return Ok(());
        }
        let (counted, refused) = (format!("{counted} more"), Outcome::Refused);
        let event = self.event(Kind::SignInRefused, Actor::Machine, &counted, refused);
        self.keep(&event).await
    }

    fn guesses(&self) -> std::sync::MutexGuard<'_, Refusals> {
        self.guesses.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Call<'_> {
    /// Lets this person in who has just proven to be it: the cookie, and the failures of that person's name from here are
    /// forgotten, of no other.
    ///
    /// # Errors
    /// [`Rejection::Conflict`] if the person's sessions were ended at this moment.
    pub(super) fn admit(
        &self,
        person: PersonId,
        pending: Pending,
        mut response: Response<Body>,
    ) -> Answer {
        let identity = &self.shared.identity;
        let token = identity.sessions.admit(pending).ok_or_else(|| {
            let why = "Your sessions were ended at this moment. Sign in again.";
            Rejection::Conflict(why.to_owned())
        })?;
        let name = people::find(&self.shared.store.snapshot()?, person)?.name;
        let tried = Tried::Name(name.as_str());
        identity.failures.succeeded(self.peer, tried);
        Signed::set(&mut response, &token)?;
        Ok(response)
    }
}
