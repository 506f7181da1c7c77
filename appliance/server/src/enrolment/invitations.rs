//! One-time codes that devices asked for, for others to enrol by. In memory alone: a restart ends them all.

use std::time::Instant;

use super::code::{Code, Shown};
use crate::pin::Pin;

/// Most codes that are good at once.
const MOST: usize = 8;

/// The codes that are still good, or were used and are still remembered for a device that lost the answer.
#[derive(Debug, Default)]
pub(crate) struct Invitations(Vec<Invitation>);

#[derive(Debug)]
pub(crate) struct Invitation {
    pub(crate) shown: Shown,
    /// The device that asked for it.
    pub(crate) by: Pin,
}

impl Invitations {
    /// Takes a code that `by` asked for; false where too many are good already.
    pub(crate) fn add(&mut self, code: Code, by: Pin, now: Instant) -> bool {
        self.0.retain(|kept| kept.shown.code(now).is_some());
        if self.0.len() >= MOST {
            return false;
        }
        let shown = Shown::new(code, now);
        self.0.push(Invitation { shown, by });
        true
    }

    /// The one whose code `is` the one that was proven, if it has not lapsed.
    pub(crate) fn find(
        &mut self,
        now: Instant,
        is: impl Fn(&Code) -> bool,
    ) -> Option<&mut Invitation> {
        let good = |invitation: &&mut Invitation| invitation.shown.code(now).is_some_and(&is);
        self.0.iter_mut().find(good)
    }

    /// Ends what this device asked for.
    pub(crate) fn end_those_of(&mut self, device: &Pin) {
        self.0.retain(|kept| kept.by != *device);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::arithmetic_side_effects)]
mod tests {
    use super::*;
    use crate::enrolment::code::LIFETIME;

    #[test]
    fn codes_lapse_end_with_their_device_and_are_few() {
        let now = Instant::now();
        let (one, other) = (Pin::of_spki(b"one"), Pin::of_spki(b"other"));
        let code = |seed| Code::from_random(&[seed; 17]);
        let mut all = Invitations::default();
        assert!(all.add(code(1), one, now));
        assert!(all.add(code(2), other, now));
        let found = all.find(now, |good| *good == code(1)).unwrap();
        assert_eq!((found.by, found.shown.used()), (one, None));
        found.shown.use_up(other);
        let found = all.find(now, |good| *good == code(1)).unwrap();
        assert_eq!(found.shown.used(), Some(other));
        assert!(all.find(now, |good| *good == code(9)).is_none());
        assert!(all.find(now + LIFETIME, |good| *good == code(1)).is_none());
        all.end_those_of(&one);
        assert!(all.find(now, |good| *good == code(1)).is_none());
        assert!(all.find(now, |good| *good == code(2)).is_some());
        for seed in 10..17 {
            assert!(all.add(code(seed), one, now));
        }
        assert!(!all.add(code(17), one, now), "there are eight");
        assert!(all.add(code(17), one, now + LIFETIME), "those have lapsed");
    }
}
