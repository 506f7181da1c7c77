//! Bare metal and other clouds: NVMe, SATA and VMware's SCSI disks, Intel's and VMware's network cards.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use holdfast_vm_tests::{
    Bus, Lab, Spec, device, disk, gpt,
    site::{assert_served, front},
};

#[test]
fn s9_boots_with_nvme_and_e1000e() {
    start(Bus::Nvme, "e1000e");
}

#[test]
fn s9_boots_with_ahci_and_igb() {
    start(Bus::Ahci, "igb");
}

/// VMware's firmware starts from this disk, this build of EDK II has no driver for it. So the firmware finds the ESP on a SATA disk,
/// and the kernel finds everything else where it belongs.
#[test]
fn s9_boots_with_pvscsi_and_vmxnet3() {
    let lab = Lab::new();
    let mut spec = lab.configured("machine");
    spec.disks[0].1 = Bus::Pvscsi;
    let esp = gpt::partitions(spec.disk()).remove(0);
    let boot = lab.path("boot.img");
    gpt::partition(&boot, esp.range.end + (2 << 20), std::slice::from_ref(&esp));
    disk::copy(spec.disk(), esp.range.clone(), &boot, esp.range.start);
    spec.disks.insert(0, (boot, Bus::Ahci));
    spec.card = "vmxnet3";
    serves(&lab, spec, "PVSCSI and vmxnet3");
}

fn start(bus: Bus, card: &'static str) {
    let lab = Lab::new();
    let mut spec = lab.configured("machine");
    spec.disks[0].1 = bus;
    spec.card = card;
    serves(&lab, spec, &format!("{bus:?} and {card}"));
}

fn serves(lab: &Lab, mut spec: Spec, name: &str) {
    spec.processors = 2;
    let machine = spec.start();
    machine.wait_serving();
    device::publish(lab, &machine);
    let bytes = assert_served(&machine, &[front()]);
    let boot = machine.boot_time().as_secs_f64();
    println!("figure: {name}: boot to ready {boot:.1} s, {bytes} bytes served");
}
