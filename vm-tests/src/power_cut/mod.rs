//! What a power cut leaves on a disk, and whether the machine keeps its promise on each such disk.
//!
//! QEMU's `blklogwrites` writes down every write and every flush of a running machine ([`WriteLog`]). From the disk before the
//! run and this log, [`Medium`] makes the disk of any moment. A [`Cut`] says which moment and what happened to the writes that
//! no flush had made durable: any of them may have reached the medium, in any order, and one of them in part. [`Steps`] is the
//! model: what the machine had answered when, and what it must show. [`Recording`] brings these together and judges a disk twice:
//! on the host ([`Recording::judge`]: partition table, file system, the store opened by the real program) and booted.
//!
//! What this cannot see: QEMU logs a write when it has completed. A write that completes while a flush runs is logged before that
//! flush and taken as durable, although a real disk may lose it.

mod cut;
mod host;
mod judge;
mod log;
mod medium;
mod random;
mod recording;
mod steps;

pub use cut::{Cut, FORGOTTEN, Kind, Plan};
pub use host::Host;
pub use judge::TORN;
pub use log::{Entry, WriteLog};
pub use medium::{Medium, SECTOR};
pub use random::Random;
pub use recording::{Recorded, Recording};
pub use steps::{Phase, Shown, Step, Steps};
