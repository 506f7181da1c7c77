//! Lines on standard error.

use std::fmt::Display;
use std::io::Write as _;

/// Writes a line to standard error, as one piece: what is formatted straight into it comes in pieces of a few bytes, each a
/// system call here and a wake of the journal there.
pub fn line(text: &impl Display) {
    let line = format!("{text}\n");
    // Without standard error there is nobody to tell.
    let _ = std::io::stderr().write_all(line.as_bytes());
}
