//! How long a store takes to open after a kill.
//!
//! A file that is copied while it is open is as a kill leaves it. The copy is flushed before the time is taken, since opening
//! flushes the file: else the time would be that of writing the copy. Against redb as it is unless it is told otherwise, which
//! walks the file, since it does not write down with each commit which pages are free.

use std::fs::File;
use std::path::Path;
use std::time::Instant;

use holdfast_store::Batch;
use redb::Durability;
use rustix::fs::{Advice, fadvise};

use crate::Failure;
use crate::rows::{Better, Row, Rows};
use crate::store_rows::{PEER, PLAIN, RECORDS, key, open, plain, record};

/// Records of a megabyte, and bytes of one.
const PARTS: u64 = 16;
const PART: usize = 61 << 10;

/// Opens a store of this size, with its pages in the system's memory, and without.
pub fn measure(folder: &Path, megabytes: u64, rows: &mut Rows) -> Result<(), Failure> {
    let (path, slow) = (folder.join("grown.redb"), folder.join("slow.redb"));
    let (left, left_slow) = (folder.join("left.redb"), folder.join("left-slow.redb"));
    let (store, database) = (open(&path)?, plain(&slow)?);
    for megabyte in 0..megabytes {
        let mut batch = Batch::new();
        let mut transaction = database.begin_write()?;
        transaction.set_durability(Durability::Immediate)?;
        {
            let mut table = transaction.open_table(PLAIN)?;
            let bytes = record(megabyte).into_iter().cycle().take(PART);
            let bytes: Vec<_> = bytes.collect();
            for part in 0..PARTS {
                table.insert(key(megabyte, part).as_slice(), bytes.as_slice())?;
                batch.put_bytes(RECORDS, key(megabyte, part), bytes.clone());
            }
        }
        transaction.commit()?;
        store.commit_blocking(batch)?;
    }
    println!("a store of {} bytes", std::fs::metadata(&path)?.len());
    for (memory, forgotten) in [("in", false), ("not in", true)] {
        for (from, to) in [(&path, &left), (&slow, &left_slow)] {
            copy(from, to, forgotten)?;
        }
        copy(
            &path.with_extension("keys"),
            &left.with_extension("keys"),
            forgotten,
        )?;
        let ours = seconds(|| open(&left))?;
        let theirs = seconds(|| plain(&left_slow))?;
        rows.add(Row::versus(
            &format!("store: opening {megabytes} MB after a kill, {memory} memory, ms"),
            Some(format!("{PEER}, no quick repair")),
            ours * 1e3,
            theirs * 1e3,
            Better::Lower,
        ))?;
    }
    drop((store, database));
    for path in [&path, &left] {
        std::fs::remove_file(path.with_extension("keys"))?;
    }
    for path in [path, left, slow, left_slow] {
        std::fs::remove_file(path)?;
    }
    Ok(())
}

/// Copies a file and flushes it; if it is to be forgotten, the system keeps none of its pages in memory.
fn copy(from: &Path, to: &Path, forgotten: bool) -> Result<(), Failure> {
    std::fs::copy(from, to)?;
    let file = File::open(to)?;
    file.sync_all()?;
    if forgotten {
        fadvise(&file, 0, None, Advice::DontNeed)?;
    }
    Ok(())
}

fn seconds<T>(open: impl FnOnce() -> Result<T, Failure>) -> Result<f64, Failure> {
    let begun = Instant::now();
    let opened = open()?;
    let took = begun.elapsed().as_secs_f64();
    drop(opened);
    Ok(took)
}
