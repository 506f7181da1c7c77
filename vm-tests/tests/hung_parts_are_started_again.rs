//! What hangs is started again: the server by PID 1, PID 1 by the watchdog device. The image is the released root and a few units
//! beside it (`image/lab`), which stop the server and crash PID 1 when somebody connects to a port; the server's program and unit are
//! those of every machine.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use holdfast_vm_tests::{
    Device, Lab, configuration, device, https, limit,
    site::{assert_served, front},
};
use std::{
    io::Read,
    net::TcpStream,
    thread,
    time::{Duration, Instant},
};

/// The sockets of `image/lab/units`.
const STOP: u16 = 9001;
const CRASH: u16 = 9002;
/// As in hardening/systemd/system/holdfast.service, and the time within which PID 1 acts on it.
const WATCHDOG: f64 = 30.0;
const SLACK: f64 = 10.0;

/// Connects to a unit of the lab's and waits until it has done its work.
fn pull(port: u16, limit: Duration) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("QEMU listens");
    stream
        .set_read_timeout(Some(limit))
        .expect("a limit can be set");
    // The end of the connection, or of the machine's patience.
    let _ = stream.read(&mut [0]);
}

/// When a line with all of `texts` was written, by the machine's clock, in seconds.
fn told_at(device: &Device, texts: &[&str]) -> f64 {
    let lines = device.json_lines(&["logs", "--lines", "10000"]);
    let holds = |line: &&serde_json::Value| {
        let message = line["message"].as_str().unwrap_or_default();
        texts.iter().all(|text| message.contains(text))
    };
    let line = lines.iter().rfind(holds);
    let line = line.unwrap_or_else(|| panic!("no line with {texts:?}: {lines:#?}"));
    line["time_us"].as_f64().unwrap() / 1e6
}

#[test]
fn hung_server_is_ended_and_serves_again() {
    let lab = Lab::new();
    let mut spec = lab.faulty("machine");
    let stop = spec.forward(STOP);
    let machine = spec.start();
    machine.wait_serving();
    let device = device::publish(&lab, &machine);
    machine.wait_ready();
    let page = front();
    assert_served(&machine, std::slice::from_ref(&page));
    let before = device.status();
    assert_eq!(before["last_exit"], serde_json::Value::Null, "{before}");
    let pin = machine
        .console
        .wait_field("certificate", &["SHA256:"], limit(60));

    let hung = Instant::now();
    pull(stop, limit(30));
    // The kernel takes the connection, and nobody answers: longer than any answer takes, shorter than the watchdog.
    let site = configuration::site(machine.port);
    let silent = thread::scope(|scope| {
        let asked = scope.spawn(|| https::get(&site, &page.path, &pin));
        thread::sleep(Duration::from_secs(8));
        !asked.is_finished()
    });
    assert!(silent, "it does not hang:\n{}", machine.console.tail(40));
    let answer = https::get_within(&site, &page.path, &pin, limit(60));
    let away = hung.elapsed();
    assert!(answer.body == page.content, "the page");

    let status = device.status();
    assert_eq!(
        status["last_exit"]["how"], "the watchdog: the server did not answer in time",
        "{status}"
    );
    assert_eq!(status["last_exit"]["clean"], false, "{status}");
    let text = device.run(&["status"], "");
    assert!(text.contains("last run     the watchdog: "), "{text}");
    // By the machine's own log: when it was stopped, when PID 1 saw it, when the next run was ready.
    let stopped = told_at(&device, &["Finished lab-stop@"]);
    let seen = told_at(&device, &["holdfast.service: Watchdog timeout"]);
    let again = told_at(&device, &["Started holdfast.service"]);
    let (noticed, served) = (seen - stopped, again - stopped);
    assert!(noticed > 0.0 && noticed < WATCHDOG + SLACK, "{noticed} s");
    assert!(again > seen, "started {again}, ended {seen}");
    // The promise, whatever the machine that tests: both times are the guest's own.
    assert!(served < 60.0, "{served} s");
    println!(
        "figure: a stopped server was ended {noticed:.1} s and ready again {served:.1} s after it hung; a page came after {:.1} s; told: {}",
        away.as_secs_f64(),
        status["last_exit"]["how"]
    );
}

#[test]
fn machine_whose_first_process_hangs_is_reset_by_its_watchdog() {
    let lab = Lab::new();
    let mut spec = lab.faulty("machine");
    let crash = spec.forward(CRASH);
    let device = ["-device", "i6300esb", "-action", "watchdog=reset"];
    spec.arguments.extend(device.map(str::to_owned));
    let mut machine = spec.start();
    machine.wait_serving();
    let hung = Instant::now();
    pull(crash, Duration::from_secs(5));
    // PID 1 says that it stands still to the journal alone. Of what follows only the device's time-out makes this event.
    let event = machine.qmp.event("WATCHDOG", limit(90));
    let event = event.unwrap_or_else(|| panic!("no reset:\n{}", machine.console.tail(60)));
    assert_eq!(event["data"]["action"], "reset", "{event}");
    let reset = hung.elapsed();
    assert!(
        reset.as_secs_f64() < WATCHDOG + SLACK,
        "reset after {reset:?}"
    );
    machine.wait_serving_again(2);
    println!(
        "figure: PID 1 hung; the watchdog device reset the machine {:.1} s later, and it serves again after {:.1} s",
        reset.as_secs_f64(),
        hung.elapsed().as_secs_f64()
    );
}
