//! How the machine is, from the kernel's own files (proc(5)) and timesyncd's mark.

use std::fs;
use std::path::Path;

use holdfast_server::machine::{MachineStatus, SecureBoot};

use super::addresses;

/// timesyncd makes this file when a time server has set the clock for the first time since the boot.
const SYNCHRONISED: &str = "/run/systemd/timesync/synchronized";

/// Looks now. What cannot be read is zero. `secure_boot` is what set-up found, who alone sees the firmware's variables.
#[must_use]
pub fn current(secure_boot: SecureBoot) -> MachineStatus {
    let read = |path| fs::read_to_string(path).unwrap_or_default();
    let memory = read("/proc/meminfo");
    MachineStatus {
        addresses: addresses::current(),
        uptime_s: uptime(&read("/proc/uptime")),
        clock_synchronised: Path::new(SYNCHRONISED).exists(),
        load: load(&read("/proc/loadavg")),
        memory: field(&memory, "MemTotal:"),
        memory_available: field(&memory, "MemAvailable:"),
        secure_boot,
    }
}

/// Whole seconds, of `SECONDS.HUNDREDTHS …`.
fn uptime(text: &str) -> u64 {
    let seconds = text.split('.').next().map(str::parse);
    seconds.and_then(Result::ok).unwrap_or(0)
}

fn load(text: &str) -> [f64; 3] {
    let mut numbers = text.split(' ').map(|number| number.parse().unwrap_or(0.0));
    [(); 3].map(|()| numbers.next().unwrap_or(0.0))
}

/// A line `NAME KIB kB`, in bytes.
fn field(text: &str, name: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let kib = line.and_then(|rest| rest.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    kib.unwrap_or(0).saturating_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_files_are_read() {
        assert_eq!(uptime("12345.67 8000.00\n"), 12345);
        assert_eq!(load("0.10 1.25 3.00 1/80 400\n"), [0.1, 1.25, 3.0]);
        let memory = "MemTotal:         500000 kB\nMemFree: 1 kB\nMemAvailable:   300000 kB\n";
        assert_eq!(field(memory, "MemTotal:"), 512_000_000);
        assert_eq!(field(memory, "MemAvailable:"), 307_200_000);
        assert_eq!((uptime(""), field("", "MemTotal:")), (0, 0));
        let here = current(SecureBoot::Off);
        assert!(here.memory > 0 && here.uptime_s > 0, "{here:?}");
        assert_eq!(here.secure_boot, SecureBoot::Off);
    }
}
