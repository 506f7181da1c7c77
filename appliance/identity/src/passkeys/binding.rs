//! What binds a ceremony to the browser that began it, and who is counted for it.

use std::fmt;
use std::net::IpAddr;

use data_encoding::BASE64URL_NOPAD;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::{Error, Random};

/// Who begins a ceremony.
#[derive(Clone, Copy, Debug)]
pub struct Browser<'a> {
    /// The one that alone may end it.
    pub binding: &'a Binding,
    /// Where it is, whose share the ceremony takes of.
    pub from: IpAddr,
}

/// What binds a ceremony to the browser that began it: 256 random bits in a `__Host-` cookie. `Debug` shows nothing.
#[derive(Clone)]
pub struct Binding(Zeroizing<[u8; 32]>);

impl Binding {
    /// A fresh one, for a browser that has none.
    ///
    /// # Errors
    /// [`Error::Random`].
    pub fn fresh(random: &impl Random) -> Result<Self, Error> {
        Ok(Self(Zeroizing::new(random.array()?)))
    }

    /// Reads what [`Binding::to_text`] writes.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() != 43 {
            return None;
        }
        let bytes = Zeroizing::new(BASE64URL_NOPAD.decode(text.as_bytes()).ok()?);
        let bytes: [u8; 32] = bytes.as_slice().try_into().ok()?;
        Some(Self(Zeroizing::new(bytes)))
    }

    /// 43 characters of base64url.
    #[must_use]
    pub fn to_text(&self) -> Zeroizing<String> {
        Zeroizing::new(BASE64URL_NOPAD.encode(&*self.0))
    }

    /// Its hash, which alone is kept.
    pub(crate) fn hash(&self) -> [u8; 32] {
        Sha256::digest(*self.0).into()
    }
}

impl fmt::Debug for Binding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Binding(…)")
    }
}
