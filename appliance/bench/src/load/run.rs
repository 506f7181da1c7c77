//! The load's loop: many connections, one thread.

use std::io::{BufRead as _, Write as _};
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::event::{Timespec, epoll};
use rustls::ClientConfig;

use super::http1::Http1;
use super::http2::Http2;
use super::spec::{Kind, Report, Spec};
use super::stream::{Protocol, Stream};
use crate::Failure;
use crate::process::cpu_seconds;
use crate::target::Signature;

/// Longest time until every connection has its first answer.
const PATIENCE: Duration = Duration::from_secs(60);
/// Connections from one address of loopback, where many are to stay open: servers bound those of one peer.
const OF_ONE_ADDRESS: usize = 100;

/// Connections that wait for their first answer at once.
const OPENING: usize = 32;

/// A connection, and whether it has had an answer.
struct Slot {
    stream: Stream,
    protocol: Box<dyn Protocol>,
    answered: bool,
}

struct Load<'a> {
    spec: &'a Spec,
    config: Arc<ClientConfig>,
    expected: Arc<[u8]>,
    slots: Vec<Slot>,
    epoll: rustix::fd::OwnedFd,
    done: u64,
    answered: usize,
    tickets: u32,
}

/// Runs a load and prints its report.
pub fn run(spec: &Spec) -> Result<(), Failure> {
    let alpn: &[u8] = if spec.kind == Kind::Http2 {
        b"h2"
    } else {
        b"http/1.1"
    };
    let mut load = Load {
        spec,
        config: spec.target.client(spec.group, alpn, Signature::Ignored)?,
        expected: std::fs::read(&spec.body)?.into(),
        slots: Vec::new(),
        epoll: epoll::create(epoll::CreateFlags::CLOEXEC)?,
        done: 0,
        answered: 0,
        tickets: 0,
    };
    for at in 0..spec.connections {
        let slot = load.connect(at)?;
        load.slots.push(slot);
        // A server bounds the handshakes that one peer has at once.
        let start = Instant::now();
        while load.slots.len().saturating_sub(load.answered) >= OPENING
            && start.elapsed() < PATIENCE
        {
            load.turn(Duration::from_millis(50))?;
        }
    }
    let start = Instant::now();
    let warm = Duration::from_millis(spec.warm);
    while load.answered < spec.connections || start.elapsed() < warm {
        if start.elapsed() > PATIENCE.max(warm) {
            return Err(format!(
                "{} of {} connections had no answer in a minute; look at the server's log",
                spec.connections.saturating_sub(load.answered),
                spec.connections
            )
            .into());
        }
        load.turn(Duration::from_millis(50))?;
    }
    let report = load.measure()?;
    println!("{}", serde_json::to_string(&report)?);
    std::io::stdout().flush()?;
    if spec.measure == 0 {
        std::io::stdin().lock().read_line(&mut String::new())?;
    }
    Ok(())
}

impl Load<'_> {
    fn measure(&mut self) -> Result<Report, Failure> {
        let length = Duration::from_millis(self.spec.measure);
        let (before, begin) = (self.done, Instant::now());
        let first = cpu_seconds(&self.spec.target.processes)?;
        while begin.elapsed() < length {
            // Never asleep, so that no server pays for waking it, which costs a virtual CPU more than an answer.
            self.turn(Duration::ZERO)?;
        }
        let last = cpu_seconds(&self.spec.target.processes)?;
        Ok(Report {
            done: self.done.saturating_sub(before),
            seconds: begin.elapsed().as_secs_f64(),
            server: last - first,
            tickets: self.tickets,
        })
    }

    fn connect(&self, at: usize) -> Result<Slot, Failure> {
        let spec = self.spec;
        let once = spec.measure == 0;
        let from = once.then(|| {
            let host = u8::try_from(at / OF_ONE_ADDRESS).unwrap_or(u8::MAX);
            Ipv4Addr::new(127, 0, 1, host.saturating_add(1))
        });
        let stream = Stream::connect(spec.target.address, from, &self.config)?;
        epoll::add(
            &self.epoll,
            &stream,
            epoll::EventData::new_u64(at as u64),
            epoll::EventFlags::IN,
        )?;
        let (authority, expected) = (spec.target.authority(), Arc::clone(&self.expected));
        let protocol: Box<dyn Protocol> = match spec.kind {
            Kind::Http1 => Box::new(Http1::new(
                &authority, &spec.path, expected, spec.depth, once,
            )),
            Kind::Http2 => Box::new(Http2::new(
                &authority, &spec.path, expected, spec.depth, once,
            )),
            Kind::Handshake => Box::new(HangUp),
        };
        Ok(Slot {
            stream,
            protocol,
            answered: false,
        })
    }

    /// Waits for what comes, at most so long, and answers it.
    fn turn(&mut self, most: Duration) -> Result<(), Failure> {
        let wait = Timespec {
            tv_sec: 0,
            tv_nsec: most.subsec_nanos().into(),
        };
        let mut events = Vec::with_capacity(64);
        match epoll::wait(
            &self.epoll,
            rustix::buffer::spare_capacity(&mut events),
            Some(&wait),
        ) {
            Err(rustix::io::Errno::INTR) => return Ok(()),
            waited => drop(waited?),
        }
        for event in events {
            self.advance(usize::try_from(event.data.u64())?)?;
        }
        Ok(())
    }

    fn advance(&mut self, at: usize) -> Result<(), Failure> {
        let Some(slot) = self.slots.get_mut(at) else {
            return Ok(());
        };
        let step = slot.stream.advance(slot.protocol.as_mut())?;
        self.done = self.done.saturating_add(step.done);
        let handshake = self.spec.kind == Kind::Handshake;
        if step.done > 0 || (handshake && step.ended) {
            self.tickets = self.tickets.max(slot.stream.tickets());
            if !std::mem::replace(&mut slot.answered, true) {
                self.answered = self.answered.saturating_add(1);
            }
        }
        if !step.ended {
            return Ok(());
        }
        if !handshake || !slot.stream.open {
            return Err(
                "the server closed a connection; look at its log, and lift its limits for the load"
                    .into(),
            );
        }
        // The server has seen the end of the handshake, else it would not have closed.
        self.done = self.done.saturating_add(1);
        let mut new = self.connect(at)?;
        new.answered = true;
        if let Some(slot) = self.slots.get_mut(at) {
            std::mem::replace(slot, new).stream.abandon()?;
        }
        Ok(())
    }
}

/// Closes as soon as the handshake is complete; the server's own close shows that it got that far.
struct HangUp;

impl Protocol for HangUp {
    fn begin(&mut self, _: &mut Vec<u8>) -> bool {
        true
    }

    fn take(&mut self, _: &[u8], _: &mut Vec<u8>) -> Result<u64, Failure> {
        Ok(0)
    }
}
