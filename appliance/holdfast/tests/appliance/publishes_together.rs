//! Two pushes at once, and a push while many read.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::appliance::{Appliance, ok, write_site};

#[test]
fn two_pushes_at_once_both_succeed_and_one_is_live_as_a_whole() {
    let appliance = Appliance::start().enrolled();
    appliance.push(&[("index.html", b"first")]);
    let shared: Vec<_> = (0..40)
        .map(|n| {
            (
                format!("shared/{n}.css"),
                format!("p {{ order: {n} }}\n").repeat(90),
            )
        })
        .collect();
    let folders = ["left", "right"].map(|name| {
        let folder = appliance.path(name);
        let mut files: Vec<(&str, &[u8])> = shared
            .iter()
            .map(|(n, t)| (n.as_str(), t.as_bytes()))
            .collect();
        files.push(("index.html", name.as_bytes()));
        files.push(("name.txt", name.as_bytes()));
        write_site(&folder, &files);
        folder
    });
    std::thread::scope(|scope| {
        for folder in &folders {
            let appliance = &appliance;
            scope.spawn(move || {
                ok(&appliance.holdfast(&["site", "push", folder.to_str().unwrap()]))
            });
        }
    });
    let name = appliance.get("/").text();
    assert!(name == "left" || name == "right", "{name}");
    assert_eq!(appliance.get("/name.txt").text(), name);
    for (path, text) in &shared {
        assert_eq!(appliance.get(&format!("/{path}")).text(), *text);
    }
    let versions = ok(&appliance.holdfast(&["site", "versions", "--json"]));
    let versions: serde_json::Value = serde_json::from_str(&versions).unwrap();
    assert_eq!(versions.as_array().unwrap().len(), 3);
    assert!(ok(&appliance.holdfast(&["site", "rollback"])).contains("is live"));
    assert_ne!(appliance.get("/").text(), name);
}

#[test]
fn push_during_heavy_reading_is_seen_as_a_whole_and_loses_no_answer() {
    // All readers share one address, and each reading is a connection.
    let rate = "{ per_minute = 1000000, burst = 1000000 }";
    let limits = format!("[limits]\nhandshake = {rate}\npage = {rate}\n");
    let appliance = Appliance::start_with(&limits).enrolled();
    let text = |version: u32| format!("version {version} ").repeat(20_000).into_bytes();
    appliance.push(&[("page.bin", &text(0))]);
    let done = AtomicBool::new(false);
    let read = std::thread::scope(|scope| {
        let readers: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let mut read = 0_u32;
                    let mut newest = 0;
                    while !done.load(Ordering::Relaxed) {
                        let answer = appliance.get("/page.bin");
                        assert_eq!(answer.status, 200);
                        let found = (newest..=5).find(|n| answer.body == text(*n));
                        // Never a mixture, and never back.
                        newest = found.expect("a page that nobody pushed");
                        read += 1;
                    }
                    read
                })
            })
            .collect();
        for version in 1..=5 {
            appliance.push(&[("page.bin", &text(version))]);
        }
        done.store(true, Ordering::Relaxed);
        readers
            .into_iter()
            .map(|reader| reader.join().unwrap())
            .sum::<u32>()
    });
    assert!(read > 0);
    assert_eq!(appliance.get("/page.bin").body, text(5));
    println!("figure: {read} whole answers while 5 versions were pushed");
}
