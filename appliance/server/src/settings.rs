//! What the server is told at start.

use zeroize::Zeroizing;

use crate::protocol::ConfigurationAnswer;

/// A host name and the port that clients see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authority {
    /// Host name in lower case.
    pub host: String,
    /// Port; 443 is not written.
    pub port: u16,
}

impl Authority {
    /// Whether a `Host` or `:authority` names this, exactly; the default port may be written or not.
    #[must_use]
    pub fn is(&self, authority: &str) -> bool {
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) => {
                // Plain digits: `u16` alone would take a sign and leading zeros as well.
                let plain = port.bytes().all(|digit| digit.is_ascii_digit());
                let plain = plain && !port.starts_with('0');
                (host, port.parse().ok().filter(|_| plain))
            }
            None => (authority, Some(443)),
        };
        host.eq_ignore_ascii_case(&self.host) && port == Some(self.port)
    }

    /// The URL without a path.
    #[must_use]
    pub fn url(&self) -> String {
        format!("https://{self}")
    }

    /// Whether the name always means this machine (RFC 6761, section 6.3).
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        self.host == "localhost" || self.host.ends_with(".localhost")
    }
}

impl std::fmt::Display for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.port {
            443 => f.write_str(&self.host),
            port => write!(f, "{}:{port}", self.host),
        }
    }
}

/// Settings of the server.
pub struct Settings {
    /// Where the pages live.
    pub site: Authority,
    /// Where the portal lives.
    pub portal: Authority,
    /// The operator's Ed25519 public key; present: enrolment by it alone.
    pub operator: Option<[u8; 32]>,
    /// The server's identity key, PKCS#8 PEM, Ed25519; absent: made once and kept sealed.
    pub identity_key: Option<Zeroizing<String>>,
    /// The web certificate chain and key, both PEM; absent: made once and kept sealed.
    pub tls: Option<(String, Zeroizing<String>)>,
    /// What may be told of the configuration in force.
    pub configuration: ConfigurationAnswer,
    /// The value of a `holdfast.recover` credential, which is good once.
    pub recover: Option<Zeroizing<[u8; 32]>>,
    /// Version of the software.
    pub version: String,
    /// Root hash of the running image.
    pub root_hash: Option<String>,
    /// When the software was built, seconds since 1970: no certificate of ours begins later.
    pub build_time: i64,
    /// Most connections at once.
    pub max_connections: usize,
    /// Bound in bytes for decrypted blobs in memory.
    pub cache_bytes: usize,
}

impl Settings {
    /// The host names that the web certificate must cover.
    pub(crate) fn hosts(&self) -> [&str; 2] {
        [&self.site.host, &self.portal.host]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_authority_is_compared_exactly() {
        let local = Authority {
            host: "localhost".to_owned(),
            port: 8443,
        };
        assert!(local.is("localhost:8443") && local.is("LOCALHOST:8443"));
        assert!(!local.is("localhost:+8443") && !local.is("localhost:08443"));
        assert!(!local.is("localhost") && !local.is("localhost:443") && !local.is("localhost:"));
        let public = Authority {
            host: "example.org".to_owned(),
            port: 443,
        };
        assert!(public.is("example.org") && public.is("example.org:443"));
        assert!(!public.is("example.org.") && !public.is("www.example.org") && !public.is(""));
    }
}
