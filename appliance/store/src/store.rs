//! The store's handle: open, read, commit.

use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

use holdfast_secrets::KeyRing;
use tokio::sync::{Semaphore, mpsc, oneshot};

use crate::engine::Engine;
use crate::space::{self, Usage};
use crate::writer::{self, Job};
use crate::{
    Batch, Checkpoint, Error, Pause, Reading, Receipt, Resealing, Snapshot, Verdict, Verifying,
    keys, opening,
};

/// Memory that waiting batches may take together, in KiB; who brings more waits.
const QUEUE_KIB: usize = 16 << 10;

/// The open store. Clones share it; the file is closed when the last clone and the last [`Snapshot`] are gone.
#[derive(Clone)]
pub struct Store(Arc<Shared>);

struct Shared {
    engine: Arc<Engine>,
    room: Arc<Semaphore>,
    /// Taken away when the last handle is dropped, which ends the writer.
    queue: Option<mpsc::UnboundedSender<Job>>,
    writer: Mutex<Writer>,
}

enum Writer {
    Waiting(mpsc::UnboundedReceiver<Job>),
    Running(JoinHandle<()>),
    Failed,
}

impl Store {
    /// Memory for pages of the file, in bytes. Small, since the whole machine may have 192 MiB and what is asked for often is
    /// kept above the store.
    pub const CACHE_BYTES: usize = 16 << 20;

    /// Opens the store at `path` for this process alone, or makes an empty one if there is no file (mode 0600). Starts
    /// no thread.
    ///
    /// # Errors
    /// [`Error::InUse`], [`Error::Foreign`], [`Error::Truncated`], [`Error::Damaged`], [`Error::NewerFormat`],
    /// [`Error::WrongRootKey`], [`Error::Altered`], [`Error::Open`], [`Error::Full`]; each says the way out.
    pub fn open(path: impl AsRef<Path>, ring: KeyRing) -> Result<Self, Error> {
        Self::open_telling(path, ring, |_| ())
    }

    /// As [`Store::open`]; what makes the opening a long one is told, see [`Pause`].
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn open_telling(
        path: impl AsRef<Path>,
        ring: KeyRing,
        mut telling: impl FnMut(Pause),
    ) -> Result<Self, Error> {
        let engine = opening::open(path.as_ref(), ring, &mut telling)?;
        let (queue, waiting) = mpsc::unbounded_channel();
        Ok(Self(Arc::new(Shared {
            engine: Arc::new(engine),
            room: Arc::new(Semaphore::new(QUEUE_KIB)),
            queue: Some(queue),
            writer: Mutex::new(Writer::Waiting(waiting)),
        })))
    }

    /// Starts the writer thread. Called once, after the sandbox was entered.
    ///
    /// # Errors
    /// [`Error::WriterStart`] if it runs already or the system refuses a thread.
    pub fn start_writer(&self) -> Result<(), Error> {
        let mut writer = self.0.writer.lock().unwrap_or_else(PoisonError::into_inner);
        match std::mem::replace(&mut *writer, Writer::Failed) {
            Writer::Waiting(queue) => {
                let engine = Arc::clone(&self.0.engine);
                let thread = std::thread::Builder::new()
                    .name("store-writer".into())
                    .spawn(move || writer::run(&engine, queue))
                    .map_err(|error| Error::WriterStart(error.to_string()))?;
                *writer = Writer::Running(thread);
                Ok(())
            }
            running => {
                *writer = running;
                Err(Error::WriterStart("it was started before".into()))
            }
        }
    }

    /// A view of everything committed so far.
    ///
    /// # Errors
    /// [`Error::Read`] if the engine fails.
    pub fn snapshot(&self) -> Result<Snapshot, Error> {
        Snapshot::new(Arc::clone(&self.0.engine))
    }

    /// Commits the batch by the writer thread and answers when it is durable. Once this future has been polled, the
    /// batch may be committed even if the future is dropped.
    ///
    /// # Errors
    /// [`Error::Conflict`] if an expectation failed (nothing of the batch was done), [`Error::Full`],
    /// [`Error::Stopped`] after an earlier write failed, [`Error::NoWriter`] before [`Store::start_writer`].
    pub async fn commit(&self, batch: Batch) -> Result<Receipt, Error> {
        if !self.has_writer() {
            return Err(Error::NoWriter);
        }
        let batch = batch.seal(&self.0.engine.ring)?;
        let kib = (batch.size() >> 10).clamp(1, QUEUE_KIB);
        let permits = u32::try_from(kib).unwrap_or(u32::MAX);
        let room = Arc::clone(&self.0.room)
            .acquire_many_owned(permits)
            .await
            .map_err(|_| Error::NoWriter)?;
        let (answer, outcome) = oneshot::channel();
        let queue = self.0.queue.as_ref().ok_or(Error::NoWriter)?;
        queue
            .send(Job {
                batch,
                answer,
                room,
            })
            .map_err(|_| Error::NoWriter)?;
        outcome.await.unwrap_or(Err(Error::NoWriter))
    }

    /// Commits the batch in this thread and returns when it is durable. For start-up, before there is a runtime; it
    /// blocks, so it is not for asynchronous code.
    ///
    /// # Errors
    /// As [`Store::commit`], but for [`Error::NoWriter`].
    pub fn commit_blocking(&self, batch: Batch) -> Result<Receipt, Error> {
        let batch = batch.seal(&self.0.engine.ring)?;
        let outcome = self.0.engine.apply(&[batch]).pop();
        outcome.unwrap_or(Err(Error::NoWriter))
    }

    /// Reads every record, opens it, and holds all of them against the sums that were sealed with the last commit. Commits
    /// go on meanwhile; each waits for one batch of at most 256 records and some 2 MiB. `step` is called after each batch,
    /// in this thread, and may sleep there; by `false` it ends the verification, which then has no verdict. A second
    /// verification waits for the first.
    ///
    /// # Errors
    /// [`Error::Read`] if the engine fails, [`Error::Stopped`] after a failed write.
    pub fn verify(&self, step: impl FnMut(Verifying) -> bool) -> Result<Option<Verdict>, Error> {
        self.0.engine.verify(step)
    }

    /// Gives the table a new key, seals all its values under it, and destroys the older keys. Reading and writing go on
    /// meanwhile; each waits for one batch of at most 256 records and some 2 MiB. `step` is called after each batch, in this
    /// thread, and may sleep there; by `false` it ends the work, which is [due](Store::rotations_due) then. A second
    /// rotation waits for the first.
    ///
    /// # Errors
    /// [`Error::Unopened`] if a value does not open, [`Error::Keys`] from the key file, [`Error::Full`],
    /// [`Error::Stopped`] after a failed write, [`Error::Read`] if the engine fails. The older keys stand then.
    pub fn rotate(&self, table: &str, step: impl FnMut(Resealing) -> bool) -> Result<bool, Error> {
        self.0.engine.rotate(table, step)
    }

    /// Gives the table a new key, unless one has begun; its rotation is [due](Store::rotations_due) from now on, also after a
    /// restart.
    ///
    /// # Errors
    /// [`Error::Keys`] from the key file, [`Error::Stopped`] after a failed write.
    pub fn begin_rotation(&self, table: &str) -> Result<(), Error> {
        self.0.engine.begin_rotation(table)
    }

    /// Tables whose rotation has begun and not come to its end.
    #[must_use]
    pub fn rotations_due(&self) -> Vec<String> {
        self.0.engine.due()
    }

    /// The ring of keys, for what is about keys alone.
    #[must_use]
    pub fn keys(&self) -> &KeyRing {
        &self.0.engine.ring
    }

    /// Waits until a write has failed so that no more are taken; who serves ends then, and opens the store anew.
    pub async fn broken(&self) -> Error {
        let engine = &self.0.engine;
        loop {
            // It is woken from here on, so nothing is missed between the look and the wait.
            let told = engine.stopping.notified();
            if let Some(reason) = engine.stopped.get() {
                return Error::Stopped(reason.clone());
            }
            told.await;
        }
    }

    /// What names the store's whole content as last committed. Waits for a commit that is under way.
    ///
    /// # Errors
    /// [`Error::Encoding`], which cannot happen.
    pub fn checkpoint(&self) -> Result<Checkpoint, Error> {
        let sums = self.0.engine.state().sums.clone();
        sums.checkpoint(&self.0.engine.ring)
    }

    /// What is told of a store that was found altered in these tables.
    #[must_use]
    pub fn altered(&self, tables: &[String]) -> Error {
        Error::Altered {
            path: self.0.engine.path.clone(),
            what: format!("table {}", tables.join(", table ")),
        }
    }

    /// What is told of a store whose keys were destroyed.
    #[must_use]
    pub fn keys_destroyed(&self) -> Error {
        keys::failed(&self.0.engine.path, &holdfast_secrets::Error::KeysDestroyed)
    }

    /// What the store takes on its file system, and what is left there.
    ///
    /// # Errors
    /// The system's, such as when the disk is gone.
    pub fn usage(&self) -> std::io::Result<Usage> {
        space::usage(&self.0.engine.path)
    }

    /// Who reads the store now.
    #[must_use]
    pub fn reading(&self) -> Reading {
        self.0.engine.readers.reading(Instant::now())
    }

    /// Number of durable transactions since the store was opened. Far fewer than batches when many commit at once.
    #[must_use]
    pub fn transactions(&self) -> u64 {
        self.0.engine.transactions.load(Ordering::Relaxed)
    }

    fn has_writer(&self) -> bool {
        let writer = self.0.writer.lock().unwrap_or_else(PoisonError::into_inner);
        matches!(*writer, Writer::Running(_))
    }
}

impl Drop for Shared {
    /// Ends the writer and waits for it, so that the file is closed when the last handle is gone.
    fn drop(&mut self) {
        self.queue = None;
        let writer = self
            .writer
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner);
        if let Writer::Running(thread) = std::mem::replace(writer, Writer::Failed) {
            // It ends by itself; if it has panicked its waiting batches were answered with an error already.
            let _ = thread.join();
        }
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store")
            .field("path", &self.0.engine.path)
            .finish_non_exhaustive()
    }
}
