//! What is wrong in the configuration is said on the console with its place and the way out, and nothing is served.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use holdfast_vm_tests::{
    Bus, Lab, Spec,
    configuration::{Configuration, ROOT_KEY},
    esp, limit,
    machine::SERVING,
};

const REFUSED: &str = "holdfast: refused:";

#[test]
fn s14_wrong_value_is_refused_with_its_line() {
    let lab = Lab::new();
    let mut spec = lab.spec("wrong");
    let wrong = Configuration::new(spec.port)
        .toml()
        .replace("portal = \"https:", "portal = \"http:");
    spec.credential("holdfast.toml", &wrong);
    spec.credential("holdfast.root-key", ROOT_KEY);
    refused(&spec, &["line 3", "https"]);
}

#[test]
fn s14_unknown_key_is_refused_with_its_line() {
    let lab = Lab::new();
    let mut spec = lab.spec("unknown");
    let toml = Configuration::new(spec.port).toml() + "[origins]\nsite = 1\n";
    spec.credential("holdfast.toml", &toml);
    spec.credential("holdfast.root-key", ROOT_KEY);
    refused(&spec, &["line 4", "origins"]);
}

#[test]
fn s15_missing_configuration_is_refused() {
    let lab = Lab::new();
    refused(&lab.spec("nothing"), &["holdfast.toml"]);
    let mut spec = lab.spec("no-secret");
    spec.credential("holdfast.toml", &Configuration::new(spec.port).toml());
    refused(&spec, &["holdfast.root-key"]);
}

#[test]
fn s15_surplus_credential_is_refused_by_name() {
    let lab = Lab::new();
    let mut spec = lab.configured("surplus");
    spec.credential("holdfast.surplus", "1");
    refused(&spec, &["holdfast.surplus"]);
}

#[test]
fn s16_credential_from_two_sources_is_refused() {
    let lab = Lab::new();
    let mut spec = lab.configured("twice");
    spec.firmware_credential("holdfast.root-key", ROOT_KEY);
    refused(&spec, &["holdfast.root-key"]);
}

#[test]
fn s17_configuration_disk_works() {
    let lab = Lab::new();
    let mut spec = lab.spec("disk");
    let disk = lab.path("configuration.img");
    let toml = Configuration::new(spec.port).toml();
    // A file of another name is nobody's business.
    let files = [
        ("holdfast.toml", toml.as_str()),
        ("holdfast.root-key", ROOT_KEY),
        ("notes", ""),
    ];
    esp::configuration_disk(&disk, &files);
    spec.add_disk(disk, Bus::Virtio);
    let machine = spec.start();
    machine.wait_serving();
    println!(
        "figure: boot to ready {:.1} s by configuration disk",
        machine.boot_time().as_secs_f64()
    );
}

/// Boots and expects a refusal that says each of `words`.
fn refused(spec: &Spec, words: &[&str]) {
    let machine = spec.start();
    machine.console.wait(&[REFUSED], limit(240));
    let served = machine.console.find(&SERVING, limit(5));
    assert!(
        served.is_none(),
        "it serves all the same:\n{}",
        machine.console.tail(40)
    );
    let text = machine.console.text();
    let from = text.find(REFUSED).expect("it was seen");
    let said = text[from..].lines().collect::<Vec<_>>().join(" / ");
    for word in words {
        assert!(said.contains(word), "`{word}` is missing in: {said}");
    }
    let first = text[from..].lines().next().unwrap_or_default();
    println!("figure: {first}");
}
