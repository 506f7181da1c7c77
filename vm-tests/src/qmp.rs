//! The QEMU machine protocol: one JSON object a line (QEMU's `docs/interop/qmp-spec`).

use serde_json::{Value, json};
use std::{
    io::{BufRead, BufReader, Write},
    os::unix::net::UnixStream,
    time::{Duration, Instant},
};

/// A connection to one machine.
#[derive(Debug)]
pub struct Qmp {
    reader: BufReader<UnixStream>,
    events: Vec<Value>,
    partial: String,
}

impl Qmp {
    /// Takes the greeting and leaves the negotiation mode. None when QEMU ends instead, as it does where KVM lacks something.
    pub fn open(stream: UnixStream) -> Option<Self> {
        let mut qmp = Self {
            reader: BufReader::new(stream),
            events: Vec::new(),
            partial: String::new(),
        };
        qmp.object(Duration::from_secs(60))?.get("QMP")?;
        qmp.ask("qmp_capabilities").and_then(Result::ok)?;
        Some(qmp)
    }

    /// Executes a command that has no arguments.
    ///
    /// # Panics
    /// When it is refused or not answered.
    pub fn execute(&mut self, command: &str) -> Value {
        match self.ask(command) {
            Some(Ok(value)) => value,
            Some(Err(error)) => panic!("QMP refused {command}: {error}"),
            None => panic!("QEMU ended before it answered {command}"),
        }
    }

    fn ask(&mut self, command: &str) -> Option<Result<Value, Value>> {
        let line = format!("{}\n", json!({ "execute": command }));
        self.reader.get_mut().write_all(line.as_bytes()).ok()?;
        loop {
            let object = self.object(Duration::from_secs(60))?;
            if let Some(error) = object.get("error") {
                return Some(Err(error.clone()));
            }
            match object.get("return") {
                Some(value) => return Some(Ok(value.clone())),
                None => self.events.push(object),
            }
        }
    }

    /// The first event of this name since the start, or none within `limit`.
    pub fn event(&mut self, name: &str, limit: Duration) -> Option<Value> {
        let end = Instant::now() + limit;
        let mut seen = 0;
        loop {
            let named = |event: &&Value| event["event"] == name;
            if let Some(event) = self.events[seen..].iter().find(named) {
                return Some(event.clone());
            }
            seen = self.events.len();
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return None;
            }
            let object = self.object(left)?;
            self.events.push(object);
        }
    }

    /// The next object, or none when the limit passes or QEMU has ended.
    fn object(&mut self, limit: Duration) -> Option<Value> {
        let wait = limit.max(Duration::from_millis(1));
        self.reader
            .get_ref()
            .set_read_timeout(Some(wait))
            .expect("a limit can be set");
        // A time-out in the middle of a line keeps what was read, for the next call.
        match self.reader.read_line(&mut self.partial) {
            Ok(count) if count > 0 => {
                let line = std::mem::take(&mut self.partial);
                Some(serde_json::from_str(&line).expect("QMP speaks JSON"))
            }
            _ => None,
        }
    }
}
