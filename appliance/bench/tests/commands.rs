//! What the program says to people.
#![allow(clippy::expect_used)]

use std::process::{Command, Output};

fn run(arguments: &[&str]) -> Output {
    let mut program = Command::new(env!("CARGO_BIN_EXE_holdfast-bench"));
    program.args(arguments).output().expect("the program runs")
}

#[test]
fn help_names_every_measurement() {
    let help = run(&["--help"]);
    assert!(help.status.success());
    let text = String::from_utf8_lossy(&help.stdout);
    for word in ["static", "connection", "site", "store", "people"] {
        assert!(text.contains(word), "{word}: {text}");
    }
}

#[test]
fn what_is_no_measurement_is_refused_with_a_way_out() {
    let refused = run(&["speed"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(refused.stdout.is_empty());
    let text = String::from_utf8_lossy(&refused.stderr);
    assert!(text.contains("speed") && text.contains("--help"), "{text}");
}
