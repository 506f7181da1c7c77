//! The certificate that a device installed, as it is kept.

use holdfast_store::{Record, Snapshot, Table};
use serde::{Deserialize, Serialize};

use super::check::covers;
use super::{Web, credential};
use crate::protocol::CertificateSource;
use crate::record;
use crate::settings::Settings;

/// An installed chain and its key, both as they came, in PEM.
#[derive(Serialize, Deserialize)]
pub(crate) struct Installed {
    chain: String,
    key: String,
}

impl Installed {
    pub(crate) const KEY: &str = "installed";

    pub(crate) fn new(chain: &str, key: &str) -> Self {
        Self {
            chain: chain.to_owned(),
            key: key.to_owned(),
        }
    }
}

impl Record for Installed {
    const TABLE: Table = Table::hashed("web-certificate");
    const VERSION: u16 = 1;
}

impl Drop for Installed {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.key);
    }
}

/// The installed certificate, if there is one. Where it no longer names the site's and the portal's host (the
/// configuration has changed since), the log says so and the given or self-made one is shown. An expired one is still
/// shown: a self-made one would help nobody.
///
/// # Errors
/// The store's.
pub(crate) fn load(
    snapshot: &Snapshot,
    settings: &Settings,
) -> Result<Option<Web>, holdfast_store::Error> {
    let Some(kept) = snapshot.find::<Installed>(Installed::KEY)? else {
        return Ok(None);
    };
    let web = credential(&kept.chain, &kept.key)
        .and_then(|credential| covers(&credential, settings.hosts()).map(|()| credential))
        .and_then(|credential| {
            Web::new(credential, CertificateSource::Installed).map_err(|error| error.to_string())
        });
    match web {
        Ok(web) => Ok(Some(web)),
        Err(why) => {
            record::note("certificate-not-used", &why);
            Ok(None)
        }
    }
}
