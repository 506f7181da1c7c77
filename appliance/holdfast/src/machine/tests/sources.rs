//! Where credentials come from.

use super::super::sources::{Gathered, is_config_disk, smbios_credentials};

#[test]
fn smbios_strings_are_read() {
    let mut raw = vec![11, 5, 0, 1, 3];
    raw.extend(b"io.systemd.credential:holdfast.toml=[origin]\nsite = 1\0");
    raw.extend(b"io.systemd.credential.binary:holdfast.root-key=AAEC\0");
    raw.extend(b"io.systemd.stub.kernel-cmdline-extra=init=/bin/sh\0\0");
    let read = smbios_credentials(&raw).unwrap();
    assert_eq!(read.len(), 2);
    assert_eq!(read[0].0, "holdfast.toml");
    assert_eq!(read[0].1.as_slice(), b"[origin]\nsite = 1");
    assert_eq!(read[1].1.as_slice(), [0, 1, 2]);
    raw[0] = 1;
    assert!(smbios_credentials(&raw).unwrap().is_empty());
    let bad = [
        &[11, 5, 0, 1, 1],
        b"io.systemd.credential.binary:holdfast.toml=%\0\0".as_slice(),
    ]
    .concat();
    assert!(smbios_credentials(&bad).is_err());
}

#[test]
fn each_credential_comes_from_one_source_and_others_are_counted() {
    let mut all = Gathered::default();
    let content = || zeroize::Zeroizing::new(b"x".to_vec());
    all.add("systemd.extra-unit.evil.service", content(), "SMBIOS")
        .unwrap();
    all.add("holdfast.toml", content(), "SMBIOS").unwrap();
    assert_eq!((all.ignored, all.found.len()), (1, 1));
    let twice = all
        .add("holdfast.toml", content(), "the config disk")
        .unwrap_err();
    assert!(
        twice
            .to_string()
            .contains("by SMBIOS and by the config disk")
    );
    let mixed = all
        .add("holdfast.root-key", content(), "the config disk")
        .unwrap_err()
        .to_string();
    assert!(
        mixed.contains("holdfast.root-key") && mixed.contains("came by SMBIOS"),
        "{mixed}"
    );
    all.add("holdfast.root-key", content(), "fw_cfg").unwrap();
    let told: Vec<_> = all.sources().into_iter().collect();
    let pair = |name: &str, source: &str| (name.to_owned(), source.to_owned());
    assert_eq!(
        told,
        [
            pair("holdfast.root-key", "fw_cfg"),
            pair("holdfast.toml", "SMBIOS")
        ]
    );
    assert!(all.add("holdfast.typo", content(), "fw_cfg").is_err());
    let long = zeroize::Zeroizing::new(vec![0; 64 * 1024 + 1]);
    assert!(all.add("holdfast.tls-key", long, "fw_cfg").is_err());

    let mut disk = Gathered::default();
    for name in ["holdfast.toml", "holdfast.root-key"] {
        disk.add(name, content(), "the config disk").unwrap();
    }
}

#[test]
fn config_disk_is_known_by_its_label() {
    let mut sector = vec![0; 512];
    sector[510..].copy_from_slice(&[0x55, 0xaa]);
    assert!(!is_config_disk(&sector));
    sector[43..54].copy_from_slice(b"HOLDFASTCFG");
    sector[54..59].copy_from_slice(b"FAT12");
    assert!(is_config_disk(&sector));
    let mut wide = vec![0; 512];
    wide[510..].copy_from_slice(&[0x55, 0xaa]);
    wide[71..82].copy_from_slice(b"HOLDFASTCFG");
    wide[82..87].copy_from_slice(b"FAT32");
    assert!(is_config_disk(&wide));
}
