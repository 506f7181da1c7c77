//! Where an appliance answers.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs as _};

use crate::Failure;

/// A host and port, as the person wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    host: String,
    port: u16,
}

impl Address {
    /// Reads `host:port`, `[v6]:port`, or `host` for port 443.
    pub fn parse(text: &str) -> Result<Self, Failure> {
        let wrong =
            || format!("`{text}` is not an address; write HOST:PORT, such as www.example.org:443");
        let (host, port) = match text.rsplit_once(':') {
            // An IPv6 address without brackets has more colons and no port.
            Some((host, _)) if host.contains(':') && !host.ends_with(']') => (text, 443),
            Some((host, port)) => (host, port.parse().map_err(|_| wrong())?),
            None => (text, 443),
        };
        let host = host
            .trim_start_matches('[')
            .trim_end_matches(']')
            .to_ascii_lowercase();
        if host.is_empty() || host.contains('/') {
            return Err(wrong().into());
        }
        Ok(Self { host, port })
    }

    /// Reads the host and port of an `https` URL.
    pub fn of_url(url: &str) -> Result<Self, Failure> {
        let rest = url.strip_prefix("https://").ok_or_else(|| {
            format!("`{url}` is not a URL of the site; write https://…, or use --address")
        })?;
        Self::parse(rest.split(['/', '?', '#']).next().unwrap_or(rest))
    }

    /// The addresses to try. `localhost` and everything below it is this machine, whatever the resolver says
    /// (RFC 6761, section 6.3).
    pub fn resolve(&self) -> Result<Vec<SocketAddr>, Failure> {
        if self.host == "localhost" || self.host.ends_with(".localhost") {
            let here = [
                IpAddr::V4(Ipv4Addr::LOCALHOST),
                IpAddr::V6(Ipv6Addr::LOCALHOST),
            ];
            return Ok(here.map(|ip| SocketAddr::new(ip, self.port)).to_vec());
        }
        let found = (self.host.as_str(), self.port).to_socket_addrs().map_err(|error| {
            format!("cannot find the address of `{}`: {error}; check the name, or use its IP address", self.host)
        })?;
        Ok(found.collect())
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_people_write_them() {
        let text = |text: &str| Address::parse(text).unwrap().to_string();
        assert_eq!(text("Example.org"), "example.org:443");
        assert_eq!(text("localhost:8443"), "localhost:8443");
        assert_eq!(text("[::1]:8443"), "[::1]:8443");
        assert_eq!(text("2001:db8::1"), "[2001:db8::1]:443");
        assert!(Address::parse("host:port").is_err() && Address::parse(":1").is_err());
        let url = Address::of_url("https://www.localhost:8443/a?b").unwrap();
        assert_eq!(url.to_string(), "www.localhost:8443");
        assert!(
            url.resolve()
                .unwrap()
                .iter()
                .all(|address| address.ip().is_loopback())
        );
        assert!(Address::of_url("http://x").is_err());
    }
}
