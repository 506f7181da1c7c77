//! What this workstation keeps: its device key, and the appliances it is enrolled with.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use holdfast_server::Pin;
use holdfast_server::protocol::CheckpointAnswer;
use rcgen::{KeyPair, PKCS_ED25519};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject as _;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::address::Address;
use crate::Failure;

/// The last checkpoint of each appliance, by its identity.
const CHECKPOINTS: &str = "checkpoints.json";

/// The folder with both.
pub struct State {
    dir: PathBuf,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Known {
    /// Identity of each appliance, by address.
    servers: BTreeMap<String, Pin>,
}

impl State {
    /// Opens the folder, or makes it for its owner alone. One that others can read or write is refused.
    pub fn open(dir: Option<&Path>) -> Result<Self, Failure> {
        let dir = match dir {
            Some(dir) => dir.to_owned(),
            None => usual()?,
        };
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&dir)
            .map_err(|error| cannot("make", &dir, &error))?;
        private(&dir, "700")?;
        Ok(Self { dir })
    }

    /// The device key; made at the first use. Of two first uses at once, one makes it and the other takes it.
    pub fn key(&self) -> Result<KeyPair, Failure> {
        let path = self.dir.join("device.key");
        let exists = path
            .try_exists()
            .map_err(|error| cannot("read", &path, &error))?;
        if !exists {
            let key = KeyPair::generate_for(&PKCS_ED25519)?;
            let pem = Zeroizing::new(key.serialize_pem());
            // A link never replaces what is there, as a renaming would.
            place(&path, pem.as_bytes(), |new| {
                match fs::hard_link(new, &path) {
                    Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                    linked => linked?,
                }
                fs::remove_file(new)
            })?;
        }
        private(&path, "600")?;
        let pem = fs::read_to_string(&path)
            .map(Zeroizing::new)
            .map_err(|error| cannot("read", &path, &error))?;
        key_of_pem(&pem).ok_or_else(|| {
            format!(
                "{} is not a device key; move it away, then enrol again",
                path.display()
            )
            .into()
        })
    }

    /// Remembers an appliance.
    pub fn remember(&self, address: &Address, identity: Pin) -> Result<(), Failure> {
        let mut known = self.known()?;
        known.servers.insert(address.to_string(), identity);
        let path = self.servers();
        place(&path, &serde_json::to_vec_pretty(&known)?, |new| {
            fs::rename(new, &path)
        })
    }

    /// The appliance that is meant, and its identity.
    pub fn server(&self, address: Option<&str>) -> Result<(Address, Pin), Failure> {
        let known = self.known()?.servers;
        if let Some(text) = address {
            let address = Address::parse(text)?;
            let identity = known.get(&address.to_string()).copied().ok_or_else(|| {
                format!("this workstation is not enrolled with {address}; run `holdfast enroll --address {address} --name NAME` first")
            })?;
            return Ok((address, identity));
        }
        let mut all = known.iter();
        match (all.next(), all.next()) {
            (Some((address, identity)), None) => Ok((Address::parse(address)?, *identity)),
            (None, _) => Err(
                "this workstation is not enrolled with any appliance; run `holdfast enroll` first"
                    .into(),
            ),
            (Some(_), Some(_)) => {
                let names = known.keys().cloned().collect::<Vec<_>>().join(", ");
                Err(format!("this workstation knows several appliances ({names}); say which one by --address").into())
            }
        }
    }

    fn known(&self) -> Result<Known, Failure> {
        let path = self.servers();
        match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| {
                format!(
                    "{} cannot be read ({error}); move it away, then enrol again",
                    path.display()
                )
                .into()
            }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Known::default()),
            Err(error) => Err(cannot("read", &path, &error)),
        }
    }

    /// The last checkpoint that was seen of the appliance with this identity.
    pub fn checkpoint(&self, identity: &Pin) -> Result<Option<CheckpointAnswer>, Failure> {
        Ok(self.checkpoints()?.remove(&identity.to_string()))
    }

    /// Remembers a checkpoint.
    pub fn remember_checkpoint(
        &self,
        identity: &Pin,
        checkpoint: &CheckpointAnswer,
    ) -> Result<(), Failure> {
        let mut all = self.checkpoints()?;
        let before = all.insert(identity.to_string(), checkpoint.clone());
        if before.as_ref() == Some(checkpoint) {
            return Ok(());
        }
        let path = self.dir.join(CHECKPOINTS);
        place(&path, &serde_json::to_vec_pretty(&all)?, |new| {
            fs::rename(new, &path)
        })
    }

    fn checkpoints(&self) -> Result<BTreeMap<String, CheckpointAnswer>, Failure> {
        let path = self.dir.join(CHECKPOINTS);
        match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| {
                format!(
                    "{} cannot be read ({error}); move it away: the checkpoints that this workstation has seen are forgotten then",
                    path.display()
                )
                .into()
            }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(BTreeMap::new()),
            Err(error) => Err(cannot("read", &path, &error)),
        }
    }

    fn servers(&self) -> PathBuf {
        self.dir.join("servers.json")
    }
}

/// Reads an Ed25519 key in PKCS#8 PEM.
pub fn key_of_pem(pem: &str) -> Option<KeyPair> {
    let der = PrivatePkcs8KeyDer::from_pem_slice(pem.as_bytes()).ok()?;
    KeyPair::from_pkcs8_der_and_sign_algo(&der, &PKCS_ED25519).ok()
}

fn usual() -> Result<PathBuf, Failure> {
    let absolute = |name: &str| {
        std::env::var_os(name)
            .map(PathBuf::from)
            .filter(|dir| dir.is_absolute())
    };
    absolute("XDG_STATE_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".local/state")))
        .map(|state| state.join("holdfast"))
        .ok_or_else(|| "there is no home folder to keep the device key in; say --state DIR".into())
}

/// Writes a file of a name of its own beside `path`, for its owner alone, and has `put` give it its place: it is there as a
/// whole or not at all, whatever others do at the same time.
fn place(
    path: &Path,
    bytes: &[u8],
    put: impl FnOnce(&Path) -> std::io::Result<()>,
) -> Result<(), Failure> {
    let mut random = [0; 8];
    getrandom::fill(&mut random)
        .map_err(|error| format!("the kernel gave no random bytes ({error}); try again"))?;
    let beside = path.with_extension(format!("{}.new", HEXLOWER.encode(&random)));
    let attempt = || {
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&beside)?;
        let placed = file
            .write_all(bytes)
            .and_then(|()| file.sync_all())
            .and_then(|()| put(&beside));
        if placed.is_err() {
            // The first failure is the one to tell.
            let _ = fs::remove_file(&beside);
        }
        placed?;
        match path.parent() {
            Some(folder) => File::open(folder)?.sync_all(),
            None => Ok(()),
        }
    };
    attempt().map_err(|error| cannot("write", path, &error))
}

/// Refuses what group or others can read or write.
fn private(path: &Path, mode: &str) -> Result<(), Failure> {
    let found = fs::metadata(path)
        .map_err(|error| cannot("read", path, &error))?
        .permissions()
        .mode();
    if found & 0o066 != 0 {
        return Err(format!(
            "{} is open to other users of this machine (mode {:03o}), and the device key must be yours alone; run \
             `chmod {mode} {0}`",
            path.display(),
            found & 0o777,
        )
        .into());
    }
    Ok(())
}

fn cannot(what: &str, path: &Path, error: &std::io::Error) -> Failure {
    format!(
        "cannot {what} {}: {error}; check its permissions, or say another --state",
        path.display()
    )
    .into()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use rcgen::PublicKeyData as _;

    use super::*;

    fn chmod(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn first_uses_at_once_share_one_device_key() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().join("state");
        let keys: Vec<_> = std::thread::scope(|scope| {
            let uses: Vec<_> = (0..8)
                .map(|_| {
                    scope.spawn(|| {
                        let state = State::open(Some(&dir)).unwrap();
                        state.key().unwrap().der_bytes().to_vec()
                    })
                })
                .collect();
            uses.into_iter().map(|used| used.join().unwrap()).collect()
        });
        assert!(keys.windows(2).all(|pair| pair.first() == pair.last()));
        let names: Vec<_> = fs::read_dir(&dir)
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert_eq!(names, ["device.key"]);
    }

    #[test]
    fn key_that_others_can_read_is_refused_with_the_way_out() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().join("state");
        let state = State::open(Some(&dir)).unwrap();
        state.key().unwrap();
        let key = dir.join("device.key");
        chmod(&key, 0o640);
        let why = state.key().unwrap_err().to_string();
        assert!(
            why.contains(&format!("chmod 600 {}", key.display())),
            "{why}"
        );
        chmod(&key, 0o600);
        state.key().unwrap();
        chmod(&dir, 0o755);
        let why = State::open(Some(&dir)).err().unwrap().to_string();
        assert!(
            why.contains(&format!("chmod 700 {}", dir.display())),
            "{why}"
        );
        chmod(&dir, 0o700);
        assert!(State::open(Some(&dir)).is_ok());
    }
}
