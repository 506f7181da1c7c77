//! The data partition: made once, found again on any disk, never replaced, never guessed.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use holdfast_vm_tests::{
    Bus, Lab, Spec,
    configuration::Configuration,
    device, disk,
    gpt::{self, Partition},
    limit,
    machine::SERVING,
    site::{Page, assert_served, front},
};
use std::path::PathBuf;

const MIB: u64 = 1 << 20;
const ONE: &str = "0f1e2d3c-0000-4222-8333-444455556666";
const OTHER: &str = "0f1e2d3c-1111-4222-8333-444455556666";

/// An entry that says that it holds data.
fn set_up(id: &str) -> Partition {
    Partition {
        number: 1,
        kind: gpt::DATA_TYPE.into(),
        id: id.into(),
        attributes: gpt::SET_UP,
        range: MIB..97 * MIB,
    }
}

/// A machine that has served a page and was switched off.
struct Used {
    lab: Lab,
    spec: Spec,
    data: Partition,
    page: Page,
}

impl Used {
    fn new() -> Self {
        let lab = Lab::new();
        let spec = lab.configured("used");
        assert!(
            gpt::data_partitions(spec.disk()).is_empty(),
            "an image carries no data"
        );
        let mut machine = spec.start();
        machine.wait_serving();
        let shown = machine.console.wait_field("data id", &["-"], limit(60));
        device::publish(&lab, &machine);
        machine.power_button();
        let mut made = gpt::data_partitions(spec.disk());
        assert_eq!(made.len(), 1, "one data partition is made");
        let data = made.remove(0);
        assert_eq!(shown.to_lowercase(), data.id, "the console shows its id");
        assert_eq!(data.attributes, gpt::SET_UP, "its entry carries the mark");
        Self {
            lab,
            spec,
            data,
            page: front(),
        }
    }

    /// A disk with nothing but a copy of the data partition, of its own size.
    fn data_disk(&self, name: &str) -> PathBuf {
        let path = self.lab.path(name);
        let length = self.data.range.end - self.data.range.start;
        let entry = Partition {
            range: MIB..MIB + length,
            ..self.data.clone()
        };
        gpt::partition(&path, length + 2 * MIB, &[entry]);
        disk::copy(self.spec.disk(), self.data.range.clone(), &path, MIB);
        path
    }
}

#[test]
fn s26_new_image_takes_over_the_data_disk_named_by_its_id() {
    let used = Used::new();
    let mut spec = used.lab.spec("new-image");
    spec.port = used.spec.port;
    spec.add_disk(used.data_disk("data.img"), Bus::Virtio);
    Configuration::new(spec.port)
        .data_id(&used.data.id)
        .by_smbios(&mut spec);
    let machine = spec.start();
    machine.wait_ready();
    assert_served(&machine, std::slice::from_ref(&used.page));
    assert!(
        gpt::data_partitions(spec.disk()).is_empty(),
        "a second one was made"
    );
    println!("figure: a new image serves the old data, found by its id on a second disk");
}

#[test]
fn s20_data_id_that_no_disk_holds_is_refused_and_none_is_made() {
    let lab = Lab::new();
    let mut spec = lab.spec("absent");
    let id = "5d0c3f4e-0000-4000-8000-00000000beef";
    Configuration::new(spec.port)
        .data_id(id)
        .by_smbios(&mut spec);
    let before = gpt::partitions(spec.disk());
    refused(&spec, &[id]);
    assert_eq!(
        gpt::partitions(spec.disk()),
        before,
        "the partition table was changed"
    );
    println!("figure: data.id {id} refused, table untouched");
}

#[test]
fn s21_blanked_data_partition_is_refused() {
    let lab = Lab::new();
    let mut spec = lab.configured("blanked");
    let blank = lab.path("blank.img");
    gpt::partition(&blank, 128 * MIB, &[set_up(ONE)]);
    spec.add_disk(blank.clone(), Bus::Virtio);
    refused(&spec, &[ONE]);
    assert_eq!(
        gpt::partitions(&blank),
        [set_up(ONE)],
        "its entry was changed"
    );
    assert_eq!(
        disk::read(&blank, MIB..2 * MIB),
        vec![0; 1 << 20],
        "it was made anew"
    );
    assert!(
        gpt::data_partitions(spec.disk()).is_empty(),
        "another was made"
    );
    println!("figure: a marked partition without content refused, not made anew");
}

#[test]
fn s22_two_data_partitions_are_refused_by_name() {
    let lab = Lab::new();
    let mut spec = lab.configured("two");
    for id in [ONE, OTHER] {
        let disk = lab.path(id);
        gpt::partition(&disk, 128 * MIB, &[set_up(id)]);
        spec.add_disk(disk, Bus::Virtio);
    }
    refused(&spec, &[ONE, OTHER]);
    println!("figure: two data partitions refused, both named");
}

#[test]
fn s25_data_partition_grows_with_its_disk() {
    let used = Used::new();
    let before = used.data.range.end - used.data.range.start;
    used.spec.grow(3 << 30);
    let mut machine = used.spec.start();
    machine.wait_ready();
    assert_served(&machine, std::slice::from_ref(&used.page));
    machine.power_button();
    let grown = gpt::data_partitions(used.spec.disk()).remove(0);
    let after = grown.range.end - grown.range.start;
    assert_eq!(
        (grown.id, grown.range.start),
        (used.data.id, used.data.range.start)
    );
    assert!(
        after > before + (1 << 30),
        "the partition has {after} bytes, before {before}"
    );
    // ext4: number of blocks (low half) and block size.
    let block = disk::read(
        used.spec.disk(),
        grown.range.start + 1024..grown.range.start + 2048,
    );
    let number = |at: usize| u32::from_le_bytes(block[at..at + 4].try_into().expect("4 bytes"));
    let size = u64::from(number(4)) << (10 + number(0x18));
    assert!(
        after - size < 16 * MIB,
        "the file system has {size} bytes of {after}"
    );
    println!(
        "figure: data grew from {} to {} MiB with its disk",
        before / MIB,
        after / MIB
    );
}

fn refused(spec: &Spec, words: &[&str]) {
    let machine = spec.start();
    let line = machine
        .console
        .wait(&["holdfast: refused:"], limit(240))
        .text;
    let served = machine.console.find(&SERVING, limit(5));
    assert!(
        served.is_none(),
        "it serves all the same:\n{}",
        machine.console.tail(40)
    );
    let text = machine.console.text().to_lowercase();
    for word in words {
        assert!(text.contains(word), "`{word}` is missing in `{line}`");
    }
}
