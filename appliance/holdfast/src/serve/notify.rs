//! Telling systemd how we are: sd_notify(3), over a socket connected before the sandbox.

use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::Arc;
use std::time::Duration;

use crate::Failure;

/// The way to the service manager, if there is one.
pub struct Notify {
    socket: Option<UnixDatagram>,
    watchdog: Option<Duration>,
}

impl Notify {
    /// Connects to $NOTIFY_SOCKET: a path, or `@` and an abstract name.
    pub fn connect() -> Result<Self, Failure> {
        let Some(name) = std::env::var_os("NOTIFY_SOCKET") else {
            return Ok(Self {
                socket: None,
                watchdog: None,
            });
        };
        let open = || {
            let text = name.to_string_lossy();
            let address = match text.strip_prefix('@') {
                Some(name) => SocketAddr::from_abstract_name(name)?,
                None => SocketAddr::from_pathname(&name)?,
            };
            let socket = UnixDatagram::unbound()?;
            socket.connect_addr(&address)?;
            socket.set_nonblocking(true)?;
            Ok(socket)
        };
        let socket = open().map_err(|error: std::io::Error| {
            format!("cannot reach the service manager at $NOTIFY_SOCKET: {error}; start this by systemd, or unset it")
        })?;
        let watchdog = std::env::var("WATCHDOG_USEC")
            .ok()
            .and_then(|text| text.parse().ok());
        Ok(Self {
            socket: Some(socket),
            watchdog: watchdog.map(Duration::from_micros),
        })
    }

    /// Sends one message; a manager that does not listen changes nothing for the clients.
    pub fn tell(&self, message: &str) {
        if let Some(socket) = &self.socket {
            let _ = socket.send(message.as_bytes());
        }
    }

    /// Says `WATCHDOG=1` twice in each of the manager's periods, from within the event loop that it is to watch.
    pub async fn watchdog(self: Arc<Self>) {
        let Some(period) = self.watchdog.filter(|period| !period.is_zero()) else {
            return;
        };
        let mut ticks = tokio::time::interval(period.checked_div(2).unwrap_or(period));
        loop {
            ticks.tick().await;
            self.tell("WATCHDOG=1");
        }
    }
}
