//! The disk of any moment: the one before the run, and the sectors that differ from it.

use super::{Cut, WriteLog};
use crate::{disk, program::run};
use std::{
    collections::BTreeMap,
    fs::{File, OpenOptions},
    ops::Range,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    process::Command,
};

/// Bytes of a sector, the least that a medium writes as a whole.
pub const SECTOR: u64 = 512;
const BYTES: usize = 512;

type Sectors = BTreeMap<u64, [u8; BYTES]>;

/// A disk: `base`, over it what is durable, over that what one power cut left of the rest.
#[derive(Debug)]
pub struct Medium {
    base: PathBuf,
    /// The sectors of which `base` is not asked: those that are not zero are in `durable`.
    loaded: Range<u64>,
    durable: Sectors,
    applied: usize,
    rest: Sectors,
}

impl Medium {
    /// The disk before the run. The bytes of `loaded`, which is where the machine writes most, are read now.
    ///
    /// # Panics
    /// When it cannot be read.
    pub fn new(base: PathBuf, loaded: Range<u64>) -> Self {
        let file = File::open(&base).expect("the disk can be opened");
        let mut durable = Sectors::new();
        let mut block = vec![0; 1 << 16];
        let mut place = loaded.start;
        while place < loaded.end {
            let length =
                usize::try_from((loaded.end - place).min(1 << 16)).expect("a block is small");
            file.read_exact_at(&mut block[..length], place)
                .expect("the disk is long enough");
            if block[..length].iter().any(|byte| *byte != 0) {
                put(
                    &mut durable,
                    &(0..u64::MAX),
                    place / SECTOR,
                    &block[..length],
                );
            }
            place += length as u64;
        }
        let loaded = loaded.start / SECTOR..loaded.end / SECTOR;
        Self {
            base,
            loaded,
            durable,
            applied: 0,
            rest: Sectors::new(),
        }
    }

    /// The disk before the run, once more.
    ///
    /// # Panics
    /// When it cannot be read.
    pub fn again(&self) -> Self {
        Self::new(
            self.base.clone(),
            self.loaded.start * SECTOR..self.loaded.end * SECTOR,
        )
    }

    /// Becomes the disk of this cut. Cuts come in the order of what is durable in them.
    ///
    /// # Errors
    /// When the log does not read.
    ///
    /// # Panics
    /// When an earlier cut comes after a later one.
    pub fn become_cut(&mut self, log: &WriteLog, cut: &Cut) -> Result<(), String> {
        assert!(self.applied <= cut.durable, "cuts come in order");
        for entry in &log.entries[self.applied..cut.durable] {
            put(
                &mut self.durable,
                &self.loaded,
                entry.sector,
                &log.data(entry)?,
            );
        }
        self.applied = cut.durable;
        self.rest.clear();
        for (index, sectors) in &cut.rest {
            let entry = &log.entries[*index];
            let data = log.data(entry)?;
            for sector in sectors {
                let at = usize::try_from(*sector * SECTOR).map_err(|error| error.to_string())?;
                put(
                    &mut self.rest,
                    &(0..0),
                    entry.sector + sector,
                    &data[at..at + BYTES],
                );
            }
        }
        Ok(())
    }

    /// The bytes of a range of whole sectors.
    ///
    /// # Panics
    /// When the disk is shorter.
    pub fn read(&self, range: Range<u64>) -> Vec<u8> {
        let mut bytes = disk::read(&self.base, range.clone());
        for (place, sector) in bytes.chunks_exact_mut(BYTES).zip(range.start / SECTOR..) {
            match self.rest.get(&sector).or_else(|| self.durable.get(&sector)) {
                Some(written) => place.copy_from_slice(written),
                None if self.loaded.contains(&sector) => place.fill(0),
                None => {}
            }
        }
        bytes
    }

    /// Bytes of the whole disk.
    ///
    /// # Panics
    /// When it is gone.
    pub fn size(&self) -> u64 {
        std::fs::metadata(&self.base)
            .expect("the disk is there")
            .len()
    }

    /// Writes a range that was loaded to a file of its own; what is zero there stays a hole.
    ///
    /// # Panics
    /// When the range was not loaded, or the folder is full.
    pub fn extract(&self, range: Range<u64>, path: &Path) {
        let sectors = range.start / SECTOR..range.end / SECTOR;
        assert!(self.loaded.start <= sectors.start && sectors.end <= self.loaded.end);
        let file = File::create(path).expect("the temporary folder takes a file");
        file.set_len(range.end - range.start)
            .expect("a file can have holes");
        write(&file, self.durable.range(sectors.clone()), sectors.start);
        write(&file, self.rest.range(sectors.clone()), sectors.start);
    }

    /// Writes the whole disk to a file that a machine can boot.
    ///
    /// # Panics
    /// When the folder is full.
    pub fn write_disk(&self, path: &Path) {
        let sparse = ["--sparse=always", "--reflink=auto"];
        run(Command::new("cp").args(sparse).arg(&self.base).arg(path));
        let file = OpenOptions::new()
            .write(true)
            .open(path)
            .expect("the copy is there");
        // What was loaded and is zero now may have been something else before.
        if !self.loaded.is_empty() {
            let end = self.loaded.end * SECTOR;
            let size = self.size();
            let behind = disk::read(&self.base, end..size);
            file.set_len(self.loaded.start * SECTOR)
                .expect("a file can be cut");
            file.set_len(size).expect("a file can have holes");
            file.write_all_at(&behind, end)
                .expect("the temporary folder takes a file");
        }
        write(&file, self.durable.range(..), 0);
        write(&file, self.rest.range(..), 0);
    }
}

/// Puts sectors; zeros need no place where `zero` says that what is absent is zero.
fn put(sectors: &mut Sectors, zero: &Range<u64>, first: u64, bytes: &[u8]) {
    for (sector, chunk) in (first..).zip(bytes.chunks_exact(BYTES)) {
        if zero.contains(&sector) && chunk.iter().all(|byte| *byte == 0) {
            sectors.remove(&sector);
        } else {
            sectors.insert(sector, chunk.try_into().expect("a chunk is a sector"));
        }
    }
}

/// Writes sectors to a file that begins with sector `first`, neighbours at once.
fn write<'a>(file: &File, sectors: impl Iterator<Item = (&'a u64, &'a [u8; BYTES])>, first: u64) {
    let mut run: (u64, Vec<u8>) = (0, Vec::new());
    let flush = |run: &(u64, Vec<u8>)| {
        file.write_all_at(&run.1, (run.0 - first) * SECTOR)
            .expect("the temporary folder takes a file");
    };
    for (sector, bytes) in sectors {
        if !run.1.is_empty()
            && *sector == run.0 + run.1.len() as u64 / SECTOR
            && run.1.len() < 1 << 20
        {
            run.1.extend(bytes);
            continue;
        }
        if !run.1.is_empty() {
            flush(&run);
        }
        run = (*sector, bytes.to_vec());
    }
    if !run.1.is_empty() {
        flush(&run);
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{Kind, log::tests::written},
        *,
    };

    fn cut(durable: usize, end: usize, rest: Vec<(usize, Vec<u64>)>) -> Cut {
        Cut {
            kind: Kind::Torn,
            phase: String::new(),
            seed: 0,
            durable,
            end,
            rest,
        }
    }

    #[test]
    fn disk_holds_what_is_durable_and_what_the_cut_left() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        // Ten sectors of 1, of which the last four are loaded; two of those are holes.
        let mut disk = vec![1; 10 * BYTES];
        disk[7 * BYTES..9 * BYTES].fill(0);
        std::fs::write(at("base"), &disk).unwrap();
        let rows = [
            (0, 1, 0, 2),
            (6, 2, 0, 3),
            (0, 0, 1, 0),
            (4, 3, 0, 4),
            (8, 1, 0, 5),
            (6, 1, 0, 0),
        ];
        std::fs::write(at("log"), written(6, &rows)).unwrap();
        let log = WriteLog::open(&at("log")).unwrap();
        let mut medium = Medium::new(at("base"), 6 * SECTOR..10 * SECTOR);
        for (cut, expected) in [
            (cut(0, 2, vec![]), [1, 1, 1, 1, 1, 1, 1, 0, 0, 1]),
            (
                cut(0, 2, vec![(1, vec![1])]),
                [1, 1, 1, 1, 1, 1, 1, 3, 0, 1],
            ),
            (cut(3, 3, vec![]), [2, 1, 1, 1, 1, 1, 3, 3, 0, 1]),
            (
                cut(3, 5, vec![(4, vec![0]), (3, vec![0, 2])]),
                [2, 1, 1, 1, 4, 1, 4, 3, 5, 1],
            ),
            (
                cut(3, 6, vec![(5, vec![0]), (3, vec![1])]),
                [2, 1, 1, 1, 1, 4, 0, 3, 0, 1],
            ),
            (cut(6, 6, vec![]), [2, 1, 1, 1, 4, 4, 0, 3, 5, 1]),
        ] {
            medium.become_cut(&log, &cut).unwrap();
            let expected: Vec<u8> = expected
                .into_iter()
                .flat_map(|byte| [byte; BYTES])
                .collect();
            assert_eq!(medium.read(0..10 * SECTOR), expected, "{cut}");
            medium.write_disk(&at("disk"));
            assert_eq!(std::fs::read(at("disk")).unwrap(), expected, "{cut}");
            medium.extract(7 * SECTOR..10 * SECTOR, &at("part"));
            assert_eq!(
                std::fs::read(at("part")).unwrap(),
                expected[7 * BYTES..],
                "{cut}"
            );
        }
        medium = medium.again();
        medium.become_cut(&log, &cut(0, 0, vec![])).unwrap();
        assert_eq!(medium.read(0..10 * SECTOR), disk);
    }
}
