//! The disk of a machine is gone: what the operator guide says leads back to a served site, by the same workstation.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::indexing_slicing)]

use holdfast_vm_tests::{
    Device, Lab, Machine, Spec,
    configuration::Configuration,
    limit,
    site::{Page, assert_served},
};
use std::fs;

/// The machine with a disk on which only the image is.
fn blank(
    lab: &Lab,
    name: &str,
    port: u16,
    configure: impl FnOnce(Configuration) -> Configuration,
) -> Spec {
    let mut spec = lab.spec(name);
    spec.port = port;
    configure(Configuration::new(port)).by_smbios(&mut spec);
    spec
}

/// Enrols the workstation by the code of the console.
fn enrol(machine: &Machine, device: &Device) {
    let code = machine.console.wait_field("code", &["-"], limit(120));
    let code = code.split_whitespace().next().unwrap();
    device.run(&["enroll", "--name", "laptop"], &format!("{code}\n"));
}

#[test]
fn site_is_served_again_after_its_disk_was_lost() {
    let lab = Lab::new();
    let site = lab.path("site");
    fs::create_dir_all(&site).unwrap();
    let page = Page {
        path: "/kept.html".to_owned(),
        content: b"<!doctype html><title>Kept</title><p>On the workstation as well.".to_vec(),
    };
    fs::write(site.join("kept.html"), &page.content).unwrap();

    let first = lab.configured("first");
    let mut machine = first.start();
    let device = Device::known(&lab, &machine, "workstation");
    enrol(&machine, &device);
    device.push(&site);
    let data_id = machine.console.wait_field("data id", &["-"], limit(60));
    assert_served(&machine, std::slice::from_ref(&page));
    machine.power_button();
    drop(machine);

    // The disk is gone. The configuration names it, so that nothing is begun anew without being told.
    let named = blank(&lab, "named", first.port, |c| c.data_id(&data_id));
    let mut machine = named.start();
    machine
        .console
        .wait_field("refused", &["no disk has the data partition"], limit(120));
    machine.power_button();
    drop(machine);

    // Told so: no `data.id`, and an empty place for another one.
    let begun = std::time::Instant::now();
    let another = blank(&lab, "another", first.port, |c| c);
    let mut machine = another.start();
    enrol(&machine, &device);
    device.push(&site);
    assert_served(&machine, std::slice::from_ref(&page));
    let devices = device.json(&["device", "list"]);
    assert_eq!(devices.as_array().unwrap().len(), 1, "{devices}");
    let other = machine.console.wait_field("data id", &["-"], limit(60));
    assert_ne!(other, data_id);
    println!(
        "figure: served again {:.0} s after the new disk was started, by the same workstation",
        begun.elapsed().as_secs_f64()
    );
    machine.power_button();
}
