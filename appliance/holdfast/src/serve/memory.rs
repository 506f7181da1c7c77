//! How much memory there is, read before the sandbox: the defaults of the limits follow it.

use std::path::{Component, Path};

/// Where control groups are mounted (Linux, Documentation/admin-guide/cgroup-v2.rst).
const GROUPS: &str = "/sys/fs/cgroup";
/// The group of this process, relative to that.
const OWN: &str = "/proc/self/cgroup";

/// Bytes of memory: the machine's, or less where a control group above this process says so.
pub fn available() -> u64 {
    // Not /proc/meminfo, which the unit hides.
    let machine = rustix::system::sysinfo();
    let unit = u64::from(machine.mem_unit.max(1));
    let machine = machine.totalram.saturating_mul(unit);
    let own = std::fs::read_to_string(OWN).unwrap_or_default();
    of_groups(Path::new(GROUPS), &own).map_or(machine, |most| most.min(machine))
}

/// The least `memory.max` of the group that `own` names and of those above it; `None`: none sets one.
fn of_groups(root: &Path, own: &str) -> Option<u64> {
    let path = own.lines().find_map(|line| line.strip_prefix("0::/"))?;
    let path = Path::new(path);
    // A path that leads out of the mounted tree is of another namespace.
    if path.components().any(|part| part == Component::ParentDir) {
        return None;
    }
    let most = path.ancestors().filter_map(|group| {
        let text = std::fs::read_to_string(root.join(group).join("memory.max")).ok()?;
        text.trim().parse().ok()
    });
    most.min()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_narrowest_group_counts() {
        let root = tempfile::tempdir().unwrap();
        let unit = root.path().join("system.slice/holdfast.service");
        std::fs::create_dir_all(&unit).unwrap();
        let own = "0::/system.slice/holdfast.service\n";
        assert_eq!(of_groups(root.path(), own), None);
        std::fs::write(unit.join("memory.max"), "max\n").unwrap();
        assert_eq!(of_groups(root.path(), own), None);
        std::fs::write(root.path().join("system.slice/memory.max"), "200000000\n").unwrap();
        assert_eq!(of_groups(root.path(), own), Some(200_000_000));
        std::fs::write(unit.join("memory.max"), "100000000\n").unwrap();
        assert_eq!(of_groups(root.path(), own), Some(100_000_000));
        assert_eq!(of_groups(root.path(), "0::/../system.slice\n"), None);
        assert_eq!(of_groups(root.path(), "1:cpu:/x\n"), None);
    }

    #[test]
    fn the_machine_has_some() {
        assert!(available() > 16 << 20);
    }
}
