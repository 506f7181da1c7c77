//! Where the power is cut, and what that does to the writes that no flush had made durable.

use super::{Phase, Random, WriteLog};
use std::{fmt, ops::Range};

/// The phase of a cut by [`Plan::forgetting`].
pub const FORGOTTEN: &str = "forgotten write";

/// What becomes of the writes after the last flush.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// All are lost: the disk as the flush left it.
    Dropped,
    /// Some reach the medium, in any order.
    Reordered,
    /// As before, and one of them stops at a sector within it.
    Torn,
}

/// A power cut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cut {
    /// What happens to the rest.
    pub kind: Kind,
    /// What the machine was at.
    pub phase: String,
    /// The seed of its choices.
    pub seed: u64,
    /// This many entries of the log are on the medium, in their order.
    pub durable: usize,
    /// The power is cut when this many entries had completed. Whatever was answered by then must be there.
    pub end: usize,
    /// What else is on the medium: entries after `durable` and the sectors of each, in the order in which they got there.
    pub rest: Vec<(usize, Vec<u64>)>,
}

impl Cut {
    /// The entry behind the last one of which the medium holds anything: what began later cannot be seen.
    pub fn reach(&self) -> usize {
        let rest = self.rest.iter().map(|(index, _)| index + 1);
        rest.max().unwrap_or(0).max(self.durable)
    }
}

impl fmt::Display for Cut {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (durable, end, held) = (self.durable, self.end, self.rest.len());
        write!(
            out,
            "{:?} in `{}`: entries 0..{durable} durable, {held} of {durable}..{end} kept, seed {:#x}",
            self.kind, self.phase, self.seed
        )
    }
}

/// From one flush to the next.
#[derive(Debug, Clone)]
struct Window {
    phase: String,
    /// The entries behind the flush, without that which ends it.
    entries: Range<usize>,
}

/// The cuts of a log.
#[derive(Debug)]
pub struct Plan<'a> {
    log: &'a WriteLog,
    windows: Vec<Window>,
}

impl<'a> Plan<'a> {
    /// All windows of a log whose phases are these, in order.
    pub fn new(log: &'a WriteLog, phases: &[Phase]) -> Self {
        let flushes = log
            .entries
            .iter()
            .enumerate()
            .filter(|(_, entry)| entry.flush);
        let mut ends: Vec<usize> = flushes.map(|(index, _)| index).collect();
        ends.push(log.entries.len());
        let mut begin = 0;
        let mut windows = Vec::new();
        for end in ends {
            let inside = phases
                .iter()
                .rev()
                .find(|phase| phase.begun <= begin.max(end.saturating_sub(1)));
            let phase = inside.map_or_else(String::new, |phase| phase.name.clone());
            windows.push(Window {
                phase,
                entries: begin..end,
            });
            begin = end + 1;
        }
        Self { log, windows }
    }

    /// How many flushes divide the log, its end counted as one.
    pub fn flushes(&self) -> usize {
        self.windows.len()
    }

    /// The phases in which something is written or flushed, in order.
    pub fn phases(&self) -> Vec<&str> {
        let mut phases: Vec<&str> = self
            .windows
            .iter()
            .map(|window| window.phase.as_str())
            .collect();
        phases.dedup();
        phases
    }

    /// The cut right behind each flush: all that followed is lost.
    pub fn boundaries(&self) -> Vec<Cut> {
        let cuts = self.windows.iter();
        cuts.map(|window| dropped(window, 0)).collect()
    }

    /// `count` cuts of this seed: each phase as often as the other, each kind as often as the other.
    pub fn choose(&self, count: usize, seed: u64) -> Vec<Cut> {
        let mut random = Random::new(seed);
        let phases = self.phases();
        let kinds = [Kind::Dropped, Kind::Reordered, Kind::Torn];
        let mut cuts: Vec<Cut> = (0..count)
            .map(|turn| {
                self.one(
                    phases[turn % phases.len()],
                    kinds[turn / phases.len() % 3],
                    random.next(),
                )
            })
            .collect();
        cuts.sort_by_key(|cut| cut.durable);
        cuts
    }

    /// A cut of this kind in this phase; where the phase has no window with a write to choose from, all of the rest is dropped.
    ///
    /// # Panics
    /// When there is no such phase.
    pub fn one(&self, phase: &str, kind: Kind, seed: u64) -> Cut {
        let mut random = Random::new(seed);
        let inside = self.windows.iter().filter(|window| window.phase == phase);
        let all: Vec<&Window> = inside.collect();
        let fit = all.iter().filter(|window| {
            self.writes(window.entries.clone())
                .any(|(_, sectors)| kind != Kind::Torn || sectors > 1)
        });
        let fit: Vec<&Window> = fit.copied().collect();
        if kind == Kind::Dropped || fit.is_empty() {
            return dropped(all[random.below(all.len())], seed);
        }
        let window = fit[random.below(fit.len())];
        let mut cut = Cut {
            kind,
            ..dropped(window, seed)
        };
        cut.end = match random.below(3) {
            0 => window.entries.start + 1 + random.below(window.entries.len()),
            _ => window.entries.end,
        };
        let mut pending: Vec<(usize, u64)> = self.writes(window.entries.start..cut.end).collect();
        random.shuffle(&mut pending);
        let torn = match kind {
            Kind::Torn => pending
                .iter()
                .find(|(_, sectors)| *sectors > 1)
                .map(|(index, _)| *index),
            _ => None,
        };
        let share = [10, 50, 90][random.below(3)];
        for (index, sectors) in pending {
            let keep = self.log.entries[index].fua || random.chance(share, 100);
            if torn == Some(index) {
                cut.rest.push((index, part(sectors, &mut random)));
            } else if keep {
                cut.rest.push((index, (0..sectors).collect()));
            }
        }
        cut
    }

    /// A cut that breaks the promise: everything is on the medium but this write, although a flush came after it.
    pub fn forgetting(&self, entry: usize) -> Cut {
        let all = entry + 1..self.log.entries.len();
        let rest = self
            .writes(all)
            .map(|(index, sectors)| (index, (0..sectors).collect()));
        Cut {
            kind: Kind::Reordered,
            phase: FORGOTTEN.into(),
            seed: 0,
            durable: entry,
            end: self.log.entries.len(),
            rest: rest.collect(),
        }
    }

    /// The writes among these entries, with their sectors.
    fn writes(&self, entries: Range<usize>) -> impl Iterator<Item = (usize, u64)> {
        let all = entries.map(|index| (index, self.log.entries[index].sectors));
        all.filter(|(_, sectors)| *sectors > 0)
    }
}

fn dropped(window: &Window, seed: u64) -> Cut {
    Cut {
        kind: Kind::Dropped,
        phase: window.phase.clone(),
        seed,
        durable: window.entries.start,
        end: window.entries.end,
        rest: Vec::new(),
    }
}

/// Some sectors of a write of two or more, not all: its beginning, its end, or any.
fn part(sectors: u64, random: &mut Random) -> Vec<u64> {
    let whole = usize::try_from(sectors).unwrap_or(usize::MAX);
    let at = 1 + random.below(whole - 1) as u64;
    match random.below(3) {
        0 => (0..at).collect(),
        1 => (at..sectors).collect(),
        _ => (0..sectors).filter(|_| random.chance(1, 2)).collect(),
    }
}
