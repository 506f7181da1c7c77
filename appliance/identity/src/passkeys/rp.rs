//! The RP id (Web Authentication, section 4): the portal's host, to which every passkey belongs for good.

use holdfast_store::{Batch, Record, Snapshot, Table};
use serde::{Deserialize, Serialize};

use super::store;
use crate::{Error, people};

const KEY: &str = "rp";

/// The portal's host of the last start, and those before it, each with the time of its end, milliseconds since 1970, the oldest first:
/// as long as there are passkeys from then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct RpId {
    host: String,
    before: Vec<(String, i64)>,
}

impl Record for RpId {
    const TABLE: Table = Table::hashed("rp-id");
    const VERSION: u16 = 1;
}

/// Keeps the portal's host of this start. Tells an earlier one, the last of them, if there are passkeys that were made under it: they
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
    let mut before = match &found {
        None => Vec::new(),
        Some(found) => found.before.clone(),
    };
    if let Some(found) = found.as_ref().filter(|found| found.host != host) {
        before.push((found.host.clone(), now));
    }
    let made = if before.is_empty() {
        Vec::new()
    } else {
        made(snapshot)?
    };
    let mut since = i64::MIN;
    before.retain(|(_, until)| {
        let then = since..*until;
        since = *until;
        made.iter().any(|made| then.contains(made))
    });
    let lost = before.iter().rev().find(|(earlier, _)| earlier != host);
    let lost = lost.map(|(earlier, _)| earlier.clone());
    let kept = RpId {
        host: host.to_owned(),
        before,
    };
    if found.as_ref() != Some(&kept) {
        batch.put(KEY, &kept)?;
    }
    Ok(lost)
}

/// When each passkey was made.
fn made(snapshot: &Snapshot) -> Result<Vec<i64>, Error> {
    let mut made = Vec::new();
    for person in people::list(snapshot)? {
        let found = store::read(snapshot, person.id)?;
        made.extend(found.keys.iter().map(|key| key.made));
    }
    Ok(made)
}
