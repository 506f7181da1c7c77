#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::panic
)]

use uuid::Uuid;

use super::ext4::{Content, LOOKED_AT, look};
use super::gpt::{DATA_TYPE, Entry, SET_UP, Table};
use super::plan::{DiskView, Layout, Plan, plan};
use super::sources::{Gathered, is_config_disk, smbios_credentials};
use crate::config::Config;

const MIB: u64 = 2048;

fn disk(name: &str, mib: u64, entries: &[Entry], content: Content) -> DiskView {
    let mut table = Table::new(512, mib * MIB);
    let mut contents = Vec::new();
    for (i, entry) in entries.iter().enumerate() {
        table.entries[i] = entry.clone();
        if entry.kind == DATA_TYPE {
            contents.push((i + 1, content));
        }
    }
    DiskView {
        name: name.into(),
        holds_root: name == "vda",
        layout: Layout::Table(table, contents),
    }
}

fn root_entry() -> Entry {
    Entry {
        kind: Uuid::from_u128(1),
        ..Entry::data(MIB, 100 * MIB - 1)
    }
}

fn data_entry(set_up: bool) -> Entry {
    Entry {
        attributes: if set_up { SET_UP } else { 0 },
        ..Entry::data(100 * MIB, 199 * MIB - 1)
    }
}

fn empty(name: &str) -> DiskView {
    DiskView {
        name: name.into(),
        holds_root: false,
        layout: Layout::Empty {
            sector: 512,
            sectors: 200 * MIB,
        },
    }
}

const OURS: Content = Content::Ours { used: true };

#[test]
fn partition_is_made_behind_the_root() {
    let disks = [
        disk("vda", 200, &[root_entry()], Content::Blank),
        empty("vdb"),
    ];
    let expected = Plan::Create {
        disk: 0,
        number: 2,
        first: 100 * MIB,
        last: 199 * MIB - 1,
        new_table: false,
    };
    assert_eq!(plan(&disks, None).unwrap(), expected);
}

#[test]
fn partition_is_made_on_the_only_empty_disk_where_the_root_has_no_room() {
    let full = disk("vda", 120, &[root_entry()], Content::Blank);
    let made = plan(&[full.clone(), empty("vdb")], None).unwrap();
    assert!(matches!(
        made,
        Plan::Create {
            disk: 1,
            number: 1,
            new_table: true,
            ..
        }
    ));
    assert!(plan(std::slice::from_ref(&full), None).is_err());
    assert!(plan(&[full.clone(), empty("vdb"), empty("vdc")], None).is_err());
    let foreign = DiskView {
        layout: Layout::Foreign,
        ..empty("vdb")
    };
    assert!(plan(&[full, foreign], None).is_err());
}

#[test]
fn none_is_made_beside_a_disk_that_cannot_be_read() {
    let broken = DiskView {
        layout: Layout::Unreadable("the partition table is damaged".into()),
        ..empty("vdb")
    };
    let error = plan(
        &[disk("vda", 200, &[root_entry()], Content::Blank), broken],
        None,
    );
    assert!(
        error
            .unwrap_err()
            .to_string()
            .contains("disk vdb cannot be read")
    );
}

#[test]
fn none_is_ever_made_with_a_data_id() {
    let disks = [
        disk("vda", 400, &[root_entry()], Content::Blank),
        empty("vdb"),
    ];
    let id = Uuid::from_u128(7);
    assert!(
        plan(&disks, Some(id))
            .unwrap_err()
            .to_string()
            .contains(&id.to_string())
    );
}

#[test]
fn only_the_named_partition_is_accepted() {
    let (a, b) = (data_entry(true), data_entry(true));
    let disks = [
        disk("vda", 200, &[root_entry(), a.clone()], OURS),
        disk("vdb", 200, std::slice::from_ref(&b), OURS),
    ];
    let used = plan(&disks, Some(b.id)).unwrap();
    assert!(matches!(
        used,
        Plan::Use {
            disk: 1,
            number: 1,
            ..
        }
    ));
    let error = plan(&disks, None).unwrap_err().to_string();
    assert!(
        error.contains(&a.id.to_string()) && error.contains(&b.id.to_string()),
        "{error}"
    );
    let copies = [disks[1].clone(), disks[1].clone()];
    assert!(plan(&copies, Some(b.id)).is_err());
    let unfinished = data_entry(false);
    let disks = [disk(
        "vda",
        200,
        std::slice::from_ref(&unfinished),
        Content::Blank,
    )];
    assert!(plan(&disks, Some(unfinished.id)).is_err());
}

#[test]
fn set_up_partition_with_other_content_is_refused() {
    for content in [Content::Blank, Content::Foreign] {
        let disks = [disk("vda", 200, &[root_entry(), data_entry(true)], content)];
        assert!(plan(&disks, None).is_err());
    }
}

#[test]
fn interrupted_set_up_begins_again_but_never_over_data() {
    for content in [Content::Blank, Content::Ours { used: false }] {
        let disks = [disk(
            "vda",
            200,
            &[root_entry(), data_entry(false)],
            content,
        )];
        assert_eq!(
            plan(&disks, None).unwrap(),
            Plan::Format { disk: 0, number: 2 }
        );
    }
    for content in [OURS, Content::Foreign] {
        let disks = [disk(
            "vda",
            200,
            &[root_entry(), data_entry(false)],
            content,
        )];
        assert!(plan(&disks, None).is_err());
    }
}

/// Magic numbers and where they stand: LUKS, XFS, another's ext4, an LVM label, a software RAID, ISO 9660, btrfs.
#[test]
fn unmarked_partition_that_holds_something_else_is_never_formatted() {
    let id = data_entry(false).id;
    let foreign: [(usize, &[u8]); 7] = [
        (0, b"LUKS\xba\xbe"),
        (0, b"XFSB"),
        (1024 + 0x38, &[0x53, 0xef]),
        (512, b"LABELONE"),
        (4096, &[0xfc, 0x4e, 0x2b, 0xa9]),
        (0x8001, b"CD001"),
        (0x10040, b"_BHRfS_M"),
    ];
    for (at, magic) in foreign {
        let mut bytes = vec![0; usize::try_from(LOOKED_AT).unwrap()];
        bytes[at..at + magic.len()].copy_from_slice(magic);
        let content = look(&bytes, id);
        let disks = [disk(
            "vda",
            200,
            &[root_entry(), data_entry(false)],
            content,
        )];
        let why = plan(&disks, None).unwrap_err().to_string();
        assert!(why.contains("holds something else"), "{why}");
    }
}

#[test]
fn partition_grows_with_its_disk_when_it_is_the_last() {
    let grow =
        |entries: &[Entry], mib| match plan(&[disk("vda", mib, entries, OURS)], None).unwrap() {
            Plan::Use { grow, .. } => grow,
            other => panic!("{other:?}"),
        };
    let entries = [root_entry(), data_entry(true)];
    assert_eq!(grow(&entries, 200), None);
    assert_eq!(grow(&entries, 300), Some(299 * MIB - 1));
    let behind = Entry {
        kind: Uuid::from_u128(1),
        ..Entry::data(220 * MIB, 230 * MIB)
    };
    assert_eq!(grow(&[root_entry(), data_entry(true), behind], 300), None);
}

mod properties {
    use proptest::prelude::*;

    use super::*;

    fn content() -> impl Strategy<Value = Content> {
        prop_oneof![
            Just(Content::Blank),
            Just(Content::Foreign),
            Just(Content::Ours { used: true }),
            Just(Content::Ours { used: false }),
        ]
    }

    proptest! {
        /// What was in use or is not ours is never formatted, no plan overlaps a partition or leaves the disk, and with a data id nothing
        /// is made.
        #[test]
        fn plan_destroys_nothing(
            root in 1_u64..300,
            size in 2_u64..600,
            data in proptest::option::of((any::<bool>(), content())),
            named in any::<bool>(),
            second in any::<bool>(),
        ) {
            let size = size.max(root + 110);
            let root = Entry { kind: Uuid::from_u128(1), ..Entry::data(MIB, (root + 1) * MIB - 1) };
            let mut entries = vec![root.clone()];
            let mut held = Content::Blank;
            if let Some((set_up, content)) = data {
                let mut entry = Entry::data(root.last + 1, root.last + 50 * MIB);
                entry.attributes = if set_up { SET_UP } else { 0 };
                entries.push(entry);
                held = content;
            }
            let mut disks = vec![disk("vda", size, &entries, held)];
            if second {
                disks.push(empty("vdb"));
            }
            let id = named.then(|| entries.last().unwrap().id);
            match plan(&disks, id) {
                Err(_) => {}
                Ok(Plan::Use { number, grow, .. }) => {
                    prop_assert_eq!(number, 2);
                    let used = matches!(held, Content::Ours { .. });
                    prop_assert!(used);
                    prop_assert!(grow.is_none_or(|g| g > entries[1].last && g < size * MIB));
                }
                Ok(Plan::Format { number, .. }) => {
                    prop_assert_eq!(number, 2);
                    let ours = matches!(held, Content::Blank | Content::Ours { used: false });
                    prop_assert!(ours);
                    prop_assert!(!named && entries[1].attributes & SET_UP == 0);
                }
                Ok(Plan::Create { disk, first, last, new_table, .. }) => {
                    prop_assert!(!named && data.is_none());
                    prop_assert!(last - first + 1 >= 64 * MIB);
                    if disk == 0 {
                        prop_assert!(!new_table && first > root.last && last < size * MIB);
                    }
                }
            }
        }
    }
}

#[test]
fn file_system_is_known_by_label_and_partition() {
    let id = Uuid::from_u128(42);
    let mut bytes = vec![0; 4096];
    assert_eq!(look(&bytes, id), Content::Blank);
    bytes[1024 + 0x38..1024 + 0x3a].copy_from_slice(&[0x53, 0xef]);
    bytes[1024 + 0x68..1024 + 0x78].copy_from_slice(id.as_bytes());
    bytes[1024 + 0x78..1024 + 0x85].copy_from_slice(b"holdfast-data");
    assert_eq!(look(&bytes, id), Content::Ours { used: false });
    bytes[1024 + 0x2c] = 1;
    assert_eq!(look(&bytes, id), OURS);
    bytes[1024 + 0x2c] = 0;
    bytes[1024 + 0x34] = 1;
    assert_eq!(look(&bytes, id), OURS);
    assert_eq!(look(&bytes, Uuid::from_u128(43)), Content::Foreign);
    bytes[1024 + 0x78] = b'x';
    assert_eq!(look(&bytes, id), Content::Foreign);
}

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

#[test]
fn network_files_say_what_the_configuration_says() {
    let origin = "[origin]\nsite = \"https://a.example\"\nportal = \"https://b.example\"\n";
    let dhcp = super::network::network_file(&Config::parse(origin).unwrap(), None);
    assert!(dhcp.contains("DHCP=ipv4\n") && dhcp.contains("ClientIdentifier=mac\n"));
    assert!(!dhcp.contains("MACAddress="));
    let fixed = format!(
        "{origin}[network]\nmac = \"52:54:00:12:34:56\"\naddress = [\"192.0.2.10/24\"]\n\
         gateway = [\"192.0.2.1\"]\ndns = [\"192.0.2.53\"]\n[time]\nservers = [\"ntp.example.org\"]\n"
    );
    let fixed = Config::parse(&fixed).unwrap();
    let text = super::network::network_file(&fixed, None);
    for line in [
        "MACAddress=52:54:00:12:34:56",
        "DHCP=no",
        "Address=192.0.2.10/24",
        "Gateway=192.0.2.1",
        "DNS=192.0.2.53",
    ] {
        assert!(text.lines().any(|l| l == line), "{line}");
    }
    let time = super::network::time_file(&fixed).unwrap();
    assert_eq!(time, "[Time]\nNTP=ntp.example.org\n");
}
