//! `holdfast serve`: the start order of law 6.
//!
//! Credentials → store → keys and certificates → the sockets of others → the sandbox, on the only thread → runtime →
//! connections → `READY=1`. If any of it fails, nothing is served.

mod configuration;
mod console;
mod ended;
mod memory;
pub mod notify;
pub mod started;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use holdfast_audit::Timestamp;
use holdfast_server::{
    Authority, Clock as _, Limits, Server, Settings, SystemClock, last_stored_time,
};
use holdfast_store::{Error as StoreError, Pause, Store};
use listenfd::ListenFd;
use tokio::signal::unix::{SignalKind, signal};

use crate::cli::ServeArgs;
use crate::config::{Credentials, Origin, in_force};
use crate::{Failure, say};
use console::Console;
use notify::Notify;

/// Most threads for work that would hold up the event loop; far below the tasks that the unit allows (`TasksMax=`).
const BLOCKING_THREADS: usize = 16;

/// EX_CONFIG of sysexits(3): starting again cannot help, so systemd does not.
const EX_CONFIG: u8 = 78;

/// Why serving ended without an error.
enum End {
    /// SIGTERM or SIGINT.
    Asked,
    /// The machine's unit is gone, and with it the console.
    ConsoleLost,
}

/// Serves until SIGTERM or SIGINT.
pub fn serve(args: &ServeArgs) -> ExitCode {
    let (opened, data) = match open(args) {
        Ok(opened) => opened,
        Err(error) => {
            eprintln!("holdfast: {error}");
            Console::refused(&error.to_string());
            // What the disk did wrong may be right at the next start, and a compaction is not begun twice.
            let passing = error.downcast_ref::<StoreError>();
            let passing = passing.is_some_and(StoreError::may_pass);
            return if passing {
                ExitCode::FAILURE
            } else {
                ExitCode::from(EX_CONFIG)
            };
        }
    };
    match start(opened, data) {
        Ok(End::Asked) => ExitCode::SUCCESS,
        Ok(End::ConsoleLost) => {
            eprintln!(
                "holdfast: the connection to the machine's unit was lost, and the sandbox forbids a new one; stopped, \
                 so that the service manager starts the server again, with a console"
            );
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("holdfast: {error}");
            // Inside the sandbox a new socket would be the end. The next start says what it finds.
            if !started::is_confined() {
                Console::refused(&error.to_string());
            }
            ExitCode::FAILURE
        }
    }
}

/// Reads the credentials and opens the store: what only the operator can put right.
fn open(args: &ServeArgs) -> Result<((Credentials, Store), PathBuf), Failure> {
    let memory = memory::available();
    let defaults = Limits::for_memory(memory);
    let (credentials, roots) = Credentials::read_with(&started::credentials(args)?, &defaults)?;
    tell(memory, &credentials.config.limits);
    let data = started::data(args.data.clone());
    let store = Store::open_telling(data.join("store.redb"), roots.ring(), pause)?;
    Ok(((credentials, store), data))
}

/// Tells the log why opening the store takes long.
fn pause(pause: Pause) {
    let line = match pause {
        Pause::Raising { records } => {
            serde_json::json!({ "kind": "store-raised", "records": records })
        }
        Pause::Compacting { bytes } => {
            serde_json::json!({ "kind": "store-compacting", "bytes": bytes })
        }
        Pause::NotCompacted { room } => {
            serde_json::json!({ "kind": "store-not-compacted", "reason": "the disk is full", "room": room })
        }
        Pause::Compacted { bytes, took } => {
            serde_json::json!({ "kind": "store-compacted", "bytes": bytes, "millis": took.as_millis() })
        }
        _ => return,
    };
    say::line(&line);
}

/// Tells the log which limits are in force, since their defaults follow the memory.
fn tell(memory: u64, limits: &Limits) {
    let line = serde_json::json!({
        "kind": "limits",
        "memory_mib": memory >> 20,
        "worst_case_mib": limits.worst_case() >> 20,
        "in_force": in_force(limits),
    });
    say::line(&line);
    let needs = limits.needs_memory();
    if needs > memory {
        eprintln!(
            "holdfast: at the worst, clients can make the machine need {} MiB, and it has {} MiB: it may then end the server and \
             start it anew. Give it more memory, or lower the numbers under [limits] of holdfast.toml",
            needs >> 20,
            memory >> 20
        );
    }
}

fn start((credentials, store): (Credentials, Store), data: PathBuf) -> Result<End, Failure> {
    let configuration = configuration::answer(&credentials)?;
    let Credentials {
        config,
        identity_key,
        tls,
        recover,
        ..
    } = credentials;

    let built = started::build_time();
    let floor = Timestamp::from_unix_millis(built.saturating_mul(1000))?;
    let stored = last_stored_time(&store)?;
    let clock = SystemClock::new(stored.map_or(floor, |stored| stored.max(floor)));
    let before = ended::before_this_run(&data, &store)?;
    let settings = Settings {
        site: authority(&config.origin.site),
        portal: authority(&config.origin.portal),
        publishers_are_admins: config.origin.publishers_are_admins,
        headers_may_loosen: config.headers_may_loosen,
        passwords: config.passwords,
        operator: config.operator.as_ref().map(|operator| operator.key),
        identity_key,
        tls,
        configuration,
        recover,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        root_hash: started::root_hash(),
        last_exit: before.last,
        ended: before.ended,
        told: before.told,
        build_time: if built > 0 {
            built
        } else {
            clock.now().unix_millis().div_euclid(1000)
        },
        limits: config.limits.clone(),
        keep_versions: config.keep_versions,
    };
    let mut passed = ListenFd::from_env();
    let mut listeners = Vec::new();
    for index in 0..passed.len() {
        listeners.extend(passed.take_tcp_listener(index)?);
    }
    let (console, machine) = Console::connect()?;
    // Beside what follows, since both take a second on a slow machine. What was passed is in this process's hands alone by now.
    let trial = started::Trial::begin(data);
    let server = Server::open(store.clone(), settings, Arc::new(clock), listeners, machine)?;
    write_records_at_panic(&server);
    let notify = Notify::connect()?;

    // Read before the sandbox, which hides the control groups that limit it.
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);

    started::enter_sandbox(trial)?;

    // With one processor, threads that pass work to each other would only cost.
    let mut builder = if threads > 1 {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        builder.worker_threads(threads);
        builder
    } else {
        tokio::runtime::Builder::new_current_thread()
    };
    let runtime = builder
        .enable_all()
        .max_blocking_threads(BLOCKING_THREADS)
        .build()?;
    store.start_writer()?;
    drop(store);
    runtime.block_on(run(server, console, notify))
}

async fn run(server: Server, console: Console, notify: Notify) -> Result<End, Failure> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut console = tokio::spawn(console.keep(server.console()));
    let notify = Arc::new(notify);
    tokio::spawn(Arc::clone(&notify).watchdog());
    let stopping = Arc::clone(&notify);
    let (ended, end) = std::sync::mpsc::channel();
    let stop = async move {
        let end = tokio::select! {
            _ = terminate.recv() => End::Asked,
            _ = interrupt.recv() => End::Asked,
            _ = &mut console => End::ConsoleLost,
        };
        // The receiver waits below.
        let _ = ended.send(end);
        stopping.tell("STOPPING=1");
    };
    server.run(stop, || notify.tell("READY=1")).await?;
    Ok(end.try_recv().unwrap_or(End::Asked))
}

/// A panic ends the process; what waits to be recorded is written before.
fn write_records_at_panic(server: &Server) {
    let write = server.at_panic();
    let tell = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        write();
        tell(panic);
    }));
}

fn authority(origin: &Origin) -> Authority {
    Authority {
        host: origin.host().to_owned(),
        port: origin.port(),
    }
}
