//! The decisions of set-up, by topic; each is a function of what it is told. And what is typed, on a terminal of the kernel.
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
mod typing;
