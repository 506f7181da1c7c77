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
mod breaks;
mod browser;
mod configures;
mod device;
mod enrols;
mod floods;
mod forgets;
mod gate;
mod http2;
mod keeps_keys;
mod last_exit;
mod loses_console;
mod machine;
mod one_name;
mod operates;
mod operates_devices;
mod operates_power;
mod operates_tls;
mod portal;
mod protects;
mod publishes;
mod publishes_again;
mod publishes_crashing;
mod publishes_many;
mod publishes_removing;
mod publishes_rules;
mod publishes_together;
mod publishes_versions;
mod records;
mod reports;
mod sandbox_check;
mod searches;
mod serves;
mod speaks_http1;
mod speaks_http2;
mod speaks_tls;
mod strict_transport;
mod torture;
mod verifies;
mod watchdog;
mod web;
