//! Rates of each client, by the generic cell rate algorithm.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use governor::clock::Clock as GovernorClock;
use governor::middleware::NoOpMiddleware;
use governor::{Quota, RateLimiter};

use super::network::{Network, Networks};
use super::settings::{Limits, Rate};
use super::store::Store;
use crate::clock::Clock;

/// Clients with a state of their own, for each rate.
const PLACES: usize = 4096;
/// States that newcomers share when those are taken, for each rate.
const SHARED: usize = 1024;
/// Time between two searches for places that are free again.
const SWEEP: Duration = Duration::from_secs(2);

/// The server's monotonic clock (law 8), as the algorithm wants it.
#[derive(Clone)]
struct Monotonic(Arc<dyn Clock>);

impl GovernorClock for Monotonic {
    type Instant = Instant;

    fn now(&self) -> Instant {
        self.0.monotonic()
    }
}

type Limiter = RateLimiter<Network, Store, Monotonic, NoOpMiddleware<Instant>>;

/// One rate, held for each address and for each IPv6 /48.
pub(super) struct Rates {
    own: Limiter,
    wide: Limiter,
    clock: Arc<dyn Clock>,
    swept: Mutex<Instant>,
}

impl Rates {
    pub(super) fn new(rate: Rate, clock: &Arc<dyn Clock>) -> Self {
        let limiter = |times: u32| {
            let times = NonZeroU32::new(times).unwrap_or(NonZeroU32::MIN);
            let burst = rate.burst.saturating_mul(times);
            let rate = rate.per_minute.saturating_mul(times);
            // `per_minute` says how fast, `allow_burst` how many at once.
            let quota = Quota::per_minute(rate).allow_burst(burst);
            RateLimiter::new(
                quota,
                Store::new(PLACES, SHARED),
                Monotonic(Arc::clone(clock)),
            )
        };
        Self {
            own: limiter(1),
            wide: limiter(Limits::NETWORK),
            clock: Arc::clone(clock),
            swept: Mutex::new(clock.monotonic()),
        }
    }

    /// Counts one of `peer`, or tells how long it has to wait.
    pub(super) fn check(&self, peer: IpAddr) -> Result<(), Duration> {
        let now = self.clock.monotonic();
        self.sweep(now);
        let networks = Networks::from(peer);
        let wait = |not: governor::NotUntil<Instant>| not.wait_time_from(now);
        // One host that has spent its own share takes nothing more from its network's.
        self.own.check_key(&networks.own).map_err(wait)?;
        match networks.wide {
            Some(wide) => self.wide.check_key(&wide).map_err(wait),
            None => Ok(()),
        }
    }

    /// Frees the places of those who have their whole burst back.
    fn sweep(&self, now: Instant) {
        let mut swept = self.swept.lock().unwrap_or_else(PoisonError::into_inner);
        if now.saturating_duration_since(*swept) < SWEEP {
            return;
        }
        *swept = now;
        drop(swept);
        self.own.retain_recent();
        self.wide.retain_recent();
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::arithmetic_side_effects)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use holdfast_audit::Timestamp;

    use super::*;

    /// A clock that stands still until it is moved.
    struct Still(Mutex<Instant>);

    impl Still {
        fn advance(&self, time: Duration) {
            *self.0.lock().unwrap() += time;
        }
    }

    impl Clock for Still {
        fn now(&self) -> Timestamp {
            Timestamp::from_unix_millis(0).unwrap()
        }

        fn monotonic(&self) -> Instant {
            *self.0.lock().unwrap()
        }
    }

    fn rates(per_minute: u32, burst: u32) -> (Rates, Arc<Still>) {
        let clock = Arc::new(Still(Mutex::new(Instant::now())));
        let rate = Rate {
            per_minute: NonZeroU32::new(per_minute).unwrap(),
            burst: NonZeroU32::new(burst).unwrap(),
        };
        let given: Arc<dyn Clock> = clock.clone();
        (Rates::new(rate, &given), clock)
    }

    #[test]
    fn a_burst_and_then_the_rate() {
        let (rates, clock) = rates(60, 5);
        let peer = "192.0.2.1".parse().unwrap();
        for _ in 0..5 {
            assert!(rates.check(peer).is_ok());
        }
        let wait = rates.check(peer).unwrap_err();
        assert_eq!(wait.as_millis().div_ceil(100), 10, "one second: {wait:?}");
        assert!(rates.check("192.0.2.2".parse().unwrap()).is_ok());
        clock.advance(Duration::from_secs(2));
        assert!(rates.check(peer).is_ok() && rates.check(peer).is_ok());
        assert!(rates.check(peer).is_err());
    }

    #[test]
    fn a_48_has_twice_the_share_of_a_64() {
        let (rates, _) = rates(60, 5);
        let network =
            |subnet: u128| IpAddr::V6(Ipv6Addr::from_bits(0x2001_0db8 << 96 | subnet << 64 | 1));
        let passed = (0..4)
            .flat_map(|subnet| [subnet; 20])
            .filter(|subnet| rates.check(network(*subnet)).is_ok());
        assert_eq!(passed.count(), 10);
    }

    #[test]
    fn many_addresses_fill_no_memory_and_lock_nobody_out() {
        let (rates, clock) = rates(60, 5);
        let known = "198.51.100.1".parse().unwrap();
        assert!(rates.check(known).is_ok());
        let mut refused = 0;
        for number in 0..50_000_u32 {
            let peer = IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0000 | number));
            refused += u32::from(rates.check(peer).is_err());
        }
        assert!(rates.own.len() <= PLACES + 16, "{}", rates.own.len());
        assert!(refused > 0, "the shared states hold too");
        for _ in 0..4 {
            assert!(rates.check(known).is_ok(), "who was there keeps its state");
        }
        // The attack ends: newcomers have a state of their own again.
        clock.advance(Duration::from_secs(10));
        for last in 1..100 {
            let peer = IpAddr::V4(Ipv4Addr::new(203, 0, 113, last));
            for _ in 0..5 {
                assert!(rates.check(peer).is_ok());
            }
        }
    }
}
