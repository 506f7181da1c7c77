//! What the sandbox stops and what it lets work, each proven in a process of its own that enters it.
//!
//! A harness of its own: `enter` wants the only thread, so each test is this program started again with the test's name.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::env;
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek as _, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use holdfast_hardening::{Error, Limits, enter};
use redb::{Database, ReadableDatabase, TableDefinition};

const SIGSYS: i32 = 31;
const TABLE: TableDefinition<&str, &str> = TableDefinition::new("t");

/// How a test's process must end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    /// By itself, without complaint.
    Well,
    /// By the kernel, at a forbidden system call.
    Killed,
}
use End::{Killed, Well};

type Test = (&'static str, End, fn(&Path));

const TESTS: &[Test] = &[
    ("privileges_are_given_up", Well, privileges_are_gone),
    ("refuses_a_second_thread", Well, second_thread_is_refused),
    (
        "refuses_a_missing_data_folder",
        Well,
        missing_folder_is_refused,
    ),
    ("store_commits_and_reopens", Well, store_works),
    ("runtime_serves_inherited_listener", Well, runtime_serves),
    ("threads_start_and_are_bound_too", Well, threads_are_bound),
    (
        "foreign_files_cannot_be_opened",
        Well,
        foreign_files_are_closed,
    ),
    (
        "readable_file_is_readable_only",
        Well,
        readable_is_read_only,
    ),
    (
        "nothing_is_removed_or_created_beside_the_store",
        Well,
        folder_stays,
    ),
    ("no_socket_can_be_opened", Well, sockets_are_refused),
    ("no_program_can_be_run", Killed, |_| {
        let _ = Command::new("/bin/true").spawn();
    }),
    ("process_cannot_become_another_program", Killed, |_| {
        let _ = Command::new("/bin/true").exec();
    }),
    ("no_file_without_a_name", Well, |_| {
        let made = rustix::fs::memfd_create("x", rustix::fs::MemfdFlags::CLOEXEC);
        assert_eq!(made.unwrap_err(), rustix::io::Errno::PERM);
    }),
    ("no_mount", Killed, |dir| {
        let flags = rustix::mount::MountFlags::empty();
        let _ = rustix::mount::mount("none", dir, "tmpfs", flags, c"");
    }),
    ("no_other_root", Killed, |_| {
        let _ = rustix::process::chroot("/");
    }),
    ("no_signal_to_others", Well, |_| {
        let sent = rustix::process::kill_process(
            rustix::process::Pid::INIT,
            rustix::process::Signal::USR1,
        );
        assert_eq!(sent.unwrap_err(), rustix::io::Errno::PERM);
    }),
    ("limits_cannot_be_raised", Well, |_| {
        let resource = rustix::process::Resource::Core;
        assert_eq!(rustix::process::getrlimit(resource).maximum, Some(0));
        let limit = rustix::process::Rlimit {
            current: Some(0),
            maximum: Some(0),
        };
        assert!(rustix::process::setrlimit(resource, limit).is_err());
    }),
];

fn main() -> ExitCode {
    if let Ok(name) = env::var("HOLDFAST_SANDBOX_TEST") {
        let (_, _, test) = TESTS.iter().find(|t| t.0 == name).expect("known");
        let dir = env::var("HOLDFAST_SANDBOX_DIR").expect("set");
        if !name.starts_with("privileges_")
            && !name.starts_with("refuses_")
            && !name.starts_with("store_")
            && !name.starts_with("runtime_")
        {
            enter(&limits(Path::new(&dir))).expect("enters");
        }
        test(Path::new(&dir));
        return ExitCode::SUCCESS;
    }
    let arguments: Vec<_> = env::args().skip(1).collect();
    if arguments.iter().any(|a| a == "--list") {
        TESTS.iter().for_each(|t| println!("{}: test", t.0));
        return ExitCode::SUCCESS;
    }
    let wanted = arguments.iter().find(|a| !a.starts_with('-'));
    let chosen: Vec<_> = TESTS
        .iter()
        .filter(|t| wanted.is_none_or(|w| t.0.contains(w.as_str())))
        .collect();
    println!("\nrunning {} tests", chosen.len());
    let failed = chosen.iter().filter(|t| !passes(t)).count();
    let verdict = if failed == 0 { "ok" } else { "FAILED" };
    println!(
        "\ntest result: {verdict}. {} passed; {failed} failed; 0 ignored; 0 measured; {} filtered out\n",
        chosen.len().saturating_sub(failed),
        TESTS.len().saturating_sub(chosen.len())
    );
    if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn passes(&(name, end, _): &Test) -> bool {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("readable"), "yes").unwrap();
    fs::create_dir(dir.path().join("data")).unwrap();
    let mut child = Command::new(env::current_exe().unwrap())
        .env("HOLDFAST_SANDBOX_TEST", name)
        .env("HOLDFAST_SANDBOX_DIR", dir.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let talked = !name.starts_with("runtime_") || talk(child.stdout.as_mut().unwrap());
    let output = child.wait_with_output().unwrap();
    let ended = match end {
        Well => output.status.success(),
        Killed => output.status.signal() == Some(SIGSYS),
    };
    println!(
        "test {name} ... {}",
        if ended && talked { "ok" } else { "FAILED" }
    );
    if !(ended && talked) {
        println!(
            "{}\n{}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
    }
    ended && talked
}

/// Speaks with the listener whose port the child prints.
fn talk(out: &mut impl Read) -> bool {
    let mut port = [0; 6];
    let port = out
        .read(&mut port)
        .map(|n| String::from_utf8_lossy(&port[..n]).trim().to_owned());
    let Some(Ok(port)) = port.ok().map(|p| p.parse::<u16>()) else {
        return false;
    };
    let mut answer = String::new();
    let asked = TcpStream::connect(("127.0.0.1", port)).and_then(|mut stream| {
        stream.write_all(b"hello")?;
        stream.shutdown(std::net::Shutdown::Write)?;
        stream.read_to_string(&mut answer)
    });
    asked.is_ok() && answer == "hello"
}

fn limits(dir: &Path) -> Limits {
    Limits {
        data_dir: dir.join("data"),
        readable: vec![dir.join("readable")],
        open_files: 1024,
        processes: None,
    }
}

fn privileges_are_gone(dir: &Path) {
    let mut status = File::open("/proc/self/status").unwrap();
    let mut before = String::new();
    status.read_to_string(&mut before).unwrap();
    let report = enter(&limits(dir)).unwrap();
    status.rewind().unwrap();
    let mut text = String::new();
    status.read_to_string(&mut text).unwrap();
    let field = |text: &str, name: &str| {
        let line = text.lines().find_map(|l| l.strip_prefix(name));
        line.unwrap().trim_start_matches(':').trim().to_owned()
    };
    let value = |name: &str| field(&text, name);
    for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
        assert_eq!(u64::from_str_radix(&value(set), 16).unwrap(), 0, "{set}");
    }
    let bounding = u64::from_str_radix(&value("CapBnd"), 16).unwrap();
    assert_eq!(bounding == 0, report.bounding_set_empty);
    assert_eq!(value("NoNewPrivs"), "1");
    // Filter mode, with all three filters beside those of whoever started this (a build's sandbox has one).
    assert_eq!(value("Seccomp"), "2");
    let filters = |text: &str| field(text, "Seccomp_filters").parse::<u32>().unwrap();
    assert_eq!(filters(&text).checked_sub(filters(&before)), Some(3));
}

fn second_thread_is_refused(dir: &Path) {
    let (keep, kept) = std::sync::mpsc::channel::<()>();
    let thread = std::thread::spawn(move || kept.recv());
    assert!(matches!(
        enter(&limits(dir)),
        Err(Error::MoreThreads { count: 2 })
    ));
    drop(keep);
    let _ = thread.join();
    let report = enter(&limits(dir)).unwrap();
    assert!(report.landlock_abi >= 3, "{report:?}");
}

fn missing_folder_is_refused(dir: &Path) {
    let missing = Limits {
        data_dir: dir.join("absent"),
        ..limits(dir)
    };
    assert!(matches!(enter(&missing), Err(Error::Path { .. })));
}

fn store_works(dir: &Path) {
    let path = dir.join("data/store.redb");
    let database = Database::create(&path).unwrap();
    enter(&limits(dir)).unwrap();
    let write = |database: &Database, value: &str| {
        let transaction = database.begin_write().unwrap();
        transaction
            .open_table(TABLE)
            .unwrap()
            .insert("k", value)
            .unwrap();
        transaction.commit().unwrap();
    };
    write(&database, "a");
    // Large enough to grow the file.
    write(&database, &"b".repeat(4 << 20));
    drop(database);
    let database = Database::open(&path).unwrap();
    let read = database.begin_read().unwrap().open_table(TABLE).unwrap();
    assert_eq!(read.get("k").unwrap().unwrap().value().len(), 4 << 20);
}

fn runtime_serves(dir: &Path) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    enter(&limits(dir)).unwrap();
    println!("{}", listener.local_addr().unwrap().port());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let stop = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate());
        let _stop = stop.unwrap();
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        let listener = tokio::net::TcpListener::from_std(listener).unwrap();
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        stream.peer_addr().unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        let text = tokio::task::spawn_blocking(move || text).await.unwrap();
        stream.write_all(text.as_bytes()).await.unwrap();
    });
}

fn threads_are_bound(_: &Path) {
    let thread = std::thread::Builder::new().name("worker".into());
    let opened = thread
        .spawn(|| File::open("/etc/passwd").is_ok())
        .unwrap()
        .join()
        .unwrap();
    assert!(!opened);
}

fn foreign_files_are_closed(dir: &Path) {
    let elsewhere = [
        PathBuf::from("/etc/passwd"),
        "/proc/self/maps".into(),
        dir.join("new"),
    ];
    for path in &elsewhere {
        let denied = |e: std::io::Error| e.kind() == std::io::ErrorKind::PermissionDenied;
        assert!(
            File::open(path).is_err_and(|e| denied(e) || path.ends_with("new")),
            "{path:?}"
        );
        assert!(
            OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(true)
                .open(path)
                .is_err_and(denied),
            "{path:?}"
        );
    }
}

fn readable_is_read_only(dir: &Path) {
    let path = dir.join("readable");
    assert_eq!(fs::read(&path).unwrap(), b"yes");
    assert!(
        OpenOptions::new()
            .write(true)
            .truncate(true)
            .open(&path)
            .is_err()
    );
}

fn folder_stays(dir: &Path) {
    assert!(File::create(dir.join("data/other")).is_err());
    assert!(fs::remove_file(dir.join("readable")).is_err());
    assert!(fs::create_dir(dir.join("data/folder")).is_err());
    assert!(fs::read_dir(dir.join("data")).is_err());
}

fn sockets_are_refused(_: &Path) {
    assert!(TcpStream::connect("127.0.0.1:9").is_err_and(|e| e.raw_os_error() == Some(1)));
    assert!(TcpListener::bind("127.0.0.1:0").is_err());
    assert!(UdpSocket::bind("127.0.0.1:0").is_err());
    assert!(std::os::unix::net::UnixStream::connect("/run/systemd/notify").is_err());
}
