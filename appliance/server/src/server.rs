//! The server as a whole: opened with power, run without.

use std::net::TcpListener;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use holdfast_audit::{Actor, Event, Kind, Outcome, Timestamp};
use holdfast_policy::Policy;
use holdfast_site::Site;
use holdfast_store::{Batch, Store};
use tokio::sync::{Notify, Semaphore, watch};

use crate::api;
use crate::certificate::{self, WebCertificate};
use crate::clock::Clock;
use crate::configuration;
use crate::connection;
use crate::console::{Show, keep_code};
use crate::device::{self, FirstEnrolment};
use crate::enrolment::code::Shown;
use crate::enrolment::invitations::Invitations;
use crate::enrolment::recovery::Recovery;
use crate::enrolment::refusals::Refusals;
use crate::error::Error;
use crate::handlers::{Prepared, Reports};
use crate::identity::Identity;
use crate::keys::Keys;
use crate::limits::Bounds;
use crate::machine::Machine;
use crate::record::{self, Records};
use crate::room::Room;
use crate::runs::{Last, Runs};
use crate::settings::Settings;
use crate::tls::Tls;
use crate::upkeep::{Rotation, Upkeep, Verification};

/// How long requests in flight may take to finish at a stop.
const GRACE: Duration = Duration::from_secs(5);

/// Most answers that follow the log at once.
const FOLLOWERS: usize = 8;

/// What every request may use.
pub(crate) struct Shared {
    pub(crate) settings: Settings,
    pub(crate) store: Store,
    pub(crate) site: Site,
    pub(crate) policy: Policy,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) keys: Keys,
    /// People and their sessions.
    pub(crate) identity: Identity,
    pub(crate) tls: Tls,
    pub(crate) code: Mutex<Option<Shown>>,
    pub(crate) code_spent: Notify,
    pub(crate) devices: AtomicUsize,
    pub(crate) first_done: AtomicBool,
    /// Held while a version is kept and made live, so that the store and memory agree on the order.
    pub(crate) publishing: tokio::sync::Mutex<()>,
    /// Who pushes, and what is to be removed.
    pub(crate) collection: api::Collection,
    /// Held while a device is enrolled.
    pub(crate) enrolment: Arc<tokio::sync::Mutex<()>>,
    pub(crate) refusals: Mutex<Refusals>,
    pub(crate) limits: Bounds,
    /// Refused acts of devices.
    pub(crate) denials: Mutex<Refusals>,
    /// Proofs of strangers that prove nothing.
    pub(crate) guesses: Mutex<Refusals>,
    /// Codes that devices asked for.
    pub(crate) invitations: Mutex<Invitations>,
    pub(crate) recovery: Recovery,
    /// Held while the web certificate is exchanged.
    pub(crate) changing: Arc<tokio::sync::Mutex<()>>,
    /// The machine around the server.
    pub(crate) machine: Arc<dyn Machine>,
    /// Answers that follow the log.
    pub(crate) followers: Arc<Semaphore>,
    /// When the server was opened.
    pub(crate) started: Instant,
    /// Whether it is to stop: answers that could go on for long end.
    pub(crate) ending: AtomicBool,
    pub(crate) room: Room,
    pub(crate) prepared: Prepared,
    pub(crate) reports: Reports,
    pub(crate) records: Arc<Records>,
    pub(crate) requests: AtomicU64,
    pub(crate) boot: u32,
    pub(crate) show: watch::Sender<Show>,
    pub(crate) upkeep: Upkeep,
    /// Why the server must not serve any longer.
    pub(crate) fatal: watch::Sender<Option<holdfast_store::Error>>,
}

/// The server, ready to run.
pub struct Server {
    shared: Arc<Shared>,
    listeners: Vec<TcpListener>,
}

/// The time of the newest audit event: the clock must not run below it.
///
/// # Errors
/// The store's.
pub fn last_stored_time(store: &Store) -> Result<Option<Timestamp>, Error> {
    let newest = holdfast_audit::list(&store.snapshot()?, ..)?
        .next_back()
        .transpose()?;
    Ok(newest.map(|(_, event)| event.time))
}

impl Server {
    /// Makes everything ready: keys, policies, the live site. Starts no thread and answers nobody.
    ///
    /// # Errors
    /// Whatever keeps it from serving.
    pub fn open(
        store: Store,
        settings: Settings,
        clock: Arc<dyn Clock>,
        listeners: Vec<TcpListener>,
        machine: Arc<dyn Machine>,
    ) -> Result<Self, Error> {
        if listeners.is_empty() {
            return Err(Error::NoSocket);
        }
        for listener in &listeners {
            listener.set_nonblocking(true)?;
        }
        let keys = Keys::load(&store, &settings, clock.now())?;
        configuration::note(&store, &settings.configuration, clock.now())?;
        let recovery = Recovery::start(&store, settings.recover.as_deref(), clock.now())?;
        let snapshot = store.snapshot()?;
        let installed = certificate::load(&snapshot, &settings)?;
        let tls = Tls::new(&keys, installed.as_ref().unwrap_or(&keys.fallback))?;
        let first_done = snapshot
            .find::<FirstEnrolment>(FirstEnrolment::KEY)?
            .is_some();
        let devices = device::count(&snapshot)?;
        drop(snapshot);
        let mut boot = [0; 4];
        aws_lc_rs::rand::fill(&mut boot)
            .map_err(|_| std::io::Error::other("the kernel gave no random bytes"))?;
        let blank = Show {
            state: "starting",
            identity: String::new(),
            certificate: String::new(),
            code: None,
            code_expires_s: None,
            site: String::new(),
            portal: String::new(),
            version: String::new(),
            devices,
            note: None,
        };
        let shared = Shared {
            denials: Mutex::default(),
            guesses: Mutex::default(),
            invitations: Mutex::default(),
            recovery,
            changing: Arc::default(),
            machine,
            followers: Arc::new(Semaphore::new(FOLLOWERS)),
            started: clock.monotonic(),
            ending: AtomicBool::new(false),
            site: Site::open(store.clone(), settings.limits.cache_bytes)?,
            policy: Policy::load()?,
            identity: Identity::open(&store, &settings, &*clock)?,
            limits: Bounds::new(settings.limits.clone(), &clock),
            room: Room::new(&settings.limits),
            prepared: Prepared::default(),
            reports: Reports::default(),
            records: Records::open(),
            store,
            settings,
            clock,
            keys,
            tls,
            code: Mutex::new(None),
            code_spent: Notify::new(),
            devices: AtomicUsize::new(devices),
            first_done: AtomicBool::new(first_done),
            publishing: tokio::sync::Mutex::default(),
            collection: api::Collection::default(),
            enrolment: Arc::default(),
            refusals: Mutex::default(),
            requests: AtomicU64::new(0),
            boot: u32::from_be_bytes(boot),
            show: watch::channel(blank).0,
            upkeep: Upkeep::default(),
            fatal: watch::channel(None).0,
        };
        Ok(Self {
            shared: Arc::new(shared),
            listeners,
        })
    }

    /// Writes out the records that wait, for a panic hook: the process ends thereafter.
    pub fn at_panic(&self) -> impl Fn() + Send + Sync + 'static {
        let records = Arc::clone(&self.shared.records);
        move || records.flush_at_panic()
    }

    /// What the console is to show, now and at each change.
    #[must_use]
    pub fn console(&self) -> watch::Receiver<Show> {
        self.shared.show.subscribe()
    }

    /// Serves until `stop` is done, then lets requests in flight finish for at most five seconds. `ready` is called once
    /// the first connection can be taken. The store's writer must run.
    ///
    /// # Errors
    /// A socket that cannot be used, or a store that takes no writes.
    pub async fn run(
        self,
        stop: impl Future<Output = ()>,
        ready: impl FnOnce(),
    ) -> Result<(), Error> {
        let Self { shared, listeners } = self;
        shared.records.start()?;
        let (stopping, stopped) = watch::channel(false);
        for listener in listeners {
            let listener = tokio::net::TcpListener::from_std(listener)?;
            tokio::spawn(connection::accept(
                Arc::clone(&shared),
                listener,
                stopped.clone(),
            ));
        }
        drop(stopped);
        shared.note_started().await?;
        tokio::spawn(keep_code(Arc::clone(&shared)));
        let sessions = tokio::spawn(Arc::clone(&shared).keep_sessions());
        let collecting = tokio::spawn(api::keep_collected(Arc::clone(&shared)));
        shared.redraw();
        ready();
        Rotation::ask(&shared, shared.store.rotations_due());
        let verifying = tokio::spawn(Verification::after_start(Arc::clone(&shared)));
        let mut fatal = shared.fatal.subscribe();
        let end = tokio::select! {
            () = stop => None,
            // The sender lives as long as `shared`.
            why = fatal.wait_for(Option::is_some) => why.ok().and_then(|why| why.clone()),
            // A store that takes no writes could not revoke either; the service manager starts the server anew.
            why = shared.store.broken() => Some(why),
        };
        verifying.abort();
        shared.ending.store(true, Ordering::Relaxed);
        // Between two batches or in one, which is whole or not: the next start goes on.
        collecting.abort();
        sessions.abort();
        shared.site.close();
        let _ = stopping.send(true);
        if let Some(why) = end {
            // Nothing of this store is to be served, and nothing can be written to it: not even requests in flight wait.
            let records = Arc::clone(&shared.records);
            let _ = tokio::task::spawn_blocking(move || records.finish()).await;
            return Err(why.into());
        }
        // Every task holds a receiver until it is done.
        let _ = tokio::time::timeout(GRACE, stopping.closed()).await;
        // The last uses of sessions; without them they seem used a minute earlier.
        let _ = shared.flush_sessions().await;
        let kept = shared.keep_counted().await;
        let denials = shared.keep_counted_denials().await;
        let guesses = shared.keep_counted_guesses().await;
        let noted = shared.note_stopped().await;
        let records = Arc::clone(&shared.records);
        // Waits for the reader of standard error, for a second at most: nothing else is left to do.
        let _ = tokio::task::spawn_blocking(move || records.finish()).await;
        kept.and(denials).and(guesses).and(noted)
    }
}

impl Shared {
    /// The web certificate that is shown now.
    pub(crate) fn web_certificate(&self) -> Arc<WebCertificate> {
        self.tls.web_certificate()
    }

    pub(crate) fn invitations(&self) -> std::sync::MutexGuard<'_, Invitations> {
        self.invitations
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Keeps that this run began, and how earlier ones ended as far as no event tells it yet.
    async fn note_started(&self) -> Result<(), Error> {
        if let Some(why) = self.site.unloadable() {
            let way_out = "push the site again, or make another version live";
            record::note(
                &self.records,
                "site-not-served",
                &format!("{why}; {way_out}"),
            );
        }
        if let Some(warning) = self.identity.warning(&self.settings) {
            record::note(&self.records, "passkeys-lost", &warning);
        }
        let ended = self.settings.ended.iter().map(|exit| {
            let outcome = if exit.clean {
                Outcome::Done
            } else {
                Outcome::Failed
            };
            self.event(Kind::RunEnded, Actor::Machine, &exit.resource(), outcome)
        });
        let mut events: Vec<_> = ended.collect();
        events.push(self.event(Kind::Started, Actor::Machine, "", Outcome::Done));
        self.keep_run(Last::Started, &events).await
    }

    async fn note_stopped(&self) -> Result<(), Error> {
        let event = self.event(Kind::Stopped, Actor::Machine, "", Outcome::Done);
        let last = Last::Stopped(event.time.unix_millis());
        self.keep_run(last, &[event]).await
    }

    async fn keep_run(&self, last: Last, events: &[Event]) -> Result<(), Error> {
        let runs = Runs {
            last: Some(last),
            told: self.settings.told.clone(),
        };
        let mut batch = Batch::new();
        batch.put(Runs::KEY, &runs)?;
        self.keep_all(batch, events).await
    }

    /// Counts a connection that was closed at once, since its client has its share already.
    pub(crate) fn note_shed(&self) {
        if let Some(connections) = self.limits.shed.note(self.clock.monotonic()) {
            record::shed(&self.records, &self.clock.now().to_string(), connections);
        }
    }

    /// Keeps an event of no act of its own. On a full disk it goes to the log instead: pages must be served even so.
    pub(crate) async fn keep(&self, event: &Event) -> Result<(), Error> {
        self.keep_all(Batch::new(), std::slice::from_ref(event))
            .await
    }

    async fn keep_all(&self, mut batch: Batch, events: &[Event]) -> Result<(), Error> {
        for event in events {
            holdfast_audit::append(&mut batch, event)?;
        }
        match self.store.commit(batch).await {
            Err(error) if error.is_full() => {
                for event in events {
                    record::lost(&self.records, event, &error);
                }
            }
            outcome => drop(outcome?),
        }
        Ok(())
    }

    pub(crate) fn event(
        &self,
        kind: Kind,
        actor: Actor,
        resource: &str,
        outcome: Outcome,
    ) -> Event {
        let time = self.clock.now();
        Event {
            time,
            kind,
            actor,
            resource: resource.to_owned(),
            outcome,
            request: None,
        }
    }
}
