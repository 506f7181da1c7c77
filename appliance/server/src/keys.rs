//! The server's keys: its long-lived identity and its web certificate, given or made once and kept sealed.

use holdfast_audit::{Actor, Event, Kind, Outcome, Timestamp};
use holdfast_store::{Batch, Record, Store, Table};
use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyPair,
    KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PKCS_ED25519,
};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime};

use crate::certificate::{Credential, Web, credential};
use crate::error::Error;
use crate::pin::Pin;
use crate::protocol::CertificateSource;
use crate::settings::Settings;

/// How long a self-made certificate is good for.
///
/// Ten years: people accept it once by its fingerprint, and each renewal would ask them again. The 398 days that browsers
/// grant concern public authorities. (Apple's systems refuse more than 825 days even so: there a certificate of one's own
/// authority has to be passed as a credential.)
const LIFETIME: Duration = Duration::days(3650);

/// A key of ours that was made on this machine.
#[derive(Serialize, Deserialize)]
struct KeyRecord {
    pkcs8: Vec<u8>,
    /// The certificate and the host names it was made for; empty for the identity key.
    certificate: Vec<u8>,
    names: Vec<String>,
}

impl Record for KeyRecord {
    const TABLE: Table = Table::hashed("keys");
    const VERSION: u16 = 1;
}

impl Drop for KeyRecord {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.pkcs8);
    }
}

/// The keys of the server that do not change while it runs.
pub(crate) struct Keys {
    /// What devices are shown and pin.
    pub(crate) identity: Credential,
    /// The pin of the identity key.
    pub(crate) identity_pin: Pin,
    /// What browsers are shown unless a certificate is installed: the given certificate, or the self-made one.
    pub(crate) fallback: Web,
}

impl Keys {
    /// Takes the given keys, or those kept in the store, or makes them and keeps them.
    ///
    /// # Errors
    /// A given key that cannot be used, or the store's.
    pub(crate) fn load(store: &Store, settings: &Settings, now: Timestamp) -> Result<Self, Error> {
        let identity_key = match &settings.identity_key {
            Some(pem) => PrivatePkcs8KeyDer::from_pem_slice(pem.as_bytes())
                .map_err(|error| unusable("identity key", &error))
                .and_then(|der| {
                    KeyPair::from_pkcs8_der_and_sign_algo(&der, &PKCS_ED25519)
                        .map_err(|error| unusable("identity key", &error))
                })?,
            None => kept_identity(store, now)?,
        };
        let identity = certificate(&identity_key, &[IDENTITY_NAME.to_owned()], 0)?;
        let identity_pin = pin(&identity, "identity key")?;
        let fallback = match &settings.tls {
            Some((chain, key)) => {
                let given = credential(chain, key);
                let given = given.map_err(|why| unusable("web certificate", &why))?;
                Web::new(given, CertificateSource::Given)?
            }
            None => Web::new(kept_web(store, settings, now)?, CertificateSource::SelfMade)?,
        };
        let identity = Credential {
            chain: vec![identity],
            key: PrivatePkcs8KeyDer::from(identity_key.serialize_der()).into(),
        };
        Ok(Self {
            identity,
            identity_pin,
            fallback,
        })
    }
}

/// The name in certificates of the device protocol; nobody resolves it, the keys are pinned.
const IDENTITY_NAME: &str = "holdfast.invalid";

/// A self-signed certificate for the device protocol, where only the key counts: it is valid at all times.
///
/// # Errors
/// The key cannot sign.
pub fn device_certificate(key: &KeyPair) -> Result<CertificateDer<'static>, Error> {
    certificate(key, &[IDENTITY_NAME.to_owned()], 0)
}

fn unusable(what: &'static str, why: &dyn std::fmt::Display) -> Error {
    Error::Key {
        what,
        why: why.to_string(),
    }
}

fn pin(certificate: &CertificateDer<'_>, what: &'static str) -> Result<Pin, Error> {
    Pin::of_certificate(certificate)
        .ok_or_else(|| unusable(what, &"its certificate cannot be read"))
}

fn kept_identity(store: &Store, now: Timestamp) -> Result<KeyPair, Error> {
    const NAME: &str = "identity";
    let what = "identity key";
    if let Some(kept) = store.snapshot()?.find::<KeyRecord>(NAME)? {
        let der = PrivatePkcs8KeyDer::from(kept.pkcs8.as_slice());
        return KeyPair::from_pkcs8_der_and_sign_algo(&der, &PKCS_ED25519)
            .map_err(|error| unusable(what, &error));
    }
    let key = KeyPair::generate_for(&PKCS_ED25519).map_err(|error| unusable(what, &error))?;
    let record = KeyRecord {
        pkcs8: key.serialize_der(),
        certificate: Vec::new(),
        names: Vec::new(),
    };
    keep(store, NAME, &record, now)?;
    Ok(key)
}

fn kept_web(store: &Store, settings: &Settings, now: Timestamp) -> Result<Credential, Error> {
    const NAME: &str = "web";
    let what = "web certificate";
    let names = vec![settings.site.host.clone(), settings.portal.host.clone()];
    let kept = store.snapshot()?.find::<KeyRecord>(NAME)?;
    let kept = match kept {
        Some(kept) if kept.names == names => kept,
        _ => {
            let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)
                .map_err(|error| unusable(what, &error))?;
            let certificate = certificate(&key, &names, settings.build_time)?;
            let record = KeyRecord {
                pkcs8: key.serialize_der(),
                certificate: certificate.to_vec(),
                names,
            };
            keep(store, NAME, &record, now)?;
            record
        }
    };
    Ok(Credential {
        chain: vec![CertificateDer::from(kept.certificate.clone())],
        key: PrivatePkcs8KeyDer::from(kept.pkcs8.clone()).into(),
    })
}

fn keep(store: &Store, name: &str, record: &KeyRecord, now: Timestamp) -> Result<(), Error> {
    let mut batch = Batch::new();
    batch.put(name, record)?;
    let event = Event {
        time: now,
        kind: Kind::KeyMade,
        actor: Actor::Machine,
        resource: name.to_owned(),
        outcome: Outcome::Done,
        request: None,
    };
    holdfast_audit::append(&mut batch, &event)?;
    store.commit_blocking(batch)?;
    Ok(())
}

/// A self-signed certificate for `names`, valid from `start` (seconds since 1970); 0 is valid at all times.
fn certificate(
    key: &KeyPair,
    names: &[String],
    start: i64,
) -> Result<CertificateDer<'static>, Error> {
    let what = "certificate";
    let mut parameters =
        CertificateParams::new(names.to_vec()).map_err(|error| unusable(what, &error))?;
    let mut subject = DistinguishedName::new();
    subject.push(
        DnType::CommonName,
        names.first().cloned().unwrap_or_default(),
    );
    parameters.distinguished_name = subject;
    if start > 0 {
        let start =
            OffsetDateTime::from_unix_timestamp(start).map_err(|error| unusable(what, &error))?;
        parameters.not_before = start;
        parameters.not_after = start.checked_add(LIFETIME).unwrap_or(start);
    }
    parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    if start == 0 {
        parameters
            .extended_key_usages
            .push(ExtendedKeyUsagePurpose::ClientAuth);
    }
    let made = parameters
        .self_signed(key)
        .map_err(|error| unusable(what, &error))?;
    Ok(made.der().clone())
}
