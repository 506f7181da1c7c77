//! The numbers, with their defaults.

use std::num::NonZeroU32;
use std::time::Duration;

/// A rate by the generic cell rate algorithm (ITU-T I.371): so many at once, and then so many a minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// How many come back in a minute.
    pub per_minute: NonZeroU32,
    /// How many may come at once.
    pub burst: NonZeroU32,
}

/// The bounds on connections, requests and time. "Each" is for an IPv4 address or an IPv6 /64; an IPv6 /48 as a whole
/// gets [`Limits::NETWORK`] times as much.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections at once, of all clients together.
    pub connections: usize,
    /// Connections at once of each address.
    pub connections_each: usize,
    /// TLS handshakes at once of each address.
    pub handshakes_each: usize,
    /// Answers on their way at once, of all clients together.
    pub answers: usize,
    /// Answers on their way at once to each address.
    pub answers_each: usize,
    /// Answers of more than 1 MiB on their way at once, to all clients together.
    pub large: usize,
    /// Answers of more than 1 MiB on their way at once to each address.
    pub large_each: usize,
    /// Bytes of smaller blobs that clients hold beyond the cache.
    pub small_bytes: usize,
    /// Bytes of the cache of decrypted blobs.
    pub cache_bytes: usize,
    /// HTTP/2 streams at once on a connection.
    pub streams: u32,
    /// Bytes of a request's header, its first line included.
    pub header_bytes: usize,
    /// Fields of a request's header.
    pub header_fields: usize,
    /// Bytes of a request's target.
    pub uri_bytes: usize,
    /// Time for a whole TLS handshake.
    pub handshake_time: Duration,
    /// Time for a request's header, and on HTTP/1.1 for the next one to begin.
    pub header_time: Duration,
    /// Time without progress after which a connection is ended.
    pub idle_time: Duration,
    /// Time after which a connection of the web takes no more requests.
    pub connection_time: Duration,
    /// Bytes a second that a client must take of an answer, or send of an upload, in each [`Limits::idle_time`].
    pub least_pace: u64,
    /// TLS handshakes of each address.
    pub handshake: Rate,
    /// Requests for pages from each address.
    pub page: Rate,
    /// Requests for the portal from each address.
    pub portal: Rate,
    /// Tries to enrol a device from each address.
    pub enrol: Rate,
    /// Other requests of the device protocol from each address.
    pub device: Rate,
    /// Reports of browsers from each address.
    pub report: Rate,
    /// Steps of signing in and joining from each address.
    pub sign_in: Rate,
}

impl Limits {
    /// How many times the share of an address an IPv6 /48 gets as a whole.
    pub const NETWORK: u32 = 2;
}

/// A rate of numbers that are known not to be zero.
const fn rate(per_minute: u32, burst: u32) -> Rate {
    Rate {
        per_minute: at_least_one(per_minute),
        burst: at_least_one(burst),
    }
}

const fn at_least_one(number: u32) -> NonZeroU32 {
    match NonZeroU32::new(number) {
        Some(number) => number,
        None => NonZeroU32::MIN,
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 1024,
            connections_each: 256,
            handshakes_each: 64,
            answers: 4096,
            answers_each: 1024,
            large: 24,
            large_each: 12,
            small_bytes: 24 << 20,
            cache_bytes: 32 << 20,
            streams: 100,
            header_bytes: 16 * 1024,
            header_fields: 64,
            uri_bytes: 8 * 1024,
            handshake_time: Duration::from_secs(10),
            header_time: Duration::from_secs(10),
            idle_time: Duration::from_secs(60),
            connection_time: Duration::from_secs(60 * 60),
            least_pace: 1024,
            handshake: rate(3_000, 600),
            page: rate(12_000, 2_000),
            portal: rate(1_200, 200),
            enrol: rate(30, 30),
            device: rate(3_000, 500),
            report: rate(120, 60),
            sign_in: rate(120, 60),
        }
    }
}
