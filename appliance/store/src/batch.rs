//! Batches: changes that are done together or not at all.

use holdfast_secrets::{KeyRing, Plaintext};

use crate::engine::{SealedBatch, SealedOp};
use crate::record::{RAW, Record, encode};
use crate::snapshot::Revision;
use crate::value::seal_value;
use crate::{Error, Table};

/// Changes and expectations that are committed together or not at all, in the order they were added.
///
/// Expectations are checked against the state that the batch meets, before any of its own changes.
#[derive(Debug, Default)]
pub struct Batch {
    pub(crate) ops: Vec<Op>,
    claim: Claim,
}

/// What a batch may use of the room that is left free on the file system; the first is the least.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Claim {
    /// Nothing of what is kept for others.
    Bulk,
    /// What small batches may use.
    #[default]
    Usual,
    /// More than others, so that room can be freed; but not what a revocation needs.
    Freeing,
    /// All but what the engine needs.
    Last,
}

#[derive(Debug)]
pub(crate) enum Op {
    Put {
        table: Table,
        key: Vec<u8>,
        version: u16,
        plaintext: Plaintext,
    },
    Delete {
        table: Table,
        key: Vec<u8>,
    },
    DeleteRow {
        table: Table,
        stored_key: Vec<u8>,
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

#[derive(Clone, Copy, Debug)]
pub(crate) enum Expected {
    Absent,
    Present,
    Revision(Revision),
}

impl Batch {
    /// An empty batch.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether nothing was added.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ops.is_empty()
    }

    /// Number of changes and expectations.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ops.len()
    }

    /// Leaves all of the reserve to others, however small it is. For what comes in any number, such as published content.
    pub fn leave_reserve(&mut self) -> &mut Self {
        self.claim = Claim::Bulk;
        self
    }

    /// May use what others leave, where it is small: for one of at most [`crate::FREEING_CHANGES`] changes there is room,
    /// whatever others have written. For what frees room.
    pub fn use_reserve_to_free(&mut self) -> &mut Self {
        self.claim = Claim::Freeing;
        self
    }

    /// May use the last of the reserve, where it is small. For what takes power away or gives it back, and comes seldom.
    pub fn use_last_reserve(&mut self) -> &mut Self {
        self.claim = Claim::Last;
        self
    }

    /// Whether it leaves all of the reserve to others.
    #[must_use]
    pub fn leaves_reserve(&self) -> bool {
        self.claim == Claim::Bulk
    }

    /// Stores `record` under `key`, in place of what is there.
    ///
    /// # Errors
    /// [`Error::Encoding`] if postcard cannot encode the record.
    pub fn put<R: Record>(
        &mut self,
        key: impl AsRef<[u8]>,
        record: &R,
    ) -> Result<&mut Self, Error> {
        self.ops.push(Op::Put {
            table: R::TABLE,
            key: key.as_ref().to_vec(),
            version: R::VERSION,
            plaintext: encode(record)?,
        });
        Ok(self)
    }

    /// Stores raw bytes under `key`, in place of what is there. The table must hold raw bytes only.
    pub fn put_bytes(&mut self, table: Table, key: impl AsRef<[u8]>, bytes: Vec<u8>) -> &mut Self {
        self.ops.push(Op::Put {
            table,
            key: key.as_ref().to_vec(),
            version: RAW,
            plaintext: bytes.into(),
        });
        self
    }

    /// Stores `record` under the next number of its table: one more than the highest there, from 1, as eight bytes big
    /// endian. The writer gives out the numbers, so two batches never get the same; [`Receipt::sequences`] tells them.
    ///
    /// The table must be plain, and its last record is never deleted (else its number is given out again).
    ///
    /// # Errors
    /// [`Error::Encoding`] if postcard cannot encode the record, [`Error::NoOrder`] if the table keeps hashed keys.
    pub fn append<R: Record>(&mut self, record: &R) -> Result<&mut Self, Error> {
        let table = R::TABLE;
        if table.is_hashed() {
            return Err(Error::NoOrder {
                table: table.name(),
            });
        }
        let (version, plaintext) = (R::VERSION, encode(record)?);
        self.ops.push(Op::Append {
            table,
            version,
            plaintext,
        });
        Ok(self)
    }

    /// Removes what is stored under `key`; nothing there is no error.
    pub fn delete(&mut self, table: Table, key: impl AsRef<[u8]>) -> &mut Self {
        let key = key.as_ref().to_vec();
        self.ops.push(Op::Delete { table, key });
        self
    }

    /// Removes the row whose key, as the engine holds it, a walk over all records gave ([`crate::Snapshot::all`]). For
    /// tables with hashed keys, where the caller cannot know what was hashed.
    pub fn delete_row(&mut self, table: Table, stored_key: Vec<u8>) -> &mut Self {
        self.ops.push(Op::DeleteRow { table, stored_key });
        self
    }

    /// Keeps in the sealed sums that the store was found altered, and what: it is never opened again
    /// ([`Error::Altered`]).
    pub fn mark_altered(&mut self, what: impl Into<String>) -> &mut Self {
        self.ops.push(Op::MarkAltered { what: what.into() });
        self
    }

    /// Has the file made as small as it can be at the store's next opening, which takes about as long as copying it.
    pub fn compact_at_next_opening(&mut self) -> &mut Self {
        self.ops.push(Op::Compact);
        self
    }

    /// Refuses the batch unless nothing is stored under `key`.
    pub fn expect_absent(&mut self, table: Table, key: impl AsRef<[u8]>) -> &mut Self {
        self.expect(table, key, Expected::Absent)
    }

    /// Refuses the batch unless something is stored under `key`.
    pub fn expect_present(&mut self, table: Table, key: impl AsRef<[u8]>) -> &mut Self {
        self.expect(table, key, Expected::Present)
    }

    /// Refuses the batch unless what is stored under `key` is still what a snapshot showed under this revision.
    pub fn expect_revision(
        &mut self,
        table: Table,
        key: impl AsRef<[u8]>,
        revision: Revision,
    ) -> &mut Self {
        self.expect(table, key, Expected::Revision(revision))
    }

    fn expect(&mut self, table: Table, key: impl AsRef<[u8]>, expected: Expected) -> &mut Self {
        let key = key.as_ref().to_vec();
        self.ops.push(Op::Expect {
            table,
            key,
            expected,
        });
        self
    }
}

/// What the store tells of a committed batch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Receipt {
    pub(crate) sequences: Vec<u64>,
}

impl Receipt {
    /// The numbers of the batch's appended records, in the order they were added.
    #[must_use]
    pub fn sequences(&self) -> &[u64] {
        &self.sequences
    }
}

impl Batch {
    /// Seals every change whose key is known, in the caller's thread, so that the writer has little left to do.
    pub(crate) fn seal(self, ring: &KeyRing) -> Result<SealedBatch, Error> {
        let claim = self.claim;
        let before = ring.view();
        let ops = self.ops.into_iter().map(|op| seal(ring, op));
        let ops = ops.collect::<Result<_, _>>()?;
        Ok(SealedBatch::new(ops, claim, [ring.view(), before]))
    }
}

fn seal(ring: &KeyRing, op: Op) -> Result<SealedOp, Error> {
    Ok(match op {
        Op::Put {
            table,
            key,
            version,
            plaintext,
        } => {
            let key = table.stored_key(ring, &key)?.into_owned();
            let value = seal_value(ring, table, &key, version, &plaintext)?;
            SealedOp::Put { table, key, value }
        }
        Op::Delete { table, key } => {
            let key = table.stored_key(ring, &key)?.into_owned();
            SealedOp::Delete { table, key }
        }
        Op::DeleteRow { table, stored_key } => SealedOp::Delete {
            table,
            key: stored_key,
        },
        Op::Expect {
            table,
            key,
            expected,
        } => {
            let key = table.stored_key(ring, &key)?.into_owned();
            SealedOp::Expect {
                table,
                key,
                expected,
            }
        }
        Op::MarkAltered { what } => SealedOp::MarkAltered { what },
        Op::Compact => SealedOp::Compact,
        Op::Append {
            table,
            version,
            plaintext,
        } => SealedOp::Append {
            table,
            version,
            plaintext,
        },
    })
}
