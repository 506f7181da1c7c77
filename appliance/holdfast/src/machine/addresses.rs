//! The machine's own addresses, from the kernel's tables.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The addresses that others can reach, IPv4 first. Empty where the kernel has no such table (yet).
#[must_use]
pub fn current() -> Vec<IpAddr> {
    let read = |path| fs::read_to_string(path).unwrap_or_default();
    let mut list = ipv4(&read("/proc/self/net/fib_trie"));
    list.extend(ipv6(&read("/proc/self/net/if_inet6")));
    list
}

/// The local routing table names each own address as `/32 host LOCAL`, on the line after it.
fn ipv4(fib_trie: &str) -> Vec<IpAddr> {
    let mut list = Vec::new();
    let mut last = None;
    for line in fib_trie.lines() {
        if let Some((_, address)) = line.split_once("|-- ") {
            last = address.trim().parse::<Ipv4Addr>().ok();
        } else if line.trim() == "/32 host LOCAL"
            && let Some(address) = last.filter(|a| !a.is_loopback())
            && !list.contains(&IpAddr::V4(address))
        {
            list.push(IpAddr::V4(address));
        }
    }
    list
}

/// Columns: address, interface, prefix length, scope, flags, name (kernel source, `net/ipv6/addrconf.c`, `if6_seq_show`).
fn ipv6(if_inet6: &str) -> Vec<IpAddr> {
    /// `IFA_F_DADFAILED`, `IFA_F_TENTATIVE`: not ours (yet).
    const NOT_OURS: u8 = 0x08 | 0x40;
    let parse = |line: &str| {
        let mut columns = line.split_whitespace();
        let address = u128::from_str_radix(columns.next()?, 16).ok()?;
        let scope = columns.nth(2)?;
        let flags = u8::from_str_radix(columns.next()?, 16).ok()?;
        // Loopback (10) and link-local (20) addresses reach nobody else.
        let reachable = !matches!(scope, "10" | "20") && flags & NOT_OURS == 0;
        reachable.then_some(IpAddr::V6(Ipv6Addr::from(address)))
    };
    if_inet6.lines().filter_map(parse).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_addresses_are_found() {
        let trie = "Main:\n  +-- 0.0.0.0/0 3 0 5\n     |-- 0.0.0.0\n        /0 universe UNICAST\nLocal:\n     \
                    |-- 10.0.2.15\n           /32 host LOCAL\n     |-- 10.0.2.255\n           /32 link BROADCAST\n     \
                    |-- 127.0.0.1\n           /32 host LOCAL\n     |-- 10.0.2.15\n           /32 host LOCAL\n";
        let inet6 = "00000000000000000000000000000001 01 80 10 80       lo\n\
                     fec0000000000000505400fffe123456 02 40 40 00     eth0\n\
                     fe80000000000000505400fffe123456 02 40 20 80     eth0\n\
                     fec00000000000000000000000000001 02 40 40 40     eth0\n";
        let mut all = ipv4(trie);
        all.extend(ipv6(inet6));
        let all: Vec<_> = all.iter().map(ToString::to_string).collect();
        assert_eq!(all, ["10.0.2.15", "fec0::5054:ff:fe12:3456"]);
    }
}
