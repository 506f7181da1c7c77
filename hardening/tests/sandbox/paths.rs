//! What must go on working in the sandbox: the ways that the server takes, and the rare ones that it takes at a fault.
//!
//! Each is the reason of entries in `src/seccomp.json`. The store, the runtime and the C library are the server's own.

use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Child, Output};
use std::time::Duration;

use redb::{Database, ReadableDatabase, TableDefinition};
use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process, setrlimit};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::{enter, folder, started, told};

const TABLE: TableDefinition<&str, &str> = TableDefinition::new("t");

/// A way, and how it ends.
pub struct TestedPath {
    pub name: &'static str,
    /// In the child; enters the sandbox.
    pub act: fn(&Path),
    /// Meanwhile, in the parent; what it cannot do, the child's end tells.
    with: fn(&mut Child),
    end: End,
}

enum End {
    Well,
    By(Signal),
}

const fn path(name: &'static str, act: fn(&Path), with: fn(&mut Child), end: End) -> TestedPath {
    TestedPath {
        name,
        act,
        with,
        end,
    }
}

const fn alone(name: &'static str, act: fn(&Path)) -> TestedPath {
    path(name, act, |_| (), End::Well)
}

pub const PATHS: &[TestedPath] = &[
    alone("store_commits_and_grows", store_works),
    path(
        "runtime_serves_inherited_listener",
        runtime_serves,
        talk_and_stop,
        End::Well,
    ),
    path(
        "blocking_socket_is_read_and_written",
        blocking_socket,
        talk,
        End::Well,
    ),
    alone("manager_is_told", manager_is_told),
    alone("processor_time_is_told", processor_time),
    alone("buffers_grow", buffers_grow),
    alone("arenas_give_memory_back", arenas_shrink),
    alone("contended_lock_waits", contended_lock),
    alone("thread_that_finds_no_memory_is_an_error", no_memory),
    path(
        "panic_ends_as_an_abort",
        panic_and_abort,
        |_| (),
        End::By(Signal::ABORT),
    ),
    path(
        "stack_overflow_ends_as_an_abort",
        stack_overflow,
        |_| (),
        End::By(Signal::ABORT),
    ),
    path(
        "exhausted_memory_ends_as_an_abort",
        exhausted_memory,
        |_| (),
        End::By(Signal::ABORT),
    ),
    path(
        "sleep_goes_on_after_a_stop",
        sleep,
        stop_and_continue,
        End::By(Signal::TERM),
    ),
];

impl TestedPath {
    pub fn must_work(&self) {
        let folder = folder();
        let output = self.finish(self.start(folder.path(), None));
        let ended = match self.end {
            End::Well => output.status.success(),
            End::By(signal) => output.status.signal() == Some(signal.as_raw()),
        };
        assert!(ended, "{}", told(&output));
    }

    pub fn start(&self, folder: &Path, without: Option<usize>) -> Child {
        started(self.name, folder, without)
    }

    pub fn finish(&self, mut child: Child) -> Output {
        (self.with)(&mut child);
        child.wait_with_output().unwrap()
    }
}

/// As `appliance/store` uses it: opened before, immediate durability, two phases, quick repair; room looked at first.
fn store_works(folder: &Path) {
    let path = folder.join("data/store.redb");
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .unwrap();
    let backend = redb::backends::FileBackend::new(file).unwrap();
    let database = Database::builder()
        .set_cache_size(16 << 20)
        .create_with_backend(backend)
        .unwrap();
    enter();
    let write = |value: &str| {
        rustix::fs::statvfs(&path).unwrap();
        let mut transaction = database.begin_write().unwrap();
        transaction
            .set_durability(redb::Durability::Immediate)
            .unwrap();
        transaction.set_two_phase_commit(true);
        transaction.set_quick_repair(true);
        let mut table = transaction.open_table(TABLE).unwrap();
        table.insert("k", value).unwrap();
        drop(table);
        transaction.commit().unwrap();
    };
    write("a");
    // Large enough to grow the file, and more than the engine's memory holds.
    write(&"b".repeat(24 << 20));
    let read = database.begin_read().unwrap().open_table(TABLE).unwrap();
    assert_eq!(read.get("k").unwrap().unwrap().value().len(), 24 << 20);
    drop(read);
    write("c");
}

/// As `holdfast serve` builds it: workers with names, a pool for blocking work, signals, the listener from outside, the
/// machine's unit on a socket that was connected before.
fn runtime_serves(_: &Path) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let (console, machine) = UnixStream::pair().unwrap();
    console.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    enter();
    // Tells the parent, and the log.
    println!("{port}");
    eprintln!("started");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(16)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        use tokio::signal::unix::{SignalKind, signal};
        let mut stop = signal(SignalKind::terminate()).unwrap();
        tokio::time::sleep(Duration::from_millis(5)).await;
        let listener = tokio::net::TcpListener::from_std(listener).unwrap();
        let console = tokio::net::UnixStream::from_std(console).unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        let (console, text) = tokio::spawn(serve(console, stream)).await.unwrap();
        assert_eq!(text, "hello");
        drop(console);
        stop.recv().await.unwrap();
    });
    let mut shown = String::new();
    (&machine).read_to_string(&mut shown).unwrap();
    assert_eq!(shown, "shown\n");
}

async fn serve(
    mut console: tokio::net::UnixStream,
    mut stream: tokio::net::TcpStream,
) -> (tokio::net::UnixStream, String) {
    console.write_all(b"shown\n").await.unwrap();
    stream.set_nodelay(true).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    let text = tokio::task::spawn_blocking(move || text).await.unwrap();
    // Head and body of an answer in one call, as hyper writes them.
    let (head, body) = text.as_bytes().split_at(2);
    let both = [std::io::IoSlice::new(head), std::io::IoSlice::new(body)];
    let written = stream.write_vectored(&both).await.unwrap();
    assert_eq!(written, text.len());
    stream.shutdown().await.unwrap();
    (console, text)
}

fn blocking_socket(_: &Path) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    enter();
    println!("{port}");
    let (mut stream, _) = listener.accept().unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    stream.write_all(text.as_bytes()).unwrap();
}

fn manager_is_told(folder: &Path) {
    let path = folder.join("notify");
    let manager = UnixDatagram::bind(&path).unwrap();
    let socket = UnixDatagram::unbound().unwrap();
    socket.connect(&path).unwrap();
    socket.set_nonblocking(true).unwrap();
    enter();
    socket.send(b"READY=1").unwrap();
    let mut told = [0; 16];
    assert_eq!(manager.recv(&mut told).unwrap(), 7);
}

/// The kernel's page in each process answers for the usual clocks without a call, but not for this one; on machines whose
/// clock it cannot read (some hypervisors) it asks the kernel for every clock.
fn processor_time(_: &Path) {
    use rustix::time::{ClockId, clock_gettime};
    // rustix looks for that page at its first question.
    let _ = clock_gettime(ClockId::Monotonic);
    enter();
    let used = clock_gettime(ClockId::ProcessCPUTime);
    assert!(used.tv_sec >= 0 && used.tv_nsec > 0);
}

/// Many small ones, and one that becomes large.
fn buffers_grow(_: &Path) {
    enter();
    let many: Vec<_> = (0..256_usize).map(|_| vec![1_u8; 32 << 10]).collect();
    assert_eq!(many.len(), 256);
    let mut buffer = Vec::new();
    for size in [1_usize << 20, 4 << 20, 16 << 20] {
        buffer.resize(size, 1_u8);
    }
    assert!(buffer.iter().all(|byte| *byte == 1));
}

/// More threads than the C library has memory arenas for, each using its own and giving it back.
fn arenas_shrink(_: &Path) {
    enter();
    let gate = std::sync::Barrier::new(24);
    std::thread::scope(|scope| {
        for _ in 0..24 {
            scope.spawn(|| {
                let blocks: Vec<_> = (0..256).map(|_| vec![1_u8; 32 << 10]).collect();
                gate.wait();
                drop(blocks);
            });
        }
    });
}

/// The limits' table lies behind this kind of lock, which yields before it sleeps.
fn contended_lock(_: &Path) {
    let lock = parking_lot::Mutex::new(1);
    enter();
    let held = lock.lock();
    std::thread::scope(|scope| {
        let waits = scope.spawn(|| *lock.lock());
        std::thread::sleep(Duration::from_millis(50));
        drop(held);
        assert_eq!(waits.join().unwrap(), 1);
    });
}

fn no_memory(_: &Path) {
    let most = Rlimit {
        current: Some(1 << 30),
        maximum: Some(1 << 30),
    };
    setrlimit(Resource::As, most).unwrap();
    enter();
    let thread = std::thread::Builder::new().stack_size(2 << 30);
    assert!(thread.spawn(|| ()).is_err());
    std::thread::spawn(|| ()).join().unwrap();
}

/// In a thread that is not the first, as the binary does it: told, then aborted.
fn panic_and_abort(_: &Path) {
    enter();
    let thread = std::thread::spawn(|| {
        let told = std::panic::catch_unwind(|| panic!("told"));
        assert!(told.is_err());
        std::process::abort();
    });
    let _ = thread.join();
}

/// std's handler runs on a stack of its own, tells the thread's name, and aborts.
fn stack_overflow(_: &Path) {
    fn deeper(depth: u64) -> u64 {
        let on_stack = std::hint::black_box([depth; 64]);
        if on_stack[0] == u64::MAX {
            return 0;
        }
        deeper(depth.wrapping_add(1)).wrapping_add(on_stack[0])
    }
    enter();
    let thread = std::thread::spawn(|| deeper(0));
    let _ = thread.join();
}

fn exhausted_memory(_: &Path) {
    let most = Rlimit {
        current: Some(1 << 30),
        maximum: Some(1 << 30),
    };
    setrlimit(Resource::As, most).unwrap();
    enter();
    let _ = std::hint::black_box(vec![1_u8; 2 << 30]);
}

fn sleep(_: &Path) {
    enter();
    println!("asleep");
    std::thread::sleep(Duration::from_secs(600));
}

/// The first line of a child, if it has one.
fn first_line(child: &mut Child) -> Option<String> {
    let mut out = BufReader::new(child.stdout.as_mut()?);
    let mut line = String::new();
    out.read_line(&mut line).ok()?;
    line.strip_suffix('\n').map(str::to_owned)
}

/// Speaks with the listener whose port the child prints, as far as that goes.
fn talk(child: &mut Child) {
    let Some(port) = first_line(child).and_then(|line| line.parse::<u16>().ok()) else {
        return;
    };
    let mut answer = String::new();
    let _ = TcpStream::connect(("127.0.0.1", port)).and_then(|mut stream| {
        stream.write_all(b"hello")?;
        stream.shutdown(std::net::Shutdown::Write)?;
        stream.read_to_string(&mut answer)
    });
}

fn talk_and_stop(child: &mut Child) {
    talk(child);
    let _ = kill_process(Pid::from_child(child), Signal::TERM);
}

/// Stops the child in its sleep, lets it go on, and ends it when it sleeps again.
fn stop_and_continue(child: &mut Child) {
    let pid = Pid::from_child(child);
    if first_line(child).is_none() {
        return;
    }
    let reaches = |wanted: &[char]| {
        while !state(pid).is_some_and(|state| wanted.contains(&state)) {
            std::thread::sleep(Duration::from_millis(5));
        }
    };
    // Asleep, or dead already.
    reaches(&['S', 'Z', 'X']);
    for (signal, wanted) in [
        (Signal::STOP, &['T', 'Z', 'X']),
        (Signal::CONT, &['S', 'Z', 'X']),
    ] {
        let _ = kill_process(pid, signal);
        reaches(wanted);
    }
    let _ = kill_process(pid, Signal::TERM);
}

/// The letter behind the name in /proc/PID/stat (proc_pid_stat(5)); a dead child is `Z` until it is waited for.
fn state(pid: Pid) -> Option<char> {
    let mut text = String::new();
    let path = format!("/proc/{}/stat", pid.as_raw_nonzero());
    File::open(path).ok()?.read_to_string(&mut text).ok()?;
    text.rsplit_once(") ")?.1.chars().next()
}
