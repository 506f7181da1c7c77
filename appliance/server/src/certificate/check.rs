//! Whether a chain and a key that came from outside can be shown to browsers.

use rustls::client::verify_server_name;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::ParsedCertificate;
use rustls::sign::CertifiedKey;

use super::x509::Parts;
use super::{Credential, Web};
use crate::protocol::CertificateSource;

/// Most certificates in a chain; public ones have two to four.
const LONGEST: usize = 10;

/// Reads a chain (PEM, leaf first) and its key (PEM) as they are.
///
/// # Errors
/// What is wrong, and the way out.
pub(crate) fn credential(chain: &str, key: &str) -> Result<Credential, String> {
    let chain = CertificateDer::pem_slice_iter(chain.as_bytes()).collect::<Result<Vec<_>, _>>();
    let Some(chain) = chain.ok().filter(|chain| !chain.is_empty()) else {
        return Err("The chain is not PEM with a certificate in it. Give the file with the certificate first \
            and its intermediates behind it."
            .to_owned());
    };
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(|_| {
        "The key is not a private key in PEM. Give the file whose first line is `-----BEGIN PRIVATE KEY-----`, not \
         encrypted by a passphrase."
            .to_owned()
    })?;
    Ok(Credential { chain, key })
}

/// Checks all that browsers would: that the key is the certificate's, that the chain is in order, that both host names
/// are covered (RFC 6125, section 6.4), and that it is in force at `now` (seconds since 1970).
///
/// # Errors
/// What is wrong, and the way out.
pub(crate) fn check(chain: &str, key: &str, hosts: [&str; 2], now: i64) -> Result<Web, String> {
    let credential = credential(chain, key)?;
    if credential.chain.len() > LONGEST {
        return Err(format!(
            "The chain has {} certificates, and {LONGEST} are the most. Leave out what is not between the certificate \
             and its root.",
            credential.chain.len()
        ));
    }
    belongs(&credential)?;
    in_order(&credential.chain)?;
    covers(&credential, hosts)?;
    let web = Web::new(credential, CertificateSource::Installed).map_err(|_| unreadable())?;
    if now < web.certificate.not_before {
        return Err("The certificate is not in force yet. Wait, or check the machine's clock with `holdfast status`."
            .to_owned());
    }
    if now > web.certificate.not_after {
        return Err("The certificate has expired. Get a new one from its authority.".to_owned());
    }
    Ok(web)
}

/// Whether the certificate covers both host names.
pub(super) fn covers(credential: &Credential, hosts: [&str; 2]) -> Result<(), String> {
    let leaf = credential.chain.first().ok_or_else(unreadable)?;
    let leaf = ParsedCertificate::try_from(leaf).map_err(|_| unreadable())?;
    for host in hosts {
        let named =
            ServerName::try_from(host).is_ok_and(|name| verify_server_name(&leaf, &name).is_ok());
        if !named {
            return Err(format!(
                "The certificate does not name `{host}`. Get one whose subject alternative names hold {}.",
                hosts.map(|host| format!("`{host}`")).join(" and ")
            ));
        }
    }
    Ok(())
}

fn belongs(credential: &Credential) -> Result<(), String> {
    let key = credential.key.clone_key();
    match CertifiedKey::from_der(credential.chain.clone(), key, &default_provider()) {
        Ok(_) => Ok(()),
        Err(rustls::Error::InconsistentKeys(_)) => Err(
            "The key is not the certificate's. Give the key that the certificate was asked for with."
                .to_owned(),
        ),
        Err(_) => Err(
            "The certificate or its key cannot be used. Give an X.509 certificate with an ECDSA, Ed25519 or RSA key."
                .to_owned(),
        ),
    }
}

/// Each certificate is followed by that of its issuer.
fn in_order(chain: &[CertificateDer<'_>]) -> Result<(), String> {
    let parts: Vec<_> = chain
        .iter()
        .map(|certificate| Parts::of(certificate).ok_or_else(unreadable))
        .collect::<Result<_, _>>()?;
    let broken = parts
        .iter()
        .zip(parts.iter().skip(1))
        .any(|(one, next)| one.issuer != next.subject);
    if broken {
        return Err(
            "The chain is not in order: behind each certificate must stand that of its issuer. \
            Put the server's certificate first, then the intermediates upwards."
                .to_owned(),
        );
    }
    Ok(())
}

fn unreadable() -> String {
    "A certificate of the chain cannot be read. Give X.509 certificates in PEM.".to_owned()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
    use time::OffsetDateTime;

    use super::*;

    struct Made {
        chain: String,
        key: String,
    }

    const HOSTS: [&str; 2] = ["www.a.example", "portal.a.example"];
    const NOW: i64 = 1_800_000_000;

    /// A leaf for these names under an authority of its own, in force from `from` to `to`.
    fn made(names: &[&str], from: i64, to: i64) -> Made {
        let at = |seconds| OffsetDateTime::from_unix_timestamp(seconds).unwrap();
        let ca_key = KeyPair::generate().unwrap();
        let mut ca = CertificateParams::new(Vec::new()).unwrap();
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        ca.distinguished_name
            .push(rcgen::DnType::CommonName, "an authority");
        let ca_certificate = ca.self_signed(&ca_key).unwrap();
        let key = KeyPair::generate().unwrap();
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut leaf = CertificateParams::new(names).unwrap();
        (leaf.not_before, leaf.not_after) = (at(from), at(to));
        let leaf = leaf.signed_by(&key, &Issuer::new(ca, ca_key)).unwrap();
        Made {
            chain: leaf.pem() + &ca_certificate.pem(),
            key: key.serialize_pem(),
        }
    }

    fn good() -> Made {
        made(&["www.a.example", "portal.a.example"], NOW - 10, NOW + 10)
    }

    fn refused(chain: &str, key: &str) -> String {
        check(chain, key, HOSTS, NOW).err().unwrap()
    }

    #[test]
    fn what_fits_is_taken() {
        for names in [&["www.a.example", "portal.a.example"][..], &["*.a.example"]] {
            let Made { chain, key } = made(names, NOW - 10, NOW + 10);
            let web = check(&chain, &key, HOSTS, NOW).unwrap();
            assert_eq!(web.certificate.not_after, NOW + 10);
            assert!(!web.certificate.self_made);
        }
    }

    #[test]
    fn what_does_not_fit_is_refused_with_the_way_out() {
        let Made { chain, key } = good();
        assert!(refused("", &key).contains("not PEM"));
        assert!(refused(&chain, "").contains("not a private key"));
        assert!(refused(&chain, &chain).contains("not a private key"));
        assert!(refused(&chain, &good().key).contains("not the certificate's"));
        assert!(refused(&chain.repeat(6), &key).contains("12 certificates"));
        let turned: String = {
            let second = chain.rfind("-----BEGIN").unwrap();
            let (one, two) = chain.split_at(second);
            format!("{one}{one}{two}")
        };
        assert!(refused(&turned, &key).contains("not in order"));
        let Made { chain, key } = made(&["www.a.example"], NOW - 10, NOW + 10);
        assert!(refused(&chain, &key).contains("does not name `portal.a.example`"));
        let Made { chain, key } = made(&["*.a.example"], NOW - 10, NOW - 1);
        assert!(refused(&chain, &key).contains("has expired"));
        let Made { chain, key } = made(&["*.a.example"], NOW + 1, NOW + 10);
        assert!(refused(&chain, &key).contains("not in force yet"));
    }
}
