//! What the server is told at start.

use zeroize::Zeroizing;

use crate::limits::Limits;
use crate::protocol::{ConfigurationAnswer, LastExit};

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

/// What pages of the site may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PageRights {
    /// Run scripts, send forms, and keep their origin: not where the portal has the same one (law 11).
    pub(crate) act: bool,
    /// Replace security headers that we send.
    pub(crate) loosen: bool,
}

/// Settings of the server.
pub struct Settings {
    /// Where the pages live.
    pub site: Authority,
    /// Where the portal lives. The same as `site`: one name for both, and the portal is below `/.holdfast/`.
    pub portal: Authority,
    /// With one name for both: pages may run scripts all the same, so who publishes can act as an administrator.
    pub publishers_are_admins: bool,
    /// Whether a site's `_headers` may replace the security headers that we send.
    pub headers_may_loosen: bool,
    /// Whether people may sign in by passwords.
    pub passwords: bool,
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
    /// How the run before this one ended.
    pub last_exit: Option<LastExit>,
    /// How earlier runs ended that no event tells of yet, oldest first.
    pub ended: Vec<LastExit>,
    /// The names of all runs whose end is known: from this start on all of them are told.
    pub told: Vec<String>,
    /// When the software was built, seconds since 1970: no certificate of ours begins later.
    pub build_time: i64,
    /// The bounds on connections, requests and time.
    pub limits: Limits,
    /// How many of the newest versions of the site are kept, besides the live one and the one before it.
    pub keep_versions: usize,
}

impl Settings {
    /// The host names that the web certificate must cover.
    pub(crate) fn hosts(&self) -> [&str; 2] {
        [&self.site.host, &self.portal.host]
    }
}

impl Settings {
    /// Whether site and portal share a host name (law 11).
    #[must_use]
    pub fn one_name(&self) -> bool {
        self.site == self.portal
    }

    /// What the operator lets pages of the site do.
    pub(crate) fn pages(&self) -> PageRights {
        PageRights {
            act: !self.one_name() || self.publishers_are_admins,
            loosen: self.headers_may_loosen,
        }
    }

    /// The URL of the portal's first page, without a slash at the end where the portal has a host of its own.
    #[must_use]
    pub fn portal_url(&self) -> String {
        let url = self.portal.url();
        if self.one_name() {
            url + "/.holdfast/"
        } else {
            url
        }
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
