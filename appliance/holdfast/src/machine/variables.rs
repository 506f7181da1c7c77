//! Whether the kernel's variables are as the image's sysctl.d(5) file sets them: systemd-sysctl(8) passes over what this
//! kernel has not, and nobody else would tell.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

/// What the image sets.
const FILE: &str = "/usr/lib/sysctl.d/50-holdfast.conf";
/// Where the kernel shows what is in force (proc_sys(5)).
const SYS: &str = "/proc/sys";

/// The variables of a file, each as `NAME=VALUE`, by what became of them.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Variables {
    in_force: Vec<String>,
    /// With the value that stands instead.
    different: Vec<String>,
    /// This kernel does not know them.
    absent: Vec<String>,
}

/// Compares the image's file with the kernel; `None` where there is no such file, outside of the image.
#[must_use]
pub fn current() -> Option<Variables> {
    let text = fs::read_to_string(FILE).ok()?;
    let read = |name: &str| fs::read_to_string(place(Path::new(SYS), name)).ok();
    Some(compare(&text, read))
}

/// A dot in a name is a folder.
fn place(sys: &Path, name: &str) -> PathBuf {
    sys.join(name.replace('.', "/"))
}

fn compare(file: &str, read: impl Fn(&str) -> Option<String>) -> Variables {
    let mut variables = Variables::default();
    let lines = file.lines().map(str::trim);
    let settings = lines.filter(|line| !line.starts_with(['#', ';']));
    for (name, wanted) in settings.filter_map(|line| line.split_once('=')) {
        let (name, wanted) = (name.trim().trim_start_matches('-'), wanted.trim());
        match read(name).as_deref().map(str::trim) {
            Some(found) if found == wanted => variables.in_force.push(format!("{name}={found}")),
            Some(found) => variables.different.push(format!("{name}={found}")),
            None => variables.absent.push(name.to_owned()),
        }
    }
    variables
}

impl fmt::Display for Variables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "kernel variables in force: {}", self.in_force.join(" "))?;
        for (what, some) in [
            ("not as the image sets them", &self.different),
            ("not in this kernel, or not readable", &self.absent),
        ] {
            if !some.is_empty() {
                write!(f, "; {what}: {}", some.join(" "))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_variable_of_the_file_is_told_as_the_kernel_has_it() {
        let file = "# A comment = 1\n\nvm.memfd_noexec = 2\n-kernel.sysrq = 0\n; another = 2\n net.core.somaxconn=4096 \nkernel.panic = 10\n";
        let read = |name: &str| match name {
            "vm.memfd_noexec" => Some("2\n".to_owned()),
            "net.core.somaxconn" => Some("4096".to_owned()),
            "kernel.panic" => Some("0\n".to_owned()),
            _ => None,
        };
        assert_eq!(
            compare(file, read).to_string(),
            "kernel variables in force: vm.memfd_noexec=2 net.core.somaxconn=4096; \
             not as the image sets them: kernel.panic=0; not in this kernel, or not readable: kernel.sysrq"
        );
        assert_eq!(
            place(Path::new(SYS), "net.ipv4.conf.all.rp_filter"),
            Path::new("/proc/sys/net/ipv4/conf/all/rp_filter")
        );
    }
}
