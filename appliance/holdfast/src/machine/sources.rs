//! Where credentials come from: SMBIOS strings, QEMU's fw_cfg, a small config disk. Only names of ours are looked at, and
//! each may come from one source only. A config disk adds nothing to a configuration that the firmware passed.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use data_encoding::BASE64;
use rustix::fs::OFlags;
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};
use zeroize::Zeroizing;

use super::disks;
use super::error::MachineError;
use crate::config::{MAX_CREDENTIAL_BYTES, Name};

const SMBIOS: &str = "/sys/firmware/dmi/entries";
const FW_CFG: &str = "/sys/firmware/qemu_fw_cfg/by_name/opt/io.systemd.credentials";
const MOUNT_POINT: &str = "/run/holdfast/config-disk";
/// Label of the config disk's FAT file system, padded as it is stored.
const LABEL: &[u8; 11] = b"HOLDFASTCFG";
/// What texts call the config disk.
const DISK: &str = "the config disk";
/// More than the strings of any machine; read at once, so that growing leaves no copy of secrets behind.
const SMBIOS_ROOM: usize = 256 * 1024;
/// How long to wait for a config disk when the firmware passed no configuration.
const PATIENCE: Duration = Duration::from_secs(10);

/// What was found.
#[derive(Default)]
pub struct Gathered {
    /// Content by name.
    pub found: BTreeMap<Name, Zeroizing<Vec<u8>>>,
    /// How many credentials from the firmware had names that are not ours.
    pub ignored: usize,
    origins: BTreeMap<Name, &'static str>,
}

impl Gathered {
    /// Where each came from, by name.
    pub fn sources(&self) -> BTreeMap<String, String> {
        let told =
            |(name, source): (&Name, &&str)| (name.as_str().to_owned(), (*source).to_owned());
        self.origins.iter().map(told).collect()
    }

    /// Takes one credential.
    ///
    /// # Errors
    /// A surplus name of ours, a second source, too many bytes, or a file beside the firmware's configuration.
    pub fn add(
        &mut self,
        name: &str,
        content: Zeroizing<Vec<u8>>,
        source: &'static str,
    ) -> Result<(), MachineError> {
        let Some(name) = Name::parse(name)? else {
            self.ignored = self.ignored.saturating_add(1);
            return Ok(());
        };
        if content.len() > MAX_CREDENTIAL_BYTES {
            return Err(MachineError::source(
                format!("credential {}: longer than 64 KiB", name.as_str()),
                "pass the right file",
            ));
        }
        if let Some(first) = self.origins.get(&name) {
            return Err(MachineError::source(
                format!(
                    "credential {} was passed twice: by {first} and by {source}",
                    name.as_str()
                ),
                "pass each credential once",
            ));
        }
        if source == DISK
            && let Some(by) = self.origins.get(&Name::Toml).filter(|by| **by != DISK)
        {
            return Err(MachineError::source(
                format!(
                    "the config disk holds {}, but the configuration came by {by}: one configuration has one source",
                    name.as_str()
                ),
                "detach the config disk, or put all holdfast.* files on it and pass none by the firmware",
            ));
        }
        self.origins.insert(name, source);
        self.found.insert(name, content);
        Ok(())
    }
}

/// A credential as it came in: its name and its content.
pub type Named = (String, Zeroizing<Vec<u8>>);

/// Reads all sources.
///
/// # Errors
/// See [`Gathered::add`]; unreadable sources; more than one config disk.
pub fn gather() -> Result<Gathered, MachineError> {
    let mut all = Gathered::default();
    for path in children(SMBIOS, "11-") {
        let raw = path.join("raw");
        let mut bytes = Zeroizing::new(Vec::with_capacity(SMBIOS_ROOM));
        File::open(&raw)
            .and_then(|mut file| file.read_to_end(&mut bytes))
            .map_err(MachineError::io("read", &raw))?;
        for (name, content) in smbios_credentials(&bytes)? {
            all.add(&name, content, "SMBIOS")?;
        }
    }
    for path in children(FW_CFG, "") {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let content = read_limited(&path.join("raw"), OFlags::empty())?;
        all.add(&name, content, "fw_cfg")?;
    }
    if let Some(device) = config_disk(all.found.contains_key(&Name::Toml))? {
        read_config_disk(&device, &mut all)?;
    }
    Ok(all)
}

/// The credentials among the strings of one SMBIOS structure of type 11 (SMBIOS 3.7, 6.1.3 and 7.12): the strings stand
/// behind the formatted part, each ended by a zero byte.
///
/// # Errors
/// A credential of ours whose base64 does not decode.
pub fn smbios_credentials(structure: &[u8]) -> Result<Vec<Named>, MachineError> {
    let mut list = Vec::new();
    let strings = match structure {
        [11, length, ..] => structure.get(usize::from(*length)..).unwrap_or(&[]),
        _ => &[],
    };
    for string in strings.split(|b| *b == 0) {
        let Ok(text) = std::str::from_utf8(string) else {
            continue;
        };
        if let Some((name, value)) = assignment(text, "io.systemd.credential:") {
            list.push((name, Zeroizing::new(value.as_bytes().to_vec())));
        } else if let Some((name, value)) = assignment(text, "io.systemd.credential.binary:") {
            match BASE64.decode(value.as_bytes()) {
                Ok(bytes) => list.push((name, Zeroizing::new(bytes))),
                // Not ours: counted, not read.
                Err(_) if Name::parse(&name)?.is_none() => list.push((name, Zeroizing::default())),
                Err(_) => {
                    return Err(MachineError::source(
                        format!(
                            "credential {name}: SMBIOS passes it as binary, and it is not base64"
                        ),
                        "encode it with `base64 -w0`, or pass text as io.systemd.credential:NAME=TEXT",
                    ));
                }
            }
        }
    }
    Ok(list)
}

fn assignment<'a>(text: &'a str, prefix: &str) -> Option<(String, &'a str)> {
    let (name, value) = text.strip_prefix(prefix)?.split_once('=')?;
    Some((name.to_owned(), value))
}

fn children(dir: &str, prefix: &str) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(dir) else {
        return Vec::new();
    };
    let mut paths: Vec<_> = entries
        .flatten()
        .filter(|e| e.file_name().to_string_lossy().starts_with(prefix))
        .map(|e| e.path())
        .collect();
    paths.sort();
    paths
}

/// Whether the first sector of a device is that of a FAT file system with our label (Microsoft FAT specification 1.03,
/// section 3: the label stands at 43, or at 71 in FAT32).
#[must_use]
pub fn is_config_disk(sector: &[u8]) -> bool {
    let at = |offset: usize, text: &[u8]| {
        sector
            .get(offset..)
            .is_some_and(|rest| rest.starts_with(text))
    };
    at(510, &[0x55, 0xaa])
        && ((at(43, LABEL) && at(54, b"FAT")) || (at(71, LABEL) && at(82, b"FAT32")))
}

fn config_disk(configured: bool) -> Result<Option<PathBuf>, MachineError> {
    let began = Instant::now();
    loop {
        let found = scan();
        match found.as_slice() {
            [one] => return Ok(Some(one.clone())),
            [] if configured || began.elapsed() >= PATIENCE => return Ok(None),
            [] => sleep(Duration::from_millis(200)),
            [a, b, ..] => {
                return Err(MachineError::source(
                    format!(
                        "more than one config disk: {} and {}",
                        a.display(),
                        b.display()
                    ),
                    "attach one only",
                ));
            }
        }
    }
}

fn scan() -> Vec<PathBuf> {
    let mut names = Vec::new();
    for disk in disks::list() {
        names.extend(
            disks::partitions(&disk.name)
                .into_iter()
                .map(|(_, p)| p.name),
        );
        names.push(disk.name);
    }
    let labelled = |path: &PathBuf| {
        let sector = File::open(path).and_then(|mut f| disks::read(&mut f, 0, 512));
        sector.is_ok_and(|s| is_config_disk(&s))
    };
    names
        .iter()
        .map(|n| disks::node(n))
        .filter(labelled)
        .collect()
}

fn read_config_disk(device: &Path, all: &mut Gathered) -> Result<(), MachineError> {
    let target = Path::new(MOUNT_POINT);
    fs::create_dir_all(target).map_err(MachineError::io("make", target))?;
    let flags = MountFlags::RDONLY | MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    mount(device, target, "vfat", flags, c"fmask=0377,dmask=0277")
        .map_err(MachineError::io("mount the config disk", device))?;
    let result = read_files(target, all);
    unmount(target, UnmountFlags::DETACH).map_err(MachineError::io("unmount", target))?;
    result
}

fn read_files(dir: &Path, all: &mut Gathered) -> Result<(), MachineError> {
    for entry in fs::read_dir(dir).map_err(MachineError::io("list", dir))? {
        let entry = entry.map_err(MachineError::io("list", dir))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        // What else lies on the disk (a guide, what an operating system leaves behind) is not counted.
        if Name::parse(&name)?.is_some() {
            let content = read_limited(&entry.path(), OFlags::NOFOLLOW)?;
            all.add(&name, content, DISK)?;
        }
    }
    Ok(())
}

/// Reads one byte more than allowed at most, so that the length check sees the surplus.
fn read_limited(path: &Path, flags: OFlags) -> Result<Zeroizing<Vec<u8>>, MachineError> {
    let most = MAX_CREDENTIAL_BYTES.saturating_add(1);
    let mut content = Zeroizing::new(Vec::with_capacity(most));
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(i32::try_from((flags | OFlags::CLOEXEC).bits()).unwrap_or_default())
        .open(path)
        .map_err(MachineError::io("read", path))?;
    let regular = file.metadata().is_ok_and(|m| m.is_file());
    if !regular {
        return Err(MachineError::source(
            format!("{} is not a regular file", path.display()),
            "put plain files on the config disk",
        ));
    }
    file.take(u64::try_from(most).unwrap_or(u64::MAX))
        .read_to_end(&mut content)
        .map_err(MachineError::io("read", path))?;
    Ok(content)
}
