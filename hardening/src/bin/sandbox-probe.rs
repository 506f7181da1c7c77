//! Tries one act that the server must not be able to do, in the server's sandbox. The server starts it, once for each act.

use std::process::ExitCode;

use holdfast_hardening::probe::program;

fn main() -> ExitCode {
    match program::run(std::env::args_os()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sandbox-probe: {error}");
            ExitCode::FAILURE
        }
    }
}
