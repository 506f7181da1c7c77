//! The table of events.

use std::ops::{Bound, RangeBounds};

use holdfast_store::{Batch, Snapshot};

use crate::{Error, Event};

/// Adds the event to the batch of the act that it records. It gets its number, from 1 and without gaps, when the batch
/// is committed ([`holdfast_store::Receipt::sequences`]).
///
/// # Errors
/// [`Error::Store`] if the event cannot be encoded.
pub fn append(batch: &mut Batch, event: &Event) -> Result<(), Error> {
    batch.append(event)?;
    Ok(())
}

/// The events whose numbers are in `range`, in order, from either end: `list(&snapshot, ..)?.rev().take(20)` are the
/// newest twenty.
///
/// # Errors
/// [`Error::Store`] if the store cannot be read; each item likewise, or [`Error::NoNumber`].
pub fn list<B: RangeBounds<u64>>(
    snapshot: &Snapshot,
    range: B,
) -> Result<impl DoubleEndedIterator<Item = Result<(u64, Event), Error>> + use<B>, Error> {
    let start = range.start_bound().map(|number| number.to_be_bytes());
    let end = range.end_bound().map(|number| number.to_be_bytes());
    let bounds: (Bound<&[u8]>, Bound<&[u8]>) = (
        start.as_ref().map(<[u8; 8]>::as_slice),
        end.as_ref().map(<[u8; 8]>::as_slice),
    );
    let records = snapshot.range::<Event>(bounds)?;
    Ok(records.map(|row| {
        let (key, found) = row?;
        let number = key
            .try_into()
            .map(u64::from_be_bytes)
            .map_err(|_| Error::NoNumber)?;
        Ok((number, found.record))
    }))
}
