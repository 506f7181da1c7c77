//! Governing people: what the pages of the portal and the device protocol both do.
//!
//! One act after the other, so that two at once cannot take the last admin away together. What an act needs is looked at
//! within, once more who asks for it. An act that has begun is brought to its end when its client goes away: what is committed
//! must come into memory too.

mod admins;
mod listed;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use holdfast_audit::Actor;
use holdfast_identity::code::Code;
use holdfast_identity::invites;
use holdfast_identity::people::{self, Name};
use holdfast_identity::roles::{self, Role};
use holdfast_identity::sessions::{Ended, Session, SessionId, Which};
use holdfast_identity::{Act, Error, PersonId};
use holdfast_store::{Batch, Snapshot};
use tokio::sync::OwnedMutexGuard;

use crate::api;
use crate::device;
use crate::identity::{Kernel, actor};
use crate::pin::Pin;
use crate::record;
use crate::rejection::Rejection;
use crate::request::RequestContext;
use crate::server::Shared;
use crate::upkeep::Rotation;
use admins::{After, has_admin, is_admin};
pub(crate) use listed::named;

/// The shortest life of an invite.
const SHORTEST: Duration = Duration::from_secs(60);
/// The shortest limits of a role's sessions: shorter ones would end a session before its first page is read.
const SHORTEST_IDLE: u32 = 60;
const SHORTEST_ABSOLUTE: u32 = 300;

/// Who governs.
#[derive(Clone)]
pub(crate) enum By {
    /// An admin, in this session.
    Admin(Arc<Session>),
    /// A device of the operator.
    Device(Pin),
}

/// An invite that was made. Its code is kept nowhere.
pub(crate) struct Made {
    pub(crate) code: Code,
    /// How long it is good.
    pub(crate) life: Duration,
}

/// One act of someone who governs.
pub(crate) struct Governor {
    shared: Arc<Shared>,
    by: By,
    act: Act,
}

/// Keeps other acts away.
struct Alone {
    _governing: OwnedMutexGuard<()>,
    _enrolment: Option<OwnedMutexGuard<()>>,
}

impl Governor {
    /// An act in this request.
    pub(crate) fn new(shared: &Arc<Shared>, by: By, context: &RequestContext) -> Self {
        let who = match &by {
            By::Admin(session) => actor(session),
            By::Device(pin) => Actor::Device(pin.to_string()),
        };
        Self {
            act: shared.act_of(who, context),
            shared: Arc::clone(shared),
            by,
        }
    }

    /// Makes an invite that gives these roles.
    pub(crate) async fn invite(
        self,
        given: Vec<String>,
        life: Duration,
    ) -> Result<Made, Rejection> {
        if !(SHORTEST..=invites::LONGEST).contains(&life) {
            let why = "An invite is good for a minute at least and 30 days at most. Choose a life between.";
            return Err(Rejection::Refused(why.to_owned()));
        }
        api::detached(async move {
            let _alone = self.alone().await?;
            let given = self.known(given)?;
            let code = self.change(|snapshot, batch| {
                invites::make(snapshot, batch, &self.act, &Kernel, given.clone(), life)
            });
            let code = code.await?;
            Ok(Made { code, life })
        })
        .await
    }

    /// Takes an invite back.
    pub(crate) async fn withdraw(self, id: &str) -> Result<(), Rejection> {
        let gone = || {
            let why = "This invite is not there any more: it was used, withdrawn, or its end has come. List the people to see \
                who joined.";
            Rejection::Conflict(why.to_owned())
        };
        let id = data_encoding::HEXLOWER.decode(id.as_bytes()).ok();
        let id: [u8; 8] = id.and_then(|id| id.try_into().ok()).ok_or_else(gone)?;
        api::detached(async move {
            let _alone = self.alone().await?;
            let there = invites::list(&self.shared.store.snapshot()?)?;
            if !there.iter().any(|invite| invite.id == id) {
                return Err(gone());
            }
            self.change(|snapshot, batch| invites::withdraw(snapshot, batch, &self.act, id))
                .await
        })
        .await
    }

    /// Gives a person these roles in place of the ones before; their sessions end, since limits and rights are other ones.
    pub(crate) async fn set_roles(self, id: PersonId, given: Vec<String>) -> Result<(), Rejection> {
        api::detached(async move {
            let _alone = self.alone().await?;
            let given = self.known(given)?;
            self.keeps_an_admin(&After::Given(id, &given))?;
            let was = Actor::Person(id.to_string());
            let governs = is_admin(&self.shared.store.snapshot()?, &given, None)?;
            self.ending(id, |snapshot, batch| {
                if !governs {
                    invites::withdraw_those_of(snapshot, batch, &self.act, &was)?;
                }
                people::set_roles(snapshot, batch, &self.act, id, given.clone())
            })
            .await
        })
        .await
    }

    /// Lets a person sign in again.
    pub(crate) async fn enable(self, id: PersonId) -> Result<(), Rejection> {
        api::detached(async move {
            let _alone = self.alone().await?;
            self.change(|snapshot, batch| {
                people::set_enabled(snapshot, batch, &self.act, id, true)
            })
            .await?;
            self.shared.identity.forget();
            Ok(())
        })
        .await
    }

    /// Keeps a person out from now on. `force`: even the last admin.
    pub(crate) async fn disable(self, id: PersonId, force: bool) -> Result<(), Rejection> {
        api::detached(async move {
            let _alone = self.alone().await?;
            if !force {
                self.keeps_an_admin(&After::Without(id))?;
            }
            self.out(id, |snapshot, batch| {
                people::set_enabled(snapshot, batch, &self.act, id, false)
            })
            .await
        })
        .await
    }

    /// Deletes a person and has the key destroyed under which what is personal was sealed. `typed` is the person's name, once
    /// more. `force`: even the last admin.
    pub(crate) async fn delete(
        self,
        id: PersonId,
        typed: String,
        force: bool,
    ) -> Result<(), Rejection> {
        api::detached(async move {
            let _alone = self.alone().await?;
            let snapshot = self.shared.store.snapshot()?;
            people::find(&snapshot, id)?;
            let name = Name::parse(&typed).ok();
            let typed = name.map_or(Ok(None), |name| people::by_name(&snapshot, &name))?;
            drop(snapshot);
            if typed != Some(id) {
                let why = "Nothing was deleted: the name that was typed is not this person's. Type it as the list shows it.";
                return Err(Rejection::Refused(why.to_owned()));
            }
            if !force {
                self.keeps_an_admin(&After::Without(id))?;
            }
            self.begin_new_keys().await?;
            self.out(id, |snapshot, batch| {
                people::delete(snapshot, batch, &self.act, id)
            })
            .await?;
            // Destroys the key under which old pages of the file still hold the person's own one.
            Rotation::ask(&self.shared, vec![people::KEYS.name().to_owned()]);
            Ok(())
        })
        .await
    }

    /// Ends one session of a person.
    pub(crate) async fn end_one(self, id: PersonId, session: &str) -> Result<usize, Rejection> {
        let gone = || {
            Rejection::Conflict(
                "This session is not there any more. List the person's sessions to see those that are."
                    .to_owned(),
            )
        };
        let session = SessionId::parse(session).ok_or_else(gone)?;
        api::detached(async move {
            let _alone = self.alone().await?;
            let shared = &self.shared;
            let snapshot = shared.store.snapshot()?;
            let there = shared.identity.sessions.list(&snapshot, id, self.act.now)?;
            drop(snapshot);
            if !there.iter().any(|(other, _)| other.id == session) {
                return Err(gone());
            }
            drop(there);
            self.end(Which::One(id, session)).await
        })
        .await
    }

    /// Ends all sessions of a person, or of everybody. Tells how many.
    pub(crate) async fn end_all(self, of: Option<PersonId>) -> Result<usize, Rejection> {
        api::detached(async move {
            let _alone = self.alone().await?;
            if let Some(id) = of {
                people::find(&self.shared.store.snapshot()?, id)?;
            }
            let which = of.map_or(Which::All, Which::Person);
            self.end(which).await
        })
        .await
    }

    /// Makes a role or changes it.
    pub(crate) async fn put_role(self, role: Role) -> Result<(), Rejection> {
        let limits = &role.limits;
        if limits.idle_seconds < SHORTEST_IDLE
            || limits.absolute_seconds < SHORTEST_ABSOLUTE
            || limits.absolute_seconds < limits.idle_seconds
            || limits.sessions == 0
        {
            let why = "A session lasts five minutes at least, a minute at least without a request and not longer so than in \
                all, and there is one at least. Correct the limits.";
            return Err(Rejection::Refused(why.to_owned()));
        }
        api::detached(async move {
            let _alone = self.alone().await?;
            self.known_or_none(&role.inherits)?;
            self.keeps_an_admin(&After::Changed(&role))?;
            self.change(|snapshot, batch| {
                for id in admins::not_any_more(snapshot, &role)? {
                    let was = Actor::Person(id.to_string());
                    invites::withdraw_those_of(snapshot, batch, &self.act, &was)?;
                }
                roles::put(snapshot, batch, &self.act, &role)
            })
            .await?;
            self.shared.identity.forget();
            Ok(())
        })
        .await
    }

    /// Waits for its turn, and looks once more whether who asks may still do so.
    async fn alone(&self) -> Result<Alone, Rejection> {
        let shared = &self.shared;
        let enrolment = match &self.by {
            // Together with revocations: a device that is being revoked leaves nothing behind.
            By::Device(_) => Some(Arc::clone(&shared.enrolment).lock_owned().await),
            By::Admin(_) => None,
        };
        let governing = Arc::clone(&shared.identity.governing).lock_owned().await;
        let alone = Alone {
            _governing: governing,
            _enrolment: enrolment,
        };
        match &self.by {
            By::Device(pin) => {
                if !device::is_enrolled(&shared.store.snapshot()?, pin)? {
                    let why =
                        "This device was revoked meanwhile. Nothing was changed. Enrol it anew.";
                    return Err(Rejection::Conflict(why.to_owned()));
                }
            }
            By::Admin(session) => {
                let snapshot = shared.store.snapshot()?;
                let person = people::find(&snapshot, session.person).ok();
                let person = person.filter(|person| person.enabled && !session.has_ended());
                let person = person.ok_or(Rejection::SignedOut)?;
                if !is_admin(&snapshot, &person.roles, None)? {
                    return Err(Rejection::SignedOut);
                }
            }
        }
        Ok(alone)
    }

    async fn change<T>(
        &self,
        act: impl FnMut(&Snapshot, &mut Batch) -> Result<T, Error>,
    ) -> Result<T, Rejection> {
        self.shared.change(act).await
    }

    async fn end(&self, which: Which) -> Result<usize, Rejection> {
        self.shared.end_sessions(&self.act, which).await
    }

    /// Ends all that a person can do, together with this change.
    async fn out(
        &self,
        id: PersonId,
        mut change: impl FnMut(&Snapshot, &mut Batch) -> Result<(), Error>,
    ) -> Result<(), Rejection> {
        let who = Actor::Person(id.to_string());
        self.ending(id, |snapshot, batch| {
            invites::withdraw_those_of(snapshot, batch, &self.act, &who)?;
            change(snapshot, batch)
        })
        .await
    }

    /// Ends all sessions of a person in one commit with this change. A sign-in that came in between is met by a second end.
    async fn ending(
        &self,
        id: PersonId,
        mut change: impl FnMut(&Snapshot, &mut Batch) -> Result<(), Error>,
    ) -> Result<(), Rejection> {
        people::find(&self.shared.store.snapshot()?, id)?;
        let sessions = &self.shared.identity.sessions;
        let (all, mut ended) = (Which::Person(id), Ended::default());
        self.change(|snapshot, batch| {
            sessions.end(batch, &self.act, all, &mut ended)?;
            change(snapshot, batch)
        })
        .await?;
        self.shared.identity.forget();
        let (mut batch, mut late) = (Batch::new(), Ended::default());
        sessions.end(&mut batch, &self.act, all, &mut late)?;
        if late.count() > 0 {
            self.shared.store.commit(batch).await?;
        }
        Ok(())
    }

    /// Has the table of people's keys be due for a new one before a key is removed from it, so that a power cut right after
    /// the removal does not keep the old one. Where it cannot begin, the removal goes on: it is asked for again after that.
    async fn begin_new_keys(&self) -> Result<(), Rejection> {
        let store = self.shared.store.clone();
        let begun = tokio::task::spawn_blocking(move || store.begin_rotation(people::KEYS.name()));
        let begun = begun
            .await
            .map_err(|error| Rejection::Internal(error.to_string()))?;
        if let Err(error) = begun {
            record::note(
                &self.shared.records,
                "key-rotation-not-begun",
                &error.to_string(),
            );
        }
        Ok(())
    }

    /// These roles, if there are any and all of them exist.
    fn known(&self, given: Vec<String>) -> Result<Vec<String>, Rejection> {
        if given.is_empty() {
            let why = "No role was chosen. Choose one at least; `visitor` is the least.";
            return Err(Rejection::Refused(why.to_owned()));
        }
        self.known_or_none(&given)?;
        let given: BTreeSet<String> = given.into_iter().collect();
        Ok(given.into_iter().collect())
    }

    fn known_or_none(&self, given: &[String]) -> Result<(), Rejection> {
        let all = roles::list(&self.shared.store.snapshot()?)?;
        let unknown = given
            .iter()
            .find(|name| !all.iter().any(|role| role.name == **name));
        let Some(unknown) = unknown else {
            return Ok(());
        };
        let names: Vec<_> = all.iter().map(|role| role.name.as_str()).collect();
        Err(Rejection::Refused(format!(
            "There is no role `{unknown}`. Those that are: {}.",
            names.join(", ")
        )))
    }

    /// Refuses what would leave nobody who governs, if there is someone now.
    fn keeps_an_admin(&self, after: &After<'_>) -> Result<(), Rejection> {
        let snapshot = self.shared.store.snapshot()?;
        if !has_admin(&snapshot, None)? || has_admin(&snapshot, Some(after))? {
            return Ok(());
        }
        let why = match &self.by {
            By::Admin(_) => {
                "This would lock every admin out. Make another person an admin first, or invite one."
            }
            By::Device(_) => {
                "This would lock every admin out. Invite another one first (`holdfast user invite --role admin`), or say \
                 `--force`: devices can invite an admin at any time."
            }
        };
        Err(Rejection::Conflict(why.to_owned()))
    }
}
