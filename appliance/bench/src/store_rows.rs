//! The store against plain redb: what sealing, keyed sums and group commit cost and bring.
//!
//! Both have the same durability, the same memory for pages, the same keys and contents, made before the time is taken. What is
//! read is compared with what was written, by both. redb lends the bytes as they stand in its page; ours gives out a copy that
//! was opened.

use std::path::Path;
use std::time::Instant;

use holdfast_secrets::{KeyRing, Plaintext, RootKey, Suite};
use holdfast_store::{Batch, Store, Table};
use redb::{
    AccessGuard, Database, Durability, ReadableDatabase as _, TableDefinition, WriteTransaction,
};

use crate::cli::StoreArgs;
use crate::rows::{Better, Row, Rows};
use crate::{Failure, store_opening};

pub(crate) const RECORDS: Table = Table::plain("records");
pub(crate) const PLAIN: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("records");
pub(crate) const PEER: &str = "redb 4.6";
/// Records of one batch, and bytes of one record.
const BATCH: usize = 100;
const RECORD: usize = 1024;
/// Of what share of the records all pages are kept in memory; they are read as many times.
const FEW: usize = 16;
/// Writers that commit at once.
const WRITERS: u64 = 64;

/// Measures in a temporary folder, so that it should be on the disk that matters.
pub fn measure(args: &StoreArgs, rows: &mut Rows) -> Result<(), Failure> {
    let folder = tempfile::tempdir()?;
    println!("measuring in {}", folder.path().display());
    let store = open(&folder.path().join("store.redb"))?;
    let plain = plain(&folder.path().join("plain.redb"))?;
    let contents: Vec<_> = (0..args.records).map(record).collect();
    let few = contents.len().div_ceil(FEW);
    let (few, _) = contents.split_at_checked(few).unwrap_or_default();
    let (mut write, mut group) = (Pair::default(), Pair::default());
    let mut reads = [(); 4].map(|()| Pair::default());
    for round in 0..u64::from(args.rounds) {
        write.ours.push(write_sealed(&store, round, &contents)?);
        write.theirs.push(write_plain(&plain, round, &contents)?);
        let [one, each, few_one, few_each] = &mut reads;
        for (pair, contents, times) in [(one, &*contents, 1), (few_one, few, FEW)] {
            pair.ours.push(read_sealed(&store, contents, times)?);
            pair.theirs.push(read_plain(&plain, contents, times)?);
        }
        for (pair, contents, times) in [(each, &*contents, 1), (few_each, few, FEW)] {
            pair.ours.push(read_sealed_each(&store, contents, times)?);
            pair.theirs.push(read_plain_each(&plain, contents, times)?);
        }
        group.ours.push(grouped(&store, args.records / 10)?);
        group.theirs.push(one_by_one(&plain, args.records / 100)?);
    }
    let at = format!("batches of {BATCH} records of {RECORD} bytes");
    rows.add(write.row(&format!("store: {at}, records/s")))?;
    let names = [
        "store: reads by key, of more than is kept in memory, in one view, records/s",
        "store: the same, a view for each",
        "store: reads by key, of what is kept in memory, in one view, records/s",
        "store: the same of these, a view for each",
    ];
    for (pair, name) in reads.into_iter().zip(names) {
        rows.add(pair.row(name))?;
    }
    rows.add(group.row(&format!(
        "store: {WRITERS} writers at once, against one flush each, commits/s"
    )))?;
    drop((store, plain));
    for megabytes in [10, args.megabytes] {
        store_opening::measure(folder.path(), megabytes, rows)?;
    }
    Ok(())
}

#[derive(Default)]
struct Pair {
    ours: Vec<f64>,
    theirs: Vec<f64>,
}

impl Pair {
    fn row(self, name: &str) -> Row {
        let peer = Some(PEER.to_owned());
        Row::versus(
            name,
            peer,
            median(self.ours),
            median(self.theirs),
            Better::Higher,
        )
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

pub(crate) fn open(path: &Path) -> Result<Store, Failure> {
    let root = RootKey::from_bytes(&[7; 32])?;
    let store = Store::open(path, KeyRing::new(root, Suite::Aes256Gcm))?;
    store.start_writer()?;
    Ok(store)
}

/// With as much memory for pages as ours.
pub(crate) fn plain(path: &Path) -> Result<Database, Failure> {
    let mut builder = Database::builder();
    Ok(builder.set_cache_size(Store::CACHE_BYTES).create(path)?)
}

/// A record's content, which differs from all others.
pub(crate) fn record(number: u64) -> Vec<u8> {
    let bytes = number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes();
    bytes.iter().copied().cycle().take(RECORD).collect()
}

/// Keys of a round are spread over the whole table, and those of all rounds are different.
pub(crate) fn key(round: u64, number: u64) -> [u8; 16] {
    let spread = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut key = [0; 16];
    let (first, second) = key.split_at_mut(8);
    first.copy_from_slice(&spread.to_be_bytes());
    second.copy_from_slice(&round.to_be_bytes());
    key
}

fn write_sealed(store: &Store, round: u64, contents: &[Vec<u8>]) -> Result<f64, Failure> {
    // Taken by the batch, while redb copies what it is lent.
    let owned = contents.to_vec();
    let begun = Instant::now();
    let mut owned = (0_u64..).zip(owned);
    loop {
        let mut batch = Batch::new();
        for (number, content) in owned.by_ref().take(BATCH) {
            batch.put_bytes(RECORDS, key(round, number), content);
        }
        if batch.is_empty() {
            break;
        }
        store.commit_blocking(batch)?;
    }
    Ok(rate(contents, 1, begun))
}

/// As durable as ours: flushed, in two phases, with what repairs a file quickly.
pub(crate) fn begin(plain: &Database) -> Result<WriteTransaction, Failure> {
    let mut transaction = plain.begin_write()?;
    transaction.set_durability(Durability::Immediate)?;
    transaction.set_two_phase_commit(true);
    transaction.set_quick_repair(true);
    Ok(transaction)
}

fn write_plain(plain: &Database, round: u64, contents: &[Vec<u8>]) -> Result<f64, Failure> {
    let begun = Instant::now();
    let mut numbered = (0_u64..).zip(contents).peekable();
    while numbered.peek().is_some() {
        let transaction = begin(plain)?;
        {
            let mut table = transaction.open_table(PLAIN)?;
            for (number, content) in numbered.by_ref().take(BATCH) {
                table.insert(key(round, number).as_slice(), content.as_slice())?;
            }
        }
        transaction.commit()?;
    }
    Ok(rate(contents, 1, begun))
}

fn read_sealed(store: &Store, contents: &[Vec<u8>], times: usize) -> Result<f64, Failure> {
    let snapshot = store.snapshot()?;
    read(contents, times, |key| {
        Ok(snapshot.bytes(RECORDS, key)?.map(Read::Opened))
    })
}

fn read_plain(plain: &Database, contents: &[Vec<u8>], times: usize) -> Result<f64, Failure> {
    let table = plain.begin_read()?.open_table(PLAIN)?;
    read(contents, times, |key| {
        Ok(table.get(key.as_slice())?.map(Read::Lent))
    })
}

fn read_sealed_each(store: &Store, contents: &[Vec<u8>], times: usize) -> Result<f64, Failure> {
    read(contents, times, |key| {
        let snapshot = store.snapshot()?;
        Ok(snapshot.bytes(RECORDS, key)?.map(Read::Opened))
    })
}

fn read_plain_each(plain: &Database, contents: &[Vec<u8>], times: usize) -> Result<f64, Failure> {
    read(contents, times, |key| {
        let table = plain.begin_read()?.open_table(PLAIN)?;
        Ok(table.get(key.as_slice())?.map(Read::Lent))
    })
}

/// What was read: a copy, or a guard over the engine's page.
enum Read {
    Opened(Plaintext),
    Lent(AccessGuard<'static, &'static [u8]>),
}

fn read(
    contents: &[Vec<u8>],
    times: usize,
    mut find: impl FnMut([u8; 16]) -> Result<Option<Read>, Failure>,
) -> Result<f64, Failure> {
    let begun = Instant::now();
    for _ in 0..times {
        for (number, content) in (0..).zip(contents) {
            let same = match find(key(0, number))? {
                Some(Read::Opened(bytes)) => *bytes == *content,
                Some(Read::Lent(guard)) => guard.value() == content.as_slice(),
                None => false,
            };
            if !same {
                return Err("a record was read back otherwise than it was written; this is a fault of the store".into());
            }
        }
    }
    Ok(rate(contents, times, begun))
}

fn rate(contents: &[Vec<u8>], times: usize, begun: Instant) -> f64 {
    contents.len() as f64 * times as f64 / begun.elapsed().as_secs_f64()
}

fn grouped(store: &Store, commits: u64) -> Result<f64, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let begun = Instant::now();
    let done: Result<(), holdfast_store::Error> = runtime.block_on(async {
        let mut writers = tokio::task::JoinSet::new();
        for writer in 0..WRITERS {
            let store = store.clone();
            writers.spawn(async move {
                for number in 0..store_commits(commits) / WRITERS {
                    let mut batch = Batch::new();
                    batch.put_bytes(
                        RECORDS,
                        key(u64::MAX.saturating_sub(writer), number),
                        record(number),
                    );
                    store.commit(batch).await?;
                }
                Ok(())
            });
        }
        while let Some(done) = writers.join_next().await {
            done.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))?;
        }
        Ok(())
    });
    done?;
    Ok(store_commits(commits) as f64 / begun.elapsed().as_secs_f64())
}

/// As many as all writers share evenly.
fn store_commits(commits: u64) -> u64 {
    commits.saturating_sub(commits % WRITERS)
}

fn one_by_one(plain: &Database, commits: u64) -> Result<f64, Failure> {
    let begun = Instant::now();
    for number in 0..commits {
        let transaction = begin(plain)?;
        transaction
            .open_table(PLAIN)?
            .insert(key(u64::MAX, number).as_slice(), record(number).as_slice())?;
        transaction.commit()?;
    }
    Ok(commits as f64 / begun.elapsed().as_secs_f64())
}
