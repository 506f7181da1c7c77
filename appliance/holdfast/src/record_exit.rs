//! `holdfast record-exit`: how the server ended, kept beside the store.
//!
//! systemd runs it by `ExecStopPost=`, however the server ended, and tells how in `$SERVICE_RESULT`, `$EXIT_CODE` and
//! `$EXIT_STATUS` (systemd.exec(5)). The newest [`MOST`] ends are kept, so that a crash is not hidden by the failed starts
//! that follow it. The server itself cannot write the file: in its sandbox no file can be opened.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use data_encoding::HEXLOWER;
use holdfast_audit::Timestamp;
use holdfast_server::protocol::LastExit;
use serde::{Deserialize, Serialize};

use crate::Failure;
use crate::serve::started;

/// Most ends that are kept.
const MOST: usize = 16;
/// Most bytes of the file that are read; sixteen ends take less.
const MOST_BYTES: u64 = 16 * 1024;
/// Most bytes of a word of systemd's.
const LONGEST: usize = 32;

const FILE: &str = "last-exit.json";
const NEW_FILE: &str = ".last-exit.json.new";

/// One end of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exit {
    /// systemd's name of the run, or a random one.
    run: String,
    /// When, milliseconds since 1970.
    time: i64,
    /// `$SERVICE_RESULT`: `success`, `exit-code`, `signal`, `core-dump`, `watchdog`, `oom-kill`, `timeout` …
    result: String,
    /// `$EXIT_CODE`: `exited`, `killed`, `dumped`.
    code: String,
    /// `$EXIT_STATUS`: a number, or a signal's name.
    status: String,
}

/// The file.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Exits {
    /// Oldest first.
    exits: Vec<Exit>,
}

/// Adds how the run ended, by the environment.
pub fn record(data: Option<PathBuf>) -> Result<(), Failure> {
    let folder = started::data(data);
    let variable = |name| std::env::var(name).unwrap_or_default();
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let millis = now.map_or(0, |since| since.as_millis());
    let exit = Exit {
        run: run_name(&variable("INVOCATION_ID"))?,
        time: i64::try_from(millis).unwrap_or(i64::MAX),
        result: word(&variable("SERVICE_RESULT")),
        code: word(&variable("EXIT_CODE")),
        status: word(&variable("EXIT_STATUS")),
    };
    // What cannot be read is replaced: the newest end is worth more than a damaged list.
    let mut exits = read(&folder).unwrap_or_default();
    exits.push(exit);
    let surplus = exits.len().saturating_sub(MOST);
    exits.drain(..surplus);
    write(&folder, &Exits { exits }).map_err(|error| {
        format!(
            "cannot keep in {} how the server ended: {error}; check that the folder can be written",
            folder.display()
        )
        .into()
    })
}

/// The kept ends, oldest first; none if there is no file.
///
/// # Errors
/// A file that cannot be read, is too long, or is not ours.
pub fn read(folder: &Path) -> io::Result<Vec<Exit>> {
    let file = match File::open(folder.join(FILE)) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut bytes = Vec::new();
    file.take(MOST_BYTES).read_to_end(&mut bytes)?;
    let Exits { mut exits } = serde_json::from_slice(&bytes)?;
    exits.truncate(MOST);
    for exit in &mut exits {
        let Exit {
            run,
            time: _,
            result,
            code,
            status,
        } = exit;
        for text in [run, result, code, status] {
            *text = word(text);
        }
    }
    Ok(exits)
}

/// Whole or not at all, and on the disk.
fn write(folder: &Path, exits: &Exits) -> io::Result<()> {
    let new = folder.join(NEW_FILE);
    match fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&new)?;
    file.write_all(&serde_json::to_vec(exits)?)?;
    file.sync_all()?;
    fs::rename(&new, folder.join(FILE))?;
    File::open(folder)?.sync_all()
}

/// systemd's name if it is one (32 hex digits), else a fresh one.
fn run_name(given: &str) -> Result<String, Failure> {
    if given.len() == 32 && given.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(given.to_ascii_lowercase());
    }
    let mut random = [0; 16];
    getrandom::fill(&mut random)
        .map_err(|error| format!("the kernel gave no random bytes ({error}); try again"))?;
    Ok(HEXLOWER.encode(&random))
}

/// A word of systemd's: what it never writes becomes `?`.
fn word(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+');
    if text.is_empty() || text.len() > LONGEST || !text.bytes().all(plain) {
        return "?".to_owned();
    }
    text.to_owned()
}

impl Exit {
    /// The name of the run.
    pub fn run(&self) -> &str {
        &self.run
    }

    /// As the audit and `holdfast status` tell it.
    pub fn told(&self) -> LastExit {
        LastExit {
            how: self.how(),
            clean: self.result == "success",
            time: Timestamp::from_unix_millis(self.time).ok(),
            run: Some(self.run.clone()),
        }
    }

    fn how(&self) -> String {
        let status = self.status.as_str();
        match self.result.as_str() {
            "success" => "clean stop".to_owned(),
            "exit-code" => format!("exit code {status}"),
            "signal" | "core-dump" => match meaning(status) {
                Some(meaning) => format!("signal {status} ({meaning})"),
                None => format!("signal {status}"),
            },
            "watchdog" => "the watchdog: the server did not answer in time".to_owned(),
            "oom-kill" => "the kernel's memory ran out".to_owned(),
            "timeout" => "it did not start or stop in time".to_owned(),
            other => format!("{other} ({} {status})", self.code),
        }
    }
}

/// What a signal means for this server.
fn meaning(signal: &str) -> Option<&'static str> {
    Some(match signal {
        "SYS" => "a forbidden system call",
        "SEGV" | "BUS" => "a memory fault",
        "ABRT" => "an abort: a broken invariant, or no memory",
        "ILL" | "TRAP" | "FPE" => "a forbidden instruction",
        "KILL" => "ended by force",
        _ => return None,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    fn exit(result: &str, status: &str) -> Exit {
        Exit {
            run: "a".repeat(32),
            time: 0,
            result: result.to_owned(),
            code: "exited".to_owned(),
            status: status.to_owned(),
        }
    }

    #[test]
    fn ends_are_told_in_words_and_only_success_is_clean() {
        for (result, status, how) in [
            ("success", "0", "clean stop"),
            ("exit-code", "78", "exit code 78"),
            ("signal", "SYS", "signal SYS (a forbidden system call)"),
            ("core-dump", "SEGV", "signal SEGV (a memory fault)"),
            ("signal", "USR1", "signal USR1"),
            ("oom-kill", "KILL", "the kernel's memory ran out"),
            ("resources", "?", "resources (exited ?)"),
        ] {
            let told = exit(result, status).told();
            assert_eq!(told.how, how);
            assert_eq!(told.clean, result == "success");
        }
    }

    #[test]
    fn file_is_bounded_and_strange_words_are_not_repeated() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        assert_eq!(read(folder).unwrap(), []);
        let strange = Exits {
            exits: vec![exit("\u{1b}[2J", &"x".repeat(1000)); 40],
        };
        fs::write(folder.join(FILE), serde_json::to_vec(&strange).unwrap()).unwrap();
        assert!(read(folder).is_err(), "longer than any that we write");
        let strange = Exits {
            exits: vec![exit("\u{1b}[2J", "a b")],
        };
        write(folder, &strange).unwrap();
        let found = read(folder).unwrap();
        assert_eq!((&*found[0].result, &*found[0].status), ("?", "?"));
        // An interrupted write leaves the old file, and the next one goes on.
        fs::write(folder.join(NEW_FILE), "{").unwrap();
        write(folder, &Exits { exits: found }).unwrap();
        assert_eq!(read(folder).unwrap().len(), 1);
        assert!(!folder.join(NEW_FILE).exists());
    }
}
