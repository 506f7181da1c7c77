//! Set-up, top to bottom: credentials, network, data partition, and what opens it if somebody must type that.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::thread;

use holdfast_server::machine::SecureBoot;
use rustix::mount::{MountFlags, mount};
use serde::{Deserialize, Serialize};

use super::error::MachineError;
use super::terminal::Terminal;
use super::unlock::{self, Around, Data};
use super::{console, data, firmware, look, mounts, network, run, sources};
use crate::config::{Config, Credentials, Name};
use crate::say;
use crate::serve::notify::Notify;

/// What the units of ours tell each other.
pub const RUN: &str = "/run/holdfast";
/// One of the places that `ImportCredential=` looks at (systemd.exec(5)): the server gets what is there, and no more.
const CREDENTIALS: &str = "/run/credstore";
const ROOT_HASH: &str = "/run/holdfast/root-hash";
const OUTCOME: &str = "/run/holdfast/setup.json";
/// What the service manager is told, time and again, while a person is waited for: a time limit is for disks, not for people
/// (sd_notify(3)).
const MORE_TIME: &str = "EXTEND_TIMEOUT_USEC=300000000";

/// How set-up ended, for the console page.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// Why it was refused.
    pub refused: Option<String>,
    /// Unique GUID of the data partition.
    pub data_id: Option<String>,
    /// The site's origin.
    pub site: Option<String>,
    /// The portal's origin.
    pub portal: Option<String>,
    /// What set-up waits for, as the page's state; `None` when it has ended.
    #[serde(default)]
    pub waiting: Option<String>,
    /// Number of credentials that are not ours.
    pub ignored: usize,
    /// Where each credential of ours came from, by name.
    #[serde(default)]
    pub sources: BTreeMap<String, String>,
    /// Whether the firmware checked signatures.
    #[serde(default)]
    pub secure_boot: SecureBoot,
}

impl Outcome {
    /// Reads what set-up left; `None` while it runs.
    #[must_use]
    pub fn load() -> Option<Self> {
        serde_json::from_slice(&fs::read(OUTCOME).ok()?).ok()
    }

    fn save(&self) -> Result<(), MachineError> {
        let bytes = serde_json::to_vec(self).map_err(|e| io::Error::other(e.to_string()));
        let path = Path::new(OUTCOME);
        let staged = Path::new("/run/holdfast/setup.json.new");
        bytes
            .and_then(|b| write_file(staged, &b, 0o644))
            .and_then(|()| fs::rename(staged, path))
            .map_err(MachineError::io("write", path))
    }
}

/// Runs set-up and leaves its outcome for the console page.
///
/// # Errors
/// The refusal; nothing of the network or the server is started after it.
pub fn setup() -> Result<(), MachineError> {
    make_dir(Path::new(RUN))?;
    tell_root_hash()?;
    let mut outcome = Outcome {
        secure_boot: firmware::secure_boot(Path::new(firmware::EFI)),
        ..Outcome::default()
    };
    let result = steps(&mut outcome);
    outcome.waiting = None;
    outcome.refused = result.as_ref().err().map(ToString::to_string);
    outcome.save()?;
    result
}

/// The server's own /proc shows no kernel command line; this file tells it the verified root hash.
fn tell_root_hash() -> Result<(), MachineError> {
    let cmdline = Path::new("/proc/cmdline");
    let text = fs::read_to_string(cmdline).map_err(MachineError::io("read", cmdline))?;
    let Some(hash) = super::cmdline::root_hash(&text) else {
        return Ok(());
    };
    let path = Path::new(ROOT_HASH);
    write_file(path, hash.as_bytes(), 0o644).map_err(MachineError::io("write", path))
}

fn steps(outcome: &mut Outcome) -> Result<(), MachineError> {
    let look = look::Look::first();
    let gathered = sources::gather()?;
    outcome.ignored = gathered.ignored;
    outcome.sources = gathered.sources();
    let (config, locked) = store_credentials(&gathered)?;
    // It may be long until this ends.
    drop(gathered);
    outcome.site = Some(config.origin.site.to_string());
    outcome.portal = Some(config.origin.portal.to_string());
    // Where nobody can be asked, that is said before anything is made on a disk.
    let terminal = locked.then(|| Terminal::open(Path::new(console::PATH)));
    let terminal = terminal.transpose()?;
    write_network(&config)?;
    let id = data::bring_up(config.data_id, look)?.to_string();
    console::print(&format!("holdfast: data id {id}\n"));
    outcome.data_id = Some(id);
    if let Some(terminal) = terminal {
        let name = unlock(terminal, &config, outcome)?;
        outcome
            .sources
            .insert(name.as_str().to_owned(), "the console".to_owned());
    }
    mounts::tell_writable()
}

/// Has somebody type what opens the data, and puts it where a credential would be.
fn unlock(
    mut terminal: Terminal,
    config: &Config,
    outcome: &mut Outcome,
) -> Result<Name, MachineError> {
    let data = Data::look(Path::new(data::MOUNT_POINT))?;
    outcome.waiting = Some(data.awaited().to_owned());
    outcome.save()?;
    // The page first, so that the question is the last line.
    thread::sleep(run::TICK.saturating_mul(2));
    let notify = Notify::connect().map_err(|error| MachineError::Console {
        problem: error.to_string(),
        fix: "start this by systemd",
    })?;
    let around = Around {
        alive: &|| notify.tell(MORE_TIME),
        pause: &thread::sleep,
    };
    let opened = unlock::ask(&mut terminal, config.origin.site.host(), &data, &around)?;
    let path = Path::new(CREDENTIALS).join(opened.name.as_str());
    write_file(&path, opened.text.as_bytes(), 0o400).map_err(MachineError::io("write", &path))?;
    let by = opened.name.as_str();
    let line = serde_json::json!({ "kind": "unlocked", "by": by, "wrong_tries": opened.wrong });
    say::line(&line);
    Ok(opened.name)
}

/// Puts the credentials on a memory file system of their own, and checks them all there. Tells also whether what opens the data
/// must be typed.
fn store_credentials(gathered: &sources::Gathered) -> Result<(Config, bool), MachineError> {
    let dir = Path::new(CREDENTIALS);
    make_dir(dir)?;
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    mount(
        "tmpfs",
        dir,
        "tmpfs",
        flags,
        c"mode=0700,size=1M,nr_inodes=16",
    )
    .map_err(MachineError::io("mount", dir))?;
    for (name, content) in &gathered.found {
        let path = dir.join(name.as_str());
        write_file(&path, content, 0o400).map_err(MachineError::io("write", &path))?;
    }
    let credentials = Credentials::read(dir)?;
    let locked = credentials.is_locked();
    Ok((credentials.config, locked))
}

fn write_network(config: &Config) -> Result<(), MachineError> {
    let text = network::network_file(config, network::first_link());
    let mut files = vec![(network::NETWORK_FILE, text)];
    files.extend(network::time_file(config).map(|text| (network::TIME_FILE, text)));
    for (path, text) in files {
        let path = Path::new(path);
        if let Some(dir) = path.parent() {
            make_dir(dir)?;
        }
        write_file(path, text.as_bytes(), 0o644).map_err(MachineError::io("write", path))?;
    }
    Ok(())
}

/// User and group of the server, from the image's `/etc/passwd`.
///
/// # Errors
/// When the image has no such account.
pub fn server_account() -> Result<(u32, u32), MachineError> {
    let path = Path::new("/etc/passwd");
    let text = fs::read_to_string(path).map_err(MachineError::io("read", path))?;
    let account = text.lines().find_map(|line| {
        let mut fields = line.strip_prefix("holdfast:")?.split(':').skip(1);
        Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
    });
    let missing = || io::Error::from(io::ErrorKind::NotFound);
    account.ok_or_else(|| MachineError::io("find the account holdfast in", path)(missing()))
}

/// A directory that others may enter, whatever the unit's umask is.
///
/// # Errors
/// When it cannot be made.
pub fn make_dir(path: &Path) -> Result<(), MachineError> {
    fs::create_dir_all(path)
        .and_then(|()| fs::set_permissions(path, Permissions::from_mode(0o755)))
        .map_err(MachineError::io("make", path))
}

/// A new file with its mode, whatever the unit's umask is.
///
/// # Errors
/// When it is there already, or cannot be written.
pub fn write_file(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path)?;
    file.write_all(bytes)?;
    file.set_permissions(Permissions::from_mode(mode))
}
