//! A running QEMU: q35 with SMM, Secure Boot firmware, a TPM 2.0, a serial port.

use crate::{
    Console, Spec,
    acceleration::Acceleration,
    console::Line,
    hardware::arguments,
    limit,
    program::{Running, run},
    qmp::Qmp,
};
use std::{
    fs::{self, File, OpenOptions},
    io::Write,
    net::TcpListener,
    os::unix::net::UnixStream,
    path::Path,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// The states of a machine that serves; a fresh one waits for its first device.
pub const SERVING: [&str; 2] = [READY, "holdfast: state waiting for enrolment"];
/// The state of a machine that has a site.
pub const READY: &str = "holdfast: state ready";

/// A machine that is switched on. Dropping it pulls the plug.
#[derive(Debug)]
pub struct Machine {
    /// Its serial console.
    pub console: Console,
    /// Its control socket.
    pub qmp: Qmp,
    /// The port at 127.0.0.1 that leads to its port 443.
    pub port: u16,
    /// What is typed at the serial console, where somebody can.
    keys: Option<File>,
    // Ended in this order.
    qemu: Running,
    _tpm: Running,
}

impl Machine {
    /// Switches `spec` on.
    ///
    /// # Panics
    /// When QEMU does not start, with its message.
    pub fn start(spec: &Spec, acceleration: Acceleration) -> Self {
        Self::try_start(spec, acceleration).unwrap_or_else(|| {
            let message = fs::read_to_string(spec.folder.join("qemu.log")).unwrap_or_default();
            panic!("QEMU does not start:\n{message}")
        })
    }

    /// Switches `spec` on, or gives none when QEMU ends at once.
    pub fn try_start(spec: &Spec, acceleration: Acceleration) -> Option<Self> {
        let at = |name: &str| spec.folder.join(name);
        for name in ["serial", "qmp", "tpm.sock", "keys"] {
            // Left by an earlier boot.
            let _ = fs::remove_file(at(name));
        }
        let tpm = Running::start(
            Command::new("swtpm")
                .args(["socket", "--tpm2", "--terminate", "--tpmstate"])
                .arg(format!("dir={}", at("tpm").display()))
                .args([
                    "--ctrl",
                    &format!("type=unixio,path={}", at("tpm.sock").display()),
                ])
                .stdout(Stdio::null())
                .stderr(Stdio::null()),
        );
        wait_for_file(&at("tpm.sock"));
        let keys = spec.typing.then(|| keyboard(&at("keys")));
        let log = File::create(at("qemu.log")).expect("the temporary folder takes a file");
        let mut command = Command::new("qemu-system-x86_64");
        command
            .args(arguments(spec, acceleration))
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        let qemu = Running::start(command.stderr(log));
        let qmp = Qmp::open(connect(&at("qmp"), &qemu)?)?;
        let console = Console::follow(&at("serial"), qemu.watch());
        Some(Self {
            console,
            qmp,
            port: spec.port,
            keys,
            qemu,
            _tpm: tpm,
        })
    }

    /// Waits until it serves.
    ///
    /// # Panics
    /// With the end of the console, when it does not: a panic or a refusal is not waited out.
    pub fn wait_serving(&self) -> Line {
        self.wait_state(&SERVING)
    }

    /// Waits until it serves its site.
    ///
    /// # Panics
    /// As [`Machine::wait_serving`] does.
    pub fn wait_ready(&self) -> Line {
        self.wait_state(&[READY])
    }

    fn wait_state(&self, states: &[&str]) -> Line {
        let ends = ["Kernel panic", "holdfast: refused"];
        let line = self.console.wait(&[states, &ends].concat(), limit(240));
        let failed = ends.iter().any(|end| line.text.contains(end));
        assert!(!failed, "it does not serve:\n{}", self.console.tail(80));
        line
    }

    /// From the kernel's first line to the first serving state. Emulated guests keep the host's clock, so this is guest time.
    pub fn boot_time(&self) -> Duration {
        let first = self.console.wait(&["Linux version"], Duration::ZERO).at;
        self.wait_serving().at.saturating_duration_since(first)
    }

    /// Types this at the serial console, and Return as terminals send it.
    ///
    /// # Panics
    /// When nobody can type there ([`Spec::typing`]).
    pub fn type_line(&mut self, text: &str) {
        let keys = self.keys.as_mut().expect("somebody can type");
        let line = format!("{text}\r");
        keys.write_all(line.as_bytes()).expect("QEMU reads");
    }

    /// Presses the power button and waits until the machine has switched itself off; says how long that took.
    ///
    /// # Panics
    /// With the end of the console, when it does not switch itself off.
    pub fn power_button(&mut self) -> Duration {
        let pressed = Instant::now();
        self.qmp.execute("system_powerdown");
        self.wait_off();
        pressed.elapsed()
    }

    /// Waits until the machine has switched itself off.
    ///
    /// # Panics
    /// With the end of the console, when it does not.
    pub fn wait_off(&mut self) {
        let Some(event) = self.qmp.event("SHUTDOWN", limit(120)) else {
            panic!("it does not switch itself off:\n{}", self.console.tail(60))
        };
        assert_eq!(
            event["data"]["reason"], "guest-shutdown",
            "not switched off by the guest"
        );
        let end = Instant::now() + limit(30);
        while !self.qemu.ended() && Instant::now() < end {
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits until it serves its site in its boot number `boot`, counted from 1.
    ///
    /// # Panics
    /// With the end of the console, when it does not.
    pub fn wait_ready_again(&self, boot: usize) {
        self.wait_again(boot, &[READY]);
    }

    /// As [`Machine::wait_ready_again`], for a machine that may still wait for its first device.
    ///
    /// # Panics
    /// As that does.
    pub fn wait_serving_again(&self, boot: usize) {
        self.wait_again(boot, &SERVING);
    }

    fn wait_again(&self, boot: usize, states: &[&str]) {
        let end = Instant::now() + limit(300);
        loop {
            let text = self.console.text();
            let mut boots = text.match_indices("Linux version").map(|(at, _)| at);
            let this = boots.nth(boot.saturating_sub(1));
            let shows = |at: usize| states.iter().any(|state| text[at..].contains(state));
            if this.is_some_and(shows) {
                return;
            }
            assert!(
                Instant::now() < end,
                "boot {boot} does not serve:\n{}",
                self.console.tail(80)
            );
            thread::sleep(Duration::from_millis(200));
        }
    }

    /// Waits until the machine has reset or ended by itself (with [`Spec::stop_on_reset`]), or gives up.
    pub fn wait_reset(&mut self, limit: Duration) -> bool {
        self.qmp.event("SHUTDOWN", limit).is_some()
    }
}

/// Keeps the console for people, where `HOLDFAST_LOGS` names a folder.
impl Drop for Machine {
    fn drop(&mut self) {
        if let Some(folder) = std::env::var_os("HOLDFAST_LOGS") {
            let file = Path::new(&folder).join(format!("console-{}.log", self.port));
            // A log that cannot be written must not hide the verdict.
            let _ = fs::write(file, self.console.text());
        }
    }
}

/// A port at 127.0.0.1 that nobody listens on now.
///
/// # Panics
/// When there is none.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener
        .local_addr()
        .expect("a bound socket has an address")
        .port()
}

/// A pipe with a name, of which QEMU reads what is typed. Open for both, so that neither end waits for the other.
fn keyboard(path: &Path) -> File {
    run(Command::new("mkfifo").arg(path));
    let open = OpenOptions::new().read(true).write(true).open(path);
    open.expect("a pipe that was just made")
}

fn wait_for_file(path: &Path) {
    let end = Instant::now() + limit(30);
    while !path.exists() {
        assert!(Instant::now() < end, "{} does not appear", path.display());
        thread::sleep(Duration::from_millis(10));
    }
}

fn connect(path: &Path, qemu: &Running) -> Option<UnixStream> {
    let end = Instant::now() + limit(60);
    loop {
        match UnixStream::connect(path) {
            Ok(stream) => return Some(stream),
            Err(_) if qemu.ended() || Instant::now() > end => return None,
            Err(_) => thread::sleep(Duration::from_millis(20)),
        }
    }
}
