//! Snapshots: one unchanging view of the whole store.

use std::marker::PhantomData;
use std::ops::{Bound, RangeBounds};
use std::sync::Arc;

use holdfast_secrets::{SALT_LEN, View};
use redb::{ReadOnlyTable, ReadTransaction, TableError};
use zeroize::Zeroizing;

use crate::engine::{Engine, definition};
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

/// One unchanging view of the store. It keeps the pages it sees from being used again: hold it briefly.
pub struct Snapshot {
    // Declared first, so that the transaction ends before the engine may close.
    transaction: ReadTransaction,
    /// Of the same moment: what was sealed under a key that is destroyed meanwhile still opens here.
    view: View,
    engine: Arc<Engine>,
}

impl Snapshot {
    pub(crate) fn new(engine: Arc<Engine>) -> Result<Self, Error> {
        // A key may come or go while the transaction begins.
        let mut view = engine.ring.view();
        loop {
            let transaction = engine.begin_read()?;
            let now = engine.ring.view();
            if now.is_same(&view) {
                return Ok(Self {
                    transaction,
                    view,
                    engine,
                });
            }
            view = now;
        }
    }

    /// The record under `key`, if there is one.
    ///
    /// # Errors
    /// [`Error::Sealed`] if it is not authentic, [`Error::NewerRecord`], [`Error::OldRecord`] or [`Error::Encoding`] if
    /// this program cannot read it, [`Error::Read`] if the engine fails.
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
    pub fn bytes(
        &self,
        table: Table,
        key: impl AsRef<[u8]>,
    ) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
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
        Ok(Records {
            range,
            view: self.view.clone(),
            _engine: Arc::clone(&self.engine),
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
        let key = table.stored_key(&self.engine.ring, key)?;
        match open.get_owned(&*key).map_err(Error::read)? {
            Some(guard) => read(&key, guard.value()).map(Some),
            None => Ok(None),
        }
    }

    fn open(&self, table: Table) -> Result<Option<Rows>, Error> {
        match self.transaction.open_table(definition(table.name())) {
            Ok(open) => Ok(Some(open)),
            Err(TableError::TableDoesNotExist(_)) => Ok(None),
            Err(error) => Err(Error::read(error)),
        }
    }
}

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Snapshot").finish_non_exhaustive()
    }
}

/// An iterator over records with their keys, as the engine holds them.
pub struct Records<R> {
    range: Option<redb::OwnedRange<&'static [u8], &'static [u8]>>,
    view: View,
    // The file stays open as long as it is read.
    _engine: Arc<Engine>,
    _record: PhantomData<fn() -> R>,
}

type Rows = ReadOnlyTable<&'static [u8], &'static [u8]>;
type Row = redb::Result<
    (
        redb::OwnedAccessGuard<&'static [u8]>,
        redb::OwnedAccessGuard<&'static [u8]>,
    ),
    redb::StorageError,
>;

impl<R: Record> Records<R> {
    fn read(&self, row: Row) -> Result<(Vec<u8>, Versioned<R>), Error> {
        let (key, value) = row.map_err(Error::read)?;
        let found = versioned(&self.view, key.value(), value.value())?;
        Ok((key.value().to_vec(), found))
    }
}

impl<R: Record> Iterator for Records<R> {
    type Item = Result<(Vec<u8>, Versioned<R>), Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let row = self.range.as_mut()?.next()?;
        Some(self.read(row))
    }
}

impl<R: Record> DoubleEndedIterator for Records<R> {
    fn next_back(&mut self) -> Option<Self::Item> {
        let row = self.range.as_mut()?.next_back()?;
        Some(self.read(row))
    }
}

fn versioned<R: Record>(view: &View, key: &[u8], value: &[u8]) -> Result<Versioned<R>, Error> {
    let (version, plaintext) = value::open_value(view, R::TABLE, key, value)?;
    Ok(Versioned {
        record: decode_as(version, &plaintext)?,
        revision: value::revision(R::TABLE, value)?,
    })
}
