//! `holdfast listen`: opens the sockets as a systemd .socket unit would, then becomes `holdfast serve`.
//!
//! Protocol: sd_listen_fds(3). The process keeps its id over exec, so LISTEN_PID is its own. Descriptors are passed from
//! number 3 on; where something inherited takes that place, the first number is told by LISTEN_FDS_FIRST_FD, which the
//! listenfd crate reads.

use std::net::TcpListener;
use std::os::fd::{AsFd, AsRawFd as _, OwnedFd};
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use rustix::io::{FdFlags, fcntl_dupfd_cloexec, fcntl_setfd};

use crate::Failure;
use crate::cli::ListenArgs;

/// The first descriptor of the protocol.
const FIRST: i32 = 3;
/// From where on contiguous numbers are sought if the low ones are taken.
const SPARE: i32 = 64;

/// Opens the sockets and turns this process into the server. Returns only on failure.
pub fn listen(args: &ListenArgs) -> Result<(), Failure> {
    let mut sockets = Vec::new();
    for address in &args.listen {
        let socket = TcpListener::bind(address).map_err(|error| {
            format!(
                "cannot listen on {address}: {error}; choose another --listen, or stop what uses it"
            )
        })?;
        sockets.push(OwnedFd::from(socket));
    }
    if !contiguous(&sockets) {
        sockets = moved(&sockets)?;
    }
    let first = sockets.first().map_or(FIRST, |socket| socket.as_raw_fd());
    for socket in &sockets {
        fcntl_setfd(socket.as_fd(), FdFlags::empty())
            .map_err(|error| format!("cannot pass a socket on: {error}; try again"))?;
    }
    let program = std::env::current_exe().map_err(|error| {
        format!("cannot find this program's own file: {error}; start it by its full path")
    })?;
    let mut command = Command::new(program);
    command
        .arg("serve")
        .args(&args.serve)
        .env("LISTEN_PID", std::process::id().to_string())
        .env("LISTEN_FDS", sockets.len().to_string())
        .env("LISTEN_FDNAMES", vec!["https"; sockets.len()].join(":"));
    if first == FIRST {
        command.env_remove("LISTEN_FDS_FIRST_FD");
    } else {
        command.env("LISTEN_FDS_FIRST_FD", first.to_string());
    }
    let error = command.exec();
    Err(format!(
        "cannot start `holdfast serve`: {error}; check that the program's file is still there"
    )
    .into())
}

fn contiguous(sockets: &[OwnedFd]) -> bool {
    sockets
        .iter()
        .zip(sockets.iter().skip(1))
        .all(|(one, next)| one.as_raw_fd().checked_add(1) == Some(next.as_raw_fd()))
}

fn moved(sockets: &[OwnedFd]) -> Result<Vec<OwnedFd>, Failure> {
    let mut copies = Vec::new();
    let mut least = SPARE;
    for socket in sockets {
        let copy = fcntl_dupfd_cloexec(socket.as_fd(), least)
            .map_err(|error| format!("cannot number the sockets: {error}; try again"))?;
        least = copy.as_raw_fd().saturating_add(1);
        copies.push(copy);
    }
    if contiguous(&copies) {
        Ok(copies)
    } else {
        Err(
            "cannot number the sockets in one row; start this without inherited file descriptors"
                .into(),
        )
    }
}
