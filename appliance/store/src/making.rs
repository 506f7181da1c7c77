//! Making an empty store, so that a crash at any moment leaves none or a whole one.
//!
//! redb refuses a file whose first writing was interrupted, for ever. So the file is made under another name and renamed
//! when it is complete. A lock on the folder keeps two processes from making it at once.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use holdfast_secrets::{Belongs, KeyRing};
use redb::backends::FileBackend;
use redb::{Database, Durability};

use crate::engine::definition;
use crate::keys::{self, KEY_FILE};
use crate::opening::{FORMAT, OWN, explain, is_missing, unopened};
use crate::sums::{SUMS, Sums};
use crate::{Error, space};

/// Makes the store at `path`, unless another process has just done so.
pub(crate) fn make(path: &Path, ring: &KeyRing) -> Result<(), Error> {
    let system = |error: std::io::Error| unopened(path, &error);
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let folder_file = File::open(folder).map_err(system)?;
    // Released when the folder is closed, at the end of this function or of the process.
    folder_file.lock().map_err(system)?;
    if !is_missing(path).map_err(system)? {
        return Ok(());
    }
    space::check_folder(folder)?;
    let unfinished = path.with_extension("new");
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&unfinished)
        .map_err(system)?;
    let backend = FileBackend::new(file).map_err(|error| explain(path, error))?;
    let database = Database::builder()
        .create_with_backend(backend)
        .map_err(|error| explain(path, error))?;
    let id = keys::attach(path, ring, Belongs::New)?;
    let sums = Sums::default().seal(ring)?;
    initialise(&database, &id, &sums).map_err(|error| unopened(path, &error))?;
    database.close().map_err(|error| explain(path, error))?;
    std::fs::rename(&unfinished, path).map_err(system)?;
    folder_file.sync_all().map_err(system)
}

/// Writes the store's own table into an empty file: the name of its key file, and the sealed sums of no table.
pub(crate) fn initialise(
    database: &Database,
    key_file: &[u8],
    sums: &[u8],
) -> Result<(), redb::Error> {
    let mut transaction = database.begin_write()?;
    transaction.set_durability(Durability::Immediate)?;
    transaction.set_two_phase_commit(true);
    transaction.set_quick_repair(true);
    {
        let mut own = transaction.open_table(definition(OWN))?;
        own.insert(b"format".as_slice(), FORMAT.to_be_bytes().as_slice())?;
        own.insert(KEY_FILE, key_file)?;
        own.insert(SUMS, sums)?;
    }
    transaction.commit()?;
    Ok(())
}
