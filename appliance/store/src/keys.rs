//! The key file, `store.keys` beside `store.redb`.

use std::path::Path;

use holdfast_secrets::{Belongs, Error as Secrets, ID_LEN, KeyRing};

use crate::Error;

/// Key of the name of the key file in the store's own table.
pub(crate) const KEY_FILE: &[u8] = b"key-file";

/// Opens or makes the key file of the store at `path`, and uses its keys from now on.
pub(crate) fn attach(
    path: &Path,
    ring: &KeyRing,
    belongs: Belongs<'_>,
) -> Result<[u8; ID_LEN], Error> {
    let beside = path.with_extension("keys");
    ring.attach(&beside, belongs).map_err(|error| match error {
        Secrets::NoSlot => Error::WrongRootKey(path.to_owned()),
        error => failed(path, &error),
    })
}

/// What to tell of it.
pub(crate) fn failed(path: &Path, error: &Secrets) -> Error {
    Error::Keys {
        path: path.to_owned(),
        reason: error.to_string(),
    }
}
