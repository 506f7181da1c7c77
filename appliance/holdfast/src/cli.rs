//! The command line: what people type, and the help that teaches it.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

pub use keys::{KeyCommand, RotateArgs, StoreCommand, VerifyArgs};
pub use operate::{DeviceCommand, LogsArgs, PowerArgs, RevokeArgs, TlsCommand, TlsInstallArgs};
pub use users::{DeleteArgs, DisableArgs, EndArgs, InviteArgs, NameArgs, UserCommand};

use crate::machine::MachineCommand;

mod keys;
mod operate;
mod users;

/// Turns a folder of pages into a sealed machine, and talks to it.
#[derive(Debug, Parser)]
#[command(version, about, propagate_version = true, after_help = FIRST_STEPS, after_long_help = EXIT_CODES)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const FIRST_STEPS: &str = "\
First steps:
  1. holdfast config new --site https://www.example.org --portal https://portal.example.org secrets/
  2. boot the image with the files of secrets/ (it prints how)
  3. holdfast enroll --address www.example.org:443 --operator-key secrets/operator.key --identity SHA256:… --name laptop
  4. holdfast site push public/";

const EXIT_CODES: &str = "\
First steps:
  1. holdfast config new --site https://www.example.org --portal https://portal.example.org secrets/
  2. boot the image with the files of secrets/ (it prints how)
  3. holdfast enroll --address www.example.org:443 --operator-key secrets/operator.key --identity SHA256:… --name laptop
  4. holdfast site push public/

Exit codes:
  0  done
  1  something is wrong here: a file, the state folder, the network's name of the appliance
  2  wrong usage
  3  the appliance cannot be reached, is another one than was pinned, or the connection broke
  4  the appliance refused
  5  what the appliance has stored is not what was committed";

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make this workstation a device of an appliance
    ///
    /// By a one-time code (asked for, or read from standard input), or by the operator's key. The code is on the
    /// appliance's console until a first device is enrolled; later `holdfast device add` on an enrolled device makes one.
    /// With the code both sides prove that they know it; it never travels. With the operator's key the appliance
    /// must be recognised by --identity, which `holdfast config new` printed and the console shows.
    Enroll(EnrollArgs),
    /// Push a site and see its versions
    #[command(subcommand)]
    Site(SiteCommand),
    /// Show what the appliance runs and serves, and how it is
    Status(ClientArgs),
    /// Read the appliance's log: its own lines, the kernel's, and those of the units around it
    ///
    /// The newest lines are kept in the machine's memory, a few megabytes of them; a restart of the machine forgets them.
    Logs(LogsArgs),
    /// Install a web certificate while the appliance runs, look at it, remove it
    #[command(subcommand)]
    Tls(TlsCommand),
    /// List the devices, add one, revoke one
    #[command(subcommand)]
    Device(DeviceCommand),
    /// List the people, invite one, keep one out, end sessions
    #[command(subcommand)]
    User(UserCommand),
    /// See the keys, change them while the appliance serves, make a recovery key, destroy all
    #[command(subcommand)]
    Key(KeyCommand),
    /// Verify the whole store
    #[command(subcommand)]
    Store(StoreCommand),
    /// Restart the machine in order
    Reboot(PowerArgs),
    /// Switch the machine off in order
    Poweroff(PowerArgs),
    /// Make and check an appliance's configuration, and show the one in force
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Serve without a machine: open the sockets, then become `holdfast serve`
    ///
    /// Opens the sockets by systemd's LISTEN_FDS protocol. What follows `--` goes to `holdfast serve`:
    ///   holdfast listen --listen 127.0.0.1:8443 -- --credentials secrets/ --data data/
    Listen(ListenArgs),
    /// Serve on the sockets that systemd or `holdfast listen` passed (not for people)
    Serve(ServeArgs),
    /// Try what the server must not be able to do, and say what stopped it
    #[command(subcommand)]
    Sandbox(SandboxCommand),
    /// Keep how the server ended, as systemd tells it in the environment (not for people)
    #[command(hide = true)]
    RecordExit {
        /// Where the store is kept [default: $STATE_DIRECTORY, else /var/lib/holdfast]
        #[arg(long, value_name = "DIR")]
        data: Option<PathBuf>,
    },
    /// The root-side units of the image (not for people)
    #[command(subcommand, hide = true)]
    Machine(MachineCommand),
}

/// What every command that talks to an appliance takes.
#[derive(Debug, Args)]
pub struct ClientArgs {
    /// The appliance, if more than one is known here
    #[arg(long, value_name = "HOST:PORT")]
    pub address: Option<String>,
    /// Where the device key and the known appliances are kept [default: $XDG_STATE_HOME/holdfast]
    #[arg(long, value_name = "DIR")]
    pub state: Option<PathBuf>,
    /// Write JSON to standard output
    #[arg(long)]
    pub json: bool,
}

/// `holdfast enroll`
#[derive(Debug, Args)]
pub struct EnrollArgs {
    /// Where the appliance answers
    #[arg(
        long,
        value_name = "HOST:PORT",
        required_unless_present = "url",
        conflicts_with = "url"
    )]
    pub address: Option<String>,
    /// The site's or portal's URL, instead of --address
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
    /// The code from the console or from `holdfast device add`; better left out, since other users of this machine can see it here
    #[arg(long, conflicts_with = "operator_key")]
    pub code: Option<String>,
    /// The operator's private key, as `holdfast config new` made it
    #[arg(long, value_name = "FILE", requires = "identity")]
    pub operator_key: Option<PathBuf>,
    /// The appliance's identity, from its console or from `holdfast config new`
    #[arg(long, value_name = "SHA256:…")]
    pub identity: Option<String>,
    /// What to call this device
    #[arg(long)]
    pub name: String,
    /// Where the device key and the known appliances are kept [default: $XDG_STATE_HOME/holdfast]
    #[arg(long, value_name = "DIR")]
    pub state: Option<PathBuf>,
    /// Write JSON to standard output
    #[arg(long)]
    pub json: bool,
}

/// `holdfast site …`
#[derive(Debug, Subcommand)]
pub enum SiteCommand {
    /// Push a folder and make it live
    ///
    /// Takes the output of any static generator. Files are hashed and compressed here; only what the appliance lacks
    /// travels; the new version goes live at once, as a whole, or not at all.
    Push(PushArgs),
    /// List the versions that the appliance holds
    Versions(ClientArgs),
    /// Make a version live, at once and as a whole
    Activate(ActivateArgs),
    /// Make the version live that was live before
    ///
    /// Twice in a row comes back to where it began.
    Rollback(ClientArgs),
    /// Show what differs between two versions, or between a version and a folder
    ///
    /// Without arguments: the version that was live before and the live one. With one: that version, and the live one; or
    /// the live one, and that folder.
    Diff(DiffArgs),
}

/// `holdfast site push`
#[derive(Debug, Args)]
pub struct PushArgs {
    /// The folder with the pages
    pub dir: PathBuf,
    /// Check the folder and say what would travel, without changing anything
    #[arg(long)]
    pub dry_run: bool,
    /// Store the version, and leave the live one live
    #[arg(long, conflicts_with = "dry_run")]
    pub no_activate: bool,
    /// The appliance.
    #[command(flatten)]
    pub client: ClientArgs,
}

/// `holdfast site activate`
#[derive(Debug, Args)]
pub struct ActivateArgs {
    /// Number of the version, as `holdfast site versions` lists it
    #[arg(value_name = "V")]
    pub number: u64,
    /// The appliance.
    #[command(flatten)]
    pub client: ClientArgs,
}

/// `holdfast site diff`
#[derive(Debug, Args)]
pub struct DiffArgs {
    /// Number of a version, or a folder (`./7` for one whose name is a number)
    #[arg(value_name = "V1")]
    pub from: Option<String>,
    /// Number of a version, or a folder
    #[arg(value_name = "V2|DIR")]
    pub to: Option<String>,
    /// The appliance.
    #[command(flatten)]
    pub client: ClientArgs,
}

/// `holdfast config …`
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Make a configuration with fresh keys
    New(ConfigNewArgs),
    /// Show the configuration that an appliance runs with, without its secrets, and where each credential came from
    Show(ClientArgs),
    /// Check a folder of credentials as the appliance would
    Check {
        /// The folder with `holdfast.toml` and the secrets beside it
        dir: PathBuf,
        /// Write JSON to standard output
        #[arg(long)]
        json: bool,
    },
}

/// `holdfast config new`
#[derive(Debug, Args)]
pub struct ConfigNewArgs {
    /// The site's URL, exactly as browsers will see it, with the port if it is not 443
    #[arg(long, value_name = "URL")]
    pub site: String,
    /// The portal's URL; better another host name than the site's
    #[arg(long, value_name = "URL")]
    pub portal: String,
    /// Enrol the first device by a code on the console instead of an operator's key
    #[arg(long)]
    pub console_code: bool,
    /// Open the data by a passphrase that somebody types on the machine's console at each start, instead of a root key
    #[arg(long)]
    pub unlock_on_console: bool,
    /// Write JSON to standard output
    #[arg(long)]
    pub json: bool,
    /// Where to write; made if it does not exist
    pub outdir: PathBuf,
}

/// `holdfast listen`
#[derive(Debug, Args)]
pub struct ListenArgs {
    /// Where to listen; may be given several times
    #[arg(long, value_name = "ADDR:PORT", required = true)]
    pub listen: Vec<SocketAddr>,
    /// Arguments for `holdfast serve`
    #[arg(last = true)]
    pub serve: Vec<std::ffi::OsString>,
}

/// `holdfast serve`
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// The folder with `holdfast.toml` and the secrets [default: $CREDENTIALS_DIRECTORY]
    #[arg(long, value_name = "DIR")]
    pub credentials: Option<PathBuf>,
    /// Where the store is kept [default: $STATE_DIRECTORY, else /var/lib/holdfast]
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
}

/// `holdfast sandbox …`
#[derive(Debug, Subcommand)]
pub enum SandboxCommand {
    /// Try every forbidden act in child processes that enter the server's sandbox
    ///
    /// Prints what stopped each. The server does the same at each start, and does not serve if one gets through. Ends
    /// with 1 if one does.
    Check {
        /// Write JSON to standard output
        #[arg(long)]
        json: bool,
    },
    /// Enter the sandbox and try one act (not for people)
    #[command(hide = true)]
    Act(SandboxActArgs),
}

/// `holdfast sandbox act`
#[derive(Debug, Args)]
pub struct SandboxActArgs {
    /// The act's name
    pub name: String,
    /// The folder of the store
    #[arg(long)]
    pub data: PathBuf,
    /// Most open descriptors
    #[arg(long)]
    pub open_files: u64,
    /// The oldest version of Landlock that is accepted
    #[arg(long)]
    pub landlock: u32,
}
