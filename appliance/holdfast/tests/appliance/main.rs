//! The real binary as its users meet it: `holdfast listen` on loopback, real TLS, a real store, the real command line.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::panic
)]

mod appliance;
mod bounds;
mod configures;
mod device;
mod enrols;
mod loses_console;
mod machine;
mod operates;
mod operates_devices;
mod operates_power;
mod operates_tls;
mod publishes;
mod serves;
mod speaks_tls;
mod web;
