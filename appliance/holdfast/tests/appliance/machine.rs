//! The machine around a server: the real unit, or a peer that answers as a test wants.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};

use holdfast_audit::Event;
use holdfast_secrets::{KeyRing, RootKey, Suite};
use holdfast_store::Store;
use serde_json::{Value, json};

use crate::appliance::{Appliance, HOLDFAST};

/// `holdfast machine run` with sockets in the appliance's folder. It is never asked to stop the machine: it would.
pub struct Unit(Child);

impl Unit {
    pub fn start(appliance: &Appliance) -> Self {
        let bind = |name| OwnedFd::from(UnixListener::bind(appliance.path(name)).unwrap());
        // Standard input and output are the two sockets, so that no other child inherits them.
        let child = Command::new(&*HOLDFAST)
            .args(["machine", "run"])
            .stdin(bind("machine.sock"))
            .stdout(bind("log.sock"))
            .stderr(Stdio::null())
            .env("LISTEN_FDS", "2")
            .env("LISTEN_FDS_FIRST_FD", "0")
            .env("LISTEN_FDNAMES", "machine:log")
            .env("NOTIFY_SOCKET", appliance.path("notify.sock"))
            .spawn();
        Self(child.unwrap())
    }
}

impl Drop for Unit {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// journald, as far as the unit sees it.
pub struct Journald(UnixStream);

impl Journald {
    pub fn connect(appliance: &Appliance) -> Self {
        Self(UnixStream::connect(appliance.path("log.sock")).unwrap())
    }

    /// An entry as journald forwards it; the message in the binary form if it has a control character.
    pub fn write(&mut self, unit: &str, message: &str) {
        let mut entry = match unit {
            "kernel" => "_TRANSPORT=kernel\n".to_owned(),
            unit => format!("_TRANSPORT=stdout\n_SYSTEMD_UNIT={unit}\n"),
        }
        .into_bytes();
        if message.chars().any(char::is_control) {
            entry.extend(b"MESSAGE\n");
            entry.extend((message.len() as u64).to_le_bytes());
            entry.extend(message.as_bytes());
            entry.push(b'\n');
        } else {
            entry.extend(format!("MESSAGE={message}\n").bytes());
        }
        entry.extend(b"PRIORITY=6\n__REALTIME_TIMESTAMP=1750000000000000\n\n");
        self.0.write_all(&entry).unwrap();
    }
}

/// Binds the machine's socket and answers questions by `answer`; tells each question. None: it does not answer.
pub fn peer(
    appliance: &Appliance,
    answer: impl Fn(&Value) -> Option<Value> + Send + 'static,
) -> Receiver<Value> {
    let listener = UnixListener::bind(appliance.path("machine.sock")).unwrap();
    let (asked, questions) = channel();
    std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let mut out = stream.try_clone().unwrap();
        for line in BufReader::new(stream).lines() {
            let Ok(line) = line else { return };
            let message: Value = serde_json::from_str(&line).unwrap();
            let reply = match message.get("ask") {
                None => Some(json!({ "ok": true })),
                Some(ask) => {
                    let _ = asked.send(ask["question"].clone());
                    let answer = answer(&ask["question"]);
                    answer.map(|answer| json!({ "id": ask["id"], "answer": answer }))
                }
            };
            if let Some(reply) = reply {
                let _ = writeln!(out, "{reply}");
            }
        }
    });
    questions
}

/// The audit events of an appliance that is stopped.
pub fn events(appliance: &Appliance) -> Vec<Event> {
    let key = std::fs::read_to_string(appliance.path("secrets/holdfast.root-key")).unwrap();
    let key = data_encoding::HEXLOWER
        .decode(key.trim().as_bytes())
        .unwrap();
    let key: [u8; 32] = key.try_into().unwrap();
    let ring = KeyRing::new(RootKey::from_bytes(&key).unwrap(), Suite::Aes256Gcm);
    let store = Store::open(appliance.path("data/store.redb"), ring).unwrap();
    let events = holdfast_audit::list(&store.snapshot().unwrap(), ..).unwrap();
    events.map(|event| event.unwrap().1).collect()
}
