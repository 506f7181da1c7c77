//! A disk that fails in the middle of a write.

use crate::appliance::{Appliance, ok, refused, write_site};

#[test]
fn server_whose_write_failed_ends_and_the_next_one_has_all_that_was_answered() {
    let mut appliance = Appliance::prepared();
    appliance.boot_with_files_of(4096);
    let mut appliance = appliance.enrolled();
    appliance.push(&[("index.html", b"one")]);
    let mut state = 1_u32;
    let noise = (0..12_000_000).map(|_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    });
    let noise: Vec<u8> = noise.collect();
    let site = appliance.path("large");
    write_site(&site, &[("index.html", b"two"), ("noise.bin", &noise)]);
    refused(&appliance.holdfast(&["site", "push", site.to_str().unwrap()]));
    assert!(!appliance.ended().success(), "it does not go on by halves");
    let log = appliance.log();
    assert!(log.contains("the store takes no more writes"), "{log}");
    appliance.boot();
    assert_eq!(appliance.get("/").body, b"one");
    ok(&appliance.holdfast(&["store", "verify"]));
    ok(&appliance.holdfast(&["site", "push", site.to_str().unwrap()]));
    assert_eq!(appliance.get("/noise.bin").body, noise);
}
