//! The real binary as its users meet it: `holdfast listen` on loopback, real TLS, a real store, the real command line.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::panic
)]

mod answers_parts;
mod appliance;
mod bounds;
mod configures;
mod device;
mod enrols;
mod loses_console;
mod one_name;
mod protects;
mod publishes;
mod records;
mod reports;
mod serves;
mod speaks_tls;
mod web;
