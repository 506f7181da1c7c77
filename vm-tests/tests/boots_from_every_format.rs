//! The image in the formats of clouds and hypervisors: signed, then converted, each starts under Secure Boot and serves.
//!
//! Two of them run in `./check`; `nix run .#formats` runs all.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use holdfast_vm_tests::{
    Bus, Lab, Spec,
    configuration::Configuration,
    device, disk, gpt, inputs, lab, limit,
    program::call,
    site::{assert_served, front},
};
use std::{
    env,
    fs::{self, File},
    path::{Path, PathBuf},
};

const MIB: u64 = 1 << 20;

/// As a cloud does: the disk is made larger, and data is kept on it. QEMU's own checker then still finds no fault.
#[test]
fn boots_from_an_enlarged_qcow2() {
    let lab = Lab::new();
    let path = convert(&lab, "qcow2");
    let file = path.to_str().expect("temporary folders have UTF-8 names");
    call("qemu-img", ["resize", "-q", "-f", "qcow2", file, "1G"]);
    let mut spec = machine(&lab, &path);
    attach(&mut spec, &path, "qcow2", "virtio-blk-pci");
    serves(&lab, &spec, "enlarged qcow2");
    call("qemu-img", ["check", "-q", "-f", "qcow2", file]);
    let raw = lab.path("raw.img");
    let out = raw.to_str().expect("temporary folders have UTF-8 names");
    call("qemu-img", ["convert", "-O", "raw", file, out]);
    assert_eq!(gpt::data_partitions(&raw).len(), 1, "data is kept on it");
}

/// A streamOptimized disk is not written to; data is kept on a second one.
#[test]
fn boots_from_a_vmdk() {
    let lab = Lab::new();
    let path = convert(&lab, "vmdk");
    let mut spec = machine(&lab, &path);
    spec.disks.push((data_disk(&lab), Bus::Virtio));
    attach(&mut spec, &path, "vmdk,readonly=on", "virtio-blk-pci");
    serves(&lab, &spec, "VMDK with a data disk");
    assert_eq!(gpt::data_partitions(&data_disk(&lab)).len(), 1);
}

#[test]
#[ignore = "`nix run .#formats` runs it"]
fn boots_from_a_vhd() {
    let lab = Lab::new();
    let path = convert(&lab, "vhd");
    let mut spec = machine(&lab, &path);
    spec.disks.push((data_disk(&lab), Bus::Virtio));
    attach(&mut spec, &path, "vpc", "ide-hd,bus=ide.0");
    serves(&lab, &spec, "VHD with a data disk");
}

/// Unpacked, as Google does, to a disk with room for data.
#[test]
#[ignore = "`nix run .#formats` runs it"]
fn boots_from_the_archive_for_google() {
    let lab = Lab::new();
    let path = convert(&lab, "gce");
    let archive = lab.path("archive.tar.gz");
    fs::rename(&path, &archive).expect("the temporary folder takes a file");
    let name = |path: &Path| path.display().to_string();
    call("python3", ["-m", "gzip", "-d", &name(&archive)]);
    let folder = name(archive.parent().expect("it is in a folder"));
    call(
        "tar",
        ["-xf", &name(&lab.path("archive.tar")), "-C", &folder],
    );
    let raw = lab.path("disk.raw");
    let mut spec = machine(&lab, &raw);
    spec.disks.push((raw.clone(), Bus::Nvme));
    serves(&lab, &spec, "Google's archive on NVMe");
    assert_eq!(gpt::data_partitions(&raw).len(), 1, "data is kept on it");
}

#[test]
#[ignore = "`nix run .#formats` runs it"]
fn boots_from_a_disc_in_an_optical_drive() {
    let lab = Lab::new();
    let path = convert(&lab, "iso");
    let before = disk::hash(&path, 0..fs::metadata(&path).unwrap().len());
    let mut spec = machine(&lab, &path);
    spec.disks.push((data_disk(&lab), Bus::Virtio));
    let format = "raw,media=cdrom,readonly=on";
    attach(&mut spec, &path, format, "ide-cd,bus=ide.0");
    // An empty drive beside it is no hindrance.
    let empty = ["-device", "ide-cd,bus=ide.1"];
    spec.arguments.extend(empty.map(str::to_owned));
    serves(&lab, &spec, "ISO in an optical drive");
    assert_eq!(gpt::data_partitions(&data_disk(&lab)).len(), 1);
    let after = disk::hash(&path, 0..fs::metadata(&path).unwrap().len());
    assert_eq!(before, after, "the disc is as it was");
}

/// Firmware that knows no partition table on a disc is led to the same ESP by El Torito. The kernel, which it starts, would
/// look for the root in the table that is gone.
#[test]
#[ignore = "`nix run .#formats` runs it"]
fn firmware_finds_the_disc_by_el_torito_alone() {
    let lab = Lab::new();
    let path = convert(&lab, "iso");
    let end = fs::metadata(&path).unwrap().len();
    for header in [2048, end - 2048] {
        assert_eq!(&disk::read(&path, header..header + 8), b"EFI PART");
        disk::write(&path, header, &[0; 92]);
    }
    let mut spec = machine(&lab, &path);
    let format = "raw,media=cdrom,readonly=on";
    attach(&mut spec, &path, format, "ide-cd,bus=ide.0");
    let machine = spec.start();
    machine.console.wait(&["Linux version"], limit(120));
    println!("figure: ISO by El Torito: the signed kernel starts");
}

/// The same file on a disk larger than itself.
#[test]
#[ignore = "`nix run .#formats` runs it"]
fn boots_from_a_disc_written_to_a_disk() {
    let lab = Lab::new();
    let path = convert(&lab, "iso");
    disk::grow(&path, 512 * MIB);
    let mut spec = machine(&lab, &path);
    spec.disks.push((path.clone(), Bus::Ahci));
    serves(&lab, &spec, "ISO on a SATA disk");
    assert_eq!(gpt::data_partitions(&path).len(), 1, "data is kept on it");
}

/// The signed image in a format, by the program that operators use.
fn convert(lab: &Lab, format: &str) -> PathBuf {
    let writers = env::var_os("HOLDFAST_FORMATS")
        .expect("HOLDFAST_FORMATS is not set: set it to the folder of convert.py");
    let (signed, out) = (lab.path("whole.img"), lab.path(format));
    lab::sign(&lab.keys, &inputs().image, &signed);
    let program = Path::new(&writers).join("convert.py");
    call(
        "python3",
        [
            program.as_os_str(),
            format.as_ref(),
            signed.as_ref(),
            out.as_ref(),
        ],
    );
    fs::remove_file(signed).expect("it was just written");
    out
}

/// An empty disk.
fn data_disk(lab: &Lab) -> PathBuf {
    let path = lab.path("data.img");
    if !path.exists() {
        let file = File::create(&path).expect("a disk file can be made");
        file.set_len(256 * MIB).expect("a disk file can be made");
    }
    path
}

/// A configured machine without a disk; `any` stands for the one that every machine is made with.
fn machine(lab: &Lab, any: &Path) -> Spec {
    let mut spec = Spec::new(lab.path("machine"), &lab.variables, any.to_owned());
    spec.disks.clear();
    Configuration::new(spec.port).by_smbios(&mut spec);
    spec
}

/// Adds what is booted: a file in one of QEMU's formats at a device of QEMU's.
fn attach(spec: &mut Spec, path: &Path, format: &str, device: &str) {
    let drive = format!("if=none,id=system,format={format},file={}", path.display());
    let device = format!("{device},drive=system,bootindex=0");
    let words = ["-drive", &drive, "-device", &device];
    spec.arguments.extend(words.map(str::to_owned));
}

fn serves(lab: &Lab, spec: &Spec, name: &str) {
    let mut machine = spec.start();
    machine.wait_serving();
    device::publish(lab, &machine);
    let bytes = assert_served(&machine, &[front()]);
    let boot = machine.boot_time().as_secs_f64();
    let off = machine.power_button().as_secs_f64();
    println!("figure: {name}: boot to ready {boot:.1} s, {bytes} bytes served, off in {off:.1} s");
}
