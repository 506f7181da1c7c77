//! The peer itself: one thread that reads every frame, answers what a network answers, and keeps notes.

use super::{
    dhcp::Request,
    frame::Mac,
    notes::{Notes, take},
    read::read,
};
use crate::spec::Net;
use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    os::unix::net::UnixDatagram,
    path::{Path, PathBuf},
    sync::{Arc, Condvar, Mutex},
    thread,
    time::{Duration, Instant},
};

/// The peer's IPv4 address; its network is a /24.
pub const GATEWAY: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);
/// The peer's link-local address.
pub const ROUTER: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0x77);
/// The prefix that it advertises, a /64.
pub const PREFIX: Ipv6Addr = Ipv6Addr::new(0xfd77, 0, 0, 0, 0, 0, 0, 0);

pub(super) const MAC: Mac = [0x52, 0x54, 0x00, 0x77, 0x00, 0x01];
pub(super) const EVERYBODY: Mac = [0xff; 6];

/// A second machine on the guest's wire.
#[derive(Debug)]
pub struct Peer {
    socket: UnixDatagram,
    guest: PathBuf,
    path: PathBuf,
    notes: Arc<(Mutex<Notes>, Condvar)>,
}

impl Peer {
    /// Listens in `folder`. It is silent about DHCP and routers until [`Peer::serve`].
    ///
    /// # Panics
    /// When the sockets cannot be made.
    pub fn new(folder: &Path) -> Self {
        let (guest, path) = (folder.join("wire-guest"), folder.join("wire-peer"));
        let socket = UnixDatagram::bind(&path).expect("a Unix socket can be made");
        let peer = Self {
            socket,
            guest,
            path,
            notes: Arc::default(),
        };
        let beside = Self {
            socket: peer.socket.try_clone().expect("a socket can be shared"),
            guest: peer.guest.clone(),
            path: peer.path.clone(),
            notes: peer.notes.clone(),
        };
        thread::spawn(move || beside.listen());
        peer
    }

    /// The network for [`Spec::net`](crate::Spec::net).
    pub fn net(&self) -> Net {
        Net::Wire {
            guest: self.guest.clone(),
            peer: self.path.clone(),
        }
    }

    /// From now on hands out addresses: one for each client identifier, so a client that changes its identity is given another.
    pub fn serve(&self) {
        self.notes.0.lock().unwrap().serving = true;
    }

    /// The DHCP messages so far.
    pub fn requests(&self) -> Vec<Request> {
        self.notes.0.lock().unwrap().requests.clone()
    }

    /// Forgets the DHCP messages.
    pub fn forget_requests(&self) {
        self.notes.0.lock().unwrap().requests.clear();
    }

    /// Waits for the guest's own link-local IPv6 address.
    pub fn link_local(&self, limit: Duration) -> Option<Ipv6Addr> {
        self.wait(limit, |notes| {
            notes
                .own6
                .iter()
                .find(|address| address.is_unicast_link_local())
                .copied()
        })
    }

    /// Waits until `wanted` finds something in the notes.
    pub(super) fn wait<T>(
        &self,
        limit: Duration,
        wanted: impl Fn(&Notes) -> Option<T>,
    ) -> Option<T> {
        let end = Instant::now() + limit;
        let mut notes = self.notes.0.lock().unwrap();
        loop {
            if let Some(found) = wanted(&notes) {
                return Some(found);
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return None;
            }
            notes = self.notes.1.wait_timeout(notes, left).unwrap().0;
        }
    }

    /// The peer's hardware and IP address in the family of `other`.
    pub(super) fn own(other: IpAddr) -> (Mac, IpAddr) {
        match other {
            IpAddr::V4(_) => (MAC, GATEWAY.into()),
            IpAddr::V6(_) => (MAC, ROUTER.into()),
        }
    }

    /// Sends a frame. It waits while QEMU takes no more, so a scan goes as fast as the guest can answer.
    pub(super) fn send(&self, frame: &[u8]) {
        // Without QEMU at the other end there is nobody to tell.
        let _ = self.socket.send_to(frame, &self.guest);
    }

    fn listen(&self) {
        let mut buffer = vec![0; 1 << 16];
        while let Ok(count) = self.socket.recv(&mut buffer) {
            let Some((mac, content)) = read(&buffer[..count]) else {
                continue;
            };
            let answer = {
                let mut notes = self.notes.0.lock().unwrap();
                notes.mac = Some(mac);
                take(&mut notes, mac, content)
            };
            self.notes.1.notify_all();
            if let Some(frame) = answer {
                self.send(&frame);
            }
        }
    }
}
