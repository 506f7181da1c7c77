//! The load generator: a process of its own, as cheap for each request as it can be, so that the server's core is what
//! bounds the rate.
//!
//! One thread, epoll(7), rustls without buffers of its own, requests built once, and parsers that look at nothing but
//! status, length and content. The first answer of each connection is compared byte for byte, the others by status and
//! length.

mod http1;
mod http2;
mod run;
mod spec;
mod stream;

use std::process::{Child, Stdio};

pub use spec::{Kind, Report, Spec};

use crate::Failure;
use crate::process;

/// The child's side: does what the JSON says and prints the report.
pub fn child(spec: &str) -> Result<(), Failure> {
    let spec: Spec = serde_json::from_str(spec)?;
    run::run(&spec)
}

/// Starts a load on a CPU. Its report comes on its standard output; it ends when its standard input does.
pub fn start(cpu: usize, spec: &Spec) -> Result<Child, Failure> {
    let mut command = process::pinned(cpu)?;
    command
        .arg(std::env::current_exe()?)
        .arg("load")
        .arg(serde_json::to_string(spec)?);
    Ok(command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?)
}
