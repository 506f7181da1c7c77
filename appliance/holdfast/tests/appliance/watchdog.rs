//! sd_notify(3): the server says that its event loop turns, and is silent when it does not; then the service manager ends
//! it and starts it again (`WatchdogSec=` in holdfast.service).

use std::os::unix::net::UnixDatagram;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::appliance::{Appliance, HOLDFAST};

/// What the manager of the test asks for: a sign twice in each of these.
const PERIOD: Duration = Duration::from_secs(1);

struct Watched(Child);

impl Watched {
    fn start(appliance: &Appliance) -> Self {
        let child = Command::new(&*HOLDFAST)
            .args(["listen", "--listen", &appliance.address().to_string(), "--"])
            .args([
                "--credentials".as_ref(),
                appliance.path("secrets").as_os_str(),
            ])
            .args(["--data".as_ref(), appliance.path("data").as_os_str()])
            .env("NOTIFY_SOCKET", appliance.path("notify.sock"))
            .env("WATCHDOG_USEC", PERIOD.as_micros().to_string())
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        Self(child.unwrap())
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.0), signal).unwrap();
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The next message, or none within the socket's time.
fn next(manager: &UnixDatagram) -> Option<String> {
    let mut message = [0; 64];
    let length = manager.recv(&mut message).ok()?;
    Some(String::from_utf8_lossy(&message[..length]).into_owned())
}

fn wait_for(manager: &UnixDatagram, wanted: &str) {
    let end = Instant::now() + Duration::from_secs(60);
    while next(manager).as_deref() != Some(wanted) {
        assert!(Instant::now() < end, "no {wanted}");
    }
}

#[test]
fn server_says_that_it_turns_and_is_silent_when_it_hangs() {
    let mut appliance = Appliance::start();
    appliance.stop();
    let manager = UnixDatagram::bind(appliance.path("notify.sock")).unwrap();
    manager.set_read_timeout(Some(PERIOD * 3)).unwrap();
    let server = Watched::start(&appliance);
    wait_for(&manager, "READY=1");
    for _ in 0..3 {
        wait_for(&manager, "WATCHDOG=1");
    }
    server.signal(Signal::STOP);
    // What was sent before it stopped; then nothing for three periods, after one of which the manager would end it.
    while next(&manager).is_some() {}
    server.signal(Signal::CONT);
    wait_for(&manager, "WATCHDOG=1");
}
