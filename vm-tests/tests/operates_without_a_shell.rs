//! A sealed machine is operated over its enrolled devices alone: status, log, certificate, configuration, devices, restart,
//! power-off.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use holdfast_vm_tests::{
    Device, Lab, Machine, configuration, device,
    https::{self, Open},
    limit,
    program::call,
    site::{assert_served, front},
};
use std::{
    io::{BufRead, BufReader, Read},
    path::Path,
    process::Child,
    thread,
    time::{Duration, Instant},
};

/// A certificate for both host names and its key, in a folder.
fn make_certificate(lab: &Lab) -> (String, String) {
    let file = |name: &str| lab.path(name).to_str().expect("UTF-8").to_owned();
    let (chain, key) = (file("chain.pem"), file("key.pem"));
    call(
        "openssl",
        [
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-days",
            "30",
            "-subj",
            "/CN=A test certificate/",
            "-addext",
            "subjectAltName=DNS:localhost,DNS:portal.localhost",
            "-keyout",
            &key,
            "-out",
            &chain,
        ],
    );
    assert!(Path::new(&chain).exists());
    // In force from this second of the host's clock on, and the guest's may be a moment behind.
    thread::sleep(Duration::from_secs(5));
    (chain, key)
}

/// Waits for a child's end; gives its exit code and what it complained of.
fn end(mut child: Child) -> (Option<i32>, String) {
    let deadline = Instant::now() + limit(60);
    loop {
        if let Some(status) = child.try_wait().expect("a child can be asked") {
            let mut text = String::new();
            let mut stderr = child.stderr.take().expect("it is piped");
            stderr.read_to_string(&mut text).expect("it is UTF-8");
            return (status.code(), text);
        }
        if Instant::now() > deadline {
            let _ = child.kill();
            panic!("it does not end");
        }
        thread::sleep(Duration::from_millis(100));
    }
}

fn status_and_log(machine: &Machine, device: &Device) {
    let status = device.status();
    let inside = &status["machine"];
    assert!(inside["uptime_s"].as_u64().unwrap() > 0, "{status}");
    assert_eq!(inside["addresses"][0], "10.0.2.15", "{status}");
    assert!(inside["memory"].as_u64().unwrap() > 256 << 20, "{status}");
    assert!(
        status["store"]["room"].as_u64().unwrap() > 16 << 20,
        "{status}"
    );
    let root_hash = machine.console.field("root hash");
    assert_eq!(status["root_hash"].as_str().map(str::to_owned), root_hash);
    assert_eq!(status["web"]["source"], "self-made");

    let lines = device.json_lines(&["logs", "--lines", "10000"]);
    let has = |unit: &str, text: &str| {
        lines
            .iter()
            .any(|line| line["unit"] == unit && line["message"].as_str().unwrap().contains(text))
    };
    assert!(has("kernel", "Linux version"), "the kernel's first line");
    assert!(
        has("holdfast.service", "\"path\":\"/v1/status\""),
        "our own"
    );
    // What the kernel does with a program's files in memory, as the image's sysctl file says, and no other variable fell
    // behind it.
    let variables = lines.iter().find_map(|line| {
        let message = line["message"].as_str().unwrap();
        message.strip_prefix("kernel variables in force: ")
    });
    let variables = variables.expect("the machine's unit tells the kernel's variables");
    assert!(
        variables
            .split_whitespace()
            .any(|one| one.trim_end_matches(';') == "vm.memfd_noexec=2"),
        "{variables}"
    );
    assert!(
        !variables.contains("not as the image sets them"),
        "{variables}"
    );
    println!("figure: kernel variables {variables}");
    let kernel = device.json_lines(&["logs", "--unit", "kernel", "--lines", "5"]);
    assert!(kernel.len() == 5 && kernel.iter().all(|line| line["unit"] == "kernel"));
    println!("figure: {} lines of log", lines.len());
}

#[test]
fn machine_is_operated_over_its_devices_alone() {
    let lab = Lab::new();
    let spec = lab.configured("machine");
    let mut machine = spec.start();
    machine.wait_serving();
    let first = device::publish(&lab, &machine);
    machine.wait_ready();
    let page = front();
    let site = configuration::site(machine.port);
    status_and_log(&machine, &first);

    let shown = first.json(&["config", "show"]);
    assert_eq!(
        shown["settings"]["origin.site"],
        format!("\"https://{site}\"").as_str()
    );
    let credentials = shown["credentials"].as_array().unwrap();
    let root_key = credentials
        .iter()
        .find(|item| item["name"] == "holdfast.root-key");
    assert_eq!(root_key.unwrap()["source"], "SMBIOS");
    assert!(!shown.to_string().contains(configuration::ROOT_KEY));

    // Another certificate, under an open connection.
    let before = machine
        .console
        .wait_field("certificate", &["SHA256:"], limit(60));
    let mut open = Open::connect(&site, &before).unwrap();
    assert!(open.get(&page.path).unwrap().body == page.content);
    let (chain, key) = make_certificate(&lab);
    let installed = first.json(&["tls", "install", &chain, &key]);
    let after = installed["fingerprint"].as_str().unwrap().to_owned();
    assert_ne!(after, before);
    assert!(
        open.get(&page.path).unwrap().body == page.content,
        "the open connection goes on"
    );
    let fresh = https::get_within(&site, &page.path, &after, limit(30));
    assert!(fresh.body == page.content);
    machine
        .console
        .wait_field("certificate", &[&after], limit(60));

    // A second device, which takes the first one's rights away while that follows the log.
    let invitation = first.json(&["device", "add"]);
    let code = invitation["code"].as_str().unwrap();
    let second = Device::enrol_by(&lab, &machine, "second", code);
    let mut following = first.start(&["logs", "--follow", "--json", "--unit", "holdfast.service"]);
    let stdout = following.stdout.take().unwrap();
    let mut lines = BufReader::new(stdout).lines();
    lines.next().expect("a line comes").unwrap();
    // Reads on beside the test, so that the follower never waits for a reader.
    let reading = thread::spawn(move || lines.map_while(Result::ok).count());
    second.run(&["device", "revoke", "device"], "");
    let (exit, why) = end(following);
    assert_eq!(exit, Some(4), "{why}");
    assert!(why.contains("revoked"), "{why}");
    assert!(reading.join().is_ok());
    let (exit, why) = end(first.start(&["status"]));
    assert_eq!(exit, Some(4), "{why}");
    assert_eq!(second.status()["devices"], 1);

    // Restarted, it serves the same pages under the same certificate; the log begins anew.
    let began = Instant::now();
    second.run(&["reboot", "--yes"], "");
    machine.wait_ready_again(2);
    let restarted = began.elapsed();
    let text = machine.console.text();
    assert!(text.contains("a device asked for it: restarting"));
    assert!(text.contains("holdfast: data partition unmounted"));
    assert_served(&machine, std::slice::from_ref(&page));
    let certificate = machine
        .console
        .wait_field("certificate", &["SHA256:"], limit(60));
    assert_eq!(certificate, after);
    let status = second.status();
    assert_eq!(status["web"]["source"], "installed");

    second.run(&["poweroff", "--yes"], "");
    machine.wait_off();
    let text = machine.console.text();
    assert_eq!(
        text.matches("holdfast: data partition unmounted").count(),
        2
    );
    println!(
        "figure: serving again {:.1} s after the answer to `holdfast reboot`",
        restarted.as_secs_f64()
    );
}
