//! Opening: the one family of acts that is answered with an error, since the C library opens a file now and then (how much
//! memory the kernel promises) and copes without. Tried before the sandbox and in it.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use super::{End, Finding};

/// How many acts there are.
pub(super) const COUNT: usize = 15;

/// The file that is made in a folder, to see whether one can be.
const MADE: &str = ".sandbox-probe";

enum How {
    Read,
    Write,
    Make,
}

struct Opening {
    name: &'static str,
    path: PathBuf,
    how: How,
    /// What came of it before the sandbox.
    before: io::Result<()>,
}

/// All acts, with what came of them before the sandbox.
pub(super) struct Before(Vec<Opening>);

impl Before {
    /// Tries each, if `wanted`. What could be made is removed again.
    pub(super) fn new(folder: &Path, wanted: bool) -> Self {
        if !wanted {
            return Self(Vec::new());
        }
        let parent = std::os::unix::process::parent_id();
        let list: [(_, PathBuf, _); COUNT] = [
            ("read a file of the system", "/etc/passwd".into(), How::Read),
            (
                "read by way of ..",
                folder.join("../../../../../../../../etc/passwd"),
                How::Read,
            ),
            (
                "read by a link to the root",
                "/proc/self/root/etc/passwd".into(),
                How::Read,
            ),
            (
                "open standard input anew",
                "/proc/self/fd/0".into(),
                How::Read,
            ),
            (
                "read this program's file",
                "/proc/self/exe".into(),
                How::Read,
            ),
            ("read own mappings", "/proc/self/maps".into(), How::Read),
            (
                "read another process",
                format!("/proc/{parent}/status").into(),
                How::Read,
            ),
            (
                "write another's memory",
                format!("/proc/{parent}/mem").into(),
                How::Write,
            ),
            ("list a folder", "/".into(), How::Read),
            ("open the store anew", folder.join("store.redb"), How::Write),
            (
                "open the key file anew",
                folder.join("store.keys"),
                How::Write,
            ),
            ("make a file beside the store", folder.join(MADE), How::Make),
            (
                "make a file elsewhere",
                std::env::temp_dir().join(format!("{MADE}-{}", std::process::id())),
                How::Make,
            ),
            (
                "write a kernel setting",
                "/proc/sys/kernel/core_pattern".into(),
                How::Write,
            ),
            ("open a device", "/dev/null".into(), How::Write),
        ];
        Self(
            list.into_iter()
                .map(|(name, path, how)| {
                    let before = how.open(&path);
                    if matches!(how, How::Make) && before.is_ok() {
                        // If it cannot be removed, the next start finds it there and says so.
                        let _ = fs::remove_file(&path);
                    }
                    Opening {
                        name,
                        path,
                        how,
                        before,
                    }
                })
                .collect(),
        )
    }

    /// Tries each again, and tells a line for each: name, before, after, separated by tabs.
    pub(super) fn after(&self) -> String {
        let mut lines = String::new();
        for act in &self.0 {
            let after = act.how.open(&act.path);
            let [before, after] = [&act.before, &after].map(|outcome| match outcome {
                Ok(()) => DONE.to_owned(),
                Err(error) => error.to_string(),
            });
            lines.push_str(&format!("{}\t{before}\t{after}\n", act.name));
        }
        lines
    }
}

const DONE: &str = "done";

impl How {
    fn open(&self, path: &Path) -> io::Result<()> {
        match self {
            Self::Read => File::open(path),
            Self::Write => OpenOptions::new().write(true).open(path),
            Self::Make => OpenOptions::new().write(true).create_new(true).open(path),
        }
        .map(drop)
    }
}

/// Reads a line of [`Before::after`].
pub(super) fn read(line: &str) -> Option<Finding> {
    let mut words = line.split('\t').map(str::to_owned);
    let (act, before, after) = (words.next()?, words.next()?, words.next()?);
    let end = match (before == DONE, after == DONE) {
        (_, true) => End::Through("it was done".to_owned()),
        (true, false) => End::Landlock(after),
        (false, false) => End::Before(before, after),
    };
    Some(Finding { act, end })
}
