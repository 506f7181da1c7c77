//! The engine's side: sealed batches become one redb transaction.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;

use holdfast_secrets::{KeyRing, Plaintext, View};
use redb::{
    Database, Durability, ReadTransaction, ReadableDatabase, ReadableTable, TableDefinition,
    WriteTransaction,
};

use crate::batch::{Claim, Expected, Receipt};
use crate::opening::OWN;
use crate::readers::Readers;
use crate::space::Space;
use crate::sums::{SUMS, State};
use crate::value::{revision, seal_value};
use crate::{Error, Table};

type Bytes = &'static [u8];
pub(crate) type Rows<'t> = redb::Table<'t, Bytes, Bytes>;

/// The one shape that all tables have in redb.
pub(crate) const fn definition(name: &str) -> TableDefinition<'_, Bytes, Bytes> {
    TableDefinition::new(name)
}

/// The open file with its keys.
pub(crate) struct Engine {
    pub(crate) database: Database,
    pub(crate) ring: KeyRing,
    pub(crate) path: PathBuf,
    /// The room there is for it.
    pub(crate) space: Space,
    /// Why writing has stopped, once it has.
    pub(crate) stopped: OnceLock<String>,
    /// Told when it has.
    pub(crate) stopping: tokio::sync::Notify,
    /// Durable transactions since the file was opened.
    pub(crate) transactions: AtomicU64,
    /// The tables' sums as last committed. Held while a transaction is written, so that both agree.
    pub(crate) state: Mutex<State>,
    pub(crate) readers: Readers,
    /// Held by the one rotation that may be under way.
    pub(crate) rotating: Mutex<()>,
    /// Held by the one verification that may be under way.
    pub(crate) verifying: Mutex<()>,
}

/// A batch whose values are sealed, but for those whose key the writer gives out.
pub(crate) struct SealedBatch {
    ops: Vec<SealedOp>,
    size: usize,
    claim: Claim,
    /// The keys after and before it was sealed. Those that it was sealed under may be destroyed while it waits.
    views: [View; 2],
}

pub(crate) enum SealedOp {
    Put {
        table: Table,
        key: Vec<u8>,
        value: Vec<u8>,
    },
    Delete {
        table: Table,
        key: Vec<u8>,
    },
    Expect {
        table: Table,
        key: Vec<u8>,
        expected: Expected,
    },
    Append {
        table: Table,
        version: u16,
        plaintext: Plaintext,
    },
    MarkAltered {
        what: String,
    },
    Compact,
}

impl SealedBatch {
    pub(crate) fn new(ops: Vec<SealedOp>, claim: Claim, views: [View; 2]) -> Self {
        let size = ops.iter().fold(0, |sum: usize, op| {
            sum.saturating_add(match op {
                SealedOp::Put { key, value, .. } => key.len().saturating_add(value.len()),
                SealedOp::Append { plaintext, .. } => plaintext.len(),
                SealedOp::MarkAltered { what } => what.len(),
                SealedOp::Delete { .. } | SealedOp::Expect { .. } | SealedOp::Compact => 0,
            })
        });
        Self {
            ops,
            size,
            claim,
            views,
        }
    }

    /// What it may use of the room that is left free.
    pub(crate) fn claim(&self) -> Claim {
        self.claim
    }

    /// Bytes that the batch holds in memory and brings to the disk.
    pub(crate) fn size(&self) -> usize {
        self.size
    }

    /// Number of changes and expectations.
    pub(crate) fn len(&self) -> usize {
        self.ops.len()
    }
}

impl Engine {
    pub(crate) fn begin_read(&self) -> Result<ReadTransaction, Error> {
        self.database.begin_read().map_err(Error::read)
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        // It is replaced as a whole, so a panic while it was held left it as it was committed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Commits the batches in one durable transaction and tells each its own outcome. A batch whose expectation fails
    /// is left out; the others are not touched by that. If they cannot be committed together (no room for all, or one
    /// meets a damaged record) each is tried alone, so that none fails for another's sake.
    pub(crate) fn apply(&self, batches: &[SealedBatch]) -> Vec<Result<Receipt, Error>> {
        match (self.transact(batches), batches) {
            (Ok(outcomes), _) => outcomes,
            (Err(error), [_]) => vec![Err(error)],
            (Err(Error::Stopped(reason)), _) => batches
                .iter()
                .map(|_| Err(Error::Stopped(reason.clone())))
                .collect(),
            (Err(_), _) => batches
                .iter()
                .flat_map(|batch| self.apply(std::slice::from_ref(batch)))
                .collect(),
        }
    }

    fn transact(&self, batches: &[SealedBatch]) -> Result<Vec<Result<Receipt, Error>>, Error> {
        if let Some(reason) = self.stopped.get() {
            return Err(Error::Stopped(reason.clone()));
        }
        if self.ring.is_broken() {
            return Err(self.stop_for("a write of the key file failed"));
        }
        self.space.check(batches)?;
        self.write(batches).map_err(|failure| self.failed(failure))
    }

    /// What to tell of it, and whether to write on.
    pub(crate) fn failed(&self, failure: Failure) -> Error {
        match failure {
            Failure::Engine(error) => self.stop(&error),
            Failure::Ours(error) => error,
        }
    }

    /// After any failure inside a write the engine's cache and file may disagree (redb 4.6 refuses every later writer
    /// after ENOSPC), so nothing more is written until the file was opened anew.
    fn stop(&self, error: &redb::Error) -> Error {
        self.stop_for(&error.to_string())
    }

    /// Writes nothing more, for this reason.
    pub(crate) fn stop_for(&self, reason: &str) -> Error {
        let reason = self.stopped.get_or_init(|| reason.to_owned());
        self.stopping.notify_waiters();
        Error::Stopped(reason.clone())
    }

    /// Begins a durable transaction.
    pub(crate) fn begin_write(&self) -> Result<WriteTransaction, Failure> {
        self.readers.end_old(Instant::now());
        let mut transaction = self.database.begin_write().map_err(Failure::engine)?;
        transaction
            .set_durability(Durability::Immediate)
            .map_err(Failure::engine)?;
        // Quick repair also switches two-phase commit on: after a crash the last commit is known to be whole, and
        // opening does not walk the file.
        transaction.set_two_phase_commit(true);
        transaction.set_quick_repair(true);
        Ok(transaction)
    }

    /// Commits it together with the sums that go with it.
    pub(crate) fn finish(
        &self,
        transaction: WriteTransaction,
        state: &mut State,
        mut next: State,
    ) -> Result<(), Failure> {
        next.advance();
        let sealed = next.sums.seal(&self.ring)?;
        let mut own = transaction
            .open_table(definition(OWN))
            .map_err(Failure::engine)?;
        own.insert(SUMS, sealed.as_slice())
            .map_err(Failure::engine)?;
        drop(own);
        transaction.commit().map_err(Failure::engine)?;
        *state = next;
        self.transactions.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    fn write(&self, batches: &[SealedBatch]) -> Result<Vec<Result<Receipt, Error>>, Failure> {
        let mut state = self.state();
        // What a transaction changes counts once it is durable, and not at all if it is given up.
        let mut next = state.clone();
        self.space.begin();
        let transaction = self.begin_write()?;
        let mut outcomes = Vec::with_capacity(batches.len());
        for batch in batches {
            outcomes.push(self.write_batch(&transaction, batch, &mut next)?);
        }
        if outcomes.iter().any(Result::is_ok) {
            self.finish(transaction, &mut state, next)?;
            self.space.committed(batches);
        } else {
            transaction.abort().map_err(Failure::engine)?;
        }
        Ok(outcomes)
    }

    fn write_batch(
        &self,
        transaction: &WriteTransaction,
        batch: &SealedBatch,
        state: &mut State,
    ) -> Result<Result<Receipt, Error>, Failure> {
        let open = |table: Table| {
            transaction
                .open_table(definition(table.name()))
                .map_err(Failure::engine)
        };
        // Every expectation before any change, so that a refused batch leaves nothing behind.
        for op in &batch.ops {
            if let SealedOp::Expect {
                table,
                key,
                expected,
            } = op
                && !holds(&open(*table)?, *table, key, *expected)?
            {
                let table = table.name();
                return Ok(Err(Error::Conflict { table }));
            }
        }
        let mut receipt = Receipt::default();
        // The table of the change before, since most of a batch are of one.
        let mut kept: Option<(Table, Rows<'_>)> = None;
        for op in &batch.ops {
            let table = match op {
                SealedOp::Put { table, .. }
                | SealedOp::Delete { table, .. }
                | SealedOp::Append { table, .. } => *table,
                SealedOp::Compact => {
                    state.sums.compact = true;
                    continue;
                }
                SealedOp::MarkAltered { what } => {
                    state.sums.altered = Some(what.clone());
                    continue;
                }
                SealedOp::Expect { .. } => continue,
            };
            // Another one is given back first: none of a name may be open twice.
            let same = kept.take().filter(|(have, _)| *have == table);
            let mut rows = match same {
                Some((_, rows)) => rows,
                None => open(table)?,
            };
            match op {
                SealedOp::Put { key, value, .. } => {
                    let newest = self.under_newest(table, key, value, &batch.views)?;
                    let value = newest.as_deref().unwrap_or(value);
                    self.insert(&mut rows, table.name(), key, value, state)?;
                }
                SealedOp::Append {
                    version, plaintext, ..
                } => {
                    let sequence = next_sequence(&rows, table)?;
                    let key = sequence.to_be_bytes();
                    let value = seal_value(&self.ring, table, &key, *version, plaintext)?;
                    self.insert(&mut rows, table.name(), &key, &value, state)?;
                    receipt.sequences.push(sequence);
                }
                SealedOp::Delete { key, .. } => {
                    let old = rows.remove(key.as_slice()).map_err(Failure::engine)?;
                    if let Some(old) = &old {
                        self.space.frees(old.value().len());
                        let place = (table.name(), key.as_slice());
                        state.changed(&self.ring, place, Some(old.value()), None)?;
                    }
                }
                SealedOp::Expect { .. } | SealedOp::Compact | SealedOp::MarkAltered { .. } => {}
            }
            kept = Some((table, rows));
        }
        Ok(Ok(receipt))
    }

    pub(crate) fn insert(
        &self,
        rows: &mut Rows<'_>,
        table: &str,
        key: &[u8],
        value: &[u8],
        state: &mut State,
    ) -> Result<(), Failure> {
        let old = rows.insert(key, value).map_err(Failure::engine)?;
        let old = old.as_ref().map(|old| old.value());
        self.space.frees(old.map_or(0, <[u8]>::len));
        Ok(state.changed(&self.ring, (table, key), old, Some(value))?)
    }
}

/// A failure of the whole transaction.
pub(crate) enum Failure {
    Engine(redb::Error),
    Ours(Error),
}

impl Failure {
    pub(crate) fn engine(error: impl Into<redb::Error>) -> Self {
        Self::Engine(error.into())
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Ours(error)
    }
}

fn holds(rows: &Rows<'_>, table: Table, key: &[u8], expected: Expected) -> Result<bool, Failure> {
    let found = rows.get(key).map_err(Failure::engine)?;
    Ok(match (expected, found) {
        (Expected::Absent, found) => found.is_none(),
        (Expected::Present, found) => found.is_some(),
        (Expected::Revision(_), None) => false,
        (Expected::Revision(wanted), Some(value)) => revision(table, value.value())? == wanted,
    })
}

/// One more than the highest key. Keys of such tables are eight bytes, so byte order is number order.
fn next_sequence(rows: &Rows<'_>, table: Table) -> Result<u64, Failure> {
    let Some((key, _)) = rows.last().map_err(Failure::engine)? else {
        return Ok(1);
    };
    let number = key.value().try_into().ok().map(u64::from_be_bytes);
    let next = number.and_then(|number| number.checked_add(1));
    next.ok_or(Failure::Ours(Error::NoNumber {
        table: table.name(),
    }))
}
