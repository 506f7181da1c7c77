//! What is read of the machine before the sandbox, and the way into it.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, UNIX_EPOCH};

use holdfast_hardening::{Filters, LANDLOCK_FILES, LANDLOCK_SIGNALS, Limits, enter_with};

use crate::cli::ServeArgs;
use crate::sandbox::{self, By};
use crate::{Failure, say};

/// Its modification time is the image's build time (systemd reads it the same way).
const CLOCK_EPOCH: &str = "/usr/lib/clock-epoch";

/// Where set-up tells the root hash of the verified image.
const ROOT_HASH: &str = "/run/holdfast/root-hash";

/// What holdfast.service sets, so that a machine that lost its root hash is not taken for another.
const IN_IMAGE: &str = "HOLDFAST_IN_IMAGE";

/// Most open descriptors: the connections, the store, the sockets, and room.
const OPEN_FILES: u64 = 4096;

/// Build time in seconds since 1970: of the image, else of the environment, else 0.
pub fn build_time() -> i64 {
    let image = std::fs::metadata(CLOCK_EPOCH)
        .and_then(|file| file.modified())
        .ok();
    let image = image.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    let image = image.and_then(|since| i64::try_from(since.as_secs()).ok());
    let given = || {
        std::env::var("SOURCE_DATE_EPOCH")
            .ok()
            .and_then(|text| text.parse().ok())
    };
    image.or_else(given).unwrap_or(0).max(0)
}

/// The root hash of the running image, if this runs from one. Set-up writes it there, since the service's own /proc
/// shows no kernel command line.
pub fn root_hash() -> Option<String> {
    let text = std::fs::read_to_string(ROOT_HASH).ok()?;
    let hash = text.trim();
    let hexadecimal = hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
    hexadecimal.then(|| hash.to_owned())
}

/// The folder with the credentials: named, or the service manager's.
pub fn credentials(args: &ServeArgs) -> Result<PathBuf, Failure> {
    let given = args.credentials.clone();
    given.or_else(|| std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from)).ok_or_else(|| {
        "no folder with credentials is named; pass --credentials DIR (`holdfast config new` makes one)".into()
    })
}

/// The folder of the store: named, or the service manager's, or the usual one.
pub fn data(given: Option<PathBuf>) -> PathBuf {
    let given = given.or_else(|| std::env::var_os("STATE_DIRECTORY").map(PathBuf::from));
    given.unwrap_or_else(|| PathBuf::from("/var/lib/holdfast"))
}

/// Whether this is the machine's server: its unit says so, and set-up has told it the verified root.
fn in_image() -> Result<bool, Failure> {
    let marked = std::env::var_os(IN_IMAGE).is_some();
    if marked == root_hash().is_some() {
        return Ok(marked);
    }
    Err(format!(
        "{IN_IMAGE} is {}set, but {ROOT_HASH} is {}there: start the server by holdfast.service, in the machine; elsewhere remove both",
        if marked { "" } else { "not " },
        if marked { "not " } else { "" },
    )
    .into())
}

/// What stays allowed. Our own kernel has a newer Landlock than other machines' need to have.
pub fn limits() -> Limits {
    Limits {
        open_files: OPEN_FILES,
        landlock: if root_hash().is_some() {
            LANDLOCK_SIGNALS
        } else {
            LANDLOCK_FILES
        },
    }
}

/// Whether the sandbox was entered, or at least begun.
static CONFINED: AtomicBool = AtomicBool::new(false);

/// Whether the sandbox was entered, or at least begun.
pub fn is_confined() -> bool {
    CONFINED.load(Ordering::Relaxed)
}

/// Children that show, beside the rest of the start, that the sandbox holds.
pub struct Trial(JoinHandle<Result<Filters, String>>);

impl Trial {
    /// Begins it. `data` is the store's folder, with the store in it.
    pub fn begin(data: PathBuf) -> Self {
        Self(thread::spawn(move || {
            // An error need not pass between threads; its words do.
            try_sandbox(&data).map_err(|error| error.to_string())
        }))
    }

    /// Waits for its end, and until this is the only thread again.
    fn end(self) -> Result<Filters, Failure> {
        let tried = self.0.join();
        let filters = tried.map_err(|_| "the trial of the sandbox did not come to its end")??;
        // A thread that was joined may be listed for a moment. Who enters the sandbox looks once more, and refuses.
        let begun = Instant::now();
        while threads() > 1 && begun.elapsed() < Duration::from_secs(1) {
            thread::sleep(Duration::from_micros(100));
        }
        Ok(filters)
    }
}

fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").map_or(1, Iterator::count)
}

/// Has children try everything that the server must not be able to do.
fn try_sandbox(data: &Path) -> Result<Filters, Failure> {
    let limits = limits();
    let filters = Filters::compile()?;
    if in_image()? {
        sandbox::unit_at_start(data, &limits, By::Probe(&filters))?;
        sandbox::at_start(data, &limits, By::Probe(&filters))?;
    } else {
        sandbox::at_start(data, &limits, By::Own)?;
    }
    Ok(filters)
}

/// Gives up every power that serving does not need: files, new sockets, other programs.
///
/// Before that, the trial has to end well. Random bytes need no file: the image's binary asks the kernel
/// (`getrandom_backend` in image/rust-env.sh), and a dynamic one the C library.
pub fn enter_sandbox(trial: Trial) -> Result<(), Failure> {
    let filters = trial.end()?;
    CONFINED.store(true, Ordering::Relaxed);
    let report = enter_with(&limits(), &filters)?;
    say::line(&format_args!(
        "{{\"kind\":\"sandbox\",\"landlock_abi\":{},\"bounding_set_empty\":{}}}",
        report.landlock_abi, report.bounding_set_empty
    ));
    Ok(())
}
