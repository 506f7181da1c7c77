//! What may be told of the configuration in force: its keys, which credentials there are, and where each came from.

use std::collections::BTreeMap;

use aws_lc_rs::digest::{Context, SHA256};
use data_encoding::HEXLOWER;
use holdfast_server::protocol::{ConfigurationAnswer, CredentialItem};
use holdfast_server::{Pin, device_certificate};

use crate::Failure;
use crate::client::key_of_pem;
use crate::config::{Credentials, Name, in_force};
use crate::machine::credential_sources;

/// Where credentials come from when no set-up gathered them.
const FOLDER: &str = "the folder that the server was started with";

/// Gathers it, before the secrets are handed on.
pub fn answer(credentials: &Credentials) -> Result<ConfigurationAnswer, Failure> {
    let sources = credential_sources();
    let items = Name::ALL.map(|name| CredentialItem {
        name: name.as_str().to_owned(),
        source: credentials.passed.contains(&name).then(|| {
            let told = sources.get(name.as_str());
            told.map_or(FOLDER.to_owned(), Clone::clone)
        }),
    });
    let mut answer = ConfigurationAnswer {
        settings: credentials.settings.clone(),
        credentials: items.to_vec(),
        limits: BTreeMap::new(),
        sha256: String::new(),
    };
    // What is public of the secrets counts too: another identity or certificate is another configuration.
    let mut hash = Context::new(&SHA256);
    hash.update(&serde_json::to_vec(&answer)?);
    if let Some((chain, _)) = &credentials.tls {
        hash.update(b"\0certificate\0");
        hash.update(chain.as_bytes());
    }
    if let Some(key) = credentials
        .identity_key
        .as_deref()
        .and_then(|pem| key_of_pem(pem))
    {
        hash.update(b"\0identity\0");
        let pin = Pin::of_certificate(&device_certificate(&key)?);
        hash.update(
            pin.ok_or("the identity key cannot be read back")?
                .as_bytes(),
        );
    }
    // Not part of the hash: what is left out of the configuration follows the machine's memory.
    answer.limits = in_force(&credentials.config.limits);
    answer.sha256 = HEXLOWER.encode(hash.finish().as_ref());
    Ok(answer)
}
