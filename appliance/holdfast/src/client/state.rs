//! What this workstation keeps: its device key, and the appliances it is enrolled with.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use holdfast_server::Pin;
use rcgen::{KeyPair, PKCS_ED25519};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject as _;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::address::Address;
use crate::Failure;

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
    /// Opens the folder, or makes it for its owner alone.
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
        Ok(Self { dir })
    }

    /// The device key; made at the first use.
    pub fn key(&self) -> Result<KeyPair, Failure> {
        let path = self.dir.join("device.key");
        match fs::read_to_string(&path).map(Zeroizing::new) {
            Ok(pem) => key_of_pem(&pem).ok_or_else(|| {
                format!(
                    "{} is not a device key; move it away, then enrol again",
                    path.display()
                )
                .into()
            }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let key = KeyPair::generate_for(&PKCS_ED25519)?;
                let pem = Zeroizing::new(key.serialize_pem());
                write(&path, pem.as_bytes())?;
                Ok(key)
            }
            Err(error) => Err(cannot("read", &path, &error)),
        }
    }

    /// Remembers an appliance.
    pub fn remember(&self, address: &Address, identity: Pin) -> Result<(), Failure> {
        let mut known = self.known()?;
        known.servers.insert(address.to_string(), identity);
        write(&self.servers(), &serde_json::to_vec_pretty(&known)?)
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

/// Writes a file as a whole or not at all, for its owner alone.
fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let beside = path.with_extension("new");
    let attempt = || {
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&beside)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&beside, path)
    };
    attempt().map_err(|error| cannot("write", path, &error))
}

fn cannot(what: &str, path: &Path, error: &std::io::Error) -> Failure {
    format!(
        "cannot {what} {}: {error}; check its permissions, or say another --state",
        path.display()
    )
    .into()
}
