//! People and their sessions, as the routes use them: all that is kept in memory beside the store.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, PoisonError, RwLock};

use holdfast_audit::Actor;
use holdfast_identity::handover::Handover;
use holdfast_identity::limits::Failures;
use holdfast_identity::passkeys::{self, Binding, Passkeys};
use holdfast_identity::passwords::Passwords;
use holdfast_identity::recovery::Recovery;
use holdfast_identity::sessions::{Ended, Session, Sessions, Which};
use holdfast_identity::{Act, Error, Moment, PersonId, Random, people, roles};
use holdfast_policy::Principal;
use holdfast_store::{Batch, Snapshot, Store};

use crate::clock::Clock;
use crate::rejection::Rejection;
use crate::request::RequestContext;
use crate::server::Shared;
use crate::settings::Settings;
use crate::turns::Turns;

/// People whose roles are kept at once.
const KNOWN: usize = 10_000;
/// Passwords that wait for their turn at once, some ten a second on a small machine.
const WAITING: usize = 64;
/// Those of an address among them.
const WAITING_EACH: usize = 8;
/// Times that an act is begun anew, since others were quicker.
const TRIES: usize = 8;

/// The kernel's randomness.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kernel;

impl Random for Kernel {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), Error> {
        aws_lc_rs::rand::fill(bytes).map_err(|_| Error::Random)
    }
}

/// What is known of people beyond the store.
pub(crate) struct Identity {
    /// Or why there can be none: the portal's address is no host name.
    pub(crate) passkeys: Result<Passkeys, String>,
    /// The portal's host before, while there are passkeys that were made there.
    moved: Option<String>,
    pub(crate) sessions: Sessions,
    pub(crate) recovery: Recovery,
    pub(crate) failures: Failures,
    pub(crate) handover: Handover,
    /// Held while people are governed: one act sees what the one before left.
    pub(crate) governing: Arc<tokio::sync::Mutex<()>>,
    /// Unless the operator leaves passwords off.
    passwords: Option<Passwords>,
    /// For the hashes of passwords: one at a time, since each takes 19 MiB.
    pub(crate) stretching: Turns,
    /// By which forms are bound to the browser that was given them.
    forms: aws_lc_rs::hmac::Key,
    known: RwLock<Known>,
}

/// Who is who, until anyone's roles change.
#[derive(Default)]
struct Known {
    by_id: HashMap<PersonId, Principal>,
    /// How often it was forgotten: what was read before that is not kept after it.
    forgotten: u64,
}

impl Identity {
    /// Takes everything from the store; what is new goes there before this returns.
    ///
    /// # Errors
    /// The store's, or that there is no randomness.
    pub(crate) fn open(
        store: &Store,
        settings: &Settings,
        clock: &dyn Clock,
    ) -> Result<Self, crate::Error> {
        let opened = Self::open_in(store, settings, clock);
        opened.map_err(|error| match error {
            Error::Store(error) => crate::Error::from(error),
            error => crate::Error::from(std::io::Error::other(error.to_string())),
        })
    }

    fn open_in(store: &Store, settings: &Settings, clock: &dyn Clock) -> Result<Self, Error> {
        let snapshot = store.snapshot()?;
        let mut batch = Batch::new();
        let (all, random) = (&mut batch, &Kernel);
        let now = moment(clock);
        let origin = settings.portal.url();
        let passkeys = match Passkeys::open(&snapshot, all, random, &origin, &settings.portal.host)
        {
            Err(Error::Origin(_)) => Err(format!(
                "`{}` is no host name, and passkeys belong to one: give the portal a name in holdfast.toml",
                settings.portal.host
            )),
            opened => Ok(opened?),
        };
        let moved = match &passkeys {
            Ok(_) => {
                let host = &settings.portal.host;
                passkeys::moved(&snapshot, all, host, now.wall.unix_millis())?
            }
            Err(_) => None,
        };
        let key = aws_lc_rs::hmac::HMAC_SHA256;
        let identity = Self {
            passkeys,
            moved,
            sessions: Sessions::open(&snapshot, all, random, now)?,
            recovery: Recovery::open(&snapshot, all, random)?,
            failures: Failures::open(&snapshot, all, random)?,
            handover: Handover::default(),
            governing: Arc::default(),
            passwords: match settings.passwords {
                true => Some(Passwords::open(&snapshot, all, random)?),
                false => None,
            },
            stretching: Turns::new(1, WAITING, WAITING_EACH),
            forms: aws_lc_rs::hmac::Key::new(key, &random.array::<32>()?),
            known: RwLock::default(),
        };
        if !batch.is_empty() {
            store.commit_blocking(batch)?;
        }
        Ok(identity)
    }

    /// What the operator must know of the portal's name, if it is another one than people made their passkeys at.
    pub(crate) fn warning(&self, settings: &Settings) -> Option<String> {
        let earlier = self.moved.as_ref()?;
        Some(format!(
            "passkeys that were made while the portal was `{earlier}` are worth nothing at `{}`: people come back by recovery codes \
             or new invites, or by the portal's earlier name in holdfast.toml",
            settings.portal.host
        ))
    }

    /// The passwords, if they are on.
    ///
    /// # Errors
    /// [`Rejection::NotFound`] if they are off.
    pub(crate) fn passwords(&self) -> Result<&Passwords, Rejection> {
        self.passwords.as_ref().ok_or(Rejection::NotFound)
    }

    /// The person of a session, as policy knows them. Looked up once, and again after any change of people or roles.
    ///
    /// # Errors
    /// The store's.
    pub(crate) fn principal(&self, store: &Store, id: PersonId) -> Result<Principal, Rejection> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(principal) = known.by_id.get(&id) {
            return Ok(principal.clone());
        }
        let before = known.forgotten;
        drop(known);
        let snapshot = store.snapshot()?;
        let principal = match person(&snapshot, id) {
            // Deleted or disabled, though their sessions are not ended yet.
            Err(Error::NoPerson) | Ok(None) => return Ok(Principal::Visitor),
            Ok(Some(principal)) => principal,
            Err(error) => return Err(error.into()),
        };
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if known.forgotten == before {
            if known.by_id.len() >= KNOWN {
                known.by_id.clear();
            }
            known.by_id.insert(id, principal.clone());
        }
        Ok(principal)
    }

    /// Call it after every change of a person or a role.
    pub(crate) fn forget(&self) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.by_id.clear();
        known.forgotten = known.forgotten.wrapping_add(1);
    }

    /// What a form carries so that it is known to come from a page that this browser was given.
    pub(crate) fn form_token(&self, browser: &Binding) -> String {
        let tag = aws_lc_rs::hmac::sign(&self.forms, browser.to_text().as_bytes());
        data_encoding::BASE64URL_NOPAD.encode(tag.as_ref())
    }

    /// Whether a form's token is this browser's; compared in constant time.
    pub(crate) fn is_form_token(&self, browser: &Binding, token: &str) -> bool {
        let Ok(tag) = data_encoding::BASE64URL_NOPAD.decode(token.as_bytes()) else {
            return false;
        };
        aws_lc_rs::hmac::verify(&self.forms, browser.to_text().as_bytes(), &tag).is_ok()
    }
}

fn person(snapshot: &Snapshot, id: PersonId) -> Result<Option<Principal>, Error> {
    let found = people::find(snapshot, id)?;
    if !found.enabled {
        return Ok(None);
    }
    let all = roles::effective(snapshot, &found.roles)?;
    Ok(Some(Principal::Person {
        id: id.to_string().into(),
        roles: all.into_iter().collect(),
    }))
}

fn moment(clock: &dyn Clock) -> Moment {
    Moment {
        wall: clock.now(),
        monotonic: clock.monotonic(),
    }
}

impl Shared {
    /// Now, by both clocks.
    pub(crate) fn moment(&self) -> Moment {
        moment(&*self.clock)
    }

    /// An act of this request.
    pub(crate) fn act_of(&self, actor: Actor, context: &RequestContext) -> Act {
        Act {
            now: self.moment(),
            actor,
            request: Some(context.id.to_string()),
        }
    }

    /// Does an act on people and commits it, again if someone else was quicker. What must be recorded of a refusal is
    /// committed too.
    ///
    /// # Errors
    /// What the act refuses by, or the store's.
    pub(crate) async fn change<T>(
        &self,
        mut act: impl FnMut(&Snapshot, &mut Batch) -> Result<T, Error>,
    ) -> Result<T, Rejection> {
        for _ in 0..TRIES {
            let mut batch = Batch::new();
            let done = act(&self.store.snapshot()?, &mut batch);
            let refused = match done {
                Ok(done) => Ok(done),
                Err(Error::Recorded) => Err(Error::Recorded),
                Err(error) => return Err(error.into()),
            };
            if batch.is_empty() {
                return Ok(refused?);
            }
            match self.store.commit(batch).await {
                Ok(_) => return Ok(refused?),
                Err(error) if error.is_conflict() => {}
                Err(error) => return Err(error.into()),
            }
        }
        let why = "Others change the same at this moment. Try again.";
        Err(Rejection::Conflict(why.to_owned()))
    }

    /// Writes the last uses of sessions, each minute. Never ends.
    pub(crate) async fn keep_sessions(self: Arc<Self>) {
        loop {
            tokio::time::sleep(std::time::Duration::from_secs(60)).await;
            if let Err(error) = self.flush_sessions().await {
                crate::record::note(&self.records, "sessions-not-kept", &format!("{error:?}"));
            }
        }
    }

    /// Writes the last uses of sessions that are due.
    pub(crate) async fn flush_sessions(&self) -> Result<(), Rejection> {
        let now = self.moment();
        let sessions = &self.identity.sessions;
        let flushed = self
            .change(|snapshot, batch| sessions.flush(snapshot, batch, now))
            .await?;
        sessions.flushed(flushed);
        Ok(())
    }

    /// Ends sessions, and tells how many.
    pub(crate) async fn end_sessions(&self, act: &Act, which: Which) -> Result<usize, Rejection> {
        let mut ended = Ended::default();
        self.change(|_, batch| self.identity.sessions.end(batch, act, which, &mut ended))
            .await?;
        Ok(ended.count())
    }
}

/// Who acts in a session.
pub(crate) fn actor(session: &Session) -> Actor {
    Actor::Person(session.person.to_string())
}

/// Someone of whom the address alone is known.
pub(crate) fn stranger(peer: IpAddr) -> Actor {
    Actor::Address(peer.to_canonical().to_string())
}

impl From<Error> for Rejection {
    fn from(error: Error) -> Self {
        match error {
            Error::Store(error) => error.into(),
            Error::Random | Error::Sealed => Self::Internal(error.to_string()),
            Error::Wait(left) => Self::TooMany {
                retry_after: left.as_secs().saturating_add(1),
            },
            Error::NotFresh => Self::NotFresh,
            Error::Refused | Error::Recorded | Error::Ceremony => Self::NotProven(sentence(&error)),
            Error::TooMany(_) | Error::LastWayIn | Error::NameTaken => {
                Self::Conflict(sentence(&error))
            }
            error => Self::Refused(sentence(&error)),
        }
    }
}

/// An error's text as a sentence.
fn sentence(error: &Error) -> String {
    let text = error.to_string();
    let mut rest = text.chars();
    let first = rest.next().map(|c| c.to_uppercase().to_string());
    format!("{}{}.", first.unwrap_or_default(), rest.as_str())
}
