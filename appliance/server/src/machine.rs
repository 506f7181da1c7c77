//! What the sandboxed server asks of the machine around it: a closed list of questions (law 6), passed in (law 8).

use std::net::IpAddr;
use std::pin::Pin;

use serde::{Deserialize, Serialize};

/// Longest name of a unit that is asked for, in characters.
pub const LONGEST_UNIT: usize = 128;
/// Most lines of log that are asked for at once.
pub const MOST_LINES: u32 = 10_000;

/// A question. As JSON: `"status"`, `{"logs":{…}}`, `"reboot"`, `"power-off"`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Ask {
    /// How the machine is.
    Status,
    /// A page of its log.
    Logs(LogsAsk),
    /// Restart it, in order.
    Reboot,
    /// Switch it off, in order.
    PowerOff,
}

/// Which part of the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogsAsk {
    /// From where on.
    pub from: From,
    /// Only lines of this unit; `kernel` is the kernel.
    pub unit: Option<String>,
}

/// Where a page of the log begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum From {
    /// At the newest so many lines.
    Last(u32),
    /// After the line with this number.
    After(u64),
}

/// An answer, of the question's kind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// To [`Ask::Status`].
    Status(MachineStatus),
    /// To [`Ask::Logs`].
    Logs(LogPage),
    /// To [`Ask::Reboot`] and [`Ask::PowerOff`]: it will be done in a moment.
    Done,
    /// It cannot be done, and why.
    Failed(String),
}

/// How the machine is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MachineStatus {
    /// Its own addresses.
    pub addresses: Vec<IpAddr>,
    /// Seconds since the kernel started.
    pub uptime_s: u64,
    /// Whether a time server has set the clock since then.
    pub clock_synchronised: bool,
    /// Average number of running tasks over 1, 5 and 15 minutes.
    pub load: [f64; 3],
    /// Memory in bytes.
    pub memory: u64,
    /// Memory that programs could still take, in bytes.
    pub memory_available: u64,
    /// Whether the firmware checked signatures when this boot began.
    #[serde(default)]
    pub secure_boot: SecureBoot,
}

/// Whether the firmware checked signatures when this boot began, as its own variables say (UEFI 2.10, section 32.3,
/// "Firmware/OS Secure Boot modes"). As JSON: `"on"`, `"off"`, `"setup-mode"`, `"no-efi"`, `"unknown"`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SecureBoot {
    /// It did: what it started bears a signature that one of its keys made.
    On,
    /// It has keys and was told not to use them.
    Off,
    /// It has no platform key: anybody may enrol one, and anything is started.
    SetupMode,
    /// The machine was not started by UEFI firmware.
    NoEfi,
    /// The firmware's variables cannot be read, or contradict each other; or an older machine tells nothing.
    #[default]
    #[serde(other)]
    Unknown,
}

impl SecureBoot {
    /// In words, with what follows from it where it was not in force.
    #[must_use]
    pub fn told(self) -> &'static str {
        match self {
            Self::On => "on",
            Self::Off => {
                "OFF: the firmware starts anything, so the image's signature says nothing; switch it on in the firmware"
            }
            Self::SetupMode => {
                "OFF (setup mode): the firmware has no keys, so the image's signature says nothing; enrol your certificate"
            }
            Self::NoEfi => {
                "NONE: not started by UEFI firmware, so no signature was checked; start it by UEFI with Secure Boot"
            }
            Self::Unknown => {
                "UNKNOWN: the firmware's variables do not tell, so trust no signature; look in the firmware's own menu"
            }
        }
    }
}

/// A page of the log.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogPage {
    /// The lines, oldest first.
    pub lines: Vec<LogLine>,
    /// Where the next page begins: [`From::After`] this.
    pub next: u64,
    /// Whether there is more already.
    pub more: bool,
}

/// One line of the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// Its number in this boot of the machine's unit, from 1.
    pub number: u64,
    /// When, in microseconds since 1970, by the machine's clock.
    pub time_us: u64,
    /// The unit that wrote it; `kernel`, or `other`.
    pub unit: String,
    /// Urgency, 0 (emergency) to 7 (debug), as in syslog (RFC 5424, section 6.2.1).
    pub priority: u8,
    /// The text.
    pub message: String,
}

/// An answer on its way.
pub type Asking<'a> = Pin<Box<dyn Future<Output = Result<Answer, Unavailable>> + Send + 'a>>;

/// The machine around the server.
pub trait Machine: Send + Sync {
    /// Asks; the answer comes within a bound of time.
    fn ask(&self, ask: Ask) -> Asking<'_>;

    /// Whether there is a machine at all.
    fn is_there(&self) -> bool {
        true
    }
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unavailable {
    /// There is no machine unit.
    #[error(
        "this appliance runs as a plain process (`holdfast listen`) without a machine unit around it; use the tools of \
         the system that it runs on"
    )]
    NoMachine,
    /// It does not answer.
    #[error("the machine's unit did not answer; try again, and look at the console if it stays so")]
    Silent,
}

/// No machine: the server was started by hand.
#[derive(Clone, Copy, Debug)]
pub struct NoMachine;

impl Machine for NoMachine {
    fn ask(&self, _: Ask) -> Asking<'_> {
        Box::pin(std::future::ready(Err(Unavailable::NoMachine)))
    }

    fn is_there(&self) -> bool {
        false
    }
}
