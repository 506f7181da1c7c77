//! An operator's workstation: the `holdfast` program with a state folder of its own.

use crate::{Lab, Machine, configuration, inputs, limit};
use std::{
    io::Write,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

/// A device. Its key and the server's pinned identity are in its folder.
#[derive(Debug)]
pub struct Device {
    state: PathBuf,
    address: String,
}

impl Device {
    /// Enrols a new device by the code that the machine's console shows.
    ///
    /// # Panics
    /// When the console shows none, or the program fails.
    pub fn enrol(lab: &Lab, machine: &Machine) -> Self {
        let code = machine.console.wait_field("code", &["-"], limit(60));
        let code = code
            .split_whitespace()
            .next()
            .expect("a field is not empty")
            .to_owned();
        Self::enrol_by(lab, machine, "device", &code)
    }

    /// Enrols a new device, whose state folder is called `name`, by a code that is at hand.
    ///
    /// # Panics
    /// When the program fails.
    pub fn enrol_by(lab: &Lab, machine: &Machine, name: &str, code: &str) -> Self {
        let device = Self::known(lab, machine, name);
        device.run(&["enroll", "--name", name], &format!("{code}\n"));
        device
    }

    /// A device whose state folder is called `name`, enrolled or not.
    pub fn known(lab: &Lab, machine: &Machine, name: &str) -> Self {
        Self {
            state: lab.path(name),
            address: configuration::site(machine.port),
        }
    }

    /// Runs a command with `--json` and reads its answer.
    ///
    /// # Panics
    /// When the program fails or its answer is no JSON.
    pub fn json(&self, words: &[&str]) -> serde_json::Value {
        let text = self.run(&[words, &["--json"]].concat(), "");
        serde_json::from_str(&text).expect("`--json` writes JSON")
    }

    /// Runs a command whose answer is JSON line by line.
    ///
    /// # Panics
    /// As [`Device::json`] does.
    pub fn json_lines(&self, words: &[&str]) -> Vec<serde_json::Value> {
        let text = self.run(&[words, &["--json"]].concat(), "");
        let lines = text.lines().map(serde_json::from_str);
        lines
            .collect::<Result<_, _>>()
            .expect("`--json` writes JSON")
    }

    /// Starts a command and leaves it running, its output piped.
    ///
    /// # Panics
    /// When the program does not start.
    pub fn start(&self, words: &[&str]) -> Child {
        let mut command = self.command(words);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command.spawn().expect("HOLDFAST_BIN is a program")
    }

    /// Publishes a folder and makes it live.
    ///
    /// # Panics
    /// When the program fails.
    pub fn push(&self, site: &Path) {
        let folder = site.to_str().expect("the site's folder has a UTF-8 name");
        self.run(&["site", "push", folder], "");
    }

    /// `holdfast status --json`.
    ///
    /// # Panics
    /// When the program fails or its answer is no JSON.
    pub fn status(&self) -> serde_json::Value {
        self.json(&["status"])
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(&inputs().binary);
        command.args(words).arg("--state").arg(&self.state);
        command.args(["--address", &self.address]);
        command
    }

    /// Runs a command with this input; gives what it wrote.
    ///
    /// # Panics
    /// When it fails.
    pub fn run(&self, words: &[&str], input: &str) -> String {
        let mut command = self.command(words);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().expect("HOLDFAST_BIN is a program");
        let mut stdin = child.stdin.take().expect("its input is a pipe");
        // A program that ends without reading is judged by its exit status.
        let _ = stdin.write_all(input.as_bytes());
        drop(stdin);
        let output = child.wait_with_output().expect("a child can be waited for");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let message = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success(),
            "holdfast {words:?} failed:\n{text}{message}"
        );
        text
    }
}

/// The inputs' site, published by a device enrolled just now.
///
/// # Panics
/// As [`Device::enrol`] and [`Device::push`] do.
pub fn publish(lab: &Lab, machine: &Machine) -> Device {
    let device = Device::enrol(lab, machine);
    device.push(&inputs().site);
    device
}
