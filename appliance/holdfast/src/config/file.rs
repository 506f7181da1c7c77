//! The shape of `holdfast.toml` and its checks.

use std::net::IpAddr;

use data_encoding::BASE64;
use holdfast_server::Limits;
use serde::Deserialize;
use toml::Spanned;
use uuid::Uuid;

use super::error::ConfigError;
use super::limits::{LimitsTable, limits};
use super::network::{InterfaceAddress, MacAddress, Network};
use super::origin::{Origin, is_host_name};

/// A checked configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The two origins that the machine answers for.
    pub origin: Origins,
    /// Whether a site's `_headers` may replace the security headers that the server sends.
    pub headers_may_loosen: bool,
    /// Whether people may sign in by passwords.
    pub passwords: bool,
    /// The operator who may enrol by a key; `None`: by the console code.
    pub operator: Option<Operator>,
    /// The only data partition to accept (its unique partition GUID); `None`: find or make one.
    pub data_id: Option<Uuid>,
    /// Where the secret that opens the data comes from, if no credential does it.
    pub unlock: Unlock,
    /// How the machine gets its addresses.
    pub network: Network,
    /// Time servers, host names or addresses; empty: those that DHCP hands out.
    pub time_servers: Vec<String>,
    /// What one client can take, and how much all can.
    pub limits: Limits,
    /// How many of the newest versions of the site are kept.
    pub keep_versions: usize,
}

/// Where the secret comes from that opens the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Unlock {
    /// From a credential alone; nobody is ever asked.
    #[default]
    Credential,
    /// Typed on the console at each start at which no credential opens the data.
    Console,
}

/// Versions of the site that are kept if the configuration says nothing.
const KEEP_VERSIONS: usize = 10;

/// Site and portal: on two different host names, or with one name for both (law 11).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origins {
    /// Where the pushed pages live.
    pub site: Origin,
    /// Where people sign in and administer. The same as `site`: below `/.holdfast/` of it, and pages run no script.
    pub portal: Origin,
    /// With one name: pages run scripts all the same, so that who publishes can do what an administrator can.
    pub publishers_are_admins: bool,
}

/// The operator's public key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operator {
    /// Ed25519 public key (RFC 8032).
    pub key: [u8; 32],
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    origin: OriginTable,
    site: Option<SiteTable>,
    sign_in: Option<SignInTable>,
    operator: Option<OperatorTable>,
    data: Option<DataTable>,
    network: Option<NetworkTable>,
    time: Option<TimeTable>,
    limits: Option<LimitsTable>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OriginTable {
    site: Spanned<String>,
    portal: Spanned<String>,
    publishers_are_admins: Option<Spanned<bool>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SiteTable {
    #[serde(default)]
    headers_may_loosen: bool,
    keep_versions: Option<Spanned<i64>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SignInTable {
    #[serde(default)]
    passwords: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OperatorTable {
    key: Spanned<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DataTable {
    id: Option<Spanned<String>>,
    unlock: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NetworkTable {
    mac: Option<Spanned<String>>,
    #[serde(default)]
    address: Vec<Spanned<String>>,
    gateway: Option<Spanned<Vec<Spanned<String>>>>,
    #[serde(default)]
    dns: Vec<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TimeTable {
    servers: Vec<Spanned<String>>,
}

impl Config {
    /// Reads and checks the text of `holdfast.toml`.
    ///
    /// # Errors
    /// The first fault: syntax, unknown or missing key, bad value, with line, column and fix.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        Self::parse_with(text, &Limits::default())
    }

    /// The same, where limits that the text leaves out are as in `defaults`.
    ///
    /// # Errors
    /// As [`Config::parse`].
    pub fn parse_with(text: &str, defaults: &Limits) -> Result<Self, ConfigError> {
        let document: Document = toml::from_str(text).map_err(|e| syntax(text, &e))?;
        let data = document.data.as_ref();
        Ok(Self {
            origin: origins(text, &document.origin)?,
            headers_may_loosen: document
                .site
                .as_ref()
                .is_some_and(|site| site.headers_may_loosen),
            passwords: document
                .sign_in
                .as_ref()
                .is_some_and(|table| table.passwords),
            operator: document.operator.map(|o| operator(text, &o)).transpose()?,
            data_id: data
                .and_then(|d| d.id.as_ref())
                .map(|id| data_id(text, id))
                .transpose()?,
            unlock: data
                .and_then(|d| d.unlock.as_ref())
                .map(|way| unlock(text, way))
                .transpose()?
                .unwrap_or_default(),
            network: document
                .network
                .map(|n| network(text, &n))
                .transpose()?
                .unwrap_or_default(),
            time_servers: document
                .time
                .map(|t| time_servers(text, &t))
                .transpose()?
                .unwrap_or_default(),
            limits: document
                .limits
                .map(|l| limits(text, &l, defaults))
                .transpose()?
                .unwrap_or_else(|| defaults.clone()),
            keep_versions: keep_versions(text, document.site.as_ref())?,
        })
    }
}

fn keep_versions(text: &str, table: Option<&SiteTable>) -> Result<usize, ConfigError> {
    let Some(number) = table.and_then(|table| table.keep_versions.as_ref()) else {
        return Ok(KEEP_VERSIONS);
    };
    let known = usize::try_from(*number.get_ref()).ok();
    known.filter(|n| (1..=1000).contains(n)).ok_or_else(|| {
        ConfigError::at(
            text,
            number.span(),
            "not a number of versions that can be kept",
            "write a number from 1 to 1000; without the key it is 10",
        )
    })
}

fn syntax(text: &str, error: &toml::de::Error) -> ConfigError {
    let message = error.message();
    let fix = if message.starts_with("unknown field") {
        "correct the spelling of the key or take it out; the operator guide lists all keys"
    } else if message.starts_with("missing field") {
        "add the key; `[origin]` needs `site` and `portal`, each \"https://host.name[:port]\""
    } else {
        "correct the line; the operator guide has an example of every table"
    };
    ConfigError::at(text, error.span().unwrap_or(0..0), message, fix)
}

fn value<T>(
    text: &str,
    value: &Spanned<String>,
    parse: impl Fn(&str) -> Option<T>,
    problem: &str,
    fix: &str,
) -> Result<T, ConfigError> {
    parse(value.get_ref()).ok_or_else(|| ConfigError::at(text, value.span(), problem, fix))
}

fn origins(text: &str, table: &OriginTable) -> Result<Origins, ConfigError> {
    let read = |field: &Spanned<String>| {
        Origin::parse(field.get_ref())
            .map_err(|(problem, fix)| ConfigError::at(text, field.span(), problem, fix))
    };
    let (site, portal) = (read(&table.site)?, read(&table.portal)?);
    if site.host() == portal.host() && site != portal {
        // Cookies know no ports (RFC 6265, section 8.5), so that these would be neither one origin nor two.
        return Err(ConfigError::at(
            text,
            table.portal.span(),
            "site and portal have the same host name with different ports",
            "give the portal a host name of its own, such as portal.example.org; or the same port as well, for one name",
        ));
    }
    let admins = table.publishers_are_admins.as_ref();
    if let Some(admins) = admins.filter(|_| site != portal) {
        return Err(ConfigError::at(
            text,
            admins.span(),
            "publishers_are_admins means something only where site and portal are the same",
            "take it out: on a host name of its own the portal is safe from scripts of the pages",
        ));
    }
    let publishers_are_admins = admins.is_some_and(|admins| *admins.get_ref());
    Ok(Origins {
        site,
        portal,
        publishers_are_admins,
    })
}

fn operator(text: &str, table: &OperatorTable) -> Result<Operator, ConfigError> {
    let parse = |s: &str| {
        let bytes = BASE64.decode(s.strip_prefix("ed25519:")?.as_bytes()).ok()?;
        let key: [u8; 32] = bytes.try_into().ok()?;
        (key != [0; 32]).then_some(Operator { key })
    };
    value(
        text,
        &table.key,
        parse,
        "not an Ed25519 public key",
        "use \"ed25519:\" and the 32 bytes in base64, as `holdfast config new` prints it",
    )
}

fn data_id(text: &str, id: &Spanned<String>) -> Result<Uuid, ConfigError> {
    value(
        text,
        id,
        |s| Uuid::try_parse(s).ok().filter(|id| !id.is_nil()),
        "not a data id",
        "copy the data id from the console's status page",
    )
}

fn unlock(text: &str, way: &Spanned<String>) -> Result<Unlock, ConfigError> {
    value(
        text,
        way,
        |s| (s == "console").then_some(Unlock::Console),
        "not a way to unlock the data",
        "write \"console\" to be asked on the serial console, or take the key out: then a credential does it",
    )
}

fn network(text: &str, table: &NetworkTable) -> Result<Network, ConfigError> {
    let ip = |v: &Spanned<String>| {
        value(
            text,
            v,
            |s| s.parse::<IpAddr>().ok(),
            "not an IP address",
            "write an IPv4 or IPv6 address without prefix length",
        )
    };
    let mac = table.mac.as_ref().map(|v| {
        value(
            text,
            v,
            MacAddress::parse,
            "not the address of a link",
            "write it as \"52:54:00:12:34:56\"",
        )
    });
    let address = table.address.iter().map(|v| {
        value(
            text,
            v,
            InterfaceAddress::parse,
            "not an address with prefix length",
            "write it as \"192.0.2.10/24\" or \"2001:db8::10/64\"",
        )
    });
    let address: Vec<_> = address.collect::<Result<_, _>>()?;
    let mut gateway = Vec::new();
    if let Some(list) = &table.gateway {
        if address.is_empty() {
            return Err(ConfigError::at(
                text,
                list.span(),
                "a gateway without an address",
                "add `address`, or leave `gateway` out: DHCP and router advertisements name their own",
            ));
        }
        for v in list.get_ref() {
            let router = ip(v)?;
            if !address
                .iter()
                .any(|a| a.address.is_ipv4() == router.is_ipv4())
            {
                return Err(ConfigError::at(
                    text,
                    v.span(),
                    "a gateway of a family that no address has",
                    "add an address of the same family, or take the gateway out",
                ));
            }
            gateway.push(router);
        }
    }
    Ok(Network {
        mac: mac.transpose()?,
        address,
        gateway,
        dns: table.dns.iter().map(ip).collect::<Result<_, _>>()?,
    })
}

fn time_servers(text: &str, table: &TimeTable) -> Result<Vec<String>, ConfigError> {
    let parse = |s: &str| {
        let host = s.to_ascii_lowercase();
        (host.parse::<IpAddr>().is_ok() || is_host_name(&host)).then_some(host)
    };
    let servers = table.servers.iter().map(|v| {
        value(
            text,
            v,
            parse,
            "not a time server",
            "write a host name or an IP address",
        )
    });
    servers.collect()
}
