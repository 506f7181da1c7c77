//! The key file for who has no key yet: whether what somebody gives would open it.

use std::fs::File;
use std::path::Path;

use super::content::{Content, MAC_LEN};
use super::medium::{Medium, Written};
use super::{failed, newest};
use crate::Error;
use crate::provider::{Kind, RootKeyProvider};

/// A key file that was read and not opened. It is never written by this.
pub struct LockedKeyFile {
    content: Content,
    generation: u64,
    body: Vec<u8>,
    code: [u8; MAC_LEN],
}

impl LockedKeyFile {
    /// Reads the file, which need not be open for writing; `path` is what errors name.
    ///
    /// # Errors
    /// [`Error::KeyFileDamaged`] if no region is whole, [`Error::KeysDestroyed`], [`Error::KeyFile`] when the system refuses.
    pub fn read(file: File, path: &Path) -> Result<Self, Error> {
        let Written {
            generation,
            content,
        } = newest(&Medium::of(file), |error| failed(path, &error))?;
        let (content, body, code) = Content::parse(&content).map(|(parsed, body, code)| {
            let (body, code) = (body.to_vec(), *code);
            (parsed, body, code)
        })?;
        Ok(Self {
            content,
            generation,
            body,
            code,
        })
    }

    /// The ways in, from the oldest; those that this version does not know are left out.
    #[must_use]
    pub fn kinds(&self) -> Vec<Kind> {
        let slots = self.content.slots.iter();
        slots.filter_map(super::Slot::known_kind).collect()
    }

    /// Whether `provider` opens one of them, and the file is what the holder of the keys wrote. A passphrase is stretched once for
    /// each of its slots, which takes the memory and the time that the slot asks for ([`Cost`](crate::Cost)).
    ///
    /// # Errors
    /// [`Error::KeyFileDamaged`] if it opens a file that was altered, [`Error::SlotParameters`], or what the provider says.
    pub fn opens(&self, provider: &dyn RootKeyProvider) -> Result<bool, Error> {
        for slot in &self.content.slots {
            if let Some(secret) = slot.secret(provider)? {
                let master = slot.master(&secret)?;
                Content::check(&master, self.generation, &self.body, &self.code)?;
                return Ok(true);
            }
        }
        Ok(false)
    }
}

impl std::fmt::Debug for LockedKeyFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LockedKeyFile")
            .field("generation", &self.generation)
            .field("kinds", &self.kinds())
            .finish_non_exhaustive()
    }
}
