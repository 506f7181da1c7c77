//! Web origins (RFC 6454): scheme, host and port, exactly as the browser sees them.

use std::fmt;

/// The port that `https` means when none is written.
const HTTPS: u16 = 443;

/// An `https` origin with a host name (never an address: passkeys cannot be bound to one).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    host: String,
    port: u16,
}

impl Origin {
    /// Reads `https://host[:port]`. The host is folded to lower case.
    ///
    /// # Errors
    /// What is wrong and the way out, each as a phrase.
    pub fn parse(text: &str) -> Result<Self, (&'static str, &'static str)> {
        const SHAPE: &str = "write it as \"https://host.name\" or \"https://host.name:port\"";
        let Some(authority) = text.strip_prefix("https://") else {
            return Err(("the origin does not begin with https://", SHAPE));
        };
        if authority.ends_with('/') {
            return Err((
                "an origin has no path",
                "leave out the slash after the host name",
            ));
        }
        if authority.contains(['/', '?', '#', '@']) {
            return Err(("an origin is a scheme, a host and a port only", SHAPE));
        }
        let (host, port) = match authority.split_once(':') {
            None => (authority, HTTPS),
            Some((host, port)) => (
                host,
                parse_port(port).ok_or(("the port is not a number from 1 to 65535", SHAPE))?,
            ),
        };
        let host = host.to_ascii_lowercase();
        if !is_host_name(&host) {
            return Err((
                "the host is not a DNS name",
                "use a name of letters, digits, hyphens and dots (internationalised names as xn--…), not an IP address",
            ));
        }
        Ok(Self { host, port })
    }

    /// The host name in lower case.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port that the browser sees.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The host and port as in the `Host` header (RFC 9110, section 7.2): no port when it is 443.
    #[must_use]
    pub fn authority(&self) -> String {
        if self.port == HTTPS {
            self.host.clone()
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "https://{}", self.authority())
    }
}

fn parse_port(text: &str) -> Option<u16> {
    let plain = text.bytes().all(|b| b.is_ascii_digit()) && !text.starts_with('0');
    plain.then(|| text.parse().ok()).flatten()
}

/// RFC 1123, section 2.1; a last label of digits alone would read as an IPv4 address.
pub(super) fn is_host_name(host: &str) -> bool {
    let label_ok = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    host.len() <= 253
        && host.split('.').all(label_ok)
        && !host
            .rsplit('.')
            .next()
            .is_some_and(|last| last.bytes().all(|b| b.is_ascii_digit()))
}
