//! The secret of a session.

use std::fmt;

use data_encoding::BASE64URL_NOPAD;
use zeroize::Zeroizing;

use crate::{Error, Random};

/// 256 random bits. `Debug` shows nothing; only [`Token::to_text`] writes it out, for the cookie. In a box, since a value that
/// is moved leaves its bytes behind on the stack.
#[derive(Clone)]
pub struct Token(Box<Zeroizing<[u8; 32]>>);

impl Token {
    pub(crate) fn fresh(random: &impl Random) -> Result<Self, Error> {
        let mut token = Self(Box::default());
        random.fill(token.0.as_mut_slice())?;
        Ok(token)
    }

    /// Reads what [`Token::to_text`] writes, and nothing else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes: Box<Zeroizing<[u8; 32]>> = Box::default();
        if text.len() != 43 {
            return None;
        }
        // 43 characters decode into 32 bytes.
        let length = BASE64URL_NOPAD.decode_len(text.len()).ok()?;
        let written = BASE64URL_NOPAD
            .decode_mut(text.as_bytes(), bytes.get_mut(..length)?)
            .ok()?;
        (written == 32).then_some(Self(bytes))
    }

    /// 43 characters of base64url (RFC 4648, section 5).
    #[must_use]
    pub fn to_text(&self) -> Zeroizing<String> {
        Zeroizing::new(BASE64URL_NOPAD.encode(self.0.as_slice()))
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.0.as_slice()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}
