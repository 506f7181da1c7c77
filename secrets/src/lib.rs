//! Keys and sealing: the key hierarchy, the key file, the sealed value format, the root key's providers.
//!
//! A [`RootKey`], a [`Passphrase`] or the [`RecoveryKey`] opens the [key file](mod@keyfile), which holds everything else. A
//! [`KeyRing`] never lets a key out: it [seals](KeyRing::seal) and [opens](KeyRing::open) values that belong to one
//! [`Context`] (table, key, record version), makes keyed [look-up hashes](KeyRing::lookup), and changes keys while it is in
//! use.
//!
//! The bytes of a sealed value are described in [`mod@format`].

mod attach;
mod cipher;
mod derive;
mod error;
pub mod format;
mod groups;
pub mod keyfile;
mod plaintext;
pub mod provider;
mod ready;
pub mod ring;
mod root;
mod wrap;

pub use attach::{Belongs, SlotState, Status, TableState};
pub use error::Error;
pub use format::{SALT_LEN, Suite};
pub use keyfile::{ID_LEN, LockedKeyFile};
pub use plaintext::Plaintext;
pub use provider::{CHECK_LEN, Cost, Kind, Passphrase, RecoveryKey, RootKeyProvider};
pub use ring::{Context, KeyRing, View};
pub use root::RootKey;
