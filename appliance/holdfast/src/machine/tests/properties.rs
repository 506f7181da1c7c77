//! What holds of every plan.

use proptest::prelude::*;
use uuid::Uuid;

use super::super::ext4::Content;
use super::super::gpt::{BEING_MADE, Entry, SET_UP};
use super::super::plan::{Plan, plan};
use super::planning::{MIB, disk, empty};

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
        data in proptest::option::of((any::<bool>(), any::<bool>(), content())),
        named in any::<bool>(),
        second in any::<bool>(),
    ) {
        let size = size.max(root + 110);
        let root = Entry { kind: Uuid::from_u128(1), ..Entry::data(MIB, (root + 1) * MIB - 1) };
        let mut entries = vec![root.clone()];
        let mut held = Content::Blank;
        if let Some((set_up, being_made, content)) = data {
            let mut entry = Entry::data(root.last + 1, root.last + 50 * MIB);
            entry.attributes = if set_up { SET_UP } else { 0 };
            entry.attributes |= if being_made { BEING_MADE } else { 0 };
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
                let half = held == Content::Foreign && entries[1].attributes & BEING_MADE != 0;
                prop_assert!(ours || half);
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
