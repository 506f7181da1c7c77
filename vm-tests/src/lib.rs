//! Drives QEMU by serial console, QMP and network alone, so that each claim about the sealed machine is tested on the
//! machine that people boot: nothing in the image knows that it is being tested.
//!
//! A [`Lab`] is one test's temporary folder with throw-away Secure Boot keys and a signed copy of the image.
//! It gives out a [`Spec`] (what hardware, which configuration), which starts as a [`Machine`] (a running QEMU).
//! [`inputs`] lists the environment that must be set. Every process is ended by its handle when its owner is dropped.

// A panic is this crate's verdict: it is the harness of tests and is linked into nothing else.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

pub mod acceleration;
pub mod configuration;
pub mod console;
pub mod device;
pub mod disk;
pub mod esp;
pub mod ext4;
pub mod firmware;
pub mod gpt;
mod hardware;
pub mod https;
pub mod inputs;
pub mod intruder;
pub mod lab;
pub mod machine;
pub mod net;
pub mod power_cut;
pub mod program;
pub mod qmp;
pub mod site;
pub mod spec;
pub mod tamper;
pub mod uki;

pub use console::Console;

pub use device::Device;
pub use inputs::{inputs, limit};
pub use lab::Lab;
pub use machine::Machine;
pub use spec::{Bus, Spec};
