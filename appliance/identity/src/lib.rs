//! People, how they prove who they are, and their sessions. No HTTP, no clock and no socket in here.
//!
//! # How to call it
//!
//! An act takes a [`Snapshot`](holdfast_store::Snapshot) of the store, an [`Act`] (when, by whom, in which request), and a
//! [`Batch`](holdfast_store::Batch). It adds its changes, its expectations of what it has read, and its audit event to the
//! batch. The caller commits the batch and answers then (law 5); a conflict means that someone else was quicker: take a new
//! snapshot and call again. What an act returns is good only once its batch is committed.
//!
//! A refusal that must be recorded too comes as [`Error::Recorded`]: commit the batch, then refuse.
//!
//! Time is a [`Moment`] and randomness a [`Random`], both passed in (law 8). The one exception is the challenge of a passkey
//! ceremony, which `webauthn-rs` draws itself from the kernel.
//!
//! | Route | Calls, into one batch |
//! |---|---|
//! | start | `Passkeys::open`, `Sessions::open`, `Recovery::open`, `Failures::open`; commit before the first request |
//! | join | `Passkeys::begin_join`; then `finish_join`, commit, and a sign-in |
//! | sign in | `Failures::check`, `Passkeys::begin_sign_in`; then `Failures::count`, `prove`, `record` and `Sessions::begin`, commit, `admit` |
//! | second factor | `totp::check` and `Sessions::renew` with [`sessions::Method::PasskeyTotp`], commit, `admit` |
//! | step-up | `begin_sign_in` with [`passkeys::How::Person`]; `prove`, `record`, `Sessions::renew`, commit, `admit` |
//! | each request | `Sessions::find`; a stream also waits for `Session::ended` and a timer of `Session::remaining` |
//! | site | `Handover::issue` at the portal; `Handover::redeem` and `Sessions::begin` with that portal session at the site |
//! | disable, delete | `Sessions::end` of the person, then `people::set_enabled` or `people::delete`; commit |
//! | each minute | `Sessions::flush`, commit; on a conflict again the next minute |
//!
//! # What is not here
//!
//! Attestation; rates of networks and of all together, which the server has for its routes.
//!
//! # Where what is kept
//!
//! | Table | Keys | Holds |
//! |---|---|---|
//! | `people` | random number | roles, times; the name sealed under the person's own key |
//! | `person-names` | keyed hash of the normalised name | the person's number |
//! | `person-keys` | random number | the person's own key |
//! | `roles` | hashed | what a role inherits, and the limits of its sessions |
//! | `invites` | keyed hash of the code | roles, end |
//! | `sessions` | keyed hash of the token | whose, how proved, times, limits; the device sealed under the person's own key |
//! | `passkeys` | random number | a person's passkeys, sealed under the person's own key |
//! | `passkey-owners` | keyed hash of the credential's id | whose it is |
//! | `recovery-codes` | random number | keyed hashes of the codes that are left, sealed under the person's own key |
//! | `passwords` | random number | salt and hash, sealed under the person's own key |
//! | `totp` | random number | secret, last step used, and wrong codes since, sealed under the person's own key |
//! | `identity-keys` | hashed | the secrets of keyed hashes |
//!
//! # Erasure
//!
//! What is personal is sealed under the person's own key before the store seals it again. [`people::delete`] removes that
//! key with the person. The pages of the engine that still hold the key's old record are sealed under the data key of the
//! table [`people::KEYS`]: **call [`Store::rotate`](holdfast_store::Store::rotate) for that table after the commit**, which
//! destroys that data key, so that neither the old pages nor a copy of the file can be read any more. A backup that holds
//! the key file of its day, and whose root key still exists, is the exception (docs/keys.md).

mod act;
pub mod code;
mod error;
pub mod handover;
pub mod invites;
pub mod limits;
mod network;
pub mod passkeys;
pub mod passwords;
pub mod people;
mod personal;
pub mod recovery;
pub mod roles;
mod secrets;
pub mod sessions;
pub mod totp;

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing
)]
mod authenticator;
#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing
)]
mod tests;
#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing
)]
mod tests_defence;
#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing
)]
mod tests_factors;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::arithmetic_side_effects)]
mod tests_guesses;
#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing
)]
mod tests_passkeys;
#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing
)]
mod tests_people;
#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing
)]
mod tests_sessions;
#[cfg(test)]
#[allow(clippy::arithmetic_side_effects)]
mod work;

pub use act::{Act, Moment, Random};
pub use error::Error;
pub use people::{Name, Person, PersonId};
