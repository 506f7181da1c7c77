//! A push whose ground was taken away by others begins anew by itself, and nobody's version is lost.

use std::process::{Child, Command, Stdio};

use crate::appliance::{Appliance, HOLDFAST, ok, write_site};
use crate::gate::{Gate, Stop};
use crate::publishes_removing::{forget_pushes, noise, start, wait_gone};

/// Starts a push of this folder's files through a gate.
fn push(appliance: &Appliance, gate: &Gate, files: &[(&str, &[u8])]) -> Child {
    let folder = appliance.path("late");
    write_site(&folder, files);
    // The same appliance at another address.
    let state = appliance.path("state");
    let known = std::fs::read_to_string(state.join("servers.json")).unwrap();
    let late = appliance.path("late-state");
    ok(&Command::new("cp")
        .arg("-rp")
        .args([&state, &late])
        .output()
        .unwrap());
    let known = known.replace(&appliance.authority(), &format!("localhost:{}", gate.port));
    std::fs::write(late.join("servers.json"), known).unwrap();
    Command::new(&*HOLDFAST)
        .args(["site", "push", folder.to_str().unwrap()])
        .args(["--state".as_ref(), late.as_os_str()])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Pages of the versions that are kept, newest first, by going back from one to the other.
fn live_and_before(appliance: &Appliance) -> [String; 2] {
    let live = appliance.get("/").text();
    ok(&appliance.holdfast(&["site", "rollback"]));
    let before = appliance.get("/").text();
    ok(&appliance.holdfast(&["site", "rollback"]));
    [live, before]
}

/// The appliance told that a blob is there, and before the version came the blob was gone: the commit is answered 409.
#[test]
fn push_that_is_answered_409_begins_anew_and_both_versions_are_there() {
    let appliance = start();
    forget_pushes(&appliance);
    let shared = noise(5000, 9);
    appliance.push(&[("index.html", b"0"), ("shared.bin", &shared)]);
    // Its first connection asks for the live version; the second asks for the checkpoint and what is missing, then sends that.
    let stop = Stop {
        connection: 2,
        flight: 4,
    };
    let gate = Gate::before(appliance.address(), stop);
    let late = push(
        &appliance,
        &gate,
        &[("index.html", b"late"), ("shared.bin", &shared)],
    );
    gate.wait();
    // So many are quicker that this one counts as broken off.
    appliance.push(&[("index.html", b"1")]);
    appliance.push(&[("index.html", b"quick")]);
    forget_pushes(&appliance);
    wait_gone(&appliance, &[&shared]);
    gate.open();
    let output = late.wait_with_output().unwrap();
    let complaint = String::from_utf8(output.stderr.clone()).unwrap();
    let text = ok(&output);
    assert!(
        complaint.contains("is not stored") && complaint.contains("Pushing again now."),
        "{complaint}"
    );
    // Once more all of it was compared, and what had gone was sent.
    assert!(text.contains("Sent 1 of 2 blobs"), "{text}");
    assert_eq!(live_and_before(&appliance), ["late", "quick"]);
    assert!(appliance.get("/shared.bin").body == shared);
}

/// What the push would have taken over from the version that was live is gone before it asks.
#[test]
fn push_whose_known_encodings_are_gone_begins_anew_and_both_versions_are_there() {
    let appliance = start();
    forget_pushes(&appliance);
    let style = "p { color: black; background: white }\n".repeat(400);
    let style = style.as_bytes();
    appliance.push(&[("index.html", b"0"), ("style.css", style)]);
    let stop = Stop {
        connection: 2,
        flight: 1,
    };
    let gate = Gate::before(appliance.address(), stop);
    let late = push(
        &appliance,
        &gate,
        &[("index.html", b"late"), ("style.css", style)],
    );
    gate.wait();
    appliance.push(&[("index.html", b"1")]);
    appliance.push(&[("index.html", b"quick")]);
    wait_gone(&appliance, &[style]);
    gate.open();
    let output = late.wait_with_output().unwrap();
    let complaint = String::from_utf8(output.stderr.clone()).unwrap();
    ok(&output);
    assert!(
        complaint.contains("no longer holds") && complaint.contains("Pushing again now."),
        "{complaint}"
    );
    assert_eq!(live_and_before(&appliance), ["late", "quick"]);
    let encoded = appliance.get_with("/style.css", "Accept-Encoding: br\r\n");
    assert_eq!(encoded.header("content-encoding"), Some("br"));
    assert_eq!(appliance.get("/style.css").body, style);
}
