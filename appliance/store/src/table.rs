//! Tables: a name, and how keys are kept.

use std::borrow::Cow;

use holdfast_secrets::KeyRing;

use crate::Error;

/// A table, declared as a constant beside the records it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Table {
    name: &'static str,
    hashed: bool,
}

impl Table {
    /// A table whose keys are kept as they are, so ranges can be read in key order. For keys that tell nothing:
    /// numbers, random identifiers, content hashes.
    ///
    /// `name` is 1 to 64 bytes and does not begin with an underscore (those are the store's own); this is checked when
    /// the constant is compiled.
    #[must_use]
    pub const fn plain(name: &'static str) -> Self {
        Self::checked(name, false)
    }

    /// A table whose keys are kept as keyed hashes: a record is found by its exact key, and all of them can be read, in
    /// an order that tells nothing. A record that needs its key back holds it itself.
    #[must_use]
    pub const fn hashed(name: &'static str) -> Self {
        Self::checked(name, true)
    }

    const fn checked(name: &'static str, hashed: bool) -> Self {
        assert!(
            !name.is_empty() && name.len() <= 64,
            "a table name is 1 to 64 bytes long"
        );
        assert!(
            !matches!(name.as_bytes().first(), Some(b'_')),
            "table names with a leading underscore are the store's own"
        );
        Self { name, hashed }
    }

    /// The table's name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Whether keys are kept as keyed hashes.
    #[must_use]
    pub const fn is_hashed(&self) -> bool {
        self.hashed
    }

    /// The key as the engine sees it.
    pub(crate) fn stored_key<'k>(
        &self,
        ring: &KeyRing,
        key: &'k [u8],
    ) -> Result<Cow<'k, [u8]>, Error> {
        if !self.hashed {
            return Ok(Cow::Borrowed(key));
        }
        let hash = ring.lookup(self.name, key);
        let hash = hash.map_err(|error| Error::sealed(self.name, &error))?;
        Ok(Cow::Owned(hash.to_vec()))
    }
}
