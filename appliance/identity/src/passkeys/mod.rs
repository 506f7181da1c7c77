//! Passkeys (W3C Web Authentication, level 3).
//!
//! ```text
//! begin_… → id and options for the browser → what the browser answers → finish_… / prove
//! ```
//!
//! A ceremony lives in memory alone, for five minutes, is good once, and only for the browser that began it ([`Binding`]).
//! User verification is required of each.
//!
//! | Sign-in | Options |
//! |---|---|
//! | [`How::Autofill`] | any discoverable passkey, conditional mediation |
//! | [`How::Button`] | any discoverable passkey, none |
//! | [`How::Name`] | eight credentials, the person's own and decoys; of an unknown name decoys alone |
//! | [`How::Person`] | the person's own: a step-up |
//!
//! A sign-in by name does the same reads, hashes and signature checks for a name that is known and one that is not: where there
//! is nobody, a decoy person's record is read, and a decoy's signature checked.
//!
//! After [`Passkeys::prove`] comes [`Passkeys::record`], into the batch of [`Sessions::begin`](crate::sessions::Sessions::begin)
//! or [`renew`](crate::sessions::Sessions::renew). On a conflict those two are repeated with a new snapshot; the proof stays.

mod binding;
mod ceremonies;
mod decoys;
pub mod hunt;
mod portal;
mod register;
mod rp;
mod sign_in;
mod store;

pub use binding::{Binding, Browser};
pub use ceremonies::{EACH, LIFETIME, PLACES};
pub use portal::{Answer, Begun, LONGEST_ANSWER, Passkeys, list};
pub use register::FRESH;
pub use rp::moved;
pub use sign_in::{How, Proven};
pub(crate) use store::delete;
pub use store::{MOST, Passkey};
