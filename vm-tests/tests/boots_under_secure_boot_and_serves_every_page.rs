//! The thin line, whole: signed image, Secure Boot, enrolment, push, every page over TLS 1.3, and all of it after a restart.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use holdfast_vm_tests::{
    Lab, Machine, configuration, device, https, limit,
    site::{assert_served, pages},
};
use std::process::{Command, Stdio};

#[test]
fn s1_boots_under_secure_boot_and_serves_every_page() {
    let lab = Lab::new();
    let spec = lab.configured("machine");
    let pages = pages();

    let mut machine = spec.start();
    machine.wait_serving();
    let boot = machine.boot_time();
    let console = machine.console.text().to_lowercase();
    assert!(
        console.contains("secure boot enabled"),
        "{}",
        machine.console.tail(200)
    );
    // What the machine itself says of it.
    let told = machine.console.wait_field("secure boot", &[], limit(60));
    assert_eq!(told, "on");
    let device = device::publish(&lab, &machine);
    assert_eq!(device.status()["machine"]["secure_boot"], "on");
    let bytes = assert_served(&machine, &pages);
    let first = shown(&machine);
    assert!(
        accepted("-tls1_3", machine.port),
        "a TLS 1.3 client was not let in"
    );
    assert!(
        !accepted("-tls1_2", machine.port),
        "a TLS 1.2 client was let in"
    );

    // A name that is not ours gets no page, and the portal has its own.
    let (pin, port) = (&first[4], machine.port);
    let foreign = https::get(&format!("other.localhost:{port}"), "/index.html", pin);
    assert!(foreign.is_err() || foreign.is_ok_and(|answer| answer.status >= 400));
    let portal = https::get(&configuration::portal(port), "/", pin).unwrap();
    assert_eq!(portal.status, 200, "the portal");
    assert!(portal.body != pages[0].content);
    let status = String::from_utf8_lossy(&portal.body).into_owned();
    // In the portal's text a hash may be broken into groups.
    let plain: String = status.split_whitespace().collect();
    assert!(
        plain.contains(&first[0]),
        "no root hash {} in the portal: {status}",
        first[0]
    );

    machine.power_button();
    drop(machine);
    let again = spec.start();
    again.wait_ready();
    assert_served(&again, &pages);
    let second = shown(&again);
    assert_eq!(first, second, "the same machine after a restart");
    assert!(
        again.console.field("code").is_none(),
        "a code after the first enrolment"
    );
    device.status();
    println!(
        "figure: boot to ready {:.1} s guest time, {} files with {bytes} bytes served twice",
        boot.as_secs_f64(),
        pages.len()
    );
}

/// What must be the same at every boot.
fn shown(machine: &Machine) -> [String; 5] {
    // By DHCP and by a router advertisement.
    let addresses = machine
        .console
        .wait_field("addresses", &["10.0.2.15", "fec0:"], limit(120));
    let field = |label: &str, text: &str| machine.console.wait_field(label, &[text], limit(60));
    [
        field("root hash", ""),
        addresses,
        field("data id", "-"),
        field("identity", "SHA256:"),
        field("certificate", "SHA256:"),
    ]
}

fn accepted(version: &str, port: u16) -> bool {
    let mut command = Command::new("openssl");
    command.args([
        "s_client",
        version,
        "-connect",
        &format!("127.0.0.1:{port}"),
    ]);
    let command = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.status().expect("openssl is on PATH").success()
}
