//! The first look at the disks, as early in the boot as a unit of ours runs.
//!
//! A data partition is used only when no further disk has come up for a while ([`super::data`]). That while begins in the
//! unit `mounts`, so that it has mostly passed when set-up wants to know.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

use super::console;
use super::disks::{self, Disk};
use super::setup::{RUN, make_dir, write_file};

const FILE: &str = "/run/holdfast/disks.json";

/// Which disks were there, and since when no other has come up.
pub struct Look {
    /// The disks.
    pub disks: Vec<Disk>,
    /// Since when.
    pub changed: Instant,
}

/// A look of another process of this boot.
#[derive(Serialize, Deserialize)]
struct Noted {
    /// Since the start of the machine.
    at: Duration,
    disks: Vec<Disk>,
}

impl Look {
    /// What the unit `mounts` saw, if the same disks are there now; else what is seen now.
    #[must_use]
    pub fn first() -> Self {
        let disks = disks::list();
        let noted = fs::read(FILE).unwrap_or_default();
        // Of use once: what a later set-up finds would be of other disks.
        let _ = fs::remove_file(FILE);
        let ago = since_start().map_or(Duration::ZERO, |now| ago(&noted, &disks, now));
        let now = Instant::now();
        let changed = now.checked_sub(ago).unwrap_or(now);
        Self { disks, changed }
    }

    /// Looks, and leaves it for [`Look::first`], which looks for itself where this cannot be written.
    pub fn note() {
        let noted = since_start().map(|at| Noted {
            at,
            disks: disks::list(),
        });
        let written = make_dir(Path::new(RUN)).is_ok()
            && noted
                .and_then(|noted| serde_json::to_vec(&noted).ok())
                .is_some_and(|bytes| write_file(Path::new(FILE), &bytes, 0o600).is_ok());
        if !written {
            console::print("holdfast: the first look at the disks could not be kept\n");
        }
    }
}

/// How long ago these same disks were noted; not at all if the note is of others, or of no use.
fn ago(noted: &[u8], disks: &[Disk], now: Duration) -> Duration {
    let noted = serde_json::from_slice::<Noted>(noted).ok();
    let noted = noted.filter(|noted| noted.disks == disks);
    let ago = noted.and_then(|noted| now.checked_sub(noted.at));
    ago.unwrap_or_default()
}

/// Nothing where the clock says what cannot be: a wait is not shortened by it.
fn since_start() -> Option<Duration> {
    Duration::try_from(clock_gettime(ClockId::Boottime)).ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn an_earlier_look_counts_for_the_same_disks_alone() {
        let disk = |name: &str| Disk {
            name: name.to_owned(),
            sector: 512,
            sectors: 2048,
            read_only: false,
            sequence: 7,
        };
        let seconds = Duration::from_secs;
        let (one, two) = (vec![disk("vda")], vec![disk("vda"), disk("vdb")]);
        let note = |at, disks: &[Disk]| {
            let disks = disks.to_vec();
            serde_json::to_vec(&Noted { at, disks }).unwrap()
        };
        assert_eq!(ago(&note(seconds(2), &one), &one, seconds(5)), seconds(3));
        // A disk that came up or went away since begins the wait anew.
        assert_eq!(ago(&note(seconds(2), &one), &two, seconds(5)), seconds(0));
        assert_eq!(ago(&note(seconds(2), &two), &one, seconds(5)), seconds(0));
        // Nor does another disk in the same place count as the same.
        let other = Disk {
            sequence: 8,
            ..disk("vda")
        };
        assert_eq!(
            ago(&note(seconds(2), &one), &[other], seconds(5)),
            seconds(0)
        );
        // What cannot be true, or cannot be read, shortens nothing.
        assert_eq!(ago(&note(seconds(9), &one), &one, seconds(5)), seconds(0));
        assert_eq!(ago(b"", &one, seconds(5)), seconds(0));
        assert_eq!(ago(b"{\"at\":1}", &one, seconds(5)), seconds(0));
    }
}
