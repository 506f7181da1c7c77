//! The RP id (Web Authentication, section 4): the portal's host, to which every passkey belongs for good.

use holdfast_store::{Batch, Record, Snapshot, Table};
use serde::{Deserialize, Serialize};

use super::store;
use crate::{Error, people};

const KEY: &str = "rp";

/// The portal's host of the last start, and the one before it with the time of the change, milliseconds since 1970, while there are
/// passkeys from before that.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct RpId {
    host: String,
    before: Option<(String, i64)>,
}

impl Record for RpId {
    const TABLE: Table = Table::hashed("rp-id");
    const VERSION: u16 = 1;
}

/// Keeps the portal's host of this start. Tells the earlier one if there are passkeys that were made before the change: they
/// are worth nothing under this one.
///
/// # Errors
/// [`Error::Sealed`], [`Error::Store`].
pub fn moved(
    snapshot: &Snapshot,
    batch: &mut Batch,
    host: &str,
    now: i64,
) -> Result<Option<String>, Error> {
    let found = snapshot.find::<RpId>(KEY)?;
    let before = match &found {
        None => None,
        Some(found) if found.host == host => found.before.clone(),
        Some(found) => Some((found.host.clone(), now)),
    };
    let before = match before {
        Some((earlier, until)) if any_made_before(snapshot, until)? => Some((earlier, until)),
        _ => None,
    };
    let earlier = before.as_ref().map(|(earlier, _)| earlier.clone());
    let kept = RpId {
        host: host.to_owned(),
        before,
    };
    if found.as_ref() != Some(&kept) {
        batch.put(KEY, &kept)?;
    }
    Ok(earlier)
}

fn any_made_before(snapshot: &Snapshot, time: i64) -> Result<bool, Error> {
    for person in people::list(snapshot)? {
        let found = store::read(snapshot, person.id)?;
        if found.keys.iter().any(|key| key.made < time) {
            return Ok(true);
        }
    }
    Ok(false)
}
