//! The decisions of set-up, by topic; each is a function of what it is told.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::panic
)]

mod content;
mod network;
mod planning;
mod properties;
mod sources;
