//! What the store's tests share.
#![allow(dead_code, reason = "not every test file uses everything")]

use holdfast_secrets::{KeyRing, RootKey, Suite};
use holdfast_store::{Record, Store, Table};
use serde::{Deserialize, Serialize};

/// Raw bytes under plain keys.
pub const BLOBS: Table = Table::plain("blobs");

/// A record in a table with hashed keys.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Named {
    /// Any text.
    pub text: String,
}

impl Record for Named {
    const TABLE: Table = Table::hashed("named");
    const VERSION: u16 = 1;
}

/// A record in a table with plain keys.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Numbered {
    /// Any number.
    pub value: u32,
}

impl Record for Numbered {
    const TABLE: Table = Table::plain("numbered");
    const VERSION: u16 = 1;
}

/// The ring of a root key made of this byte.
pub fn ring(byte: u8) -> KeyRing {
    KeyRing::new(RootKey::from_bytes(&[byte; 32]).unwrap(), Suite::Aes256Gcm)
}

/// The file in this folder.
pub fn path(folder: &tempfile::TempDir) -> std::path::PathBuf {
    folder.path().join("store.redb")
}

/// Its key file.
pub fn keys(folder: &tempfile::TempDir) -> std::path::PathBuf {
    folder.path().join("store.keys")
}

/// A copy of the store with its key file, as they are now.
pub fn copy(folder: &tempfile::TempDir) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    std::fs::copy(path(folder), path(&copy)).unwrap();
    std::fs::copy(keys(folder), keys(&copy)).unwrap();
    copy
}

/// The store in this folder.
pub fn open(folder: &tempfile::TempDir) -> Store {
    Store::open(path(folder), ring(7)).unwrap()
}
