//! Lines on standard error and standard output.

use std::fmt::Display;
use std::io::Write as _;

/// Writes a line to standard error, as one piece: what is formatted straight into it comes in pieces of a few bytes, each a
/// system call here and a wake of the journal there.
pub fn line(text: &impl Display) {
    let line = format!("{text}\n");
    // Without standard error there is nobody to tell.
    let _ = std::io::stderr().write_all(line.as_bytes());
}

/// Writes to standard output. Whoever closed it (`| head`) has had enough, and what is being done goes on to its end; anything else
/// that keeps it from being written ends the program with 1, since what was asked for would be lost.
pub fn out(text: &str) {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            line(&format_args!(
                "holdfast: standard output cannot be written: {error}"
            ));
            std::process::exit(1)
        }
        _ => {}
    }
}
