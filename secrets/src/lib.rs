//! Keys and sealing: the key hierarchy, the sealed value format, the root key's providers.
//!
//! One [`RootKey`] enters the machine as a credential. A [`KeyRing`] derives everything else from it and never lets a
//! derived key out: it [seals](KeyRing::seal) and [opens](KeyRing::open) values that belong to one [`Context`] (table,
//! key, record version), makes keyed [look-up hashes](KeyRing::lookup), and tells a wrong root key from a damaged store
//! by its [check value](KeyRing::check_value).
//!
//! The derivations are described in [`ring`], the bytes of a sealed value in [`mod@format`].

mod cipher;
mod error;
pub mod format;
pub mod ring;
mod root;

pub use error::Error;
pub use format::{SALT_LEN, Suite};
pub use ring::{CHECK_LEN, Context, KeyRing};
pub use root::RootKey;
