//! Measures the server against named peers, in the same run and on the same core.
//!
//! Both servers run at once, pinned to one CPU; a load generator of our own, pinned to another, visits them in turn. A
//! ratio of 1 or more always means that ours is better.

mod appliance;
#[allow(
    dead_code,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "the tests of the identity crate share it"
)]
#[path = "../../identity/src/authenticator.rs"]
mod authenticator;
mod certificate;
mod cli;
mod connection;
mod fetch;
mod load;
mod measure;
mod nginx;
mod people_rows;
mod process;
mod rows;
mod running;
mod site;
mod static_rows;
mod store_opening;
mod store_rows;
mod target;
mod tree;
mod versus;

use std::process::ExitCode;

use clap::Parser as _;

use cli::{Cli, Command};
use rows::Rows;

/// Why a measurement could not be taken.
type Failure = Box<dyn std::error::Error + Send + Sync>;

fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("holdfast-bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::All(args) => {
            let mut rows = Rows::new(args.versus.json.clone());
            static_rows::measure(&args.versus, &mut rows)?;
            connection::measure(&args.versus, &mut rows)?;
            site::measure(&args.dir, args.files, &args.versus.holdfast, &mut rows)?;
            store_rows::measure(&cli::StoreArgs::USUAL, &mut rows)?;
            people_rows::measure(&cli::PeopleArgs::USUAL, &mut rows)?;
            rows.finish()
        }
        Command::Static(args) => {
            let mut rows = Rows::new(args.json.clone());
            static_rows::measure(&args, &mut rows)?;
            rows.finish()
        }
        Command::Connection(args) => {
            let mut rows = Rows::new(args.json.clone());
            connection::measure(&args, &mut rows)?;
            rows.finish()
        }
        Command::Site(args) => {
            let mut rows = Rows::new(args.json.clone());
            site::measure(&args.dir, args.files, &args.holdfast, &mut rows)?;
            rows.finish()
        }
        Command::Store(args) => {
            let mut rows = Rows::new(args.json.clone());
            store_rows::measure(&args, &mut rows)?;
            rows.finish()
        }
        Command::People(args) => {
            let mut rows = Rows::new(args.json.clone());
            people_rows::measure(&args, &mut rows)?;
            rows.finish()
        }
        Command::Load { spec } => load::child(&spec),
        Command::Pin { cpu, command } => process::become_pinned(cpu, &command),
    }
}
