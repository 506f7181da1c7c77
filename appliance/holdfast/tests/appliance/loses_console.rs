//! The machine's unit, whose console shows the server's state, ends while the server runs.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixListener;
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::time::Duration;

use crate::appliance::{Appliance, HOLDFAST, refused};

#[test]
fn server_without_its_console_ends_so_that_it_is_started_again() {
    let mut appliance = Appliance::start();
    appliance.stop();
    let path = appliance.path("machine.sock");
    let machine = UnixListener::bind(&path).unwrap();
    let server = Command::new(&*HOLDFAST)
        .args(["listen", "--listen", &appliance.address().to_string(), "--"])
        .args([
            "--credentials".as_ref(),
            appliance.path("secrets").as_os_str(),
        ])
        .args(["--data".as_ref(), appliance.path("data").as_os_str()])
        .env("HOLDFAST_MACHINE_SOCKET", &path)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (stream, _) = machine.accept().unwrap();
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
    assert!(lines.next().unwrap().unwrap().starts_with("{\"show\":"));
    (&stream).write_all(b"{\"ok\":true}\n").unwrap();
    drop((lines, stream));

    let (ended, end) = channel();
    std::thread::spawn(move || ended.send(server.wait_with_output().unwrap()));
    // Without a picture to show, and well before the next one.
    let output = end.recv_timeout(Duration::from_secs(30)).unwrap();
    assert_eq!(output.status.code(), Some(1));
    let text = refused(&output);
    assert!(text.contains("machine's unit was lost"), "{text}");
}
