//! The engine's side: sealed batches become one redb transaction.

use std::path::PathBuf;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use holdfast_secrets::KeyRing;
use redb::{
    Database, Durability, ReadTransaction, ReadableDatabase, ReadableTable, TableDefinition,
};
use zeroize::Zeroizing;

use crate::batch::{Claim, Expected, Receipt};
use crate::value::{revision, seal_value};
use crate::{Error, Table, space};

type Bytes = &'static [u8];
type Rows<'t> = redb::Table<'t, Bytes, Bytes>;

/// The one shape that all tables have in redb.
pub(crate) const fn definition(name: &str) -> TableDefinition<'_, Bytes, Bytes> {
    TableDefinition::new(name)
}

/// The open file with its keys.
pub(crate) struct Engine {
    pub(crate) database: Database,
    pub(crate) ring: KeyRing,
    pub(crate) path: PathBuf,
    /// Why writing has stopped, once it has.
    pub(crate) stopped: OnceLock<String>,
    /// Durable transactions since the file was opened.
    pub(crate) transactions: AtomicU64,
}

/// A batch whose values are sealed, but for those whose key the writer gives out.
pub(crate) struct SealedBatch {
    ops: Vec<SealedOp>,
    size: usize,
    claim: Claim,
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
        plaintext: Zeroizing<Vec<u8>>,
    },
}

impl SealedBatch {
    pub(crate) fn new(ops: Vec<SealedOp>, claim: Claim) -> Self {
        let size = ops.iter().fold(0, |sum: usize, op| {
            sum.saturating_add(match op {
                SealedOp::Put { key, value, .. } => key.len().saturating_add(value.len()),
                SealedOp::Append { plaintext, .. } => plaintext.len(),
                SealedOp::Delete { .. } | SealedOp::Expect { .. } => 0,
            })
        });
        Self { ops, size, claim }
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
        space::check(&self.path, batches)?;
        self.write(batches).map_err(|error| match error {
            Failure::Engine(error) => self.stop(&error),
            Failure::Ours(error) => error,
        })
    }

    /// After any failure inside a write the engine's cache and file may disagree (redb 4.6 refuses every later writer
    /// after ENOSPC), so nothing more is written until the file was opened anew.
    fn stop(&self, error: &redb::Error) -> Error {
        let reason = self.stopped.get_or_init(|| error.to_string());
        Error::Stopped(reason.clone())
    }

    fn write(&self, batches: &[SealedBatch]) -> Result<Vec<Result<Receipt, Error>>, Failure> {
        let mut transaction = self.database.begin_write().map_err(Failure::engine)?;
        transaction
            .set_durability(Durability::Immediate)
            .map_err(Failure::engine)?;
        // Quick repair also switches two-phase commit on: after a crash the last commit is known to be whole, and
        // opening does not walk the file.
        transaction.set_two_phase_commit(true);
        transaction.set_quick_repair(true);
        let mut outcomes = Vec::with_capacity(batches.len());
        for batch in batches {
            outcomes.push(self.write_batch(&transaction, batch)?);
        }
        if outcomes.iter().any(Result::is_ok) {
            transaction.commit().map_err(Failure::engine)?;
            self.transactions.fetch_add(1, Ordering::Relaxed);
        } else {
            transaction.abort().map_err(Failure::engine)?;
        }
        Ok(outcomes)
    }

    fn write_batch(
        &self,
        transaction: &redb::WriteTransaction,
        batch: &SealedBatch,
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
        for op in &batch.ops {
            match op {
                SealedOp::Expect { .. } => {}
                SealedOp::Put { table, key, value } => insert(&mut open(*table)?, key, value)?,
                SealedOp::Delete { table, key } => {
                    open(*table)?
                        .remove(key.as_slice())
                        .map_err(Failure::engine)?;
                }
                SealedOp::Append {
                    table,
                    version,
                    plaintext,
                } => {
                    let mut rows = open(*table)?;
                    let sequence = next_sequence(&rows, *table)?;
                    let key = sequence.to_be_bytes();
                    let value = seal_value(&self.ring, *table, &key, *version, plaintext)?;
                    insert(&mut rows, &key, &value)?;
                    receipt.sequences.push(sequence);
                }
            }
        }
        Ok(Ok(receipt))
    }
}

/// A failure of the whole transaction.
enum Failure {
    Engine(redb::Error),
    Ours(Error),
}

impl Failure {
    fn engine(error: impl Into<redb::Error>) -> Self {
        Self::Engine(error.into())
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Ours(error)
    }
}

fn insert(rows: &mut Rows<'_>, key: &[u8], value: &[u8]) -> Result<(), Failure> {
    rows.insert(key, value).map(|_| ()).map_err(Failure::engine)
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
