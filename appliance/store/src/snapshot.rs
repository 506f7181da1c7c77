//! Snapshots: one unchanging view of the whole store.

use std::marker::PhantomData;
use std::ops::{Bound, RangeBounds};
use std::sync::Arc;
use std::time::Instant;

use holdfast_secrets::{Plaintext, SALT_LEN, View};
use redb::{ReadOnlyTable, ReadTransaction, TableError};

use crate::engine::{Engine, definition};
use crate::readers::Reader;
use crate::record::{RAW, Record, decode_as};
use crate::{Error, Table, value};

/// Names one writing of one record: the salt it was sealed with, which is fresh from the kernel each time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Revision(pub(crate) [u8; SALT_LEN]);

/// A record with the revision it has in this snapshot.
#[derive(Clone, Debug)]
pub struct Versioned<R> {
    /// The record.
    pub record: R,
    /// To be given to [`crate::Batch::expect_revision`].
    pub revision: Revision,
}

/// One unchanging view of the store. It keeps the pages it sees from being used again, so hold it briefly: at the first commit
/// after a minute it ends, and reading in it is [`Error::SnapshotEnded`].
pub struct Snapshot {
    reader: Reader<Open>,
    /// Of the same moment: what was sealed under a key that is destroyed meanwhile still opens here.
    view: View,
}

/// What a snapshot reads in.
struct Open {
    /// Those that were asked for; looking for a table costs about as much as looking for a record in it.
    tables: Vec<(&'static str, Arc<Rows>)>,
    transaction: ReadTransaction,
}

impl Snapshot {
    pub(crate) fn new(engine: Arc<Engine>) -> Result<Self, Error> {
        // A key may come or go while the transaction begins.
        let mut view = engine.ring.view();
        loop {
            let since = Instant::now();
            let transaction = engine.begin_read()?;
            let now = engine.ring.view();
            if now.is_same(&view) {
                let tables = Vec::new();
                let open = Open {
                    tables,
                    transaction,
                };
                let reader = Reader::new(engine, since, open);
                return Ok(Self { reader, view });
            }
            view = now;
        }
    }

    /// The record under `key`, if there is one.
    ///
    /// # Errors
    /// [`Error::Sealed`] if it is not authentic, [`Error::NewerRecord`], [`Error::OldRecord`] or [`Error::Encoding`] if
    /// this program cannot read it, [`Error::SnapshotEnded`] after too long, [`Error::Read`] if the engine fails.
    pub fn find<R: Record>(&self, key: impl AsRef<[u8]>) -> Result<Option<R>, Error> {
        Ok(self.find_versioned(key)?.map(|found| found.record))
    }

    /// The record under `key` with its revision, if there is one.
    ///
    /// # Errors
    /// As [`Snapshot::find`].
    pub fn find_versioned<R: Record>(
        &self,
        key: impl AsRef<[u8]>,
    ) -> Result<Option<Versioned<R>>, Error> {
        self.value(R::TABLE, key.as_ref(), |key, value| {
            versioned(&self.view, key, value)
        })
    }

    /// The raw bytes under `key`, if there are any. They are decrypted straight from the engine's page into the result.
    ///
    /// # Errors
    /// [`Error::Sealed`] if they are not authentic, [`Error::Read`] if the engine fails.
    pub fn bytes(&self, table: Table, key: impl AsRef<[u8]>) -> Result<Option<Plaintext>, Error> {
        self.value(table, key.as_ref(), |key, value| {
            match value::open_value(&self.view, table, key, value)? {
                (RAW, bytes) => Ok(bytes),
                (version, _) => Err(Error::NewerRecord {
                    table: table.name(),
                    version,
                }),
            }
        })
    }

    /// Whether anything is stored under `key`. The value is not opened.
    ///
    /// # Errors
    /// [`Error::Read`] if the engine fails.
    pub fn contains(&self, table: Table, key: impl AsRef<[u8]>) -> Result<bool, Error> {
        Ok(self.value(table, key.as_ref(), |_, _| Ok(()))?.is_some())
    }

    /// All records of a table: in key order, or in an order that tells nothing if its keys are hashed.
    ///
    /// # Errors
    /// [`Error::Read`] if the engine fails.
    pub fn all<R: Record>(&self) -> Result<Records<R>, Error> {
        self.records((Bound::Unbounded, Bound::Unbounded))
    }

    /// The records whose keys are in `bounds`, in key order, from either end.
    ///
    /// # Errors
    /// [`Error::NoOrder`] if the table's keys are hashed, [`Error::Read`] if the engine fails.
    pub fn range<R: Record>(&self, bounds: impl RangeBounds<[u8]>) -> Result<Records<R>, Error> {
        if R::TABLE.is_hashed() {
            let table = R::TABLE.name();
            return Err(Error::NoOrder { table });
        }
        self.records((bounds.start_bound(), bounds.end_bound()))
    }

    fn records<R: Record>(
        &self,
        bounds: (Bound<&[u8]>, Bound<&[u8]>),
    ) -> Result<Records<R>, Error> {
        let range = match self.open(R::TABLE)? {
            Some(table) => Some(table.range_owned::<&[u8]>(bounds).map_err(Error::read)?),
            None => None,
        };
        let engine = Arc::clone(self.reader.engine());
        let since = self.reader.since();
        Ok(Records {
            range: range.map(|range| Reader::new(engine, since, range)),
            view: self.view.clone(),
            _record: PhantomData,
        })
    }

    fn value<T>(
        &self,
        table: Table,
        key: &[u8],
        read: impl FnOnce(&[u8], &[u8]) -> Result<T, Error>,
    ) -> Result<Option<T>, Error> {
        let Some(open) = self.open(table)? else {
            return Ok(None);
        };
        let key = table.stored_key(&self.reader.engine().ring, key)?;
        match open.get(&*key).map_err(Error::read)? {
            Some(guard) => read(&key, guard.value()).map(Some),
            None => Ok(None),
        }
    }

    fn open(&self, table: Table) -> Result<Option<Arc<Rows>>, Error> {
        let name = table.name();
        self.reader.read(|open| {
            if let Some((_, rows)) = open.tables.iter().find(|(have, _)| *have == name) {
                return Ok(Some(Arc::clone(rows)));
            }
            let rows = match open.transaction.open_table(definition(name)) {
                Ok(rows) => Arc::new(rows),
                Err(TableError::TableDoesNotExist(_)) => return Ok(None),
                Err(error) => return Err(Error::read(error)),
            };
            open.tables.push((name, Arc::clone(&rows)));
            Ok(Some(rows))
        })
    }
}

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Snapshot").finish_non_exhaustive()
    }
}

/// An iterator over records with their keys, as the engine holds them.
pub struct Records<R> {
    /// Taken away when it was ended, so that this is told once.
    range: Option<Reader<Range>>,
    view: View,
    _record: PhantomData<fn() -> R>,
}

type Rows = ReadOnlyTable<&'static [u8], &'static [u8]>;
type Range = redb::OwnedRange<&'static [u8], &'static [u8]>;
type Row = redb::Result<
    (
        redb::OwnedAccessGuard<&'static [u8]>,
        redb::OwnedAccessGuard<&'static [u8]>,
    ),
    redb::StorageError,
>;

impl<R: Record> Records<R> {
    fn step(
        &mut self,
        step: impl FnOnce(&mut Range) -> Option<Row>,
    ) -> Option<<Self as Iterator>::Item> {
        match self.range.as_ref()?.read(|range| Ok(step(range))) {
            Ok(row) => Some(self.read(row?)),
            Err(ended) => {
                self.range = None;
                Some(Err(ended))
            }
        }
    }

    fn read(&self, row: Row) -> Result<(Vec<u8>, Versioned<R>), Error> {
        let (key, value) = row.map_err(Error::read)?;
        let found = versioned(&self.view, key.value(), value.value())?;
        Ok((key.value().to_vec(), found))
    }
}

impl<R: Record> Iterator for Records<R> {
    type Item = Result<(Vec<u8>, Versioned<R>), Error>;

    fn next(&mut self) -> Option<Self::Item> {
        self.step(Iterator::next)
    }
}

impl<R: Record> DoubleEndedIterator for Records<R> {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.step(DoubleEndedIterator::next_back)
    }
}

fn versioned<R: Record>(view: &View, key: &[u8], value: &[u8]) -> Result<Versioned<R>, Error> {
    let (version, plaintext) = value::open_value(view, R::TABLE, key, value)?;
    Ok(Versioned {
        record: decode_as(version, &plaintext)?,
        revision: value::revision(R::TABLE, value)?,
    })
}
