//! What one client can take from the others, and how much in all.
//!
//! [`Limits`] are the numbers, as the operator may set them; [`Bounds`] are the counters that hold them. Who is counted as
//! one is a [`network`]: an IPv4 address, and the /64 and the /48 of an IPv6 address. [`shares`] count what is held at
//! once, [`large`] who waits for room, [`rates`] what comes over time (GCRA), [`places`] are the connections as a whole. [`shape`] refuses requests that
//! RFC 9112 or 9113 forbid and hyper lets through. [`guard`] stands between TLS and hyper and looks at the plain bytes:
//! [`lines`] of HTTP/1.1, [`frames`] of HTTP/2, whose cost a [`ledger`] keeps.

mod bounds;
mod frames;
pub mod fuzz;
mod guard;
mod large;
mod ledger;
mod lines;
mod memory;
mod network;
mod places;
mod rates;
mod rules;
mod settings;
pub(crate) mod shape;
mod shares;
mod shed;
mod store;

pub(crate) use bounds::{Arrival, Bounds, Class, Held};
pub(crate) use guard::Guard;
pub(crate) use large::LargePlace;
pub(crate) use ledger::Earned;
pub(crate) use places::Seat;
pub use settings::{Limits, Rate};
pub(crate) use shares::Shares;
