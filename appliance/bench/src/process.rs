//! What the kernel tells of processes: CPUs, CPU time, memory (proc(5)).

use std::ffi::OsString;
use std::fs;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use rustix::process::{Signal, set_parent_process_death_signal};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use crate::Failure;

/// Ticks of /proc/PID/stat in a second: USER_HZ, which Linux fixes for programs.
const TICKS: f64 = 100.0;

/// The CPU of the load and that of the server: the first and the last that this process may use.
pub fn two_cpus() -> Result<(usize, usize), Failure> {
    let allowed = sched_getaffinity(None)?;
    let mut cpus = (0..CpuSet::MAX_CPU).filter(|cpu| allowed.is_set(*cpu));
    match (cpus.next(), cpus.next_back()) {
        (Some(load), Some(server)) => Ok((load, server)),
        _ => Err("a comparison needs two CPUs, one for the server and one for the load; run it on a larger machine".into()),
    }
}

/// Pins this thread, and what it starts, to a CPU.
pub fn pin(cpu: usize) -> Result<(), Failure> {
    let mut only = CpuSet::new();
    only.set(cpu);
    sched_setaffinity(None, &only).map_err(|error| {
        format!("cannot use CPU {cpu}: {error}; run this where that CPU is allowed").into()
    })
}

/// A command that runs pinned to `cpu` and ends with this process.
pub fn pinned(cpu: usize) -> Result<Command, Failure> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["pin", &cpu.to_string(), "--"]);
    Ok(command)
}

/// Becomes the program. Returns only on failure.
pub fn become_pinned(cpu: usize, command: &[OsString]) -> Result<(), Failure> {
    pin(cpu)?;
    set_parent_process_death_signal(Some(Signal::TERM))?;
    let (program, arguments) = command
        .split_first()
        .ok_or("no program to start; name one")?;
    let error = Command::new(program).args(arguments).exec();
    Err(format!(
        "cannot start {}: {error}; check its path",
        program.display()
    )
    .into())
}

/// Seconds of CPU time that these processes have used, in user and kernel mode.
pub fn cpu_seconds(processes: &[u32]) -> Result<f64, Failure> {
    let mut ticks = 0_u64;
    for process in processes {
        let fields = stat(*process)?;
        let field = |at: usize| fields.get(at).and_then(|field| field.parse::<u64>().ok());
        // utime and stime, fields 14 and 15 of the whole line.
        let used = field(11)
            .zip(field(12))
            .ok_or("the kernel's table of processes has another form; report this")?;
        ticks = ticks.saturating_add(used.0).saturating_add(used.1);
    }
    Ok(ticks as f64 / TICKS)
}

/// The fields of /proc/PID/stat behind the name: state, parent, …
fn stat(process: u32) -> Result<Vec<String>, Failure> {
    let text = fs::read_to_string(format!("/proc/{process}/stat"))
        .map_err(|error| format!("process {process} has ended ({error}); look at its log above"))?;
    let behind = text.rsplit_once(')').map_or("", |(_, behind)| behind);
    Ok(behind.split_whitespace().map(str::to_owned).collect())
}

/// The processes that `parent` has started.
pub fn children(parent: u32) -> Result<Vec<u32>, Failure> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let Some(process) = name.to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        let Ok(fields) = stat(process) else { continue };
        if fields.get(1) == Some(&parent.to_string()) {
            found.push(process);
        }
    }
    Ok(found)
}

/// Memory of these processes in MiB: pages that several of them share count once. Where the kernel does not tell the
/// shares (a process that may not be traced), its whole resident set.
pub fn memory(processes: &[u32]) -> Result<f64, Failure> {
    let mut sum = 0_u64;
    for process in processes {
        let shares = fs::read_to_string(format!("/proc/{process}/smaps_rollup"));
        let share = shares.ok().and_then(|text| kibibytes(&text, "Pss:"));
        let whole = || {
            let text = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
            kibibytes(&text, "VmRSS:")
        };
        let part = share
            .or_else(whole)
            .ok_or_else(|| format!("process {process} has ended; look at its log above"))?;
        sum = sum.saturating_add(part);
    }
    Ok(sum as f64 / 1024.0)
}

fn kibibytes(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn time_and_memory_of_this_process_are_told() {
        let me = std::process::id();
        let before = cpu_seconds(&[me]).unwrap();
        let start = std::time::Instant::now();
        while start.elapsed().as_millis() < 300 {
            std::hint::black_box(fs::metadata("/").unwrap());
        }
        let used = cpu_seconds(&[me]).unwrap() - before;
        assert!(used > 0.01, "{used}");
        assert!((0.5..4096.0).contains(&memory(&[me]).unwrap()));
    }

    #[test]
    fn a_started_process_is_a_child() {
        let mut child = Command::new("sleep").arg("10").spawn().unwrap();
        assert!(children(std::process::id()).unwrap().contains(&child.id()));
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn sizes_are_read_by_name() {
        assert_eq!(
            kibibytes("Rss:  12 kB\nPss:     345 kB\n", "Pss:"),
            Some(345)
        );
        assert_eq!(kibibytes("VmSize: 1 kB", "VmRSS:"), None);
    }
}
