//! When the appliance dies: at any time, or while it writes its store.

use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::inotify::{CreateFlags, WatchFlags, add_watch, init};

use super::random::Random;
use crate::appliance::Appliance;

/// Longest time from the first operation to the death, in milliseconds.
const LONGEST: u64 = 1200;
/// Longest time until there is a write, in seconds.
const PATIENCE: i64 = 2;
/// Longest times from a write to the death, in microseconds: within a transaction, between two, and on the way to the answer.
const AFTER: [u64; 4] = [1, 300, 2_000, 20_000];

/// A moment that follows from the seed.
pub struct Moment {
    after: Duration,
    /// The time from the first write of the store after that.
    written: Option<Duration>,
}

impl Moment {
    pub fn new(random: &mut Random) -> Self {
        let after = Duration::from_millis(random.below(LONGEST));
        let longest = random.pick(&AFTER).copied().unwrap_or(1);
        let then = Duration::from_micros(random.below(longest));
        Self {
            after,
            written: (random.below(4) > 0).then_some(then),
        }
    }

    /// Waits for it; tells whether it is within or behind a write.
    pub fn wait(&self, appliance: &Appliance) -> bool {
        std::thread::sleep(self.after);
        let Some(then) = self.written else {
            return false;
        };
        let written = is_written(&watch(appliance));
        std::thread::sleep(then);
        written
    }
}

/// Tells of each write to the store from here on.
fn watch(appliance: &Appliance) -> OwnedFd {
    let watch = init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK).unwrap();
    add_watch(
        &watch,
        appliance.path("data/store.redb"),
        WatchFlags::MODIFY,
    )
    .unwrap();
    watch
}

fn is_written(watch: &OwnedFd) -> bool {
    let limit = Timespec {
        tv_sec: PATIENCE,
        tv_nsec: 0,
    };
    poll(&mut [PollFd::new(watch, PollFlags::IN)], Some(&limit)).unwrap() > 0
}
