//! The store against plain redb, with the same durability: what sealing, keyed sums and group commit cost and bring.

use std::path::Path;
use std::time::Instant;

use holdfast_secrets::{KeyRing, RootKey, Suite};
use holdfast_store::{Batch, Store, Table};
use redb::{Database, Durability, ReadableDatabase as _, TableDefinition, WriteTransaction};

use crate::Failure;
use crate::cli::StoreArgs;
use crate::rows::{Better, Row, Rows};

const RECORDS: Table = Table::plain("records");
const PLAIN: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("records");
const PEER: &str = "redb 4.6";
/// Records of one batch, and bytes of one record.
const BATCH: u64 = 100;
const RECORD: usize = 1024;
/// Writers that commit at once.
const WRITERS: u64 = 64;

/// Measures in a temporary folder, so that it should be on the disk that matters.
pub fn measure(args: &StoreArgs, rows: &mut Rows) -> Result<(), Failure> {
    let folder = tempfile::tempdir()?;
    println!("measuring in {}", folder.path().display());
    let store = open(&folder.path().join("store.redb"))?;
    let plain = Database::create(folder.path().join("plain.redb"))?;
    let (mut write, mut read, mut group) = (Pair::default(), Pair::default(), Pair::default());
    for round in 0..args.rounds {
        write
            .ours
            .push(write_sealed(&store, u64::from(round), args.records)?);
        write
            .theirs
            .push(write_plain(&plain, u64::from(round), args.records)?);
        read.ours.push(read_sealed(&store, args.records)?);
        read.theirs.push(read_plain(&plain, args.records)?);
        group.ours.push(grouped(&store, args.records / 10)?);
        group.theirs.push(one_by_one(&plain, args.records / 100)?);
    }
    let at = format!("batches of {BATCH} records of {RECORD} bytes");
    rows.add(write.row(&format!("store: {at}, records/s")))?;
    rows.add(read.row("store: reads by key, records/s"))?;
    rows.add(group.row(&format!(
        "store: {WRITERS} writers at once, against one flush each, commits/s"
    )))?;
    drop((store, plain));
    for megabytes in [10, args.megabytes] {
        let (opened, length) = recovery(folder.path(), megabytes)?;
        println!("a store of {length} bytes, copied while it was open");
        rows.add(Row::alone(
            &format!("store: opening {megabytes} MB after a kill, ms"),
            opened * 1e3,
        ))?;
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

fn open(path: &Path) -> Result<Store, Failure> {
    let root = RootKey::from_bytes(&[7; 32])?;
    let store = Store::open(path, KeyRing::new(root, Suite::Aes256Gcm))?;
    store.start_writer()?;
    Ok(store)
}

/// A record's content, which differs from all others.
fn record(number: u64) -> Vec<u8> {
    let bytes = number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes();
    bytes.iter().copied().cycle().take(RECORD).collect()
}

/// Keys of a round are spread over the whole table, and those of all rounds are different.
fn key(round: u64, number: u64) -> [u8; 16] {
    let spread = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut key = [0; 16];
    let (first, second) = key.split_at_mut(8);
    first.copy_from_slice(&spread.to_be_bytes());
    second.copy_from_slice(&round.to_be_bytes());
    key
}

fn rate(count: u64, begun: Instant) -> f64 {
    count as f64 / begun.elapsed().as_secs_f64()
}

fn write_sealed(store: &Store, round: u64, records: u64) -> Result<f64, Failure> {
    let begun = Instant::now();
    for first in (0..records).step_by(BATCH as usize) {
        let mut batch = Batch::new();
        for number in first..first.saturating_add(BATCH) {
            batch.put_bytes(RECORDS, key(round, number), record(number));
        }
        store.commit_blocking(batch)?;
    }
    Ok(rate(records, begun))
}

/// As durable as ours: flushed, in two phases, with what repairs a file quickly.
fn begin(plain: &Database) -> Result<WriteTransaction, Failure> {
    let mut transaction = plain.begin_write()?;
    transaction.set_durability(Durability::Immediate)?;
    transaction.set_two_phase_commit(true);
    transaction.set_quick_repair(true);
    Ok(transaction)
}

fn write_plain(plain: &Database, round: u64, records: u64) -> Result<f64, Failure> {
    let begun = Instant::now();
    for first in (0..records).step_by(BATCH as usize) {
        let transaction = begin(plain)?;
        {
            let mut table = transaction.open_table(PLAIN)?;
            for number in first..first.saturating_add(BATCH) {
                table.insert(key(round, number).as_slice(), record(number).as_slice())?;
            }
        }
        transaction.commit()?;
    }
    Ok(rate(records, begun))
}

fn read_sealed(store: &Store, records: u64) -> Result<f64, Failure> {
    let snapshot = store.snapshot()?;
    let begun = Instant::now();
    for number in 0..records {
        let found = snapshot.bytes(RECORDS, key(0, number))?;
        check(found.as_deref().map(Vec::as_slice), number)?;
    }
    Ok(rate(records, begun))
}

fn read_plain(plain: &Database, records: u64) -> Result<f64, Failure> {
    let table = plain.begin_read()?.open_table(PLAIN)?;
    let begun = Instant::now();
    for number in 0..records {
        let found = table.get(key(0, number).as_slice())?;
        check(found.as_ref().map(|found| found.value()), number)?;
    }
    Ok(rate(records, begun))
}

fn check(found: Option<&[u8]>, number: u64) -> Result<(), Failure> {
    if found == Some(record(number).as_slice()) {
        return Ok(());
    }
    Err("a record was read back otherwise than it was written; this is a fault of the store".into())
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
    Ok(rate(store_commits(commits), begun))
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
    Ok(rate(commits, begun))
}

/// Seconds until a store opens that was copied while it was open, as a kill leaves it; and its length in bytes.
fn recovery(folder: &Path, megabytes: u64) -> Result<(f64, u64), Failure> {
    let (path, left) = (folder.join("grown.redb"), folder.join("left.redb"));
    let store = open(&path)?;
    for megabyte in 0..megabytes {
        let mut batch = Batch::new();
        for part in 0..16 {
            let bytes = record(megabyte)
                .into_iter()
                .cycle()
                .take(61 << 10)
                .collect();
            batch.put_bytes(RECORDS, key(megabyte, part), bytes);
        }
        store.commit_blocking(batch)?;
    }
    std::fs::copy(&path, &left)?;
    std::fs::copy(path.with_extension("keys"), left.with_extension("keys"))?;
    drop(store);
    let length = std::fs::metadata(&left)?.len();
    let begun = Instant::now();
    let opened = open(&left)?;
    let took = begun.elapsed().as_secs_f64();
    drop(opened);
    for path in [path, left] {
        std::fs::remove_file(path.with_extension("keys"))?;
        std::fs::remove_file(path)?;
    }
    Ok((took, length))
}
