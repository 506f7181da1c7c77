//! The file system of a data partition, written and read by e2fsprogs' debugfs while the machine is switched off: what an owner of
//! the disk can put there, whatever the machine would allow.

use crate::{gpt::Partition, program::run};
use std::{fmt::Write as _, fs, path::Path, process::Command};

/// A file to be put into a file system.
#[derive(Debug, Clone)]
pub enum File<'a> {
    /// A regular file with these bytes.
    Regular(&'a [u8]),
    /// The device of a character device with this major and minor number.
    Device(u8, u8),
    /// A symbolic link.
    Link(&'a str),
}

/// Makes `folder` at the root of the file system in `partition` and puts `files` into it: name, mode with type and
/// set-user-id bit (`inode(7)`), content. All belong to root.
///
/// # Panics
/// When debugfs fails, or a file does not look as it should afterwards.
pub fn put(disk: &Path, partition: &Partition, folder: &str, files: &[(&str, u32, File<'_>)]) {
    let scratch = disk.with_extension("ext4-files");
    fs::create_dir_all(&scratch).expect("the temporary folder takes a folder");
    let mut commands = format!("mkdir /{folder}\ncd /{folder}\n");
    for (name, _, file) in files {
        // Writing to a string cannot fail.
        let _ = match file {
            File::Regular(content) => {
                let source = scratch.join(name);
                fs::write(&source, content).expect("the temporary folder takes a file");
                writeln!(commands, "write {} {name}", source.display())
            }
            File::Device(major, minor) => writeln!(commands, "mknod {name} c {major} {minor}"),
            File::Link(target) => writeln!(commands, "symlink {name} {target}"),
        };
    }
    commands += "cd /\n";
    let modes = files
        .iter()
        .map(|(name, mode, _)| (format!("/{folder}/{name}"), *mode));
    let modes: Vec<_> = std::iter::once((format!("/{folder}"), 0o040_755))
        .chain(modes)
        .collect();
    for (path, mode) in &modes {
        let _ = writeln!(
            commands,
            "sif {path} mode 0{mode:o}\nsif {path} uid 0\nsif {path} gid 0"
        );
    }
    let script = scratch.join("commands");
    fs::write(&script, commands).expect("the temporary folder takes a file");
    let place = format!("{}?offset={}", disk.display(), partition.range.start);
    let debugfs = || Command::new("debugfs");
    run(debugfs().args(["-w", "-f"]).arg(&script).arg(&place));
    // It ends well whatever its commands did.
    for (path, mode) in &modes {
        let found = run(debugfs().args(["-R", &format!("stat {path}")]).arg(&place));
        let wanted = format!("Mode:  0{:o} ", mode & 0o7777);
        assert!(found.contains(&wanted), "{path}: not {wanted}:\n{found}");
    }
}
