//! What networkd and timesyncd read, written from the configuration.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::config::{Config, MacAddress};

/// The file for networkd.
pub const NETWORK_FILE: &str = "/run/systemd/network/10-holdfast.network";
/// The file for timesyncd.
pub const TIME_FILE: &str = "/run/systemd/timesyncd.conf.d/10-holdfast.conf";

/// The text of a `.network` file (systemd.network(5)). `link` is the link to use where the configuration names none;
/// without either, any physical Ethernet link.
#[must_use]
pub fn network_file(config: &Config, link: Option<MacAddress>) -> String {
    let network = &config.network;
    let mut out = String::from("[Match]\nType=ether\nKind=!*\n");
    if let Some(mac) = network.mac.or(link) {
        let _ = writeln!(out, "MACAddress={mac}");
    }
    // Nothing that announces itself to neighbours, and addresses that stay the same: made from the link's own address.
    out.push_str(
        "\n[Network]\nLinkLocalAddressing=ipv6\nIPv6LinkLocalAddressGenerationMode=eui64\nIPv6PrivacyExtensions=no\n\
         LLDP=no\nEmitLLDP=no\nLLMNR=no\nMulticastDNS=no\n",
    );
    for server in &network.dns {
        let _ = writeln!(out, "DNS={server}");
    }
    if network.address.is_empty() {
        let ntp = if config.time_servers.is_empty() {
            "yes"
        } else {
            "no"
        };
        let _ = write!(
            out,
            "DHCP=ipv4\nIPv6AcceptRA=yes\n\n\
             [DHCPv4]\nClientIdentifier=mac\nSendHostname=no\nUseHostname=no\nUseDomains=no\nUseTimezone=no\nUseNTP={ntp}\n\n\
             [DHCPv6]\nDUIDType=link-layer\nSendHostname=no\nUseHostname=no\nUseDomains=no\nUseNTP={ntp}\n\n\
             [IPv6AcceptRA]\nToken=eui64\nUseDomains=no\n"
        );
        return out;
    }
    out.push_str("DHCP=no\nIPv6AcceptRA=no\n");
    for address in &network.address {
        let _ = write!(out, "\n[Address]\nAddress={address}\n");
    }
    for gateway in &network.gateway {
        let _ = write!(out, "\n[Route]\nGateway={gateway}\n");
    }
    out
}

/// The text of a drop-in for timesyncd.conf(5); `None`: servers come from DHCP.
#[must_use]
pub fn time_file(config: &Config) -> Option<String> {
    let servers = config.time_servers.join(" ");
    (!servers.is_empty()).then(|| format!("[Time]\nNTP={servers}\n"))
}

/// The first physical Ethernet link, in the order in which the kernel found them.
#[must_use]
pub fn first_link() -> Option<MacAddress> {
    let read = |path: &Path, name| fs::read_to_string(path.join(name)).ok();
    let links = fs::read_dir("/sys/class/net").ok()?.flatten();
    let physical = links.filter_map(|entry| {
        let path = entry.path();
        // ARPHRD_ETHER, and something behind it that is no software.
        let ethernet = read(&path, "type")?.trim() == "1" && path.join("device").exists();
        let index: u32 = read(&path, "ifindex")?.trim().parse().ok()?;
        let mac = MacAddress::parse(read(&path, "address")?.trim())?;
        ethernet.then_some((index, mac))
    });
    physical.min_by_key(|(index, _)| *index).map(|(_, mac)| mac)
}
