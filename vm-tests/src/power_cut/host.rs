//! The `holdfast` program on the host, with the store of a machine: it opens in a fraction of a boot.

use crate::{
    Console, configuration::Configuration, configuration::ROOT_KEY, inputs, limit,
    machine::SERVING, program::Running,
};
use std::{
    fs::{self, File, Permissions},
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Stdio},
};

/// What the console says of a machine that has a device and no site.
const WAITING: &str = "holdfast: state waiting for a site";

/// The appliance as a process at 127.0.0.1. Dropping it kills it.
#[derive(Debug)]
pub struct Host {
    /// What it says.
    pub console: Console,
    _process: Running,
}

impl Host {
    /// Starts it at `port` with the data in `folder/data`, as the machine of this port is configured.
    ///
    /// # Errors
    /// With what it says, when it does not come as far as serving.
    ///
    /// # Panics
    /// When a file cannot be written or the program is missing.
    pub fn start(folder: &Path, port: u16) -> Result<Self, String> {
        let secrets = folder.join("secrets");
        fs::create_dir_all(&secrets).expect("the temporary folder takes a folder");
        let files = [
            ("holdfast.toml", Configuration::new(port).toml()),
            ("holdfast.root-key", ROOT_KEY.to_owned()),
        ];
        for (name, text) in files {
            let path = secrets.join(name);
            fs::write(&path, text).expect("the temporary folder takes a file");
            fs::set_permissions(&path, Permissions::from_mode(0o600)).expect("it is ours");
        }
        let path = folder.join("console");
        let log = File::create(&path).expect("the temporary folder takes a file");
        let mut command = Command::new(&inputs().binary);
        command
            .args([
                "listen",
                "--listen",
                &format!("127.0.0.1:{port}"),
                "--",
                "--credentials",
            ])
            .arg(secrets)
            .arg("--data")
            .arg(folder.join("data"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        let process = Running::start(&mut command);
        let console = Console::follow(&path, process.watch());
        let serving = [&SERVING[..], &[WAITING]].concat();
        match console.find(&serving, limit(30)) {
            Some(_) => Ok(Self {
                console,
                _process: process,
            }),
            None => Err(format!("the store does not open:\n{}", console.tail(20))),
        }
    }
}
