//! Whenever the power is cut: nothing that was answered is lost, nothing is there by half, and the machine comes up.
//!
//! Two runs are recorded write by write, the first boot and a later one. From each the disks of many power cuts are made and judged on
//! the host, and some of them booted. `HOLDFAST_POWER_CUT_STATES` says how many disks (40), `HOLDFAST_POWER_CUT_SEED` which.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use holdfast_vm_tests::{
    Device, Lab, limit,
    power_cut::{Cut, Kind, Random, Recorded, Recording, Steps},
    site::Page,
};
use std::{
    env, fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

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
    let large: Vec<u8> = (0..300_000)
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

/// Judges cuts until time is up; gives how many, and what was wrong.
fn judge(
    recorded: &mut Recorded,
    cuts: &[Cut],
    device: &Device,
    folder: &Path,
    wrong: &mut Vec<String>,
) -> usize {
    let end = Instant::now() + Duration::from_secs(setting("HOLDFAST_POWER_CUT_SECONDS", 3600));
    let mut done = 0;
    for cut in cuts.iter().take_while(|_| Instant::now() < end) {
        match recorded.judge(cut, device) {
            Ok(holds) => println!("{cut}: {holds}"),
            Err(what) => {
                println!("{cut}: WRONG: {what}");
                wrong.push(format!("{}: {cut}: {what}", folder.display()));
            }
        }
        done += 1;
    }
    done
}

/// Disks that no honest medium would leave: one in which an answered operation is gone, for each, and for each push one in which its
/// largest write is. Each must be found; says how many.
fn forgets(recorded: &mut Recorded, device: &Device) -> usize {
    let mut cuts = Vec::new();
    let plan = recorded.plan();
    let entries = &recorded.log.entries;
    for step in &recorded.steps.list {
        let flush = entries[..step.begun].iter().rposition(|entry| entry.flush);
        cuts.push((flush.map_or(0, |flush| flush + 1), step.answered));
        if step.name.starts_with("push") {
            let largest = (step.begun..step.answered).max_by_key(|index| entries[*index].sectors);
            cuts.push((largest.expect("a push writes"), entries.len()));
        }
    }
    let mut cuts: Vec<Cut> = cuts
        .into_iter()
        .map(|(durable, end)| match end == entries.len() {
            true => plan.forgetting(durable),
            false => Cut {
                durable,
                end,
                ..plan.boundaries().remove(0)
            },
        })
        .collect();
    cuts.sort_by_key(|cut| cut.durable);
    for cut in &cuts {
        let verdict = recorded.judge(cut, device);
        println!(
            "forgotten: {cut}: {}",
            verdict.as_ref().map_or_else(
                |what| what.lines().next().unwrap_or_default(),
                String::as_str
            )
        );
        assert!(
            verdict.is_err(),
            "{cut} breaks the promise and was not found: {verdict:?}"
        );
    }
    cuts.len()
}

#[test]
fn s40_power_cut_loses_nothing_answered() {
    let states = usize::try_from(setting("HOLDFAST_POWER_CUT_STATES", 40)).unwrap();
    let seed = setting("HOLDFAST_POWER_CUT_SEED", 7);
    let begin = Instant::now();
    let lab = Lab::new();
    let (mut one, device) = first(&lab);
    let mut two = later(&lab, &one, &device);
    println!("recorded in {:?}", begin.elapsed());
    let mut wrong = Vec::new();
    let mut figures = Vec::new();
    let mut booted = 0;
    for (name, recorded) in [("first boot", &mut one), ("later boot", &mut two)] {
        let (entries, plan) = (recorded.log.entries.len(), recorded.plan());
        let flushes = plan.flushes();
        let mut cuts = plan.choose(states / 2, seed);
        // A boot for the middle of what only a boot proves: making the partition, and a commit.
        let count = (states / 2 / BOOT_COST).max(if name == "first boot" { 2 } else { 1 });
        let mut random = Random::new(seed);
        let phases = plan.phases();
        let mut boots: Vec<Cut> = (0..count)
            .map(|turn| {
                let kind = [Kind::Torn, Kind::Reordered][turn % 2];
                plan.one(phases[(turn + 1) % phases.len()], kind, random.next())
            })
            .collect();
        if states >= 4 * flushes {
            cuts.extend(plan.boundaries());
        }
        cuts.sort_by_key(|cut| cut.durable);
        boots.sort_by_key(|cut| cut.durable);
        for phase in &recorded.phases {
            println!("{name}: from entry {}: {}", phase.begun, phase.name);
        }
        let began = Instant::now();
        let done = judge(recorded, &cuts, &device, Path::new(name), &mut wrong);
        println!("{done} disks judged in {:?}", began.elapsed());
        recorded.rewind();
        for cut in &boots {
            match recorded.boot(cut, &device) {
                Ok(holds) => println!("{cut}, booted: {holds}"),
                Err(what) => {
                    println!("{cut}, booted: WRONG: {what}");
                    wrong.push(format!("{name}, booted: {cut}: {what}"));
                }
            }
            booted += 1;
        }
        recorded.rewind();
        let found = forgets(recorded, &device);
        println!("{name}: {found} disks that lack a flushed write, all found");
        figures.push(format!(
            "{name}: {entries} writes and flushes, {flushes} flushes, {done} disks"
        ));
    }
    assert!(
        wrong.is_empty(),
        "{} disks break the promise:\n{}",
        wrong.len(),
        wrong.join("\n\n")
    );
    println!(
        "figure: {}, {booted} booted, seed {seed}",
        figures.join("; ")
    );
}
