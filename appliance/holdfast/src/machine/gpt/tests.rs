#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]
use std::io::{self, Cursor, Seek, SeekFrom, Write};

use super::bytes::crc32;
use super::*;

const SECTORS: u64 = 4096;

fn disk() -> (Cursor<Vec<u8>>, Table) {
    let mut device = Cursor::new(vec![0; usize::try_from(SECTORS * 512).unwrap()]);
    let mut table = Table::new(512, SECTORS);
    // A gap at number 2, as slot B leaves one.
    table.entries[0] = Entry::data(64, 127);
    table.entries[2] = Entry::data(128, 1000);
    table.entries[2].attributes = SET_UP | 1;
    table.write_protective_mbr(&mut device).unwrap();
    table.write(&mut device, || Ok(())).unwrap();
    (device, table)
}

#[test]
fn crc_is_the_standard_one() {
    assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
}

#[test]
fn numbers_attributes_and_gaps_are_kept() {
    let (mut device, table) = disk();
    assert_eq!(Table::read(&mut device, 512, SECTORS).unwrap(), Some(table));
}

#[test]
fn independent_reader_agrees() {
    let (device, table) = disk();
    let read = gpt::GptConfig::new()
        .logical_block_size(gpt::disk::LogicalBlockSize::Lb512)
        .only_valid_headers(true)
        .open_from_device(device)
        .unwrap();
    assert!(read.backup_header().is_ok());
    assert_eq!(read.partitions()[&3].flags, SET_UP | 1);
    assert_eq!(read.partitions()[&3].part_guid, table.entries[2].id);
    assert_eq!(read.partitions()[&3].name, "holdfast-data");
    assert_eq!(read.header().last_usable, table.last_usable());
}

#[test]
fn backup_serves_where_the_primary_is_torn() {
    let (mut device, table) = disk();
    device.get_mut()[512 * 2 + 40] ^= 1;
    assert_eq!(Table::read(&mut device, 512, SECTORS).unwrap(), Some(table));
    let end = device.get_ref().len();
    device.get_mut()[end - 512 + 20] ^= 1;
    assert!(Table::read(&mut device, 512, SECTORS).is_err());
}

#[test]
fn backup_is_whole_before_the_primary_is_touched() {
    struct Cut(Cursor<Vec<u8>>, u64);
    impl Write for Cut {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if self.1 == 0 {
                return Err(io::Error::other("power cut"));
            }
            self.1 -= 1;
            // Half of the next write arrives when it is the last.
            let length = if self.1 == 0 {
                bytes.len() / 2
            } else {
                bytes.len()
            };
            self.0.write(&bytes[..length])
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    impl Seek for Cut {
        fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
            self.0.seek(to)
        }
    }
    for writes in 0..4 {
        let (device, before) = disk();
        let mut after = before.clone();
        after.entries[2].last = 2000;
        let mut cut = Cut(device, writes);
        let _ = after.write(&mut cut, || Ok(()));
        let read = Table::read(&mut cut.0, 512, SECTORS).unwrap().unwrap();
        assert!(read == before || read == after, "after {writes} writes");
    }
}

#[test]
fn table_moves_to_the_end_of_a_grown_disk() {
    let (mut device, _) = disk();
    device
        .get_mut()
        .resize(usize::try_from(SECTORS * 1024).unwrap(), 0);
    let mut table = Table::read(&mut device, 512, SECTORS * 2).unwrap().unwrap();
    table.entries[2].last = table.last_usable();
    table.write(&mut device, || Ok(())).unwrap();
    device.get_mut()[512..1024].fill(0);
    assert_eq!(
        Table::read(&mut device, 512, SECTORS * 2).unwrap(),
        Some(table)
    );
}

#[test]
fn no_table_is_not_an_error() {
    let mut device = Cursor::new(vec![0; 512 * 64]);
    assert_eq!(Table::read(&mut device, 512, 64).unwrap(), None);
}
