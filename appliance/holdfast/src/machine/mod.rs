//! The root-side units of the image: what the server itself has no power to do.
//!
//! `mounts` takes execution away from writable mounts and has the first look at the disks, `setup` turns credentials into a
//! running configuration, brings up the data partition and asks on the console for what opens it where the configuration says
//! so, `teardown` unmounts it, `run` keeps the console page and the newest lines of the log, answers the server's questions and
//! listens to the power button.

mod addresses;
mod cmdline;
mod console;
mod conversation;
mod data;
mod disks;
mod error;
mod ext4;
mod firmware;
mod gpt;
mod journal;
mod look;
mod metrics;
mod mounts;
mod network;
mod plan;
mod power;
mod ring;
mod run;
mod setup;
mod show;
mod sources;
mod terminal;
mod unlock;
mod variables;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::process::ExitCode;

use clap::Subcommand;

/// The units of the image; of no use elsewhere.
#[derive(Debug, Clone, Copy, Subcommand)]
pub enum MachineCommand {
    /// Put nosuid, nodev and noexec on every writable mount
    Mounts,
    /// Read and check the configuration, bring up the data partition, ask for what opens it if it is to be typed
    Setup,
    /// Unmount the data partition
    Teardown,
    /// Keep the console page and the log, answer the server, listen to the power button
    Run,
}

/// Where set-up found each credential, by name; empty where none ran.
#[must_use]
pub fn credential_sources() -> BTreeMap<String, String> {
    setup::Outcome::load().unwrap_or_default().sources
}

/// Runs one of the units. What people need to know is on the console when it returns.
#[must_use]
pub fn run(command: MachineCommand) -> ExitCode {
    let result = match command {
        MachineCommand::Mounts => mounts::restrict().inspect(|()| look::Look::note()),
        MachineCommand::Setup => setup::setup(),
        MachineCommand::Teardown => data::unmount(),
        MachineCommand::Run => run::run(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            console::print(&format!("holdfast: refused: {error}\n"));
            ExitCode::FAILURE
        }
    }
}
