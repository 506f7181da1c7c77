//! Bytes that are sealed or were opened.

use std::ops::{Deref, DerefMut};

use zeroize::{Zeroize, zeroize_bytes};

/// Bytes that are overwritten when they are given back. As `Zeroizing<Vec<u8>>`, which writes each byte by itself: a
/// thousand bytes cost a thousand writes there, and a tenth of that as one block.
///
/// What was left behind where it grew is not overwritten, so it is made as long as it will be.
#[derive(Default)]
pub struct Plaintext(Vec<u8>);

impl From<Vec<u8>> for Plaintext {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl Deref for Plaintext {
    type Target = Vec<u8>;

    fn deref(&self) -> &Vec<u8> {
        &self.0
    }
}

impl DerefMut for Plaintext {
    fn deref_mut(&mut self) -> &mut Vec<u8> {
        &mut self.0
    }
}

impl Drop for Plaintext {
    fn drop(&mut self) {
        // Also what stands behind the end, where it was once longer.
        self.0.spare_capacity_mut().zeroize();
        zeroize_bytes(&mut self.0);
    }
}

impl std::fmt::Debug for Plaintext {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Plaintext({} bytes)", self.0.len())
    }
}
