//! What opens the data, typed on the console: asked for, tried at the key file, and handed on as the credential that it would
//! else have been.
//!
//! Nobody is asked unless the configuration says so and no credential opens the data. Wrong tries are followed by a pause that
//! grows to a minute and stays there: the machine goes on asking, since an operator who mistyped must not have to travel.

use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use holdfast_secrets::{Cost, Kind, LockedKeyFile, Passphrase, RecoveryKey, RootKeyProvider};
use rustix::fs::OFlags;
use zeroize::Zeroizing;

use super::error::MachineError;
use super::terminal::{Terminal, Typed};
use crate::config::Name;

/// The longest pause after a wrong try.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// What stands on the data partition.
#[derive(Debug)]
pub enum Data {
    /// Nothing yet: the first passphrase is about to be chosen.
    New,
    /// Something that is sealed.
    Locked(LockedKeyFile),
}

/// What was typed, as the credential that it is.
#[derive(Debug)]
pub struct Opened {
    /// `holdfast.passphrase` or `holdfast.recovery-key`.
    pub name: Name,
    /// Its content.
    pub text: Zeroizing<String>,
    /// How often something else was typed before.
    pub wrong: u32,
}

/// What the world around a question does; passed in, since tests must not wait.
pub struct Around<'a> {
    /// Tells the service manager that a person is waited for.
    pub alive: &'a dyn Fn(),
    /// Waits.
    pub pause: &'a dyn Fn(Duration),
}

impl Data {
    /// Looks at the folder of the store, which belongs to the server: a name in it is followed nowhere, and nothing is written.
    ///
    /// # Errors
    /// A key file that is missing beside a store, damaged, destroyed, or without a way that can be typed.
    pub fn look(folder: &Path) -> Result<Self, MachineError> {
        let keys = folder.join("store.keys");
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let opened = OpenOptions::new()
            .read(true)
            .custom_flags(i32::try_from(flags.bits()).unwrap_or_default())
            .open(&keys);
        let file = match opened {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return match folder.join("store.redb").symlink_metadata() {
                    // An interrupted beginning left nothing that was ever sealed.
                    Ok(found) if found.len() > 0 => {
                        Err(holdfast_secrets::Error::KeyFileMissing(keys).into())
                    }
                    _ => Ok(Self::New),
                };
            }
            Err(error) => return Err(MachineError::io("read", &keys)(error)),
        };
        if !file.metadata().is_ok_and(|found| found.is_file()) {
            let problem = io::Error::other("it is not a regular file");
            return Err(MachineError::io("read", &keys)(problem));
        }
        let locked = LockedKeyFile::read(file, &keys)?;
        if typed_kinds(&locked).is_empty() {
            return Err(MachineError::Console {
                problem:
                    "`unlock = \"console\"`, but the data has neither a passphrase nor a recovery key"
                        .to_owned(),
                fix: "pass the holdfast.root-key that the data was made with, or attach an empty data disk to begin anew",
            });
        }
        Ok(Self::Locked(locked))
    }

    /// What the machine waits for, as the console page says it.
    pub fn awaited(&self) -> &'static str {
        match self {
            Self::New => "waiting for a new passphrase",
            Self::Locked(_) => "waiting for the passphrase",
        }
    }
}

/// Asks for what opens `data` until it does, or for a new passphrase until it was typed twice. `site` names the machine to who
/// sits at the console.
///
/// # Errors
/// The terminal went away, or the key file is not what its owner wrote.
pub fn ask(
    terminal: &mut Terminal,
    site: &str,
    data: &Data,
    around: &Around<'_>,
) -> Result<Opened, MachineError> {
    match data {
        Data::New => choose(terminal, site, around),
        Data::Locked(file) => open(terminal, site, file, around),
    }
}

fn open(
    terminal: &mut Terminal,
    site: &str,
    file: &LockedKeyFile,
    around: &Around<'_>,
) -> Result<Opened, MachineError> {
    let what = match typed_kinds(file).as_slice() {
        [Kind::Recovery] => "Recovery key",
        [Kind::Passphrase] => "Passphrase",
        _ => "Passphrase or recovery key",
    };
    let question = format!("{what} for the data of {site}: ");
    let mut wrong = 0_u32;
    loop {
        let text = line(terminal, &question, around)?;
        terminal.say("holdfast: trying it\n").map_err(gone)?;
        if let Some(name) = opens(file, &text)? {
            return Ok(Opened { name, text, wrong });
        }
        wrong = wrong.saturating_add(1);
        let pause = pause_after(wrong);
        let told = format!(
            "holdfast: wrong, try {wrong}. Ask again in {} s\n",
            pause.as_secs()
        );
        terminal.say(&told).map_err(gone)?;
        (around.alive)();
        (around.pause)(pause);
    }
}

fn choose(
    terminal: &mut Terminal,
    site: &str,
    around: &Around<'_>,
) -> Result<Opened, MachineError> {
    let first = format!("New passphrase for the data of {site}, which is empty now: ");
    let mut wrong = 0_u32;
    loop {
        let text = line(terminal, &first, around)?;
        let problem = match Passphrase::new(&text, Cost::NEW) {
            Err(error) => error.to_string(),
            Ok(_) if *line(terminal, "The same once more: ", around)? != *text => {
                "that was something else; begin again".to_owned()
            }
            Ok(_) => {
                let name = Name::Passphrase;
                return Ok(Opened { name, text, wrong });
            }
        };
        wrong = wrong.saturating_add(1);
        terminal
            .say(&format!("holdfast: {problem}\n"))
            .map_err(gone)?;
    }
}

/// A line with something on it. Return alone asks again, so that who has just connected finds the question.
fn line(
    terminal: &mut Terminal,
    question: &str,
    around: &Around<'_>,
) -> Result<Zeroizing<String>, MachineError> {
    loop {
        match terminal.ask(question, around.alive).map_err(gone)? {
            Typed::Text(text) => return Ok(text),
            Typed::Nothing => {}
            Typed::Unusable(why) => {
                let told = format!("holdfast: {why} It was not tried; type it again\n");
                terminal.say(&told).map_err(gone)?;
            }
        }
    }
}

/// Which credential this text is, if it opens the file.
fn opens(file: &LockedKeyFile, text: &str) -> Result<Option<Name>, MachineError> {
    let tries: [(Name, Option<Box<dyn RootKeyProvider>>); 2] = [
        (
            Name::RecoveryKey,
            RecoveryKey::parse(text).ok().map(|key| Box::new(key) as _),
        ),
        (
            Name::Passphrase,
            Passphrase::new(text, Cost::NEW)
                .ok()
                .map(|phrase| Box::new(phrase) as _),
        ),
    ];
    for (name, provider) in tries {
        if let Some(provider) = provider
            && file.opens(&*provider)?
        {
            return Ok(Some(name));
        }
    }
    Ok(None)
}

fn typed_kinds(file: &LockedKeyFile) -> Vec<Kind> {
    let mut kinds = file.kinds();
    kinds.retain(|kind| *kind != Kind::Credential);
    kinds
}

/// One second, then twice as long each time, up to a minute.
fn pause_after(wrong: u32) -> Duration {
    let doubled = 1_u64.checked_shl(wrong.saturating_sub(1));
    doubled
        .filter(|_| wrong < 32)
        .map_or(LONGEST_PAUSE, Duration::from_secs)
        .min(LONGEST_PAUSE)
}

fn gone(error: io::Error) -> MachineError {
    MachineError::Console {
        problem: format!("the console went away while the passphrase was asked for: {error}"),
        fix: "connect the serial port again and restart the machine, or pass holdfast.passphrase as a credential",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_grows_to_a_minute_and_stays() {
        let pauses: Vec<_> = (1..9).map(|wrong| pause_after(wrong).as_secs()).collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(pause_after(u32::MAX), LONGEST_PAUSE);
    }
}
