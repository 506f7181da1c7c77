//! What is known of runs of the server, in one record, so that a start need not search the audit for it.

use holdfast_store::{Record, Store, Table};
use serde::{Deserialize, Serialize};

/// What the audit has told of runs so far. Written in one commit with the event of each start and stop.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Runs {
    /// The last run; absent before the first.
    pub last: Option<Last>,
    /// The service manager's names of the runs whose end was told.
    pub told: Vec<String>,
}

/// How far the last run got.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Last {
    /// It started, and did not say that it stopped.
    Started,
    /// It stopped as asked, at this time in milliseconds since 1970.
    Stopped(i64),
}

impl Runs {
    pub(crate) const KEY: &str = "runs";

    /// Reads the record; `None` in a store of before there was one.
    ///
    /// # Errors
    /// The store's.
    pub fn find(store: &Store) -> Result<Option<Self>, holdfast_store::Error> {
        store.snapshot()?.find::<Self>(Self::KEY)
    }
}

impl Record for Runs {
    const TABLE: Table = Table::hashed("runs");
    const VERSION: u16 = 1;
}
