//! New sockets, and new uses of old ones.

use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};

use rustix::net::{AddressFamily, SendFlags, SocketType, bind, connect, listen, sendto, socket};

use super::Act;

const LOCAL: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 9);

pub(super) const ACTS: &[Act] = &[
    ("socket AF_INET", || new(AddressFamily::INET)),
    ("socket AF_INET6", || new(AddressFamily::INET6)),
    ("socket AF_UNIX", || new(AddressFamily::UNIX)),
    ("socket AF_NETLINK", || new(AddressFamily::NETLINK)),
    ("socket AF_PACKET", || new(AddressFamily::PACKET)),
    ("socketpair AF_INET", || {
        let flags = rustix::net::SocketFlags::empty();
        rustix::net::socketpair(AddressFamily::INET, SocketType::STREAM, flags, None)?;
        Ok(())
    }),
    // On standard input: the filter answers before anyone looks at the descriptor.
    ("connect", || Ok(connect(io::stdin(), &LOCAL)?)),
    ("bind", || Ok(bind(io::stdin(), &LOCAL)?)),
    ("listen", || Ok(listen(io::stdin(), 1)?)),
    ("sendto an address", || {
        sendto(io::stdin(), b"x", SendFlags::empty(), &LOCAL)?;
        Ok(())
    }),
];

fn new(family: AddressFamily) -> io::Result<()> {
    socket(family, SocketType::DGRAM, None)?;
    Ok(())
}
