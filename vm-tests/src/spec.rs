//! A machine that is switched off: its disks, its hardware, what its hypervisor tells it.

use crate::{Machine, disk, machine};
use data_encoding::BASE64;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// How a disk is connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bus {
    /// virtio-blk.
    Virtio,
    /// NVM Express.
    Nvme,
    /// SATA on the chipset's AHCI controller.
    Ahci,
    /// VMware's paravirtual SCSI.
    Pvscsi,
}

/// Where the network card leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Net {
    /// There is no card.
    None,
    /// QEMU's user network, which hands out 10.0.2.15; its port 443 is ours at 127.0.0.1.
    User,
    /// Frames as datagrams between two Unix sockets: the guest's, and that of a [`Peer`](crate::net::Peer).
    Wire {
        /// QEMU's end.
        guest: PathBuf,
        /// The harness's end.
        peer: PathBuf,
    },
}

/// A machine; [`Spec::start`] switches it on, and again after it was switched off.
#[derive(Debug, Clone)]
pub struct Spec {
    /// Holds what outlives a boot: firmware variables, TPM state, logs.
    pub folder: PathBuf,
    /// Disks with their connection; the first is booted.
    pub disks: Vec<(PathBuf, Bus)>,
    /// The network card's model, as QEMU names it.
    pub card: &'static str,
    /// Its address.
    pub mac: &'static str,
    /// What it is connected to.
    pub net: Net,
    /// The port at 127.0.0.1 that leads to the machine's 443 in a user network.
    pub port: u16,
    /// Further ports at 127.0.0.1, each with the machine's own that it leads to, in a user network.
    pub forwards: Vec<(u16, u16)>,
    /// Memory in MiB.
    pub memory: u32,
    /// Number of processors.
    pub processors: u8,
    /// Writes every frame of a user network to this file, in pcap format.
    pub capture: Option<PathBuf>,
    /// Writes each write and flush of the boot disk to this file, in the format of dm-log-writes; it must be there.
    pub write_log: Option<PathBuf>,
    /// Further arguments of QEMU.
    pub arguments: Vec<String>,
    /// Whether somebody sits at the serial console and can type ([`Machine::type_line`]).
    pub typing: bool,
    /// Whether a reset ends QEMU, so that a crash is not followed by another boot.
    pub stop_on_reset: bool,
    strings: usize,
}

impl Spec {
    /// A machine with virtio disk and network and 512 MiB, with `variables` as firmware variables and `disk` to boot.
    ///
    /// # Panics
    /// When the folder cannot be made.
    pub fn new(folder: PathBuf, variables: &Path, disk: PathBuf) -> Self {
        fs::create_dir_all(folder.join("tpm")).expect("the temporary folder takes a folder");
        fs::copy(variables, folder.join("vars.fd")).expect("firmware variables can be copied");
        Self {
            folder,
            disks: vec![(disk, Bus::Virtio)],
            card: "virtio-net-pci",
            mac: "52:54:00:12:34:56",
            net: Net::User,
            port: machine::free_port(),
            forwards: Vec::new(),
            memory: 512,
            processors: 1,
            capture: None,
            write_log: None,
            arguments: Vec::new(),
            typing: false,
            stop_on_reset: false,
            strings: 0,
        }
    }

    /// The disk that is booted.
    pub fn disk(&self) -> &Path {
        &self.disks[0].0
    }

    /// Adds a disk.
    pub fn add_disk(&mut self, path: PathBuf, bus: Bus) {
        self.disks.push((path, bus));
    }

    /// A port at 127.0.0.1 that leads to this one of the machine.
    pub fn forward(&mut self, to: u16) -> u16 {
        let port = machine::free_port();
        self.forwards.push((port, to));
        port
    }

    /// Makes the boot disk longer.
    pub fn grow(&self, size: u64) {
        disk::grow(self.disk(), size);
    }

    /// Adds an SMBIOS type 11 string (DMTF DSP0134, section 7.12). It goes by a file, so its length has no limit of QEMU's
    /// command line and its commas no meaning.
    ///
    /// # Panics
    /// When the file cannot be written.
    pub fn smbios(&mut self, text: &str) {
        let file = self.folder.join(format!("smbios-{}", self.strings));
        self.strings += 1;
        fs::write(&file, text).expect("the temporary folder takes a file");
        self.arguments
            .extend(["-smbios".into(), format!("type=11,path={}", file.display())]);
    }

    /// Passes a credential by SMBIOS.
    pub fn credential(&mut self, name: &str, value: &str) {
        let value = BASE64.encode(value.as_bytes());
        self.smbios(&format!("io.systemd.credential.binary:{name}={value}"));
    }

    /// Passes a credential by QEMU's firmware configuration device.
    ///
    /// # Panics
    /// When its file cannot be written.
    pub fn firmware_credential(&mut self, name: &str, value: &str) {
        let file = self.folder.join(format!("fw-cfg-{}", self.strings));
        self.strings += 1;
        fs::write(&file, value).expect("the temporary folder takes a file");
        let item = format!(
            "name=opt/io.systemd.credentials/{name},file={}",
            file.display()
        );
        self.arguments.extend(["-fw_cfg".into(), item]);
    }

    /// Forgets every credential and string, so that the machine can be configured anew.
    pub fn forget_configuration(&mut self) {
        self.arguments.clear();
    }

    /// Switches it on.
    ///
    /// # Panics
    /// When QEMU or swtpm does not start.
    pub fn start(&self) -> Machine {
        Machine::start(self, crate::acceleration::best())
    }
}
