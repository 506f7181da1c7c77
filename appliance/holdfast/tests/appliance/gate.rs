//! Stands between a client and the appliance, and keeps what the client sends until a test has done something else.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(60);

/// Where a client is stopped: at the first bytes of a flight, which is what it sends between two answers, of a connection.
/// Both count from 1. In TLS 1.3 the first flight is the hello; the second ends the handshake and holds the first request;
/// each further one is a request.
#[derive(Clone, Copy)]
pub struct Stop {
    pub connection: usize,
    pub flight: usize,
}

/// A gate that stops one flight, once.
pub struct Gate {
    pub port: u16,
    stopped: Receiver<()>,
    open: Sender<()>,
}

impl Gate {
    /// Opens a port of its own before the appliance's.
    pub fn before(appliance: SocketAddr, stop: Stop) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (tell, stopped) = channel();
        let (open, opened) = channel();
        let mut gate = Some((tell, opened));
        thread::spawn(move || {
            for (number, client) in listener.incoming().enumerate() {
                let here = number + 1 == stop.connection;
                let bars = if here { gate.take() } else { None };
                let client = client.unwrap();
                thread::spawn(move || pass(&client, appliance, bars.map(|it| (stop.flight, it))));
            }
        });
        Self {
            port,
            stopped,
            open,
        }
    }

    /// Waits until the flight has come.
    pub fn wait(&self) {
        let stopped = self.stopped.recv_timeout(PATIENCE);
        stopped.expect("the client never came so far");
    }

    /// Lets it through.
    pub fn open(&self) {
        self.open.send(()).unwrap();
    }
}

type Bars = (usize, (Sender<()>, Receiver<()>));

fn pass(client: &TcpStream, appliance: SocketAddr, mut bars: Option<Bars>) {
    let server = TcpStream::connect(appliance).unwrap();
    let (to_client, from_server) = (client.try_clone().unwrap(), server.try_clone().unwrap());
    let (told, answers) = channel();
    thread::spawn(move || {
        copy(&from_server, &to_client, || {
            let _ = told.send(());
        });
    });
    let mut flight = 0;
    copy(client, &server, || {
        // An answer has come since, or nothing was sent yet.
        if answers.try_iter().count() > 0 || flight == 0 {
            flight += 1;
        }
        if bars.as_ref().is_some_and(|(stop, _)| *stop == flight)
            && let Some((_, (tell, opened))) = bars.take()
        {
            tell.send(()).unwrap();
            let _ = opened.recv_timeout(PATIENCE);
        }
    });
}

/// Copies to the end; `tell` is called before each piece goes on.
fn copy(mut from: &TcpStream, mut to: &TcpStream, mut tell: impl FnMut()) {
    let mut bytes = [0; 16 * 1024];
    while let Ok(length @ 1..) = from.read(&mut bytes) {
        tell();
        if to.write_all(&bytes[..length]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}
