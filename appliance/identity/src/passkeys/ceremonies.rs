//! Ceremonies that have begun: in memory alone, bounded, single use, five minutes, each bound to one browser.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use data_encoding::BASE64URL_NOPAD;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use webauthn_rs::prelude::{DiscoverableAuthentication, PasskeyRegistration};
use zeroize::Zeroizing;

use crate::code::Code;
use crate::people::{Name, PersonId};
use crate::{Error, Random};

/// How long a ceremony may take.
pub const LIFETIME: Duration = Duration::from_secs(5 * 60);
/// Ceremonies at the same time, some 2 KiB each. When all places are taken the oldest gives way.
pub const PLACES: usize = 8192;

/// What binds a ceremony to the browser that began it: 256 random bits in a `__Host-` cookie. `Debug` shows nothing.
#[derive(Clone)]
pub struct Binding(Zeroizing<[u8; 32]>);

impl Binding {
    /// A fresh one, for a browser that has none.
    ///
    /// # Errors
    /// [`Error::Random`].
    pub fn fresh(random: &impl Random) -> Result<Self, Error> {
        Ok(Self(Zeroizing::new(random.array()?)))
    }

    /// Reads what [`Binding::to_text`] writes.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() != 43 {
            return None;
        }
        let bytes = Zeroizing::new(BASE64URL_NOPAD.decode(text.as_bytes()).ok()?);
        let bytes: [u8; 32] = bytes.as_slice().try_into().ok()?;
        Some(Self(Zeroizing::new(bytes)))
    }

    /// 43 characters of base64url.
    #[must_use]
    pub fn to_text(&self) -> Zeroizing<String> {
        Zeroizing::new(BASE64URL_NOPAD.encode(&*self.0))
    }

    /// Its hash, which alone is kept.
    pub(crate) fn hash(&self) -> [u8; 32] {
        Sha256::digest(*self.0).into()
    }
}

impl fmt::Debug for Binding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Binding(…)")
    }
}

/// What a ceremony is for.
pub(super) enum Purpose {
    Join {
        code: Code,
        person: PersonId,
        name: Name,
        state: PasskeyRegistration,
    },
    Add {
        person: PersonId,
        state: PasskeyRegistration,
    },
    /// Of anyone whose passkey it is.
    SignIn { state: DiscoverableAuthentication },
    /// Of this person, or of nobody if the name is unknown.
    SignInAs {
        person: Option<PersonId>,
        state: DiscoverableAuthentication,
    },
}

type Id = [u8; 16];

struct Begun {
    purpose: Box<Purpose>,
    binding: [u8; 32],
    ends: Instant,
}

#[derive(Default)]
struct All {
    by_id: HashMap<Id, Begun>,
    /// In the order of their beginning, used ones too.
    order: VecDeque<Id>,
}

/// All ceremonies that have begun.
#[derive(Default)]
pub(super) struct Ceremonies(Mutex<All>);

impl Ceremonies {
    pub(super) fn begin(
        &self,
        purpose: Purpose,
        binding: &Binding,
        random: &impl Random,
        now: Instant,
    ) -> Result<String, Error> {
        let id: Id = random.array()?;
        let begun = Begun {
            purpose: Box::new(purpose),
            binding: binding.hash(),
            ends: now.checked_add(LIFETIME).unwrap_or(now),
        };
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.make_room(now);
        all.order.push_back(id);
        all.by_id.insert(id, begun);
        Ok(data_encoding::HEXLOWER.encode(&id))
    }

    /// Takes a ceremony out; it is gone then, whatever comes of it.
    pub(super) fn take(&self, id: &str, binding: &Binding, now: Instant) -> Result<Purpose, Error> {
        let id = data_encoding::HEXLOWER.decode(id.as_bytes());
        let id: Id = id
            .ok()
            .and_then(|id| id.try_into().ok())
            .ok_or(Error::Ceremony)?;
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Another browser cannot use it up.
        let mine = all
            .by_id
            .get(&id)
            .is_some_and(|begun| bool::from(begun.binding.ct_eq(&binding.hash())));
        if !mine {
            return Err(Error::Ceremony);
        }
        let begun = all.by_id.remove(&id).ok_or(Error::Ceremony)?;
        if now >= begun.ends {
            return Err(Error::Ceremony);
        }
        Ok(*begun.purpose)
    }

    pub(super) fn len(&self) -> usize {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.by_id.len()
    }
}

impl All {
    fn make_room(&mut self, now: Instant) {
        while let Some(oldest) = self.order.front() {
            let over = self.by_id.get(oldest).is_none_or(|begun| now >= begun.ends);
            if !over && self.order.len() < PLACES {
                return;
            }
            if let Some(oldest) = self.order.pop_front() {
                self.by_id.remove(&oldest);
            }
        }
    }
}
