//! Holdfast as it runs without a machine: configured, started, enrolled and pushed to by its own command line.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::Failure;
use crate::certificate::Certificate;
use crate::process;
use crate::running::Running;
use crate::target::{Group, Target};

/// Lifts the rates of one address: all load comes from one. The rates are counted all the same, and every other limit
/// stays as it is.
const LIMITS: &str = "
[limits]
handshake = { per_minute = 1_000_000_000, burst = 1_000_000_000 }
page = { per_minute = 1_000_000_000, burst = 1_000_000_000 }
device = { per_minute = 1_000_000_000, burst = 1_000_000_000 }
";

/// An appliance's credentials, data and the workstation's state, in a folder of their own.
pub struct Appliance {
    program: PathBuf,
    dir: PathBuf,
    address: SocketAddr,
    certificate: PathBuf,
    identity: String,
}

impl Appliance {
    /// Makes its configuration.
    pub fn prepare(program: &Path, dir: &Path, certificate: &Certificate) -> Result<Self, Failure> {
        fs::create_dir(dir)?;
        fs::create_dir(dir.join("data"))?;
        let address = free_address()?;
        let port = address.port();
        let mut appliance = Self {
            program: program.to_owned(),
            dir: dir.to_owned(),
            address,
            certificate: certificate.der_file.clone(),
            identity: String::new(),
        };
        let secrets = appliance.secrets();
        let mut config = Command::new(program);
        config.args([
            "config",
            "new",
            "--json",
            "--site",
            &format!("https://localhost:{port}"),
        ]);
        config.args(["--portal", &format!("https://portal.localhost:{port}")]);
        let made = json(config.arg(&secrets))?;
        let identity = made.get("identity").and_then(Value::as_str);
        appliance.identity = identity
            .ok_or("`holdfast config new` told no identity; rebuild holdfast")?
            .to_owned();
        fs::write(secrets.join("holdfast.tls-cert"), &certificate.chain)?;
        fs::write(secrets.join("holdfast.tls-key"), &certificate.key)?;
        let file = secrets.join("holdfast.toml");
        fs::write(&file, fs::read_to_string(&file)? + LIMITS)?;
        Ok(appliance)
    }

    /// Starts it, pinned or not, and waits until it answers `path`; tells how long that took. Its access records go to
    /// a file, as they would go to the journal.
    pub fn boot(&self, cpu: Option<usize>, path: &str) -> Result<(Running, Duration), Failure> {
        let log = self.dir.join("log");
        let mut command = match cpu {
            Some(cpu) => {
                let mut command = process::pinned(cpu)?;
                command.arg(&self.program);
                command
            }
            None => Command::new(&self.program),
        };
        command
            .args([
                "listen",
                "--listen",
                &self.address.to_string(),
                "--",
                "--credentials",
            ])
            .arg(self.secrets())
            .arg("--data")
            .arg(self.dir.join("data"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&log)?);
        let start = Instant::now();
        let process = command.spawn()?;
        let target = Target {
            address: self.address,
            certificate: self.certificate.clone(),
            processes: vec![process.id()],
        };
        let mut running = Running::new(process, &log, target);
        let took = running.answers(path, Group::X25519MLKEM768, start)?;
        Ok((running, took))
    }

    /// Enrols this workstation by the operator's key.
    pub fn enrol(&self) -> Result<(), Failure> {
        let mut command = Command::new(&self.program);
        command
            .args([
                "enroll",
                "--json",
                "--name",
                "bench",
                "--identity",
                &self.identity,
            ])
            .arg("--operator-key")
            .arg(self.secrets().join("operator.key"));
        json(self.client(&mut command)).map(drop)
    }

    /// `holdfast site …`, whose answer is JSON.
    pub fn site(&self, arguments: &[&str]) -> Result<Value, Failure> {
        let mut command = Command::new(&self.program);
        command.arg("site").args(arguments).arg("--json");
        json(self.client(&mut command))
    }

    /// `holdfast site push`.
    pub fn push(&self, folder: &Path) -> Result<Value, Failure> {
        let folder = folder
            .to_str()
            .ok_or("the working folder's path is not UTF-8; set TMPDIR to another")?;
        self.site(&["push", folder])
    }

    fn client<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command
            .args([
                "--address",
                &format!("localhost:{}", self.address.port()),
                "--state",
            ])
            .arg(self.dir.join("state"))
    }

    fn secrets(&self) -> PathBuf {
        self.dir.join("secrets")
    }
}

/// Runs a command to its end and reads the JSON that it prints.
fn json(command: &mut Command) -> Result<Value, Failure> {
    let done = command.stdin(Stdio::null()).output().map_err(|error| {
        format!(
            "cannot start {}: {error}; check --holdfast",
            command.get_program().display()
        )
    })?;
    if !done.status.success() {
        let arguments: Vec<_> = command
            .get_args()
            .take(2)
            .map(|argument| argument.to_string_lossy())
            .collect();
        let told = String::from_utf8_lossy(&done.stderr);
        return Err(format!("`holdfast {}` failed: {}", arguments.join(" "), told.trim()).into());
    }
    Ok(serde_json::from_slice(&done.stdout).unwrap_or(Value::Null))
}

/// An address on loopback that nothing listens on.
pub fn free_address() -> Result<SocketAddr, Failure> {
    Ok(std::net::TcpListener::bind(("127.0.0.1", 0))?.local_addr()?)
}
