//! Enrolment of a device: by the console's one-time code, by one that another device asked for, or by the operator's key.
//!
//! Both sides prove what they know over the TLS exporter (RFC 9266 shows the idea) and over the hashes of both keys, so a
//! proof is worth nothing on any other connection, and the code itself never travels. [`proof`] is used by the server and
//! by the command line; [`code`] makes and checks the one-time codes.

pub mod code;
pub(crate) mod invitations;
pub mod proof;
pub(crate) mod recovery;
pub(crate) mod refusals;
