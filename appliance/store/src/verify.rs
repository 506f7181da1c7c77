//! Reading the whole store and holding it against its sums, while it is written to.
//!
//! A table is read in small batches, each from a snapshot of its own, so no page is kept from being used again for longer
//! than one batch. Between two commits the sum of the part that was read is known: a commit that changes a record in that
//! part changes its sum too ([`crate::sums::State::changed`]). So at the end of the table the sum of what was read can be
//! held against the sealed one, whatever was written meanwhile. Commits wait for at most one batch.

use std::collections::BTreeSet;
use std::ops::Bound;
use std::sync::PoisonError;

use holdfast_secrets::{Context, KeyRing};
use redb::{MultimapTableHandle, TableError, TableHandle};

use crate::Error;
use crate::engine::{Engine, definition};
use crate::opening::OWN;
use crate::record::VERSION_LEN;
use crate::sums::{State, Sum, Walk, digest};

/// Most records and bytes of one batch; a record may be above.
const BATCH_RECORDS: u64 = 256;
const BATCH_BYTES: u64 = 2 << 20;
/// Most records that are named.
const NAMED: usize = 100;

/// How far a verification has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Verifying {
    /// Records that were read.
    pub records: u64,
    /// Records that the sums count.
    pub of: u64,
    /// Bytes of stored values that were read.
    pub bytes: u64,
}

/// What a verification found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Number of the last commit when it ended.
    pub commit: u64,
    /// What was read.
    pub read: Verifying,
    /// Tables that hold other records than were committed.
    pub altered: Vec<String>,
    /// Records that do not open, the first hundred of them.
    pub unopened: Vec<Unopened>,
    /// Number of records that do not open.
    pub unopened_records: u64,
    /// Tables that could not be read to their end, with what the engine says; nothing is known of the rest of them.
    pub unread: Vec<(String, String)>,
}

/// A record that does not open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unopened {
    /// Its table.
    pub table: String,
    /// Its key as the engine holds it; a keyed hash in most tables.
    pub stored_key: Vec<u8>,
    /// Why, with the way out.
    pub reason: String,
}

impl Verdict {
    /// Whether the store holds what was committed, and all of it opens.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.altered.is_empty() && self.unopened_records == 0 && self.unread.is_empty()
    }
}

impl Engine {
    /// Verifies all tables. `step` is called after each batch, and ends the verification by `false`.
    pub(crate) fn verify(
        &self,
        mut step: impl FnMut(Verifying) -> bool,
    ) -> Result<Option<Verdict>, Error> {
        let _alone = self
            .verifying
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let mut verdict = Verdict::default();
        self.space.walk();
        let done = self.walk_all(&mut verdict, &mut step);
        let mut state = self.state();
        state.walk = None;
        verdict.commit = state.sums.commit;
        if matches!(done, Ok(true)) && verdict.unread.is_empty() {
            self.space.has_walked();
        }
        Ok(done?.then_some(verdict))
    }

    fn walk_all(
        &self,
        verdict: &mut Verdict,
        step: &mut impl FnMut(Verifying) -> bool,
    ) -> Result<bool, Error> {
        for table in self.tables()? {
            self.state().walk = Some(Walk {
                table: table.clone(),
                upto: None,
                sum: Sum::default(),
            });
            loop {
                match self.batch(&table, verdict) {
                    Ok(true) if step(verdict.read) => {}
                    Ok(true) => return Ok(false),
                    Ok(false) => break,
                    // A page that is damaged, perhaps so that what comes behind it is not looked at: the others are.
                    Err(Error::Read(reason)) => {
                        verdict.unread.push((table.clone(), reason));
                        break;
                    }
                    Err(error) => return Err(error),
                }
            }
            if !step(verdict.read) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Those of the file and those of the sums. A table that a commit makes later holds what this process has put there.
    fn tables(&self) -> Result<BTreeSet<String>, Error> {
        let state = self.state();
        let read = self.begin_read()?;
        let found = read.list_tables().map_err(Error::read)?;
        let found = found.map(|table| table.name().to_owned());
        let found = found.filter(|name| name != OWN);
        let multimaps = read.list_multimap_tables().map_err(Error::read)?;
        let multimaps = multimaps.map(|table| table.name().to_owned());
        let counted = state.sums.tables.keys().cloned();
        Ok(found.chain(multimaps).chain(counted).collect())
    }

    /// Reads one batch of the table; tells whether there may be more.
    fn batch(&self, table: &str, verdict: &mut Verdict) -> Result<bool, Error> {
        // No commit from here to the end.
        let mut state = self.state();
        if let Some(reason) = self.stopped.get() {
            return Err(Error::Stopped(reason.clone()));
        }
        verdict.read.of = state
            .sums
            .tables
            .values()
            .fold(0, |all, sum| all.saturating_add(sum.count));
        let State { sums, walk, .. } = &mut *state;
        let Some(walk) = walk else { return Ok(false) };
        let read = self.begin_read()?;
        let rows = match read.open_table(definition(table)) {
            Ok(rows) => Some(rows),
            Err(TableError::TableDoesNotExist(_)) => None,
            Err(TableError::Storage(error)) => return Err(Error::read(error)),
            // A table of another shape is none of ours.
            Err(_) => {
                verdict.altered.push(table.to_owned());
                return Ok(false);
            }
        };
        let (mut records, mut bytes) = (0_u64, 0_u64);
        if let Some(rows) = rows {
            let from = match &walk.upto {
                Some(upto) => Bound::Excluded(upto.as_slice()),
                None => Bound::Unbounded,
            };
            let range = rows.range::<&[u8]>((from, Bound::Unbounded));
            let mut last = None;
            let mut more = false;
            for row in range.map_err(Error::read)? {
                let (key, value) = row.map_err(Error::read)?;
                let (key, value) = (key.value(), value.value());
                walk.sum.add(&digest(&self.ring, table, key, value)?);
                if let Err(error) = opens(&self.ring, table, key, value) {
                    verdict.note(table, key, &error);
                }
                last = Some(key.to_vec());
                records = records.saturating_add(1);
                self.space.holds(key.len().saturating_add(value.len()));
                let length = u64::try_from(value.len()).unwrap_or(u64::MAX);
                bytes = bytes.saturating_add(length);
                if records >= BATCH_RECORDS || bytes >= BATCH_BYTES {
                    more = true;
                    break;
                }
            }
            verdict.read.records = verdict.read.records.saturating_add(records);
            verdict.read.bytes = verdict.read.bytes.saturating_add(bytes);
            if let Some(last) = last {
                walk.upto = Some(last);
            }
            if more {
                return Ok(true);
            }
        }
        if walk.sum != sums.tables.get(table).copied().unwrap_or_default() {
            verdict.altered.push(table.to_owned());
        }
        Ok(false)
    }
}

impl Verdict {
    fn note(&mut self, table: &str, stored_key: &[u8], error: &holdfast_secrets::Error) {
        self.unopened_records = self.unopened_records.saturating_add(1);
        if self.unopened.len() < NAMED {
            self.unopened.push(Unopened {
                table: table.to_owned(),
                stored_key: stored_key.to_vec(),
                reason: error.to_string(),
            });
        }
    }
}

fn opens(
    ring: &KeyRing,
    table: &str,
    key: &[u8],
    value: &[u8],
) -> Result<(), holdfast_secrets::Error> {
    let too_short = || holdfast_secrets::Error::TooShort(value.len());
    let (sealed, version) = value
        .split_last_chunk::<VERSION_LEN>()
        .ok_or_else(too_short)?;
    let version = u16::from_be_bytes(*version);
    let context = Context {
        table,
        key,
        version,
    };
    ring.open(&context, sealed).map(drop)
}
