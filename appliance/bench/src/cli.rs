//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// Measures Holdfast against Debian's nginx and plain redb, and by itself.
#[derive(Debug, Parser)]
#[command(version, about)]
pub struct Cli {
    /// What to measure.
    #[command(subcommand)]
    pub command: Command,
}

/// The measurements.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Everything below, one after the other
    All(AllArgs),
    /// Static files over HTTPS, handshakes and memory, against nginx
    Static(VersusArgs),
    /// Memory of an idle connection, against nginx
    Connection(VersusArgs),
    /// Push, change, roll back and restart with a large tree of files; every file is compared byte for byte
    Site(SiteArgs),
    /// The sealed store against plain redb: writing, reading, group commit, and opening after a kill
    Store(StoreArgs),
    /// Passkey sign-ins, look-ups of sessions and their memory, and whether a name takes another time than none
    People(PeopleArgs),
    /// Generate load as this JSON says (started by the others)
    #[command(hide = true)]
    Load {
        /// What to do.
        spec: String,
    },
    /// Become a program that is pinned to a CPU and ends with its parent (started by the others)
    #[command(hide = true)]
    Pin {
        /// The CPU's number.
        cpu: usize,
        /// The program and its arguments.
        #[arg(last = true, required = true)]
        command: Vec<OsString>,
    },
}

/// What the comparisons take.
#[derive(Debug, Args)]
pub struct VersusArgs {
    /// The holdfast program
    #[arg(long, value_name = "FILE")]
    pub holdfast: PathBuf,
    /// The nginx program
    #[arg(long, value_name = "FILE")]
    pub nginx: PathBuf,
    /// Length of one round
    #[arg(long, default_value_t = 3.0, value_parser = seconds)]
    pub seconds: f64,
    /// Rounds of each row; each visits both servers, and the median counts
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub rounds: u32,
    /// Only rows whose name contains this
    #[arg(long, value_name = "TEXT")]
    pub only: Option<String>,
    /// Where to write the rows as JSON
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
}

/// What everything takes.
#[derive(Debug, Args)]
pub struct AllArgs {
    /// The tree of files for the site's rows
    pub dir: PathBuf,
    /// How many of its files
    #[arg(long, default_value_t = 20_000)]
    pub files: usize,
    /// The comparisons.
    #[command(flatten)]
    pub versus: VersusArgs,
}

/// What the site's rows take.
#[derive(Debug, Args)]
pub struct SiteArgs {
    /// The tree of files
    pub dir: PathBuf,
    /// How many of its files, in the order of their paths
    #[arg(long, default_value_t = 20_000)]
    pub files: usize,
    /// The holdfast program
    #[arg(long, value_name = "FILE")]
    pub holdfast: PathBuf,
    /// Where to write the rows as JSON
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
}

/// What the store's rows take.
#[derive(Debug, Args)]
pub struct StoreArgs {
    /// Records of one round
    #[arg(long, default_value_t = 20_000, value_parser = clap::value_parser!(u64).range(1000..=10_000_000))]
    pub records: u64,
    /// Rounds of each row; the median counts
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub rounds: u32,
    /// Size of the larger store that is opened after a kill
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    pub megabytes: u64,
    /// Where to write the rows as JSON
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
}

impl StoreArgs {
    /// As without options.
    pub const USUAL: Self = Self {
        records: 20_000,
        rounds: 5,
        megabytes: 1000,
        json: None,
    };
}

/// What the rows of people take.
#[derive(Debug, Args)]
pub struct PeopleArgs {
    /// Length of one round
    #[arg(long, default_value_t = 3.0, value_parser = seconds)]
    pub seconds: f64,
    /// Rounds of each row; the median counts
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub rounds: u32,
    /// Sessions at once
    #[arg(long, default_value_t = 100_000)]
    pub sessions: usize,
    /// Where to write the rows as JSON
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
}

impl PeopleArgs {
    /// As without options.
    pub const USUAL: Self = Self {
        seconds: 3.0,
        rounds: 5,
        sessions: 100_000,
        json: None,
    };
}

fn seconds(text: &str) -> Result<f64, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    if (0.1..=600.0).contains(&seconds) {
        Ok(seconds)
    } else {
        Err("a round takes between 0.1 and 600 seconds".to_owned())
    }
}
