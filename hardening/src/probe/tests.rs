#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use super::*;

fn output(raw_status: i32, said: &str) -> Output {
    Output {
        status: std::process::ExitStatus::from_raw(raw_status),
        stdout: said.as_bytes().to_vec(),
        stderr: b"why".to_vec(),
    }
}

#[test]
fn only_a_child_that_died_of_the_filter_inside_the_sandbox_counts_as_stopped() {
    let sys = Signal::SYS.as_raw();
    let stopped = |status, said| judge("mount", &output(status, said))[0].is_stopped();
    assert!(stopped(sys, "in\n"));
    // It died on the way in, came back, was ended otherwise, or ended by itself.
    assert!(!stopped(sys, ""));
    assert!(!stopped(sys, "in\ncame back: Ok(())\n"));
    assert!(!stopped(Signal::KILL.as_raw(), "in\n"));
    assert!(!stopped(0, "in\ncame back: Err(EPERM)\n"));
    assert!(!stopped(1 << 8, ""));
}

#[test]
fn what_could_be_opened_or_was_not_tried_counts_as_not_stopped() {
    let line = |before: &str, after: &str| read(&format!("x\t{before}\t{after}"));
    let read_all = |line: String| judge(OPENING, &output(0, &format!("in\n{line}")));
    assert_eq!(
        line("done", "EACCES").unwrap().end,
        End::Landlock("EACCES".into())
    );
    assert!(!line("EACCES", "done").unwrap().is_stopped());
    assert!(line("ENOENT", "EACCES").unwrap().by().contains("ENOENT"));
    assert_eq!(read("x"), None);
    let all = "x\tdone\tEACCES\n".repeat(opening::COUNT);
    assert!(read_all(all.clone()).iter().all(Finding::is_stopped));
    assert!(!read_all("x\tdone\tEACCES\n".to_owned())[0].is_stopped());
    assert!(!judge(OPENING, &output(0, &all))[0].is_stopped());
}

use super::opening::read;

#[test]
fn acts_have_names_of_their_own() {
    let mut names: Vec<_> = children().chain(BY_TABLE.iter().copied()).collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
    assert!(NAME.len() < 16, "the kernel cuts longer names");
}
