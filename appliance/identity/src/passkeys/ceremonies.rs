//! Ceremonies that have begun: in memory alone, single use, five minutes, each bound to one browser.
//!
//! They are bounded in all and for each network, so that one client cannot throw out those of others: whoever has their share
//! loses the oldest of their own.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use subtle::ConstantTimeEq;
use webauthn_rs::prelude::{DiscoverableAuthentication, PasskeyRegistration};
use zeroize::Zeroizing;

use super::binding::{Binding, Browser};
use crate::code::Code;
use crate::network::{Network, Networks};
use crate::people::{Name, PersonId};
use crate::{Error, Random};

/// How long a ceremony may take.
pub const LIFETIME: Duration = Duration::from_secs(5 * 60);
/// Ceremonies at the same time, some 2 KiB each. When all places are taken, the oldest of the network that holds most gives way.
pub const PLACES: usize = 8192;
/// Ceremonies at the same time of an IPv4 address or an IPv6 /64; a /48 has twice as many. A network that has all of them
/// loses its own oldest.
pub const EACH: usize = 256;

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
        /// As it was typed; none for a step-up.
        typed: Option<Zeroizing<String>>,
        state: DiscoverableAuthentication,
    },
}

type Id = [u8; 16];
/// Grows with each beginning; all last as long, so that it is the order of their ends too.
type Number = u64;

struct Begun {
    id: Id,
    purpose: Box<Purpose>,
    binding: [u8; 32],
    of: Networks,
    ends: Instant,
}

#[derive(Default)]
struct All {
    next: Number,
    begun: BTreeMap<Number, Begun>,
    by_id: HashMap<Id, Number>,
    of: HashMap<Network, BTreeSet<Number>>,
}

/// All ceremonies that have begun.
#[derive(Default)]
pub(super) struct Ceremonies(Mutex<All>);

impl Ceremonies {
    pub(super) fn begin(
        &self,
        purpose: Purpose,
        browser: Browser<'_>,
        random: &impl Random,
        now: Instant,
    ) -> Result<String, Error> {
        let id: Id = random.array()?;
        let begun = Begun {
            id,
            purpose: Box::new(purpose),
            binding: browser.binding.hash(),
            of: Networks::from(browser.from),
            ends: now.checked_add(LIFETIME).unwrap_or(now),
        };
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.make_room(begun.of, now);
        all.add(begun);
        Ok(data_encoding::HEXLOWER.encode(&id))
    }

    /// Takes a ceremony out; it is gone then, whatever comes of it.
    pub(super) fn take(&self, id: &str, binding: &Binding, now: Instant) -> Result<Purpose, Error> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (number, _) = all.mine(id, binding).ok_or(Error::Ceremony)?;
        let begun = all.remove(number).ok_or(Error::Ceremony)?;
        if now >= begun.ends {
            return Err(Error::Ceremony);
        }
        Ok(*begun.purpose)
    }

    /// The name by which a sign-in of this browser has begun.
    pub(super) fn typed(&self, id: &str, binding: &Binding) -> Option<Zeroizing<String>> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &*all.mine(id, binding)?.1.purpose {
            Purpose::SignInAs { typed, .. } => typed.clone(),
            _ => None,
        }
    }

    pub(super) fn len(&self) -> usize {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.begun.len()
    }
}

impl All {
    /// A ceremony, if it is this browser's: another one can neither use it up nor learn of it.
    fn mine(&self, id: &str, binding: &Binding) -> Option<(Number, &Begun)> {
        let id = data_encoding::HEXLOWER.decode(id.as_bytes()).ok()?;
        let number = *self.by_id.get(id.as_slice())?;
        let begun = self.begun.get(&number)?;
        bool::from(begun.binding.ct_eq(&binding.hash())).then_some((number, begun))
    }

    fn add(&mut self, begun: Begun) {
        let number = self.next;
        self.next = number.wrapping_add(1);
        self.by_id.insert(begun.id, number);
        for network in begun.of.both() {
            self.of.entry(network).or_default().insert(number);
        }
        self.begun.insert(number, begun);
    }

    fn remove(&mut self, number: Number) -> Option<Begun> {
        let begun = self.begun.remove(&number)?;
        self.by_id.remove(&begun.id);
        for network in begun.of.both() {
            if let Some(numbers) = self.of.get_mut(&network) {
                numbers.remove(&number);
                if numbers.is_empty() {
                    self.of.remove(&network);
                }
            }
        }
        Some(begun)
    }

    /// Lets those go whose time is over, and then the oldest of whoever has their share already.
    fn make_room(&mut self, of: Networks, now: Instant) {
        while let Some((number, begun)) = self.begun.first_key_value() {
            if now < begun.ends {
                break;
            }
            let number = *number;
            self.remove(number);
        }
        let shares = [(Some(of.own), EACH), (of.wide, EACH.saturating_mul(2))];
        for (network, share) in shares {
            let Some(network) = network else { continue };
            while self.held(network) >= share {
                self.drop_oldest_of(network);
            }
        }
        while self.begun.len() >= PLACES {
            let most = self.of.iter().max_by_key(|(_, numbers)| numbers.len());
            let Some(most) = most.map(|(network, _)| *network) else {
                return;
            };
            self.drop_oldest_of(most);
        }
    }

    fn held(&self, network: Network) -> usize {
        self.of.get(&network).map_or(0, BTreeSet::len)
    }

    fn drop_oldest_of(&mut self, network: Network) {
        let oldest = self.of.get(&network).and_then(BTreeSet::first).copied();
        match oldest {
            Some(oldest) => self.remove(oldest),
            // INVARIANT: no network is kept without a ceremony.
            None => self.of.remove(&network).and(None),
        };
    }
}
