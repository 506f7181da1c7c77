//! A machine under record: its disk before, the log of its writes, and what it answered when.

use super::{Cut, Medium, Phase, Plan, SECTOR, Step, Steps, TORN, WriteLog, judge};
use crate::{
    Console, Device, Lab, Machine, Spec, gpt, limit,
    machine::{READY, SERVING},
    program::run,
    site::Page,
};
use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
    thread::sleep,
    time::{Duration, Instant},
};

/// What the console says of a machine that has a device and no site.
const WAITING: &str = "holdfast: state waiting for a site";
/// What ends a boot that does not serve.
const ENDS: [&str; 3] = ["Kernel panic", "holdfast: refused", "Unable to mount root"];

/// A machine that runs under record.
#[derive(Debug)]
pub struct Recording {
    folder: PathBuf,
    spec: Spec,
    base: PathBuf,
    log: PathBuf,
    machine: Machine,
    steps: Steps,
    phases: Vec<Phase>,
}

impl Recording {
    /// Starts the machine on the disk that it has and waits until it serves. `steps` are those that this disk holds already.
    ///
    /// # Panics
    /// When it does not start, with its console.
    pub fn start(lab: &Lab, mut spec: Spec, name: &str, steps: &Steps) -> Self {
        let folder = lab.path(name);
        fs::create_dir_all(&folder).expect("the temporary folder takes a folder");
        let (base, log) = (folder.join("base.img"), folder.join("writes.log"));
        let sparse = ["--sparse=always", "--reflink=auto"];
        run(Command::new("cp").args(sparse).arg(spec.disk()).arg(&base));
        File::create(&log).expect("the temporary folder takes a file");
        spec.write_log = Some(log.clone());
        let machine = spec.start();
        spec.write_log = None;
        serving(&machine.console).unwrap_or_else(|what| panic!("{what}"));
        let first = steps.after(steps.list.len()).clone();
        let steps = Steps {
            first,
            list: Vec::new(),
            pages: steps.pages.clone(),
        };
        let phases = vec![Phase {
            name: "start".into(),
            begun: 0,
        }];
        let mut recording = Self {
            folder,
            spec,
            base,
            log,
            machine,
            steps,
            phases,
        };
        let begun = recording.count();
        recording.phases.push(Phase {
            name: "idle".into(),
            begun,
        });
        recording
    }

    /// The machine.
    pub const fn machine(&self) -> &Machine {
        &self.machine
    }

    /// Runs an operation to its answer; then asks the machine what it shows. `pages` is what is live afterwards, where the
    /// operation is a push.
    ///
    /// # Panics
    /// When the operation panics, or the machine shows nothing new.
    pub fn step(
        &mut self,
        name: &str,
        device: &Device,
        pages: Option<Vec<Page>>,
        act: impl FnOnce(),
    ) {
        let begun = self.count();
        self.phases.push(Phase {
            name: name.to_owned(),
            begun,
        });
        act();
        let answered = self.count();
        // The console shows the first device a moment after the answer.
        let (begin, before) = (Instant::now(), self.steps.after(self.steps.list.len()));
        let shown = loop {
            let shown = judge::shown(&self.machine.console, device);
            if shown != *before {
                break shown;
            }
            assert!(
                begin.elapsed() < limit(20),
                "`{name}` shows nothing new: {shown:?}"
            );
            sleep(Duration::from_millis(200));
        };
        if let Some(pages) = pages {
            let live = shown.live().expect("a push makes a version live");
            self.steps.pages.insert(live, pages);
        }
        self.steps.list.push(Step {
            name: name.to_owned(),
            begun,
            answered,
            shown,
        });
    }

    /// Pulls the plug and reads the log.
    ///
    /// # Panics
    /// When the log is none.
    pub fn cut(self) -> Recorded {
        let Self {
            folder,
            spec,
            base,
            log,
            machine,
            steps,
            mut phases,
        } = self;
        drop(machine);
        let log = WriteLog::open(&log).unwrap_or_else(|error| panic!("{error}"));
        name_table_writes(&log, &mut phases);
        let entries = gpt::partitions(&base);
        let image = entries.iter().filter(|entry| entry.kind != gpt::DATA_TYPE);
        let begin = image
            .map(|entry| entry.range.end)
            .max()
            .expect("an image has partitions");
        let end = fs::metadata(&base).expect("the disk is there").len() / SECTOR * SECTOR;
        let medium = Medium::new(base, begin..end);
        Recorded {
            folder,
            spec,
            log,
            medium,
            steps,
            phases,
            before: entries,
        }
    }

    fn count(&self) -> usize {
        WriteLog::count(&self.log).unwrap_or_else(|error| panic!("{error}"))
    }
}

/// What a recording gives.
#[derive(Debug)]
pub struct Recorded {
    pub(super) folder: PathBuf,
    /// The machine, switched off.
    pub spec: Spec,
    /// The log of its writes.
    pub log: WriteLog,
    pub(super) medium: Medium,
    /// What it answered.
    pub steps: Steps,
    /// The stretches of the log.
    pub phases: Vec<Phase>,
    /// The partitions before the recording.
    pub(super) before: Vec<gpt::Partition>,
}

impl Recorded {
    /// The cuts that can be made.
    pub fn plan(&self) -> Plan<'_> {
        Plan::new(&self.log, &self.phases)
    }

    /// Goes back to the disk before the run, so that the next cut may be any.
    ///
    /// # Panics
    /// When that disk cannot be read.
    pub fn rewind(&mut self) {
        self.medium = self.medium.again();
    }

    /// Boots the machine from the disk of a cut: it must serve, hold what was answered, and take a new version. Says what it holds.
    ///
    /// # Errors
    /// With what is wrong.
    pub fn boot(&mut self, cut: &Cut, device: &Device) -> Result<String, String> {
        let held = self.judge(cut, device)?;
        let disk = self.folder.join("cut.img");
        self.medium.write_disk(&disk);
        let mut spec = self.spec.clone();
        disk.clone_into(&mut spec.disks[0].0);
        let machine = spec.start();
        let refused = serving(&machine.console);
        if let Err(what) = &refused
            && held.starts_with(TORN)
            && what.contains("mount the data partition")
        {
            return Ok(format!("{TORN}, refused"));
        }
        let result = refused
            .and_then(|()| self.holds(cut, &machine.console, device))
            .map(|count| format!("boots, {count} of {} operations", self.steps.list.len()));
        drop(machine);
        match &result {
            Err(_) => keep(&disk),
            Ok(_) => fs::remove_file(&disk).expect("the disk was just used"),
        }
        result
    }
}

/// Waits until a machine serves, in any of its states.
fn serving(console: &Console) -> Result<(), String> {
    let states = [&SERVING[..], &[WAITING]].concat();
    let line = console.find(&[&states[..], &ENDS].concat(), limit(240));
    match line {
        Some(line) if states.iter().any(|state| line.text.contains(state)) => Ok(()),
        _ => Err(format!("it does not serve:\n{}", console.tail(40))),
    }
}

/// Waits until a machine has shown that it is ready.
pub(super) fn ready(console: &Console) -> bool {
    console.find(&[READY], limit(60)).is_some()
}

/// Each write of the primary partition table is a phase of the start, and what follows it another.
fn name_table_writes(log: &WriteLog, phases: &mut Vec<Phase>) {
    let start = phases.get(1).map_or(usize::MAX, |phase| phase.begun);
    let mut place = 1_usize;
    for (index, entry) in log.entries.iter().enumerate().take(start) {
        if entry.sector <= 1 && 1 < entry.sector + entry.sectors {
            let number = place.div_ceil(2);
            let names = [
                format!("partition table {number}"),
                format!("after partition table {number}"),
            ];
            for (name, begun) in names.into_iter().zip(index..) {
                phases.insert(place, Phase { name, begun });
                place += 1;
            }
        }
    }
}

/// Keeps the disk of a failure for people, where `HOLDFAST_LOGS` names a folder.
pub(super) fn keep(file: &Path) {
    if let (Some(folder), Some(name)) = (std::env::var_os("HOLDFAST_LOGS"), file.file_name()) {
        let sparse = ["--sparse=always", "--backup=numbered"];
        // A copy that cannot be made must not hide the verdict.
        let _ = Command::new("cp")
            .args(sparse)
            .arg(file)
            .arg(Path::new(&folder).join(name))
            .status();
    }
}
