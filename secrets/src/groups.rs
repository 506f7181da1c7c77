//! The keys of groups of values, kept ready.
//!
//! A group is what one process seals, at most [`LARGEST_GROUP`] values. Those that were asked for lately are kept, some 20 KiB
//! for a table at the most. They are worth as much as the table's key, and go with it.

use std::sync::{Arc, Mutex, PoisonError, RwLock};

use crate::Error;
use crate::cipher::Cipher;
use crate::format::{GROUP_LEN, LARGEST_GROUP, NONCE_LEN, SALT_LEN, Which};

/// Groups of a table whose keys are kept ready.
const PLACES: usize = 32;

type Name = [u8; GROUP_LEN];

/// A group's cipher, and which it is.
struct Known {
    which: Which,
    group: Name,
    cipher: Arc<Cipher>,
}

/// The ciphers of a table's groups; a group has one place where it can be.
pub(crate) struct Groups(Box<[RwLock<Option<Known>>]>);

impl Groups {
    pub(crate) fn new() -> Self {
        Self((0..PLACES).map(|_| RwLock::new(None)).collect())
    }

    /// The group's cipher, which is `made` if it is not there.
    pub(crate) fn cipher(
        &self,
        which: Which,
        group: &Name,
        made: impl FnOnce() -> Option<Cipher>,
    ) -> Option<Arc<Cipher>> {
        let [first, ..] = *group;
        let place = usize::from(first).checked_rem(self.0.len())?;
        let place = self.0.get(place)?;
        let is_it = |known: &&Known| known.which == which && known.group == *group;
        let known = place.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = known.as_ref().filter(is_it) {
            return Some(Arc::clone(&known.cipher));
        }
        drop(known);
        let cipher = Arc::new(made()?);
        *place.write().unwrap_or_else(PoisonError::into_inner) = Some(Known {
            which,
            group: *group,
            cipher: Arc::clone(&cipher),
        });
        Some(cipher)
    }
}

/// The group that seals.
#[derive(Default)]
pub(crate) struct Sealing(Mutex<(Name, u32)>);

impl Sealing {
    /// A salt in the group that seals, and a nonce.
    pub(crate) fn draw(&self) -> Result<([u8; SALT_LEN], [u8; NONCE_LEN]), Error> {
        let group = self.group()?;
        // Both at once: asking the kernel costs more than the bytes.
        let mut fresh = [0; SALT_LEN - GROUP_LEN + NONCE_LEN];
        getrandom::fill(&mut fresh).map_err(Error::Random)?;
        let (mut salt, mut nonce) = ([0; SALT_LEN], [0; NONCE_LEN]);
        let (named, own) = salt.split_at_mut(GROUP_LEN);
        let (first, second) = fresh.split_at(own.len());
        named.copy_from_slice(&group);
        own.copy_from_slice(first);
        nonce.copy_from_slice(second);
        Ok((salt, nonce))
    }

    fn group(&self) -> Result<Name, Error> {
        let mut group = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (name, left) = &mut *group;
        match left.checked_sub(1) {
            Some(fewer) => *left = fewer,
            None => {
                getrandom::fill(name).map_err(Error::Random)?;
                *left = LARGEST_GROUP.saturating_sub(1);
            }
        }
        Ok(*name)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]
mod tests {
    use super::*;
    use crate::format::{Suite, VERSION};

    fn named(sealing: &Sealing) -> Name {
        sealing.draw().unwrap().0[..GROUP_LEN].try_into().unwrap()
    }

    #[test]
    fn a_group_ends_after_as_many_values_as_it_may_have() {
        let sealing = Sealing::default();
        let first = named(&sealing);
        assert_ne!(first, Name::default());
        sealing.0.lock().unwrap().1 -= LARGEST_GROUP - 3;
        assert_eq!(named(&sealing), first);
        assert_eq!(named(&sealing), first);
        assert_ne!(named(&sealing), first);
        assert_ne!(named(&Sealing::default()), first);
    }

    #[test]
    fn a_place_is_given_to_the_newest_group_and_never_to_another_key() {
        let groups = Groups::new();
        let which = |epoch| Which {
            version: VERSION,
            suite: Suite::Aes256Gcm,
            epoch,
        };
        let made = |key: u8| move || Some(Cipher::new(Suite::Aes256Gcm, &[key; 32]));
        let never = || -> Option<Cipher> { panic!("it is there") };
        let (one, other) = ([1; GROUP_LEN], [33; GROUP_LEN]);
        let first = groups.cipher(which(1), &one, made(1)).unwrap();
        let again = groups.cipher(which(1), &one, never).unwrap();
        assert!(Arc::ptr_eq(&first, &again));
        for (which, group) in [(which(2), one), (which(1), other), (which(1), one)] {
            let another = groups.cipher(which, &group, made(2)).unwrap();
            assert!(!Arc::ptr_eq(&first, &another));
        }
        assert!(groups.cipher(which(3), &one, || None).is_none());
    }
}
