//! Raw disk images seen from outside: the partition table (UEFI 2.10, section 5.3), single bytes, size.

use sha2::{Digest, Sha256};
use std::{
    fs::{File, OpenOptions},
    io::{Read, Seek, SeekFrom, Write},
    ops::Range,
    os::unix::fs::FileExt,
    path::Path,
};

/// The bytes of a range.
///
/// # Panics
/// When they are not there.
pub fn read(disk: &Path, range: Range<u64>) -> Vec<u8> {
    let length = usize::try_from(range.end - range.start).expect("the range fits in memory");
    let mut bytes = vec![0; length];
    let file = File::open(disk).expect("the disk can be opened");
    file.read_exact_at(&mut bytes, range.start)
        .expect("the disk is long enough");
    bytes
}

/// Writes bytes at an offset.
///
/// # Panics
/// When the disk cannot be written.
pub fn write(disk: &Path, at: u64, bytes: &[u8]) {
    let file = OpenOptions::new()
        .write(true)
        .open(disk)
        .expect("the disk can be opened");
    file.write_all_at(bytes, at)
        .expect("the disk can be written");
}

/// Flips the lowest bit of one byte.
///
/// # Panics
/// When the disk is shorter.
pub fn flip(disk: &Path, at: u64) {
    let byte = read(disk, at..at + 1)[0];
    write(disk, at, &[byte ^ 1]);
}

/// Copies a range of one disk to a place on another; runs of zeros stay holes.
///
/// # Panics
/// When either cannot be used.
pub fn copy(from: &Path, range: Range<u64>, to: &Path, at: u64) {
    let mut source = File::open(from).expect("the disk can be opened");
    let mut target = OpenOptions::new()
        .write(true)
        .open(to)
        .expect("the disk can be opened");
    source
        .seek(SeekFrom::Start(range.start))
        .expect("the disk can be read");
    let (mut left, mut place) = (range.end - range.start, at);
    let mut block = vec![0; 1 << 16];
    while left > 0 {
        let want = usize::try_from(left.min(1 << 16)).expect("a block is small");
        source
            .read_exact(&mut block[..want])
            .expect("the disk is long enough");
        if block[..want].iter().any(|byte| *byte != 0) {
            target
                .seek(SeekFrom::Start(place))
                .expect("the disk can be written");
            target
                .write_all(&block[..want])
                .expect("the disk can be written");
        }
        (left, place) = (left - want as u64, place + want as u64);
    }
}

/// The offsets at which `needle` stands in a range.
///
/// # Panics
/// When the range is not there.
pub fn find(disk: &Path, range: Range<u64>, needle: &[u8]) -> Vec<u64> {
    let start = range.start;
    let bytes = read(disk, range);
    let hits = bytes
        .windows(needle.len())
        .enumerate()
        .filter(|(_, window)| *window == needle);
    hits.map(|(place, _)| start + place as u64).collect()
}

/// SHA-256 of a range, hexadecimal.
///
/// # Panics
/// When the range is not there.
pub fn hash(disk: &Path, range: Range<u64>) -> String {
    data_encoding::HEXLOWER.encode(&Sha256::digest(read(disk, range)))
}

/// Makes the disk longer, as a cloud's "resize volume" does; the new space is a hole.
///
/// # Panics
/// When the file cannot be changed.
pub fn grow(disk: &Path, size: u64) {
    let file = OpenOptions::new()
        .write(true)
        .open(disk)
        .expect("the disk can be opened");
    file.set_len(size).expect("the disk can grow");
}
