//! The process killed at any moment under mixed operations: nothing that was answered is lost, and nothing is half there.
//!
//! One seed is one appliance: its operations, its contents and the moments of its deaths follow from the number; what the
//! kernel and the other processes do in between does not, so a seed that failed is likely, not certain, to fail again.
//! `nix run .#torture` runs as many as wanted. Numbers that failed once stand in `failed.txt` and run in each check.

mod judge;
mod moment;
mod operations;
mod people;
mod random;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::appliance::{Appliance, IN_USE};
use judge::{events, judge};
use moment::Moment;
use operations::{Devices, Keys, Operations, Publisher, Upkeep};
use people::People;
use random::Random;

/// Deaths of one seed, before the judgement.
const DEATHS: u64 = 3;
/// Begins what is said of a run that was broken by its surroundings; what is lost begins by `LOST` or `HALF`.
const HARNESS: &str = "HARNESS";

/// Versions kept by every second appliance, which removes old ones while it is killed; the others remove none.
const FEW: usize = 2;
const ALL: usize = 1000;

/// What the appliance has answered, and what it was asked without an answer.
pub struct Model {
    publisher: Publisher,
    devices: Devices,
    keys: Keys,
    people: People,
    upkeep: Upkeep,
    /// Deaths within a write of the store or soon after one.
    writing: usize,
}

/// Runs one seed; tells how many operations were answered and how many deaths were within a write or soon after, or what was
/// lost.
fn run(seed: u64) -> (Appliance, Result<(usize, usize), String>) {
    let mut random = Random::new(seed);
    let keep = if seed.is_multiple_of(2) { FEW } else { ALL };
    let mut appliance = keeping(keep);
    let mut model = Model::keeping(keep);
    let result = model
        .people
        .found(&appliance)
        .and_then(|()| {
            (0..DEATHS).try_for_each(|_| {
                live_and_die(&mut appliance, &mut model, &mut random)?;
                judge(&appliance, &mut model, &mut random)
            })
        })
        .and_then(|()| {
            appliance.stop();
            events(&appliance, &model)
        })
        .map(|()| (model.answered(), model.writing));
    (appliance, result)
}

/// One that keeps so many of the newest versions.
fn keeping(keep: usize) -> Appliance {
    Appliance::start_with(&format!("\n[site]\nkeep_versions = {keep}\n")).enrolled()
}

impl Model {
    fn keeping(keep: usize) -> Self {
        Self {
            publisher: Publisher::keeping(keep),
            devices: Devices::default(),
            keys: Keys::default(),
            people: People::default(),
            upkeep: Upkeep::default(),
            writing: 0,
        }
    }

    fn parts(&mut self) -> [&mut (dyn Operations + Send); 5] {
        [
            &mut self.publisher,
            &mut self.devices,
            &mut self.keys,
            &mut self.people,
            &mut self.upkeep,
        ]
    }

    fn answered(&mut self) -> usize {
        self.parts().iter().map(|part| part.answered()).sum()
    }
}

/// Lets operations of all kinds run at once, kills the appliance in the middle of them, and starts it again; now and then it
/// dies while it starts.
fn live_and_die(
    appliance: &mut Appliance,
    model: &mut Model,
    random: &mut Random,
) -> Result<(), String> {
    let moment = Moment::new(random);
    let shared = &*appliance;
    let writing = std::thread::scope(|scope| {
        for part in model.parts() {
            let mut random = random.fork();
            scope.spawn(move || while part.next(shared, &mut random) {});
        }
        let writing = moment.wait(shared);
        shared.kill_in_place();
        writing
    });
    model.writing += usize::from(writing);
    appliance.reap();
    while random.below(3) == 0 {
        appliance.spawn();
        std::thread::sleep(Duration::from_millis(random.below(700)));
        appliance.kill_in_place();
        appliance.reap();
    }
    let started = catch_unwind(AssertUnwindSafe(|| appliance.boot()));
    started.map_err(|_| {
        let log = appliance.log();
        // Another program of this computer listens there, or holds the store: nothing is said about what is in it.
        let ours = IN_USE.iter().any(|text| log.contains(text));
        let verdict = if ours { HARNESS } else { "LOST" };
        format!("{verdict}: it does not start again: {log}")
    })
}

/// Runs seeds on all processors; returns those that failed, with what was lost.
fn run_all(seeds: &[u64]) -> Vec<(u64, String)> {
    let (next, failed) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let begun = Instant::now();
    let (answered, deaths) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let work = || {
        while let Some(seed) = seeds.get(next.fetch_add(1, Ordering::Relaxed)) {
            let (mut appliance, result) = run(*seed);
            match result {
                Ok((count, writing)) => {
                    deaths.fetch_add(writing, Ordering::Relaxed);
                    let all = answered.fetch_add(count, Ordering::Relaxed) + count;
                    let done = next.load(Ordering::Relaxed).min(seeds.len());
                    println!(
                        "seed {seed}: {count} operations answered, none lost ({done} of {} seeds, {all} operations, {} s)",
                        seeds.len(),
                        begun.elapsed().as_secs()
                    );
                }
                Err(what) => {
                    appliance.end();
                    appliance.dir.disable_cleanup(true);
                    println!(
                        "seed {seed}: {what}\nkept: {}",
                        appliance.dir.path().display()
                    );
                    let mut failed = failed.lock().unwrap_or_else(PoisonError::into_inner);
                    failed.push((*seed, what));
                }
            }
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(work);
        }
    });
    println!(
        "figure: {} seeds, {} deaths, {} of them within a write or soon after, {} operations answered, {} s",
        seeds.len(),
        u64::try_from(seeds.len()).unwrap() * DEATHS,
        deaths.into_inner(),
        answered.into_inner(),
        begun.elapsed().as_secs()
    );
    failed.into_inner().unwrap_or_else(PoisonError::into_inner)
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| {
        text.parse()
            .unwrap_or_else(|_| panic!("{name} is no number"))
    })
}

#[test]
fn nothing_answered_is_lost_when_the_process_is_killed() {
    let (count, from) = (
        number("HOLDFAST_TORTURE_SEEDS", 30),
        number("HOLDFAST_TORTURE_FROM", 1),
    );
    let fixtures = include_str!("failed.txt").lines();
    let fixtures = fixtures.filter_map(|line| line.split('#').next()?.trim().parse().ok());
    let seeds: Vec<u64> = fixtures.chain(from..from + count).collect();
    let failed = run_all(&seeds);
    let again = failed.first().map_or(0, |(seed, _)| *seed);
    assert!(
        failed.is_empty(),
        "run one again by HOLDFAST_TORTURE_FROM={again} HOLDFAST_TORTURE_SEEDS=1: {failed:#?}"
    );
}

/// The store of an appliance that is stopped.
struct Saved([Vec<u8>; 2]);

impl Saved {
    const FILES: [&str; 2] = ["data/store.redb", "data/store.keys"];

    fn of(appliance: &Appliance) -> Self {
        Self(Self::FILES.map(|name| std::fs::read(appliance.path(name)).unwrap()))
    }

    fn put_back(&self, appliance: &Appliance) {
        for (name, bytes) in Self::FILES.iter().zip(&self.0) {
            std::fs::write(appliance.path(name), bytes).unwrap();
        }
    }
}

/// Kinds of operations of which something can be lost: upkeep leaves nothing behind.
const LOSABLE: u64 = 4;

/// The judge sees each kind of loss: the store is put back to before an answered operation.
#[test]
fn loss_is_seen() {
    for kind in 0..LOSABLE {
        let mut appliance = keeping(ALL);
        let (mut model, mut random) = (Model::keeping(ALL), Random::new(kind));
        model.people.found(&appliance).unwrap();
        for part in model.parts() {
            assert!(part.next(&appliance, &mut random), "each is answered once");
        }
        appliance.stop();
        let before = Saved::of(&appliance);
        appliance.boot();
        judge(&appliance, &mut model, &mut random).unwrap();
        let before_it = model.answered();
        let index = usize::try_from(kind).unwrap();
        while model.answered() == before_it {
            assert!(model.parts()[index].next(&appliance, &mut random));
        }
        judge(&appliance, &mut model, &mut random).unwrap();
        appliance.stop();
        before.put_back(&appliance);
        appliance.boot();
        let lost = judge(&appliance, &mut model, &mut random);
        assert!(
            matches!(&lost, Err(what) if what.starts_with("LOST")),
            "kind {kind}: {lost:?}"
        );
    }
}
