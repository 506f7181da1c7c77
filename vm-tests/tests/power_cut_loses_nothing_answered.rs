//! Whenever the power is cut: nothing that was answered is lost, nothing is there by half, and the machine comes up.
//!
//! Two runs are recorded write by write, the first boot and a later one. From each the disks of many power cuts are made and judged on
//! the host, and some of them booted. `HOLDFAST_POWER_CUT_STATES` says how many disks (30), `HOLDFAST_POWER_CUT_SEED` which.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use holdfast_vm_tests::{
    Device, Lab, limit,
    power_cut::{Cut, Entry, FORGOTTEN, Kind, Plan, Random, Recorded, Recording, Steps, TORN},
    site::Page,
};
use std::{collections::BTreeMap, env, fs, path::PathBuf, time::Instant};

/// A disk that is booted instead of judged on the host takes about as long as this many others.
const BOOT_COST: usize = 20;

fn setting(name: &str, usual: u64) -> u64 {
    let text = env::var(name).unwrap_or_else(|_| usual.to_string());
    let number = text.parse();
    number.unwrap_or_else(|_| panic!("{name} is `{text}`: give a whole number"))
}

/// A site in a folder of its own: two pages that every version has, three that are its own, and a file that is stored in
/// several chunks.
fn site(lab: &Lab, version: u64) -> (PathBuf, Vec<Page>) {
    let folder = lab.path(&format!("site-{version}"));
    fs::create_dir_all(&folder).unwrap();
    let mut random = Random::new(version);
    let large: Vec<u8> = (0..150_000)
        .flat_map(|_| random.next().to_le_bytes())
        .collect();
    let text = |name: &str, number: u64| {
        format!(
            "<!doctype html><title>{name}</title><p>{number}{}",
            " word".repeat(2000)
        )
    };
    let files = [
        ("common.html", text("common", 0).into_bytes()),
        ("data.bin", large),
        ("first.html", text("first", version).into_bytes()),
        ("index.html", text("index", version).into_bytes()),
        ("second.html", text("second", version).into_bytes()),
        ("shared.html", text("shared", 0).into_bytes()),
    ];
    let pages = files.map(|(name, content)| {
        fs::write(folder.join(name), &content).unwrap();
        Page {
            path: format!("/{name}"),
            content,
        }
    });
    (folder, pages.to_vec())
}

fn push(recording: &mut Recording, lab: &Lab, device: &Device, version: u64) {
    let (folder, pages) = site(lab, version);
    recording.step(
        &format!("push of version {version}"),
        device,
        Some(pages),
        || device.push(&folder),
    );
}

/// The first boot: a partition is made, a device enrolled, a version pushed.
fn first(lab: &Lab) -> (Recorded, Device) {
    let spec = lab.configured("machine");
    let mut recording = Recording::start(lab, spec, "first", &Steps::default());
    let code = recording
        .machine()
        .console
        .wait_field("code", &["-"], limit(60));
    let code = code.split_whitespace().next().unwrap().to_owned();
    let device = Device::known(lab, recording.machine(), "device");
    recording.step("enrolment", &device, None, || {
        device.run(&["enroll", "--name", "device"], &format!("{code}\n"));
    });
    push(&mut recording, lab, &device, 1);
    (recording.cut(), device)
}

/// A later boot of the same disk, whose plug was pulled: versions come, go live and go back, devices come and go.
fn later(lab: &Lab, before: &Recorded, device: &Device) -> Recorded {
    let mut recording = Recording::start(lab, before.spec.clone(), "later", &before.steps);
    push(&mut recording, lab, device, 2);
    recording.step("activation of version 1", device, None, || {
        device.run(&["site", "activate", "1"], "");
    });
    let code = device.json(&["device", "add"])["code"]
        .as_str()
        .unwrap()
        .to_owned();
    let other = Device::known(lab, recording.machine(), "other");
    recording.step("enrolment of another", device, None, || {
        other.run(&["enroll", "--name", "other"], &format!("{code}\n"));
    });
    push(&mut recording, lab, device, 3);
    recording.step("rollback", device, None, || {
        device.run(&["site", "rollback"], "");
    });
    recording.cut()
}

/// Sectors of the least write that is taken for content.
const LEAST: u64 = 128;

/// Writes of content of one push that are left out in turn. A page into which a neighbour comes later is written again elsewhere, and
/// nobody misses the first write of it then.
const CANDIDATES: usize = 8;

/// Disks that no honest medium would leave, each with the operation that it breaks: for each answered operation one without it, and for
/// each push some without one of its largest writes of content, where there are any that nothing wrote over.
fn broken(recorded: &Recorded) -> Vec<(String, Cut)> {
    let plan = recorded.plan();
    let entries = &recorded.log.entries;
    let mut cuts = Vec::new();
    for step in &recorded.steps.list {
        let flush = entries[..step.begun].iter().rposition(|entry| entry.flush);
        let without = Cut {
            durable: flush.map_or(0, |flush| flush + 1),
            end: step.answered,
            ..plan.boundaries().remove(0)
        };
        cuts.push((step.name.clone(), without));
        if step.name.starts_with("push") {
            // Sealed content looks random; what is zero or is written again may be missed by nobody.
            let sealed = |entry: &Entry| {
                let data = recorded.log.data(entry).unwrap();
                let mut counts = [0; 256];
                for byte in &data {
                    counts[usize::from(*byte)] += 1;
                }
                // Bitmaps of free pages have few zeros as well, but are shorter.
                entry.sectors >= LEAST && counts.iter().all(|count| *count <= data.len() / 64)
            };
            let lasts = |index: usize| {
                let (begin, end) = (
                    entries[index].sector,
                    entries[index].sector + entries[index].sectors,
                );
                let mut later = entries[index + 1..].iter();
                later.all(|entry| entry.sector + entry.sectors <= begin || end <= entry.sector)
            };
            let writes = (step.begun..step.answered)
                .filter(|index| lasts(*index) && sealed(&entries[*index]));
            let mut writes: Vec<_> = writes.collect();
            writes.sort_by_key(|index| std::cmp::Reverse(entries[*index].sectors));
            writes.truncate(CANDIDATES);
            let name = format!("a write of {}", step.name);
            cuts.extend(
                writes
                    .into_iter()
                    .map(|index| (name.clone(), plan.forgetting(index))),
            );
        }
    }
    cuts.sort_by_key(|(_, cut)| cut.durable);
    cuts
}

/// What the disks of a recording hold.
struct Verdicts {
    device: Device,
    wrong: Vec<String>,
    judged: usize,
    torn: Vec<Cut>,
    booted: usize,
    found: usize,
    forgotten: usize,
}

impl Verdicts {
    fn judge(&mut self, recorded: &mut Recorded, cuts: &[Cut]) {
        recorded.rewind();
        for cut in cuts {
            let verdict = recorded.judge(cut, &self.device);
            if verdict.as_ref().is_ok_and(|holds| holds.starts_with(TORN)) {
                self.torn.push(cut.clone());
            }
            self.note(cut, "", verdict);
            self.judged += 1;
        }
    }

    fn boot(&mut self, recorded: &mut Recorded, cuts: &[Cut]) {
        recorded.rewind();
        for cut in cuts {
            let verdict = recorded.boot(cut, &self.device);
            self.note(cut, ", booted", verdict);
            self.booted += 1;
        }
    }

    fn note(&mut self, cut: &Cut, how: &str, verdict: Result<String, String>) {
        match verdict {
            Ok(holds) => println!("{cut}{how}: {holds}"),
            Err(what) => {
                println!("{cut}{how}: WRONG: {what}");
                self.wrong.push(format!("{cut}{how}: {what}"));
            }
        }
    }

    /// The check itself can fail.
    fn find_broken(&mut self, recorded: &mut Recorded) {
        recorded.rewind();
        let mut told: BTreeMap<String, bool> = BTreeMap::new();
        for (name, cut) in broken(recorded) {
            let found = told.entry(name).or_default();
            if *found {
                continue;
            }
            let Err(what) = recorded.judge(&cut, &self.device) else {
                assert_eq!(
                    cut.phase, FORGOTTEN,
                    "{cut} breaks the promise and was not found"
                );
                println!("{cut}: nobody misses this write");
                continue;
            };
            *found = true;
            println!("{cut}, broken: {}", what.lines().next().unwrap_or_default());
            // A forgotten write may end the program that reads it. An answer that is missing is told as such, or something else failed.
            assert!(
                cut.phase == FORGOTTEN || what.starts_with("LOST") || what.starts_with("HALF"),
                "{cut}: it was found for another reason: {what}"
            );
            self.found += 1;
            self.forgotten += usize::from(cut.phase == FORGOTTEN);
        }
        for (name, found) in told {
            println!(
                "without {name}: {}",
                if found { "found" } else { "not missed" }
            );
        }
        // With every write there it holds: so the others were found for what they lack.
        let last = recorded.plan().boundaries().pop().unwrap();
        let whole = Cut {
            durable: last.end,
            ..last
        };
        let verdict = recorded.judge(&whole, &self.device);
        self.note(&whole, ", with every write", verdict);
    }
}

#[test]
fn power_cut_loses_nothing_answered() {
    let states = usize::try_from(setting("HOLDFAST_POWER_CUT_STATES", 30)).unwrap();
    let seed = setting("HOLDFAST_POWER_CUT_SEED", 7);
    let begin = Instant::now();
    let lab = Lab::new();
    let (one, device) = first(&lab);
    let two = later(&lab, &one, &device);
    println!("recorded in {:?}", begin.elapsed());
    let mut verdicts = Verdicts {
        device,
        wrong: Vec::new(),
        judged: 0,
        torn: Vec::new(),
        booted: 0,
        found: 0,
        forgotten: 0,
    };
    let mut figures = Vec::new();
    for (name, mut recorded) in [("first boot", one), ("later boot", two)] {
        for phase in &recorded.phases {
            println!("{name}: from entry {}: {}", phase.begun, phase.name);
        }
        let plan = recorded.plan();
        let (entries, flushes) = (recorded.log.entries.len(), plan.flushes());
        let mut cuts = plan.choose(states / 2, seed);
        if states >= 4 * flushes {
            cuts.extend(plan.boundaries());
        }
        cuts.sort_by_key(|cut| cut.durable);
        let mut boots = boots(&plan, (states / 2 / BOOT_COST).max(1), seed);
        let before = verdicts.torn.len();
        verdicts.judge(&mut recorded, &cuts);
        if states >= 10 * BOOT_COST {
            boots.extend(verdicts.torn[before..].last().cloned());
        }
        boots.sort_by_key(|cut| cut.durable);
        verdicts.boot(&mut recorded, &boots);
        verdicts.find_broken(&mut recorded);
        figures.push(format!("{name} {entries} entries, {flushes} flushes"));
    }
    let Verdicts {
        wrong,
        judged,
        torn,
        booted,
        found,
        forgotten,
        ..
    } = verdicts;
    assert!(
        forgotten > 0,
        "no forgotten write of content was found, in any push"
    );
    let number = wrong.len();
    assert!(
        wrong.is_empty(),
        "{number} disks break the promise:\n{}",
        wrong.join("\n\n")
    );
    println!(
        "figure: {}, {judged} disks judged, {} with a torn superblock, {booted} booted, {found} of {found} broken ones found, {forgotten} of them by a forgotten write of content, seed {seed}",
        figures.join("; "),
        torn.len()
    );
}

/// Cuts in which a boot proves most: one for each phase in turn, from the making of the file system on.
fn boots(plan: &Plan<'_>, count: usize, seed: u64) -> Vec<Cut> {
    let mut random = Random::new(seed);
    let phases = plan.phases();
    let cuts = (0..count).map(|turn| {
        let kind = [Kind::Torn, Kind::Reordered][turn % 2];
        plan.one(phases[(turn + 2) % phases.len()], kind, random.next())
    });
    cuts.collect()
}
