//! A program that tries one act and is nothing else: the image has it, since the server's own program, started once for each
//! act, costs most of the check's time with what it would need for serving.

use std::env::ArgsOs;
use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

use super::perform;
use crate::{Error, Filters, Limits, enter_with};

/// The command that tries the act `name` by the program at `program`, in the sandbox of `limits` and `filters`
/// ([`Filters::to_text`]). `folder` is the store's. [`run`] reads it.
#[must_use]
pub fn command(
    program: &str,
    name: &str,
    folder: &Path,
    limits: &Limits,
    filters: &str,
) -> Command {
    let mut command = Command::new(program);
    command
        .arg(name)
        .arg(folder)
        .arg(limits.open_files.to_string())
        .arg(limits.landlock.to_string())
        .arg(filters);
    command
}

/// The program itself, with its arguments.
///
/// # Errors
/// Arguments that are not those of [`command`], and whatever keeps it from trying.
pub fn run(arguments: ArgsOs) -> Result<(), Error> {
    let arguments: Vec<_> = arguments.skip(1).collect();
    let wrong = || Error::Probe("it is started by `holdfast serve` alone".to_owned());
    let [name, folder, open_files, landlock, filters] = arguments.as_slice() else {
        return Err(wrong());
    };
    let text = |argument: &OsString| argument.to_str().map(str::to_owned).ok_or_else(wrong);
    let limits = Limits {
        open_files: text(open_files)?.parse().map_err(|_| wrong())?,
        landlock: text(landlock)?.parse().map_err(|_| wrong())?,
    };
    let filters = Filters::from_text(&text(filters)?)?;
    perform(&text(name)?, Path::new(folder), || {
        enter_with(&limits, &filters).map(drop)
    })
}
