//! What the tests need from outside, by environment variable. All of them are required.

use std::{env, path::PathBuf, sync::LazyLock, time::Duration};

/// The files under test and the tools that are not found by `PATH`.
#[derive(Debug)]
pub struct Inputs {
    /// `HOLDFAST_IMAGE`: the unsigned raw disk image.
    pub image: PathBuf,
    /// `HOLDFAST_BIN`: the `holdfast` program, as an operator runs it on a workstation.
    pub binary: PathBuf,
    /// `HOLDFAST_SITE`: a folder with a built site of several pages.
    pub site: PathBuf,
    /// `HOLDFAST_SIGN`: the signing program, `sign --key K --cert C IN OUT` (PEM files).
    pub sign: PathBuf,
    /// `HOLDFAST_OVMF`: the folder with `OVMF_CODE_4M.secboot.fd` and `OVMF_VARS_4M.fd`.
    pub ovmf: PathBuf,
}

/// The inputs of this run.
///
/// # Panics
/// When a variable is not set or names nothing that exists.
pub fn inputs() -> &'static Inputs {
    static INPUTS: LazyLock<Inputs> = LazyLock::new(|| Inputs {
        image: existing("HOLDFAST_IMAGE", "the unsigned disk image (disk.img)"),
        binary: existing("HOLDFAST_BIN", "the holdfast program"),
        site: existing("HOLDFAST_SITE", "a folder with a built site"),
        sign: existing("HOLDFAST_SIGN", "the signing program"),
        ovmf: existing("HOLDFAST_OVMF", "the folder of OVMF_CODE_4M.secboot.fd"),
    });
    &INPUTS
}

/// `HOLDFAST_LAB_IMAGE`: the unsigned image of `image/lab`, for the tests that need something inside the machine to go wrong.
///
/// # Panics
/// When the variable is not set or names nothing that exists.
pub fn lab_image() -> PathBuf {
    existing(
        "HOLDFAST_LAB_IMAGE",
        "the disk.img of `nix build .#legacyPackages.x86_64-linux.lab`",
    )
}

fn existing(variable: &str, meaning: &str) -> PathBuf {
    let path = match env::var_os(variable) {
        Some(value) => PathBuf::from(value),
        None => panic!("{variable} is not set: set it to {meaning}; vm-tests/README.md lists all"),
    };
    assert!(
        path.exists(),
        "{variable} is {}, which does not exist",
        path.display()
    );
    path
}

/// A time limit that ends a hopeless wait. It is generous, since emulation on a busy machine is slow, and is
/// multiplied by `HOLDFAST_TIME_FACTOR` (a positive number, 1 when unset).
///
/// # Panics
/// When the factor is not a positive number.
pub fn limit(seconds: u64) -> Duration {
    static FACTOR: LazyLock<f64> = LazyLock::new(|| {
        let text = env::var("HOLDFAST_TIME_FACTOR").unwrap_or_else(|_| "1".into());
        match text.parse::<f64>() {
            Ok(factor) if factor > 0.0 && factor.is_finite() => factor,
            _ => panic!("HOLDFAST_TIME_FACTOR is `{text}`: give a positive number such as 2.5"),
        }
    });
    Duration::from_secs(seconds).mul_f64(*FACTOR)
}
