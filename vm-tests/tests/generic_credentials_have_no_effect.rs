//! Law 13: the outside can set only what we name. Everything that systemd and its boot stub would obey is handed to the machine by
//! every way there is; the kernel then prints exactly the signed command line, and nothing of the rest shows.
//!
//! That the way is open is seen from the machine's own configuration, which comes by the very same SMBIOS table.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use holdfast_vm_tests::{
    Lab, Machine, Spec,
    esp::{BOOT_FILE, Esp},
    intruder, limit, uki,
};
use std::{fs, net::TcpListener};

#[test]
fn s5_generic_credentials_and_arguments_by_firmware_have_no_effect() {
    let lab = Lab::new();
    let mut spec = lab.configured("firmware");
    let journal = listener();
    intruder::by_firmware(&mut spec, journal.local_addr().unwrap().port());
    let machine = start(&lab, &mut spec);
    nothing_obeyed(&spec, &machine, &journal);
    // They did arrive: the machine's own reader saw and counted them.
    let count = intruder::credentials(0).len();
    let ignored = machine
        .console
        .wait_field("ignored", &["credentials"], limit(10));
    let seen: usize = ignored
        .split(' ')
        .next()
        .and_then(|text| text.parse().ok())
        .unwrap_or(0);
    assert!(seen >= count, "{seen} of {count} arrived");
    println!(
        "figure: {count} generic credentials by SMBIOS and fw_cfg and 9 arguments without effect"
    );
}

#[test]
fn s5_files_on_the_esp_have_no_effect() {
    let lab = Lab::new();
    let mut spec = lab.configured("esp");
    let journal = listener();
    let esp = Esp::of(spec.disk());
    let image = esp.read(BOOT_FILE);
    intruder::by_esp(&esp, &image, journal.local_addr().unwrap().port());
    let machine = start(&lab, &mut spec);
    nothing_obeyed(&spec, &machine, &journal);
    let count = intruder::credentials(0).len();
    println!(
        "figure: 2 x {count} credentials, 2 add-ons and 2 extensions on the ESP without effect"
    );
}

fn listener() -> TcpListener {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener
        .set_nonblocking(true)
        .expect("a listener can be asked without waiting");
    listener
}

fn start(lab: &Lab, spec: &mut Spec) -> Machine {
    spec.capture = Some(lab.path("wire.pcap"));
    let machine = spec.start();
    machine.wait_serving();
    // The network has come up when the page shows an address.
    machine.console.wait(&["10.0.2.15"], limit(60));
    machine
}

fn nothing_obeyed(spec: &Spec, machine: &Machine, journal: &TcpListener) {
    let signed = uki::command_line(&Esp::of(spec.disk()).read(BOOT_FILE));
    let line = machine.console.wait(&["Command line: "], limit(1)).text;
    let (_, printed) = line
        .split_once("Command line: ")
        .expect("it was found by this");
    assert_eq!(printed.trim_end(), signed, "not the signed command line");
    let console = machine.console.text();
    assert!(
        !console.contains(intruder::MARK),
        "on the console:\n{}",
        machine.console.tail(80)
    );

    // The image has hardly anything that would obey them, so the first lock is looked at by itself.
    let closed = machine.console.has("import_credentials=no is set");
    assert!(
        closed,
        "systemd does not say that it takes no credentials:\n{console}"
    );
    assert!(
        !machine.console.has("Received regular credentials"),
        "{console}"
    );

    let wire = fs::read(spec.capture.as_ref().expect("set before the start")).expect("the capture");
    assert!(wire.len() > 1000, "nothing was captured");
    let sent = |bytes: &[u8]| wire.windows(bytes.len()).any(|window| window == bytes);
    assert!(!sent(intruder::MARK.as_bytes()), "a name on the wire");
    assert!(!sent(&intruder::MAC), "a hardware address on the wire");
    for address in intruder::ADDRESSES {
        assert!(!sent(&address), "{address:?} on the wire");
    }
    // IPv4 without options, default service, with the time to live that `sysctl.extra` would set.
    let frames = wire.windows(9).filter(|window| window[..2] == [0x45, 0]);
    assert!(
        !frames
            .into_iter()
            .any(|window| window[8] == 77 && window[6] == 0x40),
        "a TTL of 77"
    );
    assert!(journal.accept().is_err(), "the journal was sent out");
}
