//! What the peer has heard, and what it answers.

use super::{
    dhcp::Request,
    frame::{self, Mac, UDP},
    peer::{EVERYBODY, GATEWAY, MAC, PREFIX, ROUTER},
    read::Content,
};
use std::{
    collections::{HashMap, HashSet},
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

/// What the guest has said so far.
#[derive(Debug, Default)]
pub struct Notes {
    pub mac: Option<Mac>,
    pub own6: Vec<Ipv6Addr>,
    pub requests: Vec<Request>,
    pub tcp: HashMap<(IpAddr, u16), u8>,
    pub unreachable: HashSet<(IpAddr, u16)>,
    pub serving: bool,
    clients: Vec<Vec<u8>>,
}

/// Takes one frame's content down; gives back the frame to answer with.
pub fn take(notes: &mut Notes, mac: Mac, content: Content) -> Option<Vec<u8>> {
    match content {
        Content::WhoHas { sender, target } if target == GATEWAY => {
            Some(frame::arp_reply((MAC, GATEWAY), (mac, sender)))
        }
        Content::Solicit { sender, target } if sender.is_unspecified() => {
            notes.own6.push(target);
            None
        }
        Content::Solicit { sender, target } if target == ROUTER => {
            Some(frame::neighbour((MAC, ROUTER), (mac, sender)))
        }
        Content::RouterSolicit { sender } if notes.serving && !sender.is_unspecified() => {
            Some(frame::router((MAC, ROUTER), (mac, sender), PREFIX))
        }
        Content::Udp {
            to_port: 67,
            content,
            ..
        } => {
            let request = Request::read(&content)?;
            notes.requests.push(request.clone());
            let address = notes.serving.then(|| address_for(notes, &request))?;
            let answer = request.answer(GATEWAY, address)?;
            let (from, to) = (IpAddr::V4(GATEWAY), IpAddr::V4(Ipv4Addr::BROADCAST));
            let datagram = frame::datagram((from, 67), (to, 68), &answer);
            Some(frame::packet((MAC, from), (EVERYBODY, to), UDP, &datagram))
        }
        Content::Tcp {
            sender,
            from_port,
            flags,
            ..
        } => {
            notes.tcp.insert((sender, from_port), flags);
            None
        }
        Content::Unreachable { sender, port } => {
            notes.unreachable.insert((sender, port));
            None
        }
        _ => None,
    }
}

fn address_for(notes: &mut Notes, request: &Request) -> Ipv4Addr {
    let id = request
        .client_id
        .clone()
        .unwrap_or_else(|| request.hardware.to_vec());
    let place = notes
        .clients
        .iter()
        .position(|known| *known == id)
        .unwrap_or_else(|| {
            notes.clients.push(id);
            notes.clients.len() - 1
        });
    Ipv4Addr::new(
        10,
        77,
        0,
        10 + u8::try_from(place).expect("few clients come"),
    )
}
