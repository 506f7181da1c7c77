//! Time-based one-time passwords (RFC 6238), as a second factor only.
//!
//! The code of a step is good once: the last step that was used is stored with the sign-in, so that it holds over restarts.
//! One step before and one after the current one are taken too (section 5.2).
//!
//! Six digits can be guessed, so that wrong codes are counted for the person, wherever they come from, and stored with the
//! generator in the same commit: neither many at once, nor other networks, nor a restart give more of them. After five comes a
//! wait that grows to a quarter of an hour; after [`MOST_WRONG`] in a row (NIST SP 800-63B-4, section 3.2.2) the generator is
//! no good any more, until it is set up anew after another way of signing in, none of which is held up by it.

use std::time::Duration;

use data_encoding::BASE32_NOPAD;
use holdfast_audit::Kind;
use holdfast_store::{Batch, Record, Revision, Snapshot, Table};
use qrcode::{Color, EcLevel, QrCode};
use serde::{Deserialize, Serialize};
use totp_rs::{Builder, Secret};
use zeroize::{Zeroize, Zeroizing};

use crate::people::{self, PersonId};
use crate::personal::{PersonKey, Personal};
use crate::{Act, Error, Random, limits};

/// Seconds of a step.
pub const STEP: u64 = 30;
/// Wrong codes in a row that a generator outlives. A guesser hits one of its three codes of 10^6 so with 0.03 %.
pub const MOST_WRONG: u32 = 100;
const SKEW: u16 = 1;
const PLACE: &str = "totp";

/// The hash. The default is SHA-1: many generators know no other one, some take it silently whatever the address says, and
/// its collisions do not weaken an HMAC (RFC 6238, section 1.2; RFC 6194, section 3.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Algorithm {
    /// HMAC-SHA-1.
    #[default]
    Sha1,
    /// HMAC-SHA-256.
    Sha256,
    /// HMAC-SHA-512.
    Sha512,
}

/// A generator: its secret and how it counts.
#[derive(Clone, Serialize, Deserialize)]
pub struct Generator {
    secret: Vec<u8>,
    algorithm: Algorithm,
    digits: u8,
    /// The last step whose code was used; codes up to it are refused.
    last: u64,
    confirmed: bool,
    /// Wrong codes since the last right one.
    #[serde(default)]
    wrong: u32,
    /// When the last of them came, milliseconds since 1970.
    #[serde(default)]
    wrong_at: i64,
}

/// How a person's generator stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// There is none, or it was never confirmed.
    None,
    /// It is good.
    Good,
    /// Too many wrong codes came: it is no good any more.
    Locked,
}

impl Drop for Generator {
    fn drop(&mut self) {
        self.secret.zeroize();
    }
}

/// What a person needs to set a generator up; shown once.
pub struct SetUp {
    /// `otpauth://totp/…`, as generators read it.
    pub address: Zeroizing<String>,
    /// The secret in base32, for typing.
    pub secret: Zeroizing<String>,
    /// The address as a QR code: an inline `<svg>` with one path in `currentColor`.
    pub svg: Zeroizing<String>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Stored {
    generator: Personal,
}

impl Record for Stored {
    const TABLE: Table = Table::plain("totp");
    const VERSION: u16 = 1;
}

impl Generator {
    /// A generator of this secret, with 6 to 8 digits.
    #[must_use]
    pub fn new(secret: &[u8], algorithm: Algorithm, digits: u8) -> Self {
        Self {
            secret: secret.to_vec(),
            algorithm,
            digits: digits.clamp(6, 8),
            last: 0,
            confirmed: false,
            wrong: 0,
            wrong_at: 0,
        }
    }

    fn wait(&self, now: i64) -> Option<Duration> {
        let since = u64::try_from(now.saturating_sub(self.wrong_at)).unwrap_or(0);
        let left = limits::wait(self.wrong)?.saturating_sub(Duration::from_millis(since));
        (!left.is_zero()).then_some(left)
    }

    fn standing(&self) -> Standing {
        match (self.confirmed, self.wrong) {
            (false, _) => Standing::None,
            (true, ..MOST_WRONG) => Standing::Good,
            (true, _) => Standing::Locked,
        }
    }

    /// The step whose code this is, if it is one of the window around `seconds` (since 1970).
    #[must_use]
    pub fn step_of(&self, typed: &str, seconds: u64) -> Option<u64> {
        let typed: Zeroizing<String> =
            Zeroizing::new(typed.chars().filter(|c| !c.is_whitespace()).collect());
        let digits = typed.bytes().all(|c| c.is_ascii_digit());
        if !digits || typed.len() != usize::from(self.digits) {
            return None;
        }
        let algorithm = match self.algorithm {
            Algorithm::Sha1 => totp_rs::Algorithm::SHA1,
            Algorithm::Sha256 => totp_rs::Algorithm::SHA256,
            Algorithm::Sha512 => totp_rs::Algorithm::SHA512,
        };
        let totp = Builder::new()
            .with_algorithm(algorithm)
            .with_digits(self.digits)
            .with_secret(Secret::new(self.secret.clone().into_boxed_slice()))
            .with_skew(SKEW)
            .with_step_duration(STEP)
            .build()
            .ok()?;
        totp.check(&typed, seconds)
    }
}

/// Begins to set a generator up, in place of one before that was not confirmed. It is good once [`confirm`]ed. The caller
/// has asked for a fresh sign-in. `issuer` is the portal's host.
///
/// # Errors
/// [`Error::TooMany`] if there is one already, [`Error::NoPerson`], [`Error::Store`], [`Error::Random`].
pub fn set_up(
    snapshot: &Snapshot,
    batch: &mut Batch,
    random: &impl Random,
    person: PersonId,
    issuer: &str,
    algorithm: Algorithm,
) -> Result<SetUp, Error> {
    let before = read(snapshot, person)?;
    if before.as_ref().is_some_and(|(old, ..)| old.confirmed) {
        return Err(Error::TooMany(1));
    }
    match before {
        Some((.., revision)) => batch.expect_revision(Stored::TABLE, person.as_bytes(), revision),
        None => batch.expect_absent(Stored::TABLE, person.as_bytes()),
    };
    let bytes = Zeroizing::new(random.array::<64>()?);
    // As long as the hash at least (RFC 6238, section 5.1).
    let length = match algorithm {
        Algorithm::Sha1 | Algorithm::Sha256 => 32,
        Algorithm::Sha512 => 64,
    };
    let bytes = bytes.get(..length).unwrap_or_default();
    let generator = Generator::new(bytes, algorithm, 6);
    let key = PersonKey::find(snapshot, person)?;
    put(batch, &key, random, person, &generator)?;
    let name = people::find(snapshot, person)?.name;
    let secret = Zeroizing::new(BASE32_NOPAD.encode(bytes));
    let address = Zeroizing::new(address(issuer, name.as_str(), &secret, algorithm));
    let svg = svg(&address)?;
    Ok(SetUp {
        address,
        secret,
        svg,
    })
}

/// Ends the setting up by a first code.
///
/// # Errors
/// [`Error::Refused`] if the code is wrong or nothing was begun, [`Error::Store`].
pub fn confirm(
    snapshot: &Snapshot,
    batch: &mut Batch,
    act: &Act,
    random: &impl Random,
    person: PersonId,
    typed: &str,
) -> Result<(), Error> {
    let (mut generator, key, revision) = read(snapshot, person)?.ok_or(Error::Refused)?;
    let step = generator.step_of(typed, seconds(act));
    let step = step.filter(|step| !generator.confirmed && *step > generator.last);
    generator.last = step.ok_or(Error::Refused)?;
    generator.confirmed = true;
    batch.expect_revision(Stored::TABLE, person.as_bytes(), revision);
    put(batch, &key, random, person, &generator)?;
    act.done(batch, Kind::TotpChanged, format!("{person} set up"))
}

/// Checks a code as a second factor. Its step is used up with the batch, or it is counted as a wrong one with it: whether it
/// is right is known only once the batch is committed, so that of two at once the second one waits.
///
/// # Errors
/// [`Error::Recorded`] if it is wrong, used, or there is no generator that is good: commit the batch and refuse.
/// [`Error::Wait`] after too many wrong ones; this one was not looked at. [`Error::Store`].
pub fn check(
    snapshot: &Snapshot,
    batch: &mut Batch,
    act: &Act,
    random: &impl Random,
    person: PersonId,
    typed: &str,
) -> Result<(), Error> {
    let found = read(snapshot, person)?;
    let good = found.filter(|(generator, ..)| generator.standing() == Standing::Good);
    if let Some((mut generator, key, revision)) = good {
        if let Some(left) = generator.wait(act.millis()) {
            return Err(Error::Wait(left));
        }
        let step = generator.step_of(typed, seconds(act));
        let step = step.filter(|step| *step > generator.last);
        match step {
            Some(step) => (generator.last, generator.wrong) = (step, 0),
            None => {
                generator.wrong = generator.wrong.saturating_add(1);
                generator.wrong_at = act.millis();
            }
        }
        batch.expect_revision(Stored::TABLE, person.as_bytes(), revision);
        put(batch, &key, random, person, &generator)?;
        if step.is_some() {
            return Ok(());
        }
    }
    act.refused(batch, Some(person))?;
    Err(Error::Recorded)
}

/// The second factor of who signs in by a password: the code, if there is a generator, good or not; else the batch refuses if
/// one is set up meanwhile. Tells whether there is one.
///
/// # Errors
/// As [`check`].
pub fn demand(
    snapshot: &Snapshot,
    batch: &mut Batch,
    act: &Act,
    random: &impl Random,
    person: PersonId,
    typed: &str,
) -> Result<bool, Error> {
    if is_set_up(snapshot, person)? {
        return check(snapshot, batch, act, random, person, typed).map(|()| true);
    }
    match read(snapshot, person)? {
        Some((.., revision)) => batch.expect_revision(Stored::TABLE, person.as_bytes(), revision),
        None => batch.expect_absent(Stored::TABLE, person.as_bytes()),
    };
    Ok(false)
}

/// How the person's generator stands.
///
/// # Errors
/// [`Error::Sealed`], [`Error::Store`].
pub fn standing(snapshot: &Snapshot, person: PersonId) -> Result<Standing, Error> {
    let found = read(snapshot, person)?;
    Ok(found.map_or(Standing::None, |(generator, ..)| generator.standing()))
}

/// Whether there is a generator that was confirmed, whether it is good or not.
///
/// # Errors
/// [`Error::Sealed`], [`Error::Store`].
pub fn is_set_up(snapshot: &Snapshot, person: PersonId) -> Result<bool, Error> {
    Ok(standing(snapshot, person)? != Standing::None)
}

/// Removes the generator. The caller has asked for a fresh sign-in.
///
/// # Errors
/// [`Error::Store`].
pub fn remove(batch: &mut Batch, act: &Act, person: PersonId) -> Result<(), Error> {
    delete(batch, person);
    act.done(batch, Kind::TotpChanged, format!("{person} removed"))
}

pub(crate) fn delete(batch: &mut Batch, person: PersonId) {
    batch.delete(Stored::TABLE, person.as_bytes());
}

type Found = (Generator, PersonKey, Revision);

fn read(snapshot: &Snapshot, person: PersonId) -> Result<Option<Found>, Error> {
    let Some(found) = snapshot.find_versioned::<Stored>(person.as_bytes())? else {
        return Ok(None);
    };
    let key = PersonKey::find(snapshot, person)?;
    let generator = key.open(person, PLACE, &found.record.generator)?;
    Ok(Some((generator, key, found.revision)))
}

fn put(
    batch: &mut Batch,
    key: &PersonKey,
    random: &impl Random,
    person: PersonId,
    generator: &Generator,
) -> Result<(), Error> {
    let generator = key.seal(person, PLACE, generator, random)?;
    batch.put(person.as_bytes(), &Stored { generator })?;
    Ok(())
}

fn seconds(act: &Act) -> u64 {
    u64::try_from(act.millis().div_euclid(1000)).unwrap_or(0)
}

fn address(issuer: &str, name: &str, secret: &str, algorithm: Algorithm) -> String {
    let algorithm = match algorithm {
        Algorithm::Sha1 => "SHA1",
        Algorithm::Sha256 => "SHA256",
        Algorithm::Sha512 => "SHA512",
    };
    let escaped = |text: &str| -> String {
        url::form_urlencoded::byte_serialize(text.as_bytes())
            .collect::<String>()
            .replace('+', "%20")
    };
    let (issuer, name) = (escaped(issuer), escaped(name));
    format!(
        "otpauth://totp/{issuer}:{name}?secret={secret}&issuer={issuer}&algorithm={algorithm}&digits=6&period={STEP}"
    )
}

fn svg(text: &str) -> Result<Zeroizing<String>, Error> {
    let code = QrCode::with_error_correction_level(text, EcLevel::M).map_err(|_| Error::Label)?;
    let width = code.width();
    // Four modules of quiet zone (ISO/IEC 18004, section 9.1).
    let side = width.saturating_add(8);
    let mut path = Zeroizing::new(String::new());
    for (at, color) in code.to_colors().into_iter().enumerate() {
        if color == Color::Dark {
            let (x, y) = (at.checked_rem(width), at.checked_div(width));
            let (x, y) = (x.unwrap_or(0), y.unwrap_or(0));
            let (x, y) = (x.saturating_add(4), y.saturating_add(4));
            path.push_str(&format!("M{x} {y}h1v1h-1z"));
        }
    }
    Ok(Zeroizing::new(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {side} {side}\" role=\"img\" \
         aria-label=\"QR code for an authenticator\" shape-rendering=\"crispEdges\"><path fill=\"currentColor\" d=\"{}\"/></svg>",
        *path
    )))
}
