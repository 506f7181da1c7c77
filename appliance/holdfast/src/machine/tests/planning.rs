//! Which partition is taken, made or refused.

use uuid::Uuid;

use super::super::ext4::{Content, LOOKED_AT, look};
use super::super::gpt::{BEING_MADE, DATA_TYPE, Entry, SET_UP, Table};
use super::super::plan::{DiskView, Layout, Plan, plan};

pub(super) const MIB: u64 = 2048;

pub(super) fn disk(name: &str, mib: u64, entries: &[Entry], content: Content) -> DiskView {
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

pub(super) fn empty(name: &str) -> DiskView {
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

/// Of a format that was cut short, any part may be on the disk and any missing: the superblock too.
#[test]
fn half_made_file_system_is_made_again_and_a_used_one_never() {
    let being_made = Entry {
        attributes: BEING_MADE,
        ..data_entry(false)
    };
    let plan_of = |content, data_id| {
        let disks = [disk(
            "vda",
            200,
            &[root_entry(), being_made.clone()],
            content,
        )];
        plan(&disks, data_id)
    };
    for content in [
        Content::Blank,
        Content::Foreign,
        Content::Ours { used: false },
    ] {
        let made = plan_of(content, None).unwrap();
        assert_eq!(made, Plan::Format { disk: 0, number: 2 });
        assert!(plan_of(content, Some(being_made.id)).is_err());
    }
    assert!(plan_of(OURS, None).is_err());
    let both = Entry {
        attributes: BEING_MADE | SET_UP,
        ..being_made.clone()
    };
    let disks = [disk("vda", 200, &[root_entry(), both], Content::Foreign)];
    assert!(plan(&disks, None).is_err(), "what was set up is kept");
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
