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

/// Replays the journal of the file system in `image`, as a mount does, and then checks all of it: nothing may be left to repair.
///
/// # Errors
/// With what e2fsck found.
///
/// # Panics
/// When e2fsck is missing.
pub fn recover(image: &Path) -> Result<(), String> {
    // 0: nothing to do; 1: repaired, here by replay and by the list of unlinked files that were open (e2fsck(8)).
    for (option, good) in [("-p", &[0, 1][..]), ("-fn", &[0])] {
        let (code, told) = e2fsck(&[option], image);
        if !code.is_some_and(|code| good.contains(&code)) {
            return Err(format!(
                "the file system is damaged: e2fsck {option} ends with {code:?}:\n{told}"
            ));
        }
    }
    Ok(())
}

/// Whether the superblock's checksum says that its two sectors do not belong together.
///
/// # Panics
/// When e2fsck is missing.
pub fn superblock_is_torn(image: &Path) -> bool {
    let (_, told) = e2fsck(&["-n"], image);
    told.contains("Superblock checksum does not match")
}

/// As [`recover`], by the copy of the superblock in the second group of blocks, which is what an operator does.
///
/// # Errors
/// As those of [`recover`].
///
/// # Panics
/// When e2fsck is missing.
pub fn recover_by_backup(image: &Path) -> Result<(), String> {
    let (code, told) = e2fsck(&["-fy", "-b", "32768", "-B", "4096"], image);
    match code {
        Some(0 | 1) => recover(image),
        _ => Err(format!(
            "e2fsck does not repair the superblock ({code:?}):\n{told}"
        )),
    }
}

fn e2fsck(options: &[&str], image: &Path) -> (Option<i32>, String) {
    let output = Command::new("e2fsck").args(options).arg(image).output();
    let output =
        output.unwrap_or_else(|error| panic!("e2fsck does not start: {error}; is it on PATH?"));
    let told = [output.stdout, output.stderr].concat();
    (
        output.status.code(),
        String::from_utf8_lossy(&told).into_owned(),
    )
}

/// Takes the file at `path` out of the file system in `image`; false where there is none.
///
/// # Errors
/// When debugfs cannot read it.
pub fn take(image: &Path, path: &str, to: &Path) -> Result<bool, String> {
    let debugfs = |request: &str| {
        let output = Command::new("debugfs")
            .args(["-R", request])
            .arg(image)
            .output();
        let output =
            output.map_err(|error| format!("debugfs does not start: {error}; is it on PATH?"))?;
        Ok::<_, String>(
            String::from_utf8_lossy(&output.stderr).into_owned()
                + &String::from_utf8_lossy(&output.stdout),
        )
    };
    let found = debugfs(&format!("stat {path}"))?;
    if found.contains("File not found by ext2_lookup") {
        return Ok(false);
    }
    let told = debugfs(&format!("dump {path} {}", to.display()))?;
    match to.exists() {
        true => Ok(true),
        false => Err(format!("{path} cannot be taken out: {found}{told}")),
    }
}
