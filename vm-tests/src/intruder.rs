//! What somebody who sets SMBIOS strings, fw_cfg items or files on the ESP would try: each well-known generic credential of systemd
//! (`man systemd.system-credentials`), with a value whose effect would be seen on the console or on the wire.

use crate::{Spec, esp::Esp, uki};

/// Stands in every value that a machine could show.
pub const MARK: &str = "INTRUDER";
/// Addresses that no honest machine asks for or takes in QEMU's user network.
pub const ADDRESSES: [[u8; 4]; 2] = [[10, 0, 2, 77], [10, 0, 2, 78]];
/// A hardware address that only a foreign link file would set.
pub const MAC: [u8; 6] = [0x52, 0x54, 0x00, 0xba, 0xdb, 0xad];

/// Name and value; `journal` is a TCP port at which the test listens.
pub fn credentials(journal: u16) -> Vec<(&'static str, String)> {
    let text = |name: &'static str, value: &str| (name, value.to_owned());
    vec![
        text("systemd.extra-unit.intruder.service", UNIT),
        text("systemd.unit-dropin.holdfast.service~intruder", DROPIN),
        text("systemd.unit-dropin.holdfast.service", DROPIN),
        text(
            "systemd.unit-dropin.basic.target~intruder",
            "[Unit]\nWants=intruder.service\n",
        ),
        text(
            "systemd.unit-dropin.multi-user.target",
            "[Unit]\nWants=intruder.service\n",
        ),
        text("network.network.00-intruder", NETWORK),
        text("network.link.00-intruder", LINK),
        text("network.conf.intruder", "[DHCPv4]\nDUIDType=uuid\n"),
        text("network.hosts", "10.0.2.77 localhost\n"),
        text("network.dns", "10.0.2.77"),
        text("network.search_domains", "intruder.example"),
        text("udev.rules.intruder", RULE),
        text("udev.conf.intruder", "udev_log=debug\n"),
        text(
            "tmpfiles.extra",
            "w+ /dev/console - - - - INTRUDER-TMPFILES\\n\n",
        ),
        text(
            "sysctl.extra",
            "kernel.hostname=INTRUDER-SYSCTL\nnet.ipv4.ip_default_ttl=77\n",
        ),
        text("sysusers.extra", "u intruder - \"INTRUDER\"\n"),
        text(
            "fstab.extra",
            "/dev/INTRUDER-FSTAB /var/lib/holdfast ext4 defaults 0 0\n",
        ),
        text("passwd.hashed-password.root", ""),
        text("passwd.plaintext-password.root", "intruder"),
        text("passwd.shell.root", "/usr/bin/holdfast"),
        text("ssh.authorized_keys.root", "ssh-ed25519 AAAA intruder"),
        text(
            "ssh.ephemeral-authorized_keys-all",
            "ssh-ed25519 AAAA intruder",
        ),
        text("login.motd", "INTRUDER-MOTD\n"),
        text("login.issue", "INTRUDER-ISSUE\n"),
        text("agetty.autologin", "root"),
        text("login.noauth", "yes"),
        text("getty.ttys.serial", "ttyS0"),
        text("getty.ttys.container", "ttyS0"),
        text("system.hostname", "INTRUDER-HOSTNAME"),
        text("firstboot.hostname", "INTRUDER-FIRSTBOOT"),
        text("firstboot.locale", "INTRUDER"),
        text("firstboot.timezone", "Asia/Tokyo"),
        text("system.machine_id", "1badb0021badb0021badb0021badb002"),
        text("modules-load.extra", "intruder\n"),
        text("vmm.notify_socket", "vsock-stream:2:9999"),
        ("journal.forward_to_socket", format!("10.0.2.2:{journal}")),
        text("journal.storage", "persistent"),
        text("import.pull", "INTRUDER"),
        text("cryptsetup.passphrase", "intruder"),
    ]
}

/// Arguments that would take the machine over: a foreign root, a foreign first process, a foreign target.
pub const COMMAND_LINE: &str = "INTRUDER dm-mod.create=\"INTRUDER,,0,rw,0 2048 zero\" root=/dev/dm-1 rw \
    init=/usr/bin/holdfast systemd.unit=rescue.target systemd.import_credentials=yes \
    systemd.set_credential=system.hostname:INTRUDER-ARGUMENT systemd.mask=holdfast.service";

/// Hands the machine all of it by SMBIOS, and some by fw_cfg, which has room for few files and for names of 55 bytes.
pub fn by_firmware(spec: &mut Spec, journal: u16) {
    let mut room = 8;
    for (name, value) in credentials(journal) {
        spec.credential(name, &value);
        if name.len() <= 28 && room > 0 {
            spec.firmware_credential(name, &value);
            room -= 1;
        }
    }
    spec.smbios(&format!(
        "io.systemd.stub.kernel-cmdline-extra={COMMAND_LINE}"
    ));
    spec.smbios(&format!(
        "io.systemd.boot.kernel-cmdline-extra={COMMAND_LINE}"
    ));
}

/// Puts all of it on the ESP: credentials, extension images, and add-ons that carry a command line: one altered and hence wrongly
/// signed, one a copy of the machine's own signed image.
pub fn by_esp(esp: &Esp, image: &[u8], journal: u16) {
    let extra = "/EFI/BOOT/BOOTX64.EFI.extra.d";
    for folder in ["/loader", "/loader/credentials", "/loader/addons", extra] {
        esp.folder(folder);
    }
    let mut addon = image.to_vec();
    let line = uki::section(image, ".cmdline");
    let text = COMMAND_LINE.bytes().chain(std::iter::repeat(b' '));
    for (byte, new) in addon[line].iter_mut().zip(text) {
        *byte = new;
    }
    for (name, value) in credentials(journal) {
        esp.write(
            &format!("/loader/credentials/{name}.cred"),
            value.as_bytes(),
        );
        esp.write(&format!("{extra}/{name}.cred"), value.as_bytes());
    }
    esp.write(&format!("{extra}/intruder.addon.efi"), &addon);
    esp.write("/loader/addons/copy.addon.efi", image);
    esp.write(&format!("{extra}/intruder.sysext.raw"), &vec![0; 1 << 16]);
    esp.write(&format!("{extra}/intruder.confext.raw"), &vec![0; 1 << 16]);
}

const UNIT: &str = "[Unit]\nDescription=INTRUDER-UNIT\nDefaultDependencies=no\n[Service]\nType=oneshot\n\
    ExecStart=/usr/bin/holdfast INTRUDER-UNIT\nStandardOutput=tty\nStandardError=tty\nTTYPath=/dev/console\n";
const DROPIN: &str = "[Service]\nExecStart=\nExecStart=/usr/bin/holdfast INTRUDER-DROPIN\nStandardOutput=tty\n\
    StandardError=tty\nTTYPath=/dev/console\n";
const NETWORK: &str =
    "[Match]\nName=*\n[Network]\nAddress=10.0.2.78/24\nGateway=10.0.2.77\nDHCP=no\n";
const LINK: &str =
    "[Match]\nOriginalName=*\n[Link]\nMACAddress=52:54:00:ba:db:ad\nName=INTRUDER0\n";
const RULE: &str = "SUBSYSTEM==\"net\", NAME=\"INTRUDER1\"\n\
    RUN+=\"/usr/bin/holdfast INTRUDER-RULE\"\n";
