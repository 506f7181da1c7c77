//! A client's side of one TLS connection, on a socket that does not block.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::time::Duration;

use rustix::net::{AddressFamily, SocketType, bind, connect, socket, sockopt};
use rustls::ClientConfig;
use rustls::client::UnbufferedClientConnection;
use rustls::pki_types::ServerName;
use rustls::unbuffered::{ConnectionState, EncodeError, EncryptError, UnbufferedStatus};

use crate::Failure;

/// Bytes read at once: several TLS records.
const READ: usize = 128 * 1024;
/// Room that a TLS record may need beyond its content (RFC 8446, section 5.2).
const OVERHEAD: usize = 512;

/// What is spoken within the connection.
pub trait Protocol {
    /// The connection is open; `out` is sent. Returns whether it is to be closed after that.
    fn begin(&mut self, out: &mut Vec<u8>) -> bool;
    /// These bytes came; `out` is sent. Returns how many answers are complete.
    fn take(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<u64, Failure>;
}

/// How far a connection got.
#[derive(Clone, Copy, Debug, Default)]
pub struct Step {
    /// Answers that are complete.
    pub done: u64,
    /// The server has closed the connection.
    pub ended: bool,
}

/// The connection.
pub struct Stream {
    socket: TcpStream,
    tls: UnbufferedClientConnection,
    incoming: Vec<u8>,
    filled: usize,
    outgoing: Vec<u8>,
    plain: Vec<u8>,
    /// The handshake is complete.
    pub open: bool,
}

impl Stream {
    /// Connects, from this address if there is one.
    pub fn connect(
        to: SocketAddr,
        from: Option<Ipv4Addr>,
        config: &Arc<ClientConfig>,
    ) -> Result<Self, Failure> {
        let socket = socket(AddressFamily::INET, SocketType::STREAM, None)?;
        if let Some(from) = from {
            bind(&socket, &SocketAddr::new(IpAddr::V4(from), 0))?;
        }
        connect(&socket, &to)
            .map_err(|error| format!("cannot connect to the server: {error}; look at its log"))?;
        let socket = TcpStream::from(socket);
        socket.set_nodelay(true)?;
        socket.set_nonblocking(true)?;
        let name = ServerName::try_from("localhost")?;
        let mut stream = Self {
            socket,
            tls: UnbufferedClientConnection::new(Arc::clone(config), name)?,
            incoming: vec![0; READ],
            filled: 0,
            outgoing: Vec::new(),
            plain: Vec::new(),
            open: false,
        };
        stream.process(&mut Silent)?;
        stream.flush()?;
        Ok(stream)
    }

    /// Reads once what is there, and answers it.
    pub fn advance(&mut self, protocol: &mut dyn Protocol) -> Result<Step, Failure> {
        let free = self.incoming.get_mut(self.filled..).unwrap_or_default();
        let read = match self.socket.read(free) {
            Ok(read) => read,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                self.flush()?;
                return Ok(Step::default());
            }
            Err(error) if error.kind() == ErrorKind::ConnectionReset && self.open => 0,
            Err(error) => {
                return Err(
                    format!("the connection broke: {error}; look at the server's log").into(),
                );
            }
        };
        self.filled = self.filled.saturating_add(read);
        let mut step = self.process(protocol)?;
        step.ended |= read == 0;
        if !step.ended {
            self.flush()?;
        }
        Ok(step)
    }

    /// Session tickets that came.
    pub fn tickets(&self) -> u32 {
        self.tls.tls13_tickets_received()
    }

    /// Closes at once, without the wait that holds the port.
    pub fn abandon(self) -> Result<(), Failure> {
        sockopt::set_socket_linger(&self.socket, Some(Duration::ZERO))?;
        Ok(())
    }

    fn process(&mut self, protocol: &mut dyn Protocol) -> Result<Step, Failure> {
        let mut step = Step::default();
        loop {
            let input = self.incoming.get_mut(..self.filled).unwrap_or_default();
            let UnbufferedStatus { discard, state, .. } = self.tls.process_tls_records(input);
            let mut wait = false;
            match state? {
                ConnectionState::ReadTraffic(mut traffic) => {
                    while let Some(record) = traffic.next_record() {
                        let done = protocol.take(record?.payload, &mut self.plain)?;
                        step.done = step.done.saturating_add(done);
                    }
                }
                ConnectionState::EncodeTlsData(mut data) => {
                    append(&mut self.outgoing, 4096, |room| {
                        data.encode(room).map_err(|error| match error {
                            EncodeError::InsufficientSize(size) => Some(size.required_size),
                            EncodeError::AlreadyEncoded => None,
                        })
                    })?
                }
                // What is to be sent is in `outgoing`, and is sent by `flush`.
                ConnectionState::TransmitTlsData(data) => data.done(),
                ConnectionState::WriteTraffic(mut traffic) => {
                    let close = !self.open && protocol.begin(&mut self.plain);
                    self.open = true;
                    if !self.plain.is_empty() {
                        let room = self.plain.len().saturating_add(OVERHEAD);
                        append(&mut self.outgoing, room, |room| {
                            traffic.encrypt(&self.plain, room).map_err(needed)
                        })?;
                        self.plain.clear();
                    }
                    if close {
                        append(&mut self.outgoing, OVERHEAD, |room| {
                            traffic.queue_close_notify(room).map_err(needed)
                        })?;
                    }
                    wait = true;
                }
                ConnectionState::PeerClosed => step.ended = true,
                _ => wait = true,
            }
            if discard > 0 {
                self.incoming.copy_within(discard..self.filled, 0);
                self.filled = self.filled.saturating_sub(discard);
            }
            if wait || step.ended {
                return Ok(step);
            }
        }
    }

    fn flush(&mut self) -> Result<(), Failure> {
        let mut sent = 0_usize;
        while let Some(rest) = self.outgoing.get(sent..).filter(|rest| !rest.is_empty()) {
            match self.socket.write(rest) {
                Ok(more) => sent = sent.saturating_add(more),
                // Requests are small and the server reads them; the rest goes with the next answer.
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => {
                    return Err(
                        format!("the connection broke: {error}; look at the server's log").into(),
                    );
                }
            }
        }
        self.outgoing.drain(..sent);
        Ok(())
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// Before the first byte nothing is spoken.
struct Silent;

impl Protocol for Silent {
    fn begin(&mut self, _: &mut Vec<u8>) -> bool {
        false
    }

    fn take(&mut self, _: &[u8], _: &mut Vec<u8>) -> Result<u64, Failure> {
        Ok(0)
    }
}

fn needed(error: EncryptError) -> Option<usize> {
    match error {
        EncryptError::InsufficientSize(size) => Some(size.required_size),
        EncryptError::EncryptExhausted => None,
    }
}

/// Has `write` append to `out`, with as much room as it asks for.
fn append(
    out: &mut Vec<u8>,
    guess: usize,
    mut write: impl FnMut(&mut [u8]) -> Result<usize, Option<usize>>,
) -> Result<(), Failure> {
    let begin = out.len();
    let mut room = guess;
    loop {
        out.resize(begin.saturating_add(room), 0);
        match write(out.get_mut(begin..).unwrap_or_default()) {
            Ok(written) => {
                out.truncate(begin.saturating_add(written));
                return Ok(());
            }
            Err(Some(size)) if size > room => room = size,
            Err(_) => {
                return Err(
                    "TLS cannot send on this connection any more; take shorter rounds".into(),
                );
            }
        }
    }
}
