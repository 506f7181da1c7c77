//! The holdfast binary: command line, configuration, wiring, start-up order.
//!
//! `serve` is the appliance's one process ([`serve`]), `machine` its root-side units ([`machine`]), the rest is for the
//! operator's workstation ([`client`], [`keys`]).

use std::process::ExitCode;

use clap::Parser as _;

/// As the standard library's, which panics when nobody reads any more (`| head`).
macro_rules! println {
    ($($text:tt)*) => {
        $crate::say::out(&format!("{}\n", format_args!($($text)*)))
    };
}

mod cli;
mod client;
mod config;
mod keys;
mod listen;
mod machine;
mod record_exit;
mod sandbox;
mod say;
mod serve;

use cli::{Cli, Command, ConfigCommand, SandboxCommand, SiteCommand, StoreCommand};

/// Overwrites what is given back before it is used again, so that copies of secrets in buffers that grew or moved do not
/// stay in memory.
#[global_allocator]
static ALLOCATOR: zeroizing_alloc::ZeroAlloc<std::alloc::System> =
    zeroizing_alloc::ZeroAlloc(std::alloc::System);

/// Any failure, already in words that end in what to do next.
type Failure = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    let outcome: Result<(), Failure> = match Cli::parse().command {
        Command::Machine(command) => return machine::run(command),
        Command::Serve(args) => return serve::serve(&args),
        Command::Sandbox(SandboxCommand::Check { json }) => sandbox::check(json),
        Command::Sandbox(SandboxCommand::Act(args)) => sandbox::act(&args),
        Command::RecordExit { data } => record_exit::record(data),
        Command::Listen(args) => listen::listen(&args),
        Command::Config(ConfigCommand::New(args)) => keys::new(&args),
        Command::Config(ConfigCommand::Check { dir, json }) => keys::check(&dir, json),
        Command::Enroll(args) => client::enrol::run(args),
        Command::Site(SiteCommand::Push(args)) => client::push::run(&args),
        Command::Status(args) => client::status::status(&args),
        Command::Config(ConfigCommand::Show(args)) => client::configuration::show(&args),
        Command::Logs(args) => client::logs::follow(&args),
        Command::Tls(command) => client::tls::run(&command),
        Command::Device(command) => client::devices::run(&command),
        Command::User(command) => client::users::run(&command),
        Command::Key(command) => client::keys::run(&command),
        Command::Store(StoreCommand::Verify(args)) => client::store::verify(&args),
        Command::Store(StoreCommand::Compact(args)) => client::store::compact(&args),
        Command::Reboot(args) => client::power::reboot(&args),
        Command::Poweroff(args) => client::power::power_off(&args),
        Command::Site(SiteCommand::Versions(args)) => client::site::versions(&args),
        Command::Site(SiteCommand::Activate(args)) => client::site::activate(&args),
        Command::Site(SiteCommand::Rollback(args)) => client::site::rollback(&args),
        Command::Site(SiteCommand::Diff(args)) => client::site_diff::run(&args),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("holdfast: {error}");
            client::exit_code(&*error)
        }
    }
}
