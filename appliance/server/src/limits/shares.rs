//! What each client holds at once of something that there is only so much of.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use super::network::{Network, Networks};
use super::settings::Limits;

/// Counts by network. The list is as long as what is held, twice for IPv6.
pub(crate) struct Shares {
    all: usize,
    each: usize,
    wide: usize,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    all: usize,
    of: HashMap<Network, usize>,
}

/// One part; given back when dropped.
pub(crate) struct Place {
    shares: Arc<Shares>,
    of: Networks,
}

impl Shares {
    /// At most `all` together and `each` of an address.
    pub(crate) fn new(all: usize, each: usize) -> Arc<Self> {
        Arc::new(Self {
            all,
            each,
            wide: each.saturating_mul(Limits::NETWORK as usize),
            held: Mutex::default(),
        })
    }

    /// A place for one more of `peer`, if it may have one.
    pub(crate) fn enter(self: &Arc<Self>, peer: IpAddr) -> Option<Place> {
        let of = Networks::from(peer);
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let count = |network: &Network| held.of.get(network).copied().unwrap_or_default();
        let wide_full = of.wide.is_some_and(|wide| count(&wide) >= self.wide);
        if held.all >= self.all || count(&of.own) >= self.each || wide_full {
            return None;
        }
        held.all = held.all.saturating_add(1);
        for network in of.both() {
            let count = held.of.entry(network).or_default();
            *count = count.saturating_add(1);
        }
        let shares = Arc::clone(self);
        Some(Place { shares, of })
    }
}

impl Networks {
    pub(super) fn both(self) -> impl Iterator<Item = Network> {
        std::iter::once(self.own).chain(self.wide)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let held = &self.shares.held;
        let mut held = held.lock().unwrap_or_else(PoisonError::into_inner);
        held.all = held.all.saturating_sub(1);
        for network in self.of.both() {
            if let Some(count) = held.of.get_mut(&network) {
                *count = count.saturating_sub(1);
                if *count == 0 {
                    held.of.remove(&network);
                }
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_of_an_address_of_a_64_and_of_a_48() {
        let shares = Shares::new(100, 2);
        let enter = |text: &str| shares.enter(text.parse().unwrap());
        let held = [enter("192.0.2.1"), enter("::ffff:192.0.2.1")];
        assert!(held.iter().all(Option::is_some));
        assert!(enter("192.0.2.1").is_none());
        assert!(enter("192.0.2.2").is_some());
        let one = [enter("2001:db8::1"), enter("2001:db8::2:0:0:1")];
        assert!(one.iter().all(Option::is_some));
        assert!(enter("2001:db8::ffff").is_none(), "the /64 has its two");
        let two = [enter("2001:db8:0:1::1"), enter("2001:db8:0:2::1")];
        assert!(two.iter().all(Option::is_some));
        assert!(enter("2001:db8:0:3::1").is_none(), "the /48 has its four");
        assert!(enter("2001:db8:1::1").is_some());
        drop((held, one, two));
        let left = shares.held.lock().unwrap();
        assert!(left.of.is_empty() && left.all == 0);
    }

    #[test]
    fn all_together_have_a_bound_of_their_own() {
        let shares = Shares::new(2, 2);
        let enter = |text: &str| shares.enter(text.parse().unwrap());
        let held = [enter("192.0.2.1"), enter("192.0.2.2")];
        assert!(held.iter().all(Option::is_some));
        assert!(enter("192.0.2.3").is_none());
    }
}
