//! The system call filter, from the table in `seccomp.json`.
//!
//! Three filters, of which the kernel takes the strictest answer: `absent` answers as a kernel without the call would,
//! `refuse` answers with an error where ordinary code may ask, `allow` lets pass what is listed and ends the process at
//! anything else, which is what an intruder's code meets.

use std::io::Cursor;

use seccompiler::{BpfMap, TargetArch, apply_filter, compile_from_json};

use crate::Error;

const TABLE: &str = include_str!("seccomp.json");

/// The strictest last: it forbids to install more.
const ORDER: [&str; 3] = ["absent", "refuse", "allow"];

pub(crate) fn restrict() -> Result<(), Error> {
    let filters = compile()?;
    for name in ORDER {
        let filter = filters
            .get(name)
            .ok_or_else(|| Error::SystemCalls(format!("the table has no filter `{name}`")))?;
        apply_filter(filter).map_err(|e| Error::SystemCalls(e.to_string()))?;
    }
    Ok(())
}

fn compile() -> Result<BpfMap, Error> {
    let arch = TargetArch::try_from(std::env::consts::ARCH)
        .map_err(|e| Error::SystemCalls(e.to_string()))?;
    compile_from_json(Cursor::new(TABLE), arch).map_err(|e| Error::SystemCalls(e.to_string()))
}

#[cfg(test)]
mod tests;
