//! FAT file systems, written and read by mtools: the EFI system partition and the configuration disk.

use crate::{gpt, program::call};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Where the firmware looks for what to boot (UEFI 2.10, section 3.5.1.1).
pub const BOOT_FILE: &str = "/EFI/BOOT/BOOTX64.EFI";

/// The FAT file system of the ESP in a disk image.
#[derive(Debug, Clone)]
pub struct Esp {
    drive: String,
    scratch: PathBuf,
}

impl Esp {
    /// The first partition of `disk`.
    pub fn of(disk: &Path) -> Self {
        let first = gpt::partitions(disk).remove(0);
        let drive = format!("{}@@{}", disk.display(), first.range.start);
        Self {
            drive,
            scratch: disk.with_extension("esp-file"),
        }
    }

    /// The content of a file.
    ///
    /// # Panics
    /// When it is not there.
    pub fn read(&self, path: &str) -> Vec<u8> {
        let scratch = self
            .scratch
            .to_str()
            .expect("temporary folders have UTF-8 names");
        call(
            "mcopy",
            ["-n", "-o", "-i", &self.drive, &format!("::{path}"), scratch],
        );
        fs::read(scratch).expect("mcopy wrote the file")
    }

    /// Writes a file; folders on the way must exist.
    ///
    /// # Panics
    /// When it does not fit.
    pub fn write(&self, path: &str, content: &[u8]) {
        fs::write(&self.scratch, content).expect("the temporary folder takes a file");
        let scratch = self
            .scratch
            .to_str()
            .expect("temporary folders have UTF-8 names");
        call(
            "mcopy",
            ["-o", "-i", &self.drive, scratch, &format!("::{path}")],
        );
    }

    /// Makes a folder.
    ///
    /// # Panics
    /// When it exists.
    pub fn folder(&self, path: &str) {
        call("mmd", ["-i", &self.drive, &format!("::{path}")]);
    }
}

/// Makes a configuration disk: a FAT file system over the whole disk, labelled `HOLDFASTCFG`, with the files given.
///
/// # Panics
/// When mtools fails.
pub fn configuration_disk(path: &Path, files: &[(&str, &str)]) {
    let file = fs::File::create(path).expect("a disk file can be made");
    file.set_len(8 << 20).expect("a disk file can be made");
    let drive = path.to_str().expect("temporary folders have UTF-8 names");
    call("mformat", ["-i", drive, "-v", "HOLDFASTCFG", "::"]);
    let esp = Esp {
        drive: drive.to_owned(),
        scratch: path.with_extension("file"),
    };
    for (name, content) in files {
        esp.write(&format!("/{name}"), content.as_bytes());
    }
}
