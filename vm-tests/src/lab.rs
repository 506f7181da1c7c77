//! One test's temporary folder, keys and signed image.

use crate::{
    Spec,
    configuration::Configuration,
    disk,
    firmware::{KeyPair, enrol},
    inputs::{self, inputs},
    program::run,
};
use std::{
    path::{Path, PathBuf},
    process::Command,
};
use tempfile::TempDir;

/// The size to which a test's disk is grown: the image itself ends where its partitions end.
pub const DISK_SIZE: u64 = 1 << 30;

/// Everything that a test makes; removed at its end.
#[derive(Debug)]
pub struct Lab {
    folder: TempDir,
    /// The keys that the firmware trusts.
    pub keys: KeyPair,
    /// Firmware variables in which they are enrolled.
    pub variables: PathBuf,
    signed: PathBuf,
}

impl Lab {
    /// Makes keys, enrols them and signs the image.
    ///
    /// # Panics
    /// When a tool fails or an input is missing.
    #[allow(clippy::new_without_default, reason = "it runs programs for seconds")]
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let keys = KeyPair::make(folder.path(), "platform");
        let variables = folder.path().join("enrolled.fd");
        enrol(&keys, &variables);
        let signed = folder.path().join("signed.img");
        sign(&keys, &inputs().image, &signed);
        Self {
            folder,
            keys,
            variables,
            signed,
        }
    }

    /// A path in the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A machine with its own copy of the signed disk, grown to [`DISK_SIZE`], without configuration.
    pub fn spec(&self, name: &str) -> Spec {
        self.spec_of(name, &self.signed)
    }

    /// A machine with its own copy of another disk.
    ///
    /// # Panics
    /// When the folder is full.
    pub fn spec_of(&self, name: &str, image: &Path) -> Spec {
        let copy = self.path(&format!("{name}-disk.img"));
        // The image is mostly holes, and in the Nix store it is read-only.
        let sparse = ["--sparse=always", "--reflink=auto", "--no-preserve=mode"];
        run(Command::new("cp").args(sparse).arg(image).arg(&copy));
        if std::fs::metadata(&copy).expect("the copy is there").len() < DISK_SIZE {
            disk::grow(&copy, DISK_SIZE);
        }
        Spec::new(self.path(name), &self.variables, copy)
    }

    /// A machine with the image of `image/lab`, signed by the same keys, and the least configuration: the released root, and
    /// units beside it that make its parts fail.
    pub fn faulty(&self, name: &str) -> Spec {
        let signed = self.path("faulty-signed.img");
        if !signed.exists() {
            sign(&self.keys, &inputs::lab_image(), &signed);
        }
        let mut spec = self.spec_of(name, &signed);
        Configuration::new(spec.port).by_smbios(&mut spec);
        spec
    }

    /// A machine with the signed disk and the least configuration, by SMBIOS.
    pub fn configured(&self, name: &str) -> Spec {
        let mut spec = self.spec(name);
        Configuration::new(spec.port).by_smbios(&mut spec);
        spec
    }
}

/// Signs the unsigned disk `image` with `keys`, by the program that operators use.
///
/// # Panics
/// When it fails.
pub fn sign(keys: &KeyPair, image: &Path, output: &Path) {
    let mut command = Command::new(&inputs().sign);
    command
        .arg("--key")
        .arg(&keys.key)
        .arg("--cert")
        .arg(&keys.certificate);
    run(command.arg(image).arg(output));
}
