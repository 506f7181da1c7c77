//! Keys of a sealed machine are changed, a recovery key is made, and at last all are destroyed; what was planted is nowhere on its
//! disk.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use holdfast_vm_tests::{
    Device, Lab,
    configuration::ROOT_KEY,
    disk, gpt, limit,
    site::{Page, assert_served},
};
use std::{fs, path::Path};

const PLANTED: &str = "planted text of a page 5f1c77";
const NAME: &str = "planted-name-of-a-file-09ab";
const DEVICE: &str = "planted-name-of-a-device-c3d2";
/// Bytes that are looked at at once.
const PIECE: u64 = 8 << 20;

/// Which of these are on the disk, wherever.
fn found(disk: &Path, needles: &[(&'static str, Vec<u8>)]) -> Vec<&'static str> {
    let size = fs::metadata(disk).unwrap().len();
    let longest = needles
        .iter()
        .map(|(_, needle)| needle.len())
        .max()
        .unwrap() as u64;
    let mut found = Vec::new();
    for start in (0..size).step_by(PIECE as usize) {
        let bytes = disk::read(disk, start..(start + PIECE + longest).min(size));
        if bytes.iter().all(|byte| *byte == 0) {
            continue;
        }
        for (name, needle) in needles {
            let holds = |at: usize| bytes[at..].starts_with(needle);
            let mut places = (0..bytes.len()).filter(|at| bytes[*at] == needle[0]);
            if places.any(holds) && !found.contains(name) {
                found.push(*name);
            }
        }
    }
    found
}

#[test]
fn keys_change_and_end_and_nothing_planted_is_on_the_disk() {
    let lab = Lab::new();
    let spec = lab.configured("machine");
    let mut machine = spec.start();
    let code = machine.console.wait_field("code", &["-"], limit(60));
    let code = code.split_whitespace().next().unwrap().to_owned();
    let device = Device::known(&lab, &machine, "device");
    device.run(&["enroll", "--name", DEVICE], &format!("{code}\n"));
    let site = lab.path("site");
    fs::create_dir_all(&site).unwrap();
    let page = format!("<!doctype html><title>{PLANTED}</title><p>{PLANTED}");
    let name = format!("{NAME}.html");
    fs::write(site.join(&name), &page).unwrap();
    device.push(&site);
    machine.wait_ready();
    let page = Page {
        path: format!("/{name}"),
        content: page.into_bytes(),
    };
    assert_served(&machine, std::slice::from_ref(&page));

    let keys = device.json(&["key", "rotate"]);
    let tables = keys["tables"].as_array().unwrap();
    assert!(tables.len() > 8, "{keys}");
    for table in tables {
        assert_eq!(table["epochs"].as_array().unwrap().len(), 1, "{table}");
        assert!(table["epochs"][0].as_u64() > Some(1), "{table}");
    }
    let recovery = device.run(&["key", "recovery"], "");
    let told = device.json(&["store", "verify"]);
    assert_eq!(told["verification"]["altered"], serde_json::json!([]));
    assert_served(&machine, std::slice::from_ref(&page));

    let root_key: Vec<u8> = (0..ROOT_KEY.len() / 2)
        .map(|at| u8::from_str_radix(&ROOT_KEY[at * 2..at * 2 + 2], 16).unwrap())
        .collect();
    let recovery = recovery.trim();
    let needles = [
        ("page", PLANTED.as_bytes().to_vec()),
        ("file name", NAME.into()),
        ("device name", DEVICE.into()),
        ("root key", ROOT_KEY.into()),
        ("root key's bytes", root_key),
        ("recovery key", recovery.into()),
        (
            "recovery key without groups",
            recovery.replace('-', "").into(),
        ),
    ];
    device.run(&["key", "destroy"], "localhost\n");
    let refused =
        machine
            .console
            .wait_field("refused", &["keys of this store were destroyed"], limit(60));
    machine.power_button();
    drop(machine);
    assert_eq!(found(spec.disk(), &needles), [""; 0]);
    // The search finds what is there: the label of the data partition's file system.
    let label = [("label", b"holdfast-data".to_vec())];
    assert_eq!(found(spec.disk(), &label), ["label"]);

    // No start serves again.
    let mut again = spec.start();
    again.console.wait_field(
        "refused",
        &["keys of this store were destroyed"],
        limit(120),
    );
    again.power_button();
    drop(again);
    assert_eq!(gpt::data_partitions(spec.disk()).len(), 1);
    println!(
        "figure: {} tables with new keys, {} kinds of planted secrets nowhere on the disk, then: {refused}",
        tables.len(),
        needles.len()
    );
}
