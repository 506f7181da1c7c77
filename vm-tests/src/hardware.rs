//! The machine in QEMU's words.

use crate::{Bus, Spec, acceleration::Acceleration, inputs, spec::Net};

/// QEMU's arguments for `spec`: q35 with SMM and flash that only SMM may write, so that Secure Boot's variables are safe from the guest.
pub fn arguments(spec: &Spec, acceleration: Acceleration) -> Vec<String> {
    let at = |name: &str| spec.folder.join(name).display().to_string();
    let code = inputs().ovmf.join("OVMF_CODE_4M.secboot.fd");
    let processor: [&str; 4] = match acceleration {
        Acceleration::Kvm => ["-accel", "kvm", "-cpu", "host"],
        // Five-level page tables cost an emulator a memory access more each.
        Acceleration::Tcg => ["-accel", "tcg,thread=multi", "-cpu", "max,la57=off"],
    };
    let mut list: Vec<String> = processor.map(str::to_owned).to_vec();
    let mut add = |words: &[&str]| list.extend(words.iter().map(|word| (*word).to_owned()));
    add(&[
        "-nodefaults",
        "-no-user-config",
        "-display",
        "none",
        "-machine",
        "q35,smm=on",
    ]);
    add(&["-global", "driver=cfi.pflash01,property=secure,value=on"]);
    add(&[
        "-m",
        &spec.memory.to_string(),
        "-smp",
        &spec.processors.to_string(),
    ]);
    // A machine keeps the identity that its hypervisor gives it; each real one has some.
    add(&["-uuid", "7e575e1f-0000-4000-8000-00000000cafe"]);
    let code = format!(
        "if=pflash,unit=0,format=raw,readonly=on,file={}",
        code.display()
    );
    add(&["-drive", &code]);
    add(&[
        "-drive",
        &format!("if=pflash,unit=1,format=raw,file={}", at("vars.fd")),
    ]);
    let mut serial = format!("file,id=serial,path={}", at("serial"));
    if spec.typing {
        serial += &format!(",input-path={}", at("keys"));
    }
    add(&["-chardev", &serial]);
    add(&["-serial", "chardev:serial"]);
    add(&["-qmp", &format!("unix:{},server=on,wait=off", at("qmp"))]);
    add(&[
        "-chardev",
        &format!("socket,id=tpm,path={}", at("tpm.sock")),
    ]);
    add(&[
        "-tpmdev",
        "emulator,id=tpm0,chardev=tpm",
        "-device",
        "tpm-crb,tpmdev=tpm0",
    ]);
    if spec.stop_on_reset {
        add(&["-action", "reboot=shutdown"]);
    }
    for (place, (disk, bus)) in spec.disks.iter().enumerate() {
        let id = format!("disk{place}");
        match &spec.write_log {
            Some(log) if place == 0 => {
                let files = [("file", disk), ("log", log)];
                for (name, file) in files {
                    let file = format!(
                        "driver=file,node-name={id}-{name},filename={}",
                        file.display()
                    );
                    add(&["-blockdev", &file]);
                }
                let logged =
                    format!("driver=blklogwrites,node-name={id},file={id}-file,log={id}-log");
                add(&[
                    "-blockdev",
                    &format!("{logged},log-append=off,log-sector-size=512"),
                ]);
            }
            _ => {
                let drive = format!("if=none,id={id},format=raw,file={}", disk.display());
                add(&["-drive", &drive]);
            }
        }
        let index = format!("drive={id},bootindex={}", place + 1);
        match bus {
            Bus::Virtio => add(&["-device", &format!("virtio-blk-pci,{index}")]),
            Bus::Nvme => add(&["-device", &format!("nvme,serial=test{place},{index}")]),
            Bus::Ahci => add(&["-device", &format!("ide-hd,bus=ide.{place},{index}")]),
            Bus::Pvscsi => {
                add(&["-device", &format!("pvscsi,id=scsi{place}")]);
                add(&["-device", &format!("scsi-hd,bus=scsi{place}.0,{index}")]);
            }
        }
    }
    let net = match &spec.net {
        Net::None => None,
        Net::User => {
            let ours = [(spec.port, 443)];
            let all = ours.iter().chain(&spec.forwards);
            let forwards = all.map(|(from, to)| format!(",hostfwd=tcp:127.0.0.1:{from}-:{to}"));
            Some(format!("user,id=net{}", forwards.collect::<String>()))
        }
        Net::Wire { guest, peer } => Some(format!(
            "dgram,id=net,local.type=unix,local.path={},remote.type=unix,remote.path={}",
            guest.display(),
            peer.display()
        )),
    };
    if let Some(net) = net {
        // Without a boot ROM the firmware does not try the network after the disk.
        let card = format!("{},netdev=net,mac={},romfile=", spec.card, spec.mac);
        add(&["-netdev", &net, "-device", &card]);
        if let Some(file) = &spec.capture {
            let dump = format!("filter-dump,id=dump,netdev=net,file={}", file.display());
            add(&["-object", &dump]);
        }
    }
    list.extend(spec.arguments.iter().cloned());
    list
}
