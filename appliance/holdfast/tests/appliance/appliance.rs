//! An appliance in a child process, with its credentials, data and a workstation's state in a folder of its own.

use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// The program: the one built with this test, or the one that `HOLDFAST_BIN` names.
pub static HOLDFAST: LazyLock<PathBuf> = LazyLock::new(|| {
    let named = std::env::var_os("HOLDFAST_BIN");
    named.map_or_else(|| env!("CARGO_BIN_EXE_holdfast").into(), PathBuf::from)
});
const PATIENCE: Duration = Duration::from_secs(60);
/// What one says that is started while another one holds its socket or its store.
pub const IN_USE: [&str; 2] = ["Address already in use", "is in use by another process"];

pub struct Appliance {
    pub dir: tempfile::TempDir,
    pub port: u16,
    process: Option<Child>,
}

impl Appliance {
    /// A fresh one whose console shows a code.
    pub fn start() -> Self {
        Self::prepare(&["--console-code"], "portal.localhost").started()
    }

    /// A fresh one with one name for site and portal, and these lines at the end of its configuration.
    pub fn start_with_one_name(more: &str) -> Self {
        let appliance = Self::prepare(&["--console-code"], "localhost");
        let toml = appliance.path("secrets/holdfast.toml");
        let text = fs::read_to_string(&toml).unwrap();
        fs::write(&toml, format!("{text}{more}\n")).unwrap();
        appliance.started()
    }

    /// A fresh one of these host names, and with more lines in its configuration. It is reached on loopback all the same.
    pub fn start_as(site: &str, portal: &str, lines: &str) -> Self {
        let appliance = Self::prepare(&["--console-code"], "portal.localhost");
        let path = appliance.path("secrets/holdfast.toml");
        let text = fs::read_to_string(&path).unwrap();
        let text = text.replace("https://localhost:", &format!("https://{site}:"));
        let text = text.replace("https://portal.localhost:", &format!("https://{portal}:"));
        fs::write(path, text + lines).unwrap();
        appliance.started()
    }

    /// A fresh one that enrols by the operator's key.
    pub fn start_with_operator_key() -> Self {
        Self::prepare(&[], "portal.localhost").started()
    }

    /// A fresh one whose console shows a code, not started yet.
    pub fn prepared() -> Self {
        Self::prepare(&["--console-code"], "portal.localhost")
    }

    /// A fresh one with more lines in its configuration.
    pub fn start_with(lines: &str) -> Self {
        let appliance = Self::prepare(&["--console-code"], "portal.localhost");
        let path = appliance.path("secrets/holdfast.toml");
        let mut text = fs::read_to_string(&path).unwrap();
        text.push_str(lines);
        fs::write(path, text).unwrap();
        appliance.started()
    }

    /// A machine that runs and serves already, if `HOLDFAST_MACHINE` names the folder of its console and of the client that is
    /// enrolled there, as `./run --state` leaves it, and `HOLDFAST_MACHINE_PORT` its port. Nobody has joined it then.
    pub fn machine() -> Option<Self> {
        let state = PathBuf::from(std::env::var_os("HOLDFAST_MACHINE")?);
        let port = std::env::var("HOLDFAST_MACHINE_PORT").unwrap();
        let machine = Self {
            dir: tempfile::tempdir().unwrap(),
            port: port.parse().unwrap(),
            process: None,
        };
        for (there, here) in [("client", "state"), ("console.log", "log")] {
            std::os::unix::fs::symlink(state.join(there), machine.path(here)).unwrap();
        }
        let list = ok(&machine.holdfast(&["user", "list", "--json"]));
        let list: serde_json::Value = serde_json::from_str(&list).unwrap();
        for person in list["people"].as_array().unwrap() {
            let name = person["name"].as_str().unwrap();
            ok(&machine.holdfast(&["user", "delete", name, "--yes", name, "--force"]));
        }
        Some(machine)
    }

    /// Its id as a process.
    pub fn id(&self) -> u32 {
        self.process.as_ref().unwrap().id()
    }

    fn prepare(options: &[&str], portal: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let port = free_port();
        fs::create_dir(dir.path().join("data")).unwrap();
        let made = Command::new(&*HOLDFAST)
            .args([
                "config",
                "new",
                "--site",
                &format!("https://localhost:{port}"),
            ])
            .args(["--portal", &format!("https://{portal}:{port}")])
            .args(options)
            .arg(dir.path().join("secrets"))
            .output()
            .unwrap();
        assert!(
            made.status.success(),
            "{}",
            String::from_utf8_lossy(&made.stderr)
        );
        Self {
            dir,
            port,
            process: None,
        }
    }

    fn started(mut self) -> Self {
        self.boot();
        self
    }

    /// Starts it, with a log of its own, and waits until it answers.
    pub fn boot(&mut self) {
        self.spawn();
        let start = Instant::now();
        while !self.answers() {
            // One that was killed while it tried its sandbox leaves a child for a moment, which holds the socket and the store.
            // A service manager ends such a child before it starts the next one.
            let ended = self.process.as_mut().unwrap().try_wait().unwrap();
            if ended.is_some() && IN_USE.iter().any(|text| self.log().contains(text)) {
                self.spawn();
            }
            assert!(start.elapsed() < PATIENCE, "did not start: {}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Whether it answers.
    pub fn answers(&self) -> bool {
        let machine = self.path("machine.sock").exists();
        TcpStream::connect(self.address()).is_ok() && (machine || self.log().contains("identity"))
    }

    /// Starts it, with a log of its own, and waits for nothing.
    pub fn spawn(&mut self) {
        self.spawn_by(Command::new(&*HOLDFAST));
    }

    /// Starts it with no file longer than so many KiB, and waits until it answers: writes behind that fail with EFBIG.
    pub fn boot_with_files_of(&mut self, kib: u32) {
        let mut shell = Command::new("sh");
        // Blocks of 512 bytes (POSIX, ulimit). Without a handler the signal would end it before the error is seen.
        let script = format!("trap '' XFSZ; ulimit -f {}; exec \"$@\"", kib * 2);
        shell.args(["-c", &script, "sh"]).arg(&*HOLDFAST);
        self.spawn_by(shell);
        let start = Instant::now();
        while !self.answers() {
            assert!(start.elapsed() < PATIENCE, "did not start: {}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn spawn_by(&mut self, mut command: Command) {
        let _ = fs::remove_file(self.path("log"));
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.path("log"))
            .unwrap();
        command
            .args(["listen", "--listen", &self.address().to_string(), "--"])
            .args(["--credentials".as_ref(), self.path("secrets").as_os_str()])
            .args(["--data".as_ref(), self.path("data").as_os_str()])
            .stdin(Stdio::null())
            .stderr(log);
        // A machine's unit that a test has started; the picture goes there.
        let machine = self.path("machine.sock");
        if machine.exists() {
            command.env("HOLDFAST_MACHINE_SOCKET", &machine);
        }
        self.process = Some(command.spawn().unwrap());
    }

    /// Ends it at once.
    pub fn kill(&mut self) {
        let mut process = self.process.take().unwrap();
        process.kill().unwrap();
        process.wait().unwrap();
        fs::remove_file(self.path("log")).unwrap();
    }

    /// Kills it while others still use it.
    pub fn kill_in_place(&self) {
        let process = self.process.as_ref().unwrap();
        kill_process(Pid::from_child(process), Signal::KILL).unwrap();
    }

    /// Ends it at once, if it still runs.
    pub fn end(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }

    /// Takes note that it is dead.
    pub fn reap(&mut self) {
        self.process.take().unwrap().wait().unwrap();
    }

    /// Starts it once more.
    pub fn boot_again(&mut self) {
        let _ = fs::remove_file(self.path("log"));
        self.boot();
    }

    /// Ends it by a signal; tells how it ended.
    pub fn end_by(&mut self, signal: Signal) -> std::process::ExitStatus {
        let mut process = self.process.take().unwrap();
        kill_process(Pid::from_child(&process), signal).unwrap();
        process.wait().unwrap()
    }

    /// Waits until it has ended by itself.
    pub fn ended(&mut self) -> std::process::ExitStatus {
        let mut process = self.process.take().unwrap();
        let start = Instant::now();
        loop {
            if let Some(status) = process.try_wait().unwrap() {
                return status;
            }
            assert!(start.elapsed() < PATIENCE, "it goes on: {}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Starts it and waits until it has refused to serve, for good; tells what it said.
    pub fn refuses_to_start(&self) -> String {
        let output = Command::new(&*HOLDFAST)
            .args(["listen", "--listen", &self.address().to_string(), "--"])
            .args(["--credentials".as_ref(), self.path("secrets").as_os_str()])
            .args(["--data".as_ref(), self.path("data").as_os_str()])
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(78), "only the operator can help");
        refused(&output)
    }

    /// Ends it as systemd does; tells how long that took.
    pub fn stop(&mut self) -> Duration {
        let mut process = self.process.take().unwrap();
        let start = Instant::now();
        kill_process(Pid::from_child(&process), Signal::TERM).unwrap();
        assert!(process.wait().unwrap().success());
        start.elapsed()
    }

    pub fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.port))
    }

    pub fn authority(&self) -> String {
        format!("localhost:{}", self.port)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    /// The log, once it holds this text: records are written within a quarter of a second.
    pub fn log_with(&self, text: &str) -> String {
        let start = Instant::now();
        loop {
            let log = self.log();
            if log.contains(text) {
                return log;
            }
            assert!(start.elapsed() < PATIENCE, "no `{text}`: {log}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The code that the console shows now.
    pub fn code(&self) -> String {
        let start = Instant::now();
        loop {
            let log = self.log();
            let line = log
                .lines()
                .rev()
                .find(|line| line.trim_start().starts_with("code "));
            if let Some(code) = line.and_then(|line| line.split_whitespace().nth(1)) {
                return code.to_owned();
            }
            assert!(start.elapsed() < PATIENCE, "no code: {log}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Runs the command line with this test's state.
    pub fn holdfast(&self, arguments: &[&str]) -> Output {
        self.holdfast_as("state", arguments)
    }

    pub fn holdfast_as(&self, state: &str, arguments: &[&str]) -> Output {
        Command::new(&*HOLDFAST)
            .args(arguments)
            .args(["--state".as_ref(), self.path(state).as_os_str()])
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    /// Enrols by this code.
    pub fn enrol_as(&self, state: &str, code: &str) -> Output {
        let address = self.authority();
        self.holdfast_as(
            state,
            &[
                "enroll",
                "--address",
                &address,
                "--code",
                code,
                "--name",
                "test",
            ],
        )
    }

    /// Enrols the usual state by the console's code.
    pub fn enrolled(self) -> Self {
        ok(&self.enrol_as("state", &self.code()));
        self
    }

    /// Writes files and pushes them.
    pub fn push(&self, files: &[(&str, &[u8])]) -> String {
        let site = self.path("site");
        write_site(&site, files);
        ok(&self.holdfast(&["site", "push", site.to_str().unwrap()]))
    }
}

impl Drop for Appliance {
    fn drop(&mut self) {
        if let Some(process) = &mut self.process {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

/// Replaces a folder by these files.
pub fn write_site(site: &Path, files: &[(&str, &[u8])]) {
    let _ = fs::remove_dir_all(site);
    for (name, bytes) in files {
        let path = site.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
}

/// Standard output of a command that must succeed.
pub fn ok(output: &Output) -> String {
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// Standard error of a command that must fail.
pub fn refused(output: &Output) -> String {
    assert!(
        !output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stdout)
    );
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// A port that nothing listens on; different for each call within this process, and likely so between processes.
fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Below the ports that the kernel gives to outgoing connections: an appliance that is started again finds its own free.
    let base = 10_000 + u16::try_from(std::process::id() % 1100).unwrap() * 20;
    loop {
        let port = base.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed));
        if port > 1024 && TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
