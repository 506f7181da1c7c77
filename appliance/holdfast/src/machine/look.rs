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
        let earlier = fs::read(FILE)
            .ok()
            .and_then(|bytes| serde_json::from_slice::<Noted>(&bytes).ok())
            .filter(|noted| noted.disks == disks);
        let now = Instant::now();
        let ago = earlier.and_then(|noted| since_start().checked_sub(noted.at));
        let changed = ago.and_then(|ago| now.checked_sub(ago)).unwrap_or(now);
        Self { disks, changed }
    }

    /// Looks, and leaves it for [`Look::first`], which looks for itself where this cannot be written.
    pub fn note() {
        let noted = Noted {
            at: since_start(),
            disks: disks::list(),
        };
        let written = make_dir(Path::new(RUN)).is_ok()
            && serde_json::to_vec(&noted)
                .is_ok_and(|bytes| write_file(Path::new(FILE), &bytes, 0o644).is_ok());
        if !written {
            console::print("holdfast: the first look at the disks could not be kept\n");
        }
    }
}

fn since_start() -> Duration {
    Duration::try_from(clock_gettime(ClockId::Boottime)).unwrap_or_default()
}
