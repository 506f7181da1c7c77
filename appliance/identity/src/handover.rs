//! The hand-over of a sign-in from the portal to the site (law 11): a code that travels in the query of one redirect.
//!
//! ```text
//! site:   sets a Binding in a cookie of its own, redirects to the portal with its hash (Binding::challenge)
//! portal: issue(session, challenge) → redirects back with the code
//! site:   redeem(code, binding) → begins a site session
//! ```
//!
//! A code is good once, for 30 seconds, and for nothing without the binding, which never leaves the site's cookie. It is kept
//! as a hash, in memory alone: what a restart forgets is asked for again.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::passkeys::Binding;
use crate::sessions::{Session, Token};
use crate::{Error, Random};

/// How long a code is good.
pub const LIFETIME: Duration = Duration::from_secs(30);
/// Codes at the same time; the oldest gives way.
pub const PLACES: usize = 8192;

/// What the site shows the portal of its binding: the hash, in base64url.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Challenge([u8; 32]);

impl Challenge {
    /// Of this binding.
    #[must_use]
    pub fn of(binding: &Binding) -> Self {
        Self(binding.hash())
    }

    /// Reads what [`Challenge::to_text`] writes.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() != 43 {
            return None;
        }
        let bytes = data_encoding::BASE64URL_NOPAD.decode(text.as_bytes());
        bytes.ok()?.try_into().ok().map(Self)
    }

    /// 43 characters of base64url. It is no secret.
    #[must_use]
    pub fn to_text(&self) -> String {
        data_encoding::BASE64URL_NOPAD.encode(&self.0)
    }
}

struct Issued {
    session: Arc<Session>,
    challenge: Challenge,
    ends: Instant,
}

#[derive(Default)]
struct All {
    by_hash: HashMap<[u8; 32], Issued>,
    order: VecDeque<[u8; 32]>,
}

/// All codes that are on their way.
#[derive(Default)]
pub struct Handover(Mutex<All>);

impl Handover {
    /// Makes a code for this portal session and the browser of this challenge.
    ///
    /// # Errors
    /// [`Error::Refused`] if the session is a site's or has ended, [`Error::Random`].
    pub fn issue(
        &self,
        random: &impl Random,
        session: &Arc<Session>,
        challenge: Challenge,
        now: Instant,
    ) -> Result<Token, Error> {
        if session.portal.is_some() || session.has_ended() {
            return Err(Error::Refused);
        }
        let code = Token::fresh(random)?;
        let issued = Issued {
            session: Arc::clone(session),
            challenge,
            ends: now.checked_add(LIFETIME).unwrap_or(now),
        };
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(oldest) = all.order.front().copied() {
            let over = all.by_hash.get(&oldest).is_none_or(|one| now >= one.ends);
            if !over && all.order.len() < PLACES {
                break;
            }
            all.order.pop_front();
            all.by_hash.remove(&oldest);
        }
        all.order.push_back(hash(&code));
        all.by_hash.insert(hash(&code), issued);
        Ok(code)
    }

    /// Takes the portal session of a code. The code is used up, also by a wrong binding or by none.
    ///
    /// # Errors
    /// [`Error::Ceremony`] if it is unknown, used, past its end, of another browser, or its session has ended.
    pub fn redeem(
        &self,
        code: &Token,
        binding: Option<&Binding>,
        now: Instant,
    ) -> Result<Arc<Session>, Error> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let issued = all.by_hash.remove(&hash(code)).ok_or(Error::Ceremony)?;
        drop(all);
        let mine =
            binding.is_some_and(|binding| bool::from(issued.challenge.0.ct_eq(&binding.hash())));
        if !mine || now >= issued.ends || issued.session.has_ended() {
            return Err(Error::Ceremony);
        }
        Ok(issued.session)
    }
}

fn hash(code: &Token) -> [u8; 32] {
    Sha256::digest(code.as_bytes()).into()
}
