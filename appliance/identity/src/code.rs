//! Codes that people type: 130 random bits in Crockford's base32, with his check symbol (modulo 37), so that one wrong or two
//! exchanged characters are told before anything is looked up.

use std::fmt;

use zeroize::Zeroizing;

use crate::{Error, Random};

const LENGTH: usize = 26;
const ALPHABET: &[u8; 37] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ*~$=U";
const MODULUS: usize = 37;

/// A secret that a person types or that travels in the fragment of an address. `Debug` shows nothing.
#[derive(Clone)]
pub struct Code(Zeroizing<String>);

impl Code {
    /// A fresh code.
    ///
    /// # Errors
    /// [`Error::Random`] if there is no randomness.
    pub fn fresh(random: &impl Random) -> Result<Self, Error> {
        let bytes = Zeroizing::new(random.array::<LENGTH>()?);
        // 256 is a multiple of 32, so each character is equally likely.
        let text = bytes.iter().map(|byte| letter(usize::from(byte & 31)));
        Ok(Self(Zeroizing::new(text.collect())))
    }

    /// Reads what was typed: case, blanks and hyphens do not matter, `O` is 0, `I` and `L` are 1. `None` if it is no code or
    /// its check symbol is wrong.
    #[must_use]
    pub fn parse(typed: &str) -> Option<Self> {
        let mut text = Zeroizing::new(String::with_capacity(LENGTH));
        let mut check = None;
        for c in typed.chars().filter(|c| !c.is_whitespace() && *c != '-') {
            let c = match c.to_ascii_uppercase() {
                'O' => '0',
                'I' | 'L' => '1',
                c => c,
            };
            let value = value(c)?;
            match (text.len() < LENGTH, check) {
                (true, _) if value < 32 => text.push(c),
                (false, None) => check = Some(value),
                _ => return None,
            }
        }
        (check? == remainder(&text)).then_some(Self(text))
    }

    /// The code for people: `XXXXX-XXXXX-XXXXX-XXXXX-XXXXXXC`.
    #[must_use]
    pub fn to_groups(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(LENGTH.saturating_add(5)));
        for (at, c) in self.0.chars().enumerate() {
            if matches!(at, 5 | 10 | 15 | 20) {
                text.push('-');
            }
            text.push(c);
        }
        text.push(letter(remainder(&self.0)));
        text
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Code(…)")
    }
}

fn letter(value: usize) -> char {
    ALPHABET.get(value).map_or('0', |&c| char::from(c))
}

fn value(c: char) -> Option<usize> {
    let byte = u8::try_from(c).ok()?;
    ALPHABET.iter().position(|&known| known == byte)
}

fn remainder(text: &str) -> usize {
    text.chars().filter_map(value).fold(0, |sum: usize, value| {
        sum.saturating_mul(32).saturating_add(value) % MODULUS
    })
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing
)]
mod tests {
    use super::*;

    struct Counting;
    impl Random for Counting {
        fn fill(&self, bytes: &mut [u8]) -> Result<(), Error> {
            (0..).zip(bytes).for_each(|(at, byte)| *byte = at * 7);
            Ok(())
        }
    }

    #[test]
    fn a_code_is_read_as_people_type_it() {
        let code = Code::fresh(&Counting).unwrap();
        let typed = code
            .to_groups()
            .to_lowercase()
            .replace('0', "o")
            .replace('-', " ");
        assert_eq!(Code::parse(&typed).unwrap().as_bytes(), code.as_bytes());
        assert_eq!(format!("{code:?}"), "Code(…)");
    }

    #[test]
    fn each_wrong_or_exchanged_character_is_told() {
        let code = Code::fresh(&Counting).unwrap();
        let text: Vec<char> = code.to_groups().chars().filter(|c| *c != '-').collect();
        for at in 0..text.len() {
            for &other in ALPHABET {
                let mut typed = text.clone();
                typed[at] = char::from(other);
                let good = Code::parse(&typed.iter().collect::<String>()).is_some();
                assert_eq!(good, typed == text);
            }
            let mut typed = text.clone();
            typed.swap(at, (at + 1) % text.len());
            if typed != text && at + 2 < text.len() {
                assert!(Code::parse(&typed.iter().collect::<String>()).is_none());
            }
        }
    }
}
