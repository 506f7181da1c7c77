//! One session in memory.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use crate::people::PersonId;
use crate::personal::Personal;
use crate::roles::Limits;
use crate::{Error, Random};

/// Time between two writings of a session's last use.
const FLUSH_MILLIS: i64 = 60_000;

/// The number of a session, by which it is listed and ended. It is no secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SessionId([u8; 8]);

impl SessionId {
    pub(crate) fn fresh(random: &impl Random) -> Result<Self, Error> {
        Ok(Self(random.array()?))
    }

    /// Reads what [`fmt::Display`] writes.
    #[must_use]
    pub fn parse(hex: &str) -> Option<Self> {
        let bytes = data_encoding::HEXLOWER.decode(hex.as_bytes()).ok()?;
        bytes.try_into().ok().map(Self)
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&data_encoding::HEXLOWER.encode(&self.0))
    }
}

/// How a person proved who they are. In order of strength; stored by position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Method {
    /// A password alone.
    Password,
    /// A recovery code.
    Recovery,
    /// A password and a one-time password.
    PasswordTotp,
    /// A passkey with user verification.
    Passkey,
    /// A passkey and a one-time password.
    PasskeyTotp,
}

/// The newest proof of a session: how, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proof {
    /// How.
    pub method: Method,
    /// Milliseconds of this run.
    pub(crate) at: i64,
}

impl Proof {
    pub(crate) fn new(method: Method, at: i64) -> Self {
        Self { method, at }
    }
}

/// A session that was found, alive at that moment.
#[derive(Debug)]
pub struct Session {
    /// Its number.
    pub id: SessionId,
    /// Whose it is.
    pub person: PersonId,
    /// For a site session: the portal session that it ends with.
    pub portal: Option<SessionId>,
    pub(crate) proof: Proof,
    pub(crate) made: i64,
    pub(crate) limits: Limits,
    pub(crate) device: Personal,
    used: AtomicI64,
    flushed: AtomicI64,
    ended: AtomicBool,
    woken: Notify,
}

pub(crate) struct Parts {
    pub(crate) id: SessionId,
    pub(crate) person: PersonId,
    pub(crate) portal: Option<SessionId>,
    pub(crate) proof: Proof,
    pub(crate) made: i64,
    pub(crate) used: i64,
    pub(crate) limits: Limits,
    pub(crate) device: Personal,
}

impl Session {
    pub(crate) fn new(parts: Parts) -> Self {
        Self {
            id: parts.id,
            person: parts.person,
            portal: parts.portal,
            proof: parts.proof,
            made: parts.made,
            limits: parts.limits,
            device: parts.device,
            used: AtomicI64::new(parts.used),
            flushed: AtomicI64::new(parts.used),
            ended: AtomicBool::new(false),
            woken: Notify::new(),
        }
    }

    pub(crate) fn renewed(&self, proof: Proof, used: i64) -> Self {
        Self::new(Parts {
            id: self.id,
            person: self.person,
            portal: self.portal,
            proof,
            made: self.made,
            used,
            limits: self.limits,
            device: self.device.clone(),
        })
    }

    /// How the person last proved who they are.
    #[must_use]
    pub fn method(&self) -> Method {
        self.proof.method
    }

    /// Time since the last proof, as of this session's last use.
    #[must_use]
    pub fn proof_age(&self) -> Duration {
        millis(self.used().saturating_sub(self.proof.at))
    }

    /// Time since sign-in, as of this session's last use.
    #[must_use]
    pub fn age(&self) -> Duration {
        millis(self.used().saturating_sub(self.made))
    }

    /// Time since sign-in, at this point of the run ([`Sessions::millis_of`](super::Sessions::millis_of)).
    #[must_use]
    pub fn age_at(&self, now: i64) -> Duration {
        millis(now.saturating_sub(self.made))
    }

    /// Time since the last request, at this point of the run.
    #[must_use]
    pub fn idle_at(&self, now: i64) -> Duration {
        millis(now.saturating_sub(self.used()))
    }

    /// The rest of its life if it is not used again, as of its last use; for the timer of an open stream.
    #[must_use]
    pub fn remaining(&self) -> Duration {
        let absolute = self.limits.absolute().saturating_sub(self.age());
        absolute.min(self.limits.idle())
    }

    /// Asks for a proof of at least this strength and at most this age, as of this session's last use.
    ///
    /// # Errors
    /// [`Error::NotFresh`]: send the person through a sign-in, and back.
    pub fn require(&self, least: Method, oldest: Duration) -> Result<(), Error> {
        if self.method() >= least && self.proof_age() <= oldest {
            return Ok(());
        }
        Err(Error::NotFresh)
    }

    /// Whether it was ended by someone, rather than by time. Look at it between two parts of a long answer.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    /// Waits until it is ended by someone. For open streams, beside a timer of [`Session::remaining`].
    pub async fn ended(&self) {
        loop {
            let mut told = std::pin::pin!(self.woken.notified());
            // From here on nothing is missed between the look and the wait.
            told.as_mut().enable();
            if self.has_ended() {
                return;
            }
            told.await;
        }
    }

    pub(crate) fn end(&self) {
        self.ended.store(true, Ordering::Release);
        self.woken.notify_waiters();
    }

    pub(crate) fn is_over(&self, now: i64) -> bool {
        let idle = millis(now.saturating_sub(self.used()));
        let age = millis(now.saturating_sub(self.made));
        self.has_ended() || idle >= self.limits.idle() || age >= self.limits.absolute()
    }

    pub(crate) fn used(&self) -> i64 {
        self.used.load(Ordering::Relaxed)
    }

    pub(crate) fn touch(&self, now: i64) {
        self.used.fetch_max(now, Ordering::Relaxed);
    }

    /// Whether its last use is due to be written.
    pub(crate) fn is_due(&self) -> bool {
        let flushed = self.flushed.load(Ordering::Relaxed);
        self.used().saturating_sub(flushed) >= FLUSH_MILLIS
    }

    /// Its use at that time is in the store.
    pub(crate) fn set_flushed(&self, used: i64) {
        self.flushed.fetch_max(used, Ordering::Relaxed);
    }
}

fn millis(number: i64) -> Duration {
    Duration::from_millis(u64::try_from(number).unwrap_or(0))
}
