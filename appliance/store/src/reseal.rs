//! Giving a table a new key while it is read and written.
//!
//! A new epoch begins in the key file first, and seals all that is written from then on. Then every value of the table is
//! read, in batches, and sealed anew; who reads or writes meanwhile waits for one batch at most. When all of that is
//! durable, no value is under an older key, and those keys are destroyed. A crash in between leaves a table with several
//! epochs, all of which open; the work is then [due](Engine::due) and begins again at the table's first record.

use std::ops::Bound;
use std::sync::PoisonError;

use holdfast_secrets::{Context, Plaintext, View, format};
use redb::TableError;

use crate::engine::{Engine, Failure, definition};
use crate::opening::OWN;
use crate::record::VERSION_LEN;
use crate::{Error, Table, keys};

/// Most records and bytes of one batch; a record may be above.
const BATCH_RECORDS: usize = 256;
const BATCH_BYTES: usize = 2 << 20;

/// How far a table's values are sealed anew.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Resealing {
    /// Records that were looked at.
    pub records: u64,
    /// Records in the table when it began.
    pub of: u64,
    /// Records that were sealed anew; the others had been written under the new key.
    pub resealed: u64,
}

/// A value to seal anew: its key, the sealed bytes, the version behind them.
type Old = (Vec<u8>, Vec<u8>);

impl Engine {
    /// Tables whose older keys still stand, since a rotation has not come to its end.
    pub(crate) fn due(&self) -> Vec<String> {
        let tables = self.ring.status().tables.into_iter();
        let due = tables.filter(|table| table.epochs.len() > 1);
        due.map(|table| table.name).collect()
    }

    /// Gives the table a new key, unless one has begun; the rotation is due from now on, also after a restart.
    pub(crate) fn begin_rotation(&self, table: &str) -> Result<(), Error> {
        let _alone = self.rotating.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(reason) = self.stopped.get() {
            return Err(Error::Stopped(reason.clone()));
        }
        self.begin(table)
    }

    fn begin(&self, table: &str) -> Result<(), Error> {
        if !self.due().iter().any(|due| due == table) {
            let begun = self.ring.begin_epoch(table);
            begun.map_err(|error| self.keys_failed(&error))?;
        }
        Ok(())
    }

    /// Gives the table a new key, unless one has begun, seals all its values under it, and destroys the older keys.
    /// `step` is called after each batch, and ends the work by `false`; it is due then.
    pub(crate) fn rotate(
        &self,
        table: &str,
        mut step: impl FnMut(Resealing) -> bool,
    ) -> Result<bool, Error> {
        let _alone = self.rotating.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(reason) = self.stopped.get() {
            return Err(Error::Stopped(reason.clone()));
        }
        self.begin(table)?;
        let counted = self.state().sums.tables.get(table).map(|sum| sum.count);
        let mut done = Resealing {
            of: counted.unwrap_or_default(),
            ..Resealing::default()
        };
        let mut after = None;
        loop {
            after = self.reseal(table, after, &mut done)?;
            if after.is_none() {
                break;
            }
            if !step(done) {
                return Ok(false);
            }
        }
        let ended = self.ring.end_epochs(table);
        ended.map_err(|error| self.keys_failed(&error))?;
        step(done);
        Ok(true)
    }

    /// Seals one batch anew, from the key behind `after`; returns the last key, or `None` at the table's end.
    fn reseal(
        &self,
        table: &str,
        after: Option<Vec<u8>>,
        done: &mut Resealing,
    ) -> Result<Option<Vec<u8>>, Error> {
        if let Some(reason) = self.stopped.get() {
            return Err(Error::Stopped(reason.clone()));
        }
        // No commit from here to the end.
        let mut state = self.state();
        let newest = self.ring.newest_epoch(table);
        let newest = newest.map_err(|error| self.keys_failed(&error))?;
        let (old, last) = self.older(table, after, newest, done)?;
        // The sums are sealed with every commit, so for their own table an empty one will do.
        if old.is_empty() && table != OWN {
            return Ok(last);
        }
        let bytes = old.iter().map(|(_, value)| value.len());
        self.space
            .check_resealing(bytes.fold(0, usize::saturating_add), old.len())?;
        let mut next = state.clone();
        let write = || -> Result<(), Failure> {
            let transaction = self.begin_write()?;
            if !old.is_empty() {
                let mut rows = transaction
                    .open_table(definition(table))
                    .map_err(Failure::engine)?;
                for (key, value) in &old {
                    let value = self.anew(table, key, value, &[self.ring.view()])?;
                    self.insert(&mut rows, table, key, &value, &mut next)?;
                }
            }
            self.finish(transaction, &mut state, next)
        };
        write().map_err(|failure| self.failed(failure))?;
        let resealed = u64::try_from(old.len()).unwrap_or(u64::MAX);
        done.resealed = done.resealed.saturating_add(resealed);
        Ok(last)
    }

    /// The values of one batch that are under an older key than this epoch's, and the last key of the batch.
    fn older(
        &self,
        table: &str,
        after: Option<Vec<u8>>,
        newest: u32,
        done: &mut Resealing,
    ) -> Result<(Vec<Old>, Option<Vec<u8>>), Error> {
        let (mut old, mut last) = (Vec::new(), None);
        if table == OWN {
            return Ok((old, last));
        }
        let read = self.begin_read()?;
        let rows = match read.open_table(definition(table)) {
            Ok(rows) => rows,
            Err(TableError::TableDoesNotExist(_)) => return Ok((old, last)),
            Err(error) => return Err(Error::read(error)),
        };
        let from = match &after {
            Some(after) => Bound::Excluded(after.as_slice()),
            None => Bound::Unbounded,
        };
        let range = rows.range::<&[u8]>((from, Bound::Unbounded));
        let (mut records, mut bytes) = (0_usize, 0_usize);
        for row in range.map_err(Error::read)? {
            let (key, value) = row.map_err(Error::read)?;
            let (key, value) = (key.value(), value.value());
            if format::epoch(value).is_ok_and(|epoch| epoch != newest) {
                old.push((key.to_vec(), value.to_vec()));
                bytes = bytes.saturating_add(value.len());
            }
            records = records.saturating_add(1);
            done.records = done.records.saturating_add(1);
            if records >= BATCH_RECORDS || bytes >= BATCH_BYTES {
                last = Some(key.to_vec());
                break;
            }
        }
        Ok((old, last))
    }

    /// The value under the table's newest key, if it is under an older one.
    pub(crate) fn under_newest(
        &self,
        table: Table,
        key: &[u8],
        value: &[u8],
        views: &[View],
    ) -> Result<Option<Vec<u8>>, Error> {
        let sealed = |error| Error::sealed(table.name(), &error);
        let epoch = format::epoch(value).map_err(sealed)?;
        if epoch == self.ring.newest_epoch(table.name()).map_err(sealed)? {
            return Ok(None);
        }
        self.anew(table.name(), key, value, views).map(Some)
    }

    /// The value under the table's newest key; the keys that it is under are in one of `views`.
    fn anew(
        &self,
        table: &str,
        key: &[u8],
        value: &[u8],
        views: &[View],
    ) -> Result<Vec<u8>, Error> {
        let too_short = || holdfast_secrets::Error::TooShort(value.len());
        let (sealed, behind) = value
            .split_last_chunk::<VERSION_LEN>()
            .ok_or_else(|| self.unopened(table, key, &too_short()))?;
        let context = Context {
            table,
            key,
            version: u16::from_be_bytes(*behind),
        };
        let mut opened: Result<Plaintext, _> = Err(too_short());
        for view in views {
            opened = view.open(&context, sealed);
            if opened.is_ok() {
                break;
            }
        }
        let plaintext = opened.map_err(|error| self.unopened(table, key, &error))?;
        let anew = self.ring.reseal(&context, &plaintext, sealed);
        let mut anew = anew.map_err(|error| self.unopened(table, key, &error))?;
        anew.extend_from_slice(behind);
        Ok(anew)
    }

    fn unopened(&self, table: &str, key: &[u8], error: &holdfast_secrets::Error) -> Error {
        Error::Unopened {
            table: table.to_owned(),
            record: hex(key),
            reason: error.to_string(),
        }
    }

    /// What to tell of it. After a failed write of the key file the store has to be opened anew.
    fn keys_failed(&self, error: &holdfast_secrets::Error) -> Error {
        match self.ring.is_broken() {
            true => self.stop_for(&error.to_string()),
            false => keys::failed(&self.path, error),
        }
    }
}

/// The first bytes of a stored key, to be told.
fn hex(key: &[u8]) -> String {
    let bytes = key.iter().take(16);
    bytes.map(|byte| format!("{byte:02x}")).collect()
}
