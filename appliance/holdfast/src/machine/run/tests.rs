#![allow(clippy::unwrap_used, clippy::arithmetic_side_effects)]
use std::io::{BufRead as _, BufReader, Write as _};
use std::sync::atomic::{AtomicU8, Ordering};

use super::*;

/// The sockets in a folder, and a state whose requests for a stop go nowhere.
fn unit(dir: &Path) -> (Sockets, State) {
    let bind = |name| {
        let listener = UnixListener::bind(dir.join(name)).unwrap();
        listener.set_nonblocking(true).unwrap();
        listener
    };
    let sockets = Sockets {
        machine: bind("machine.sock"),
        log: Some(bind("log.sock")),
    };
    (sockets, State::new(|_| Ok(())))
}

fn line(stream: &UnixStream) -> String {
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).unwrap();
    line
}

#[test]
fn messages_reach_the_page_and_are_answered() {
    let dir = tempfile::tempdir().unwrap();
    let (sockets, mut state) = unit(dir.path());
    let mut server = UnixStream::connect(dir.path().join("machine.sock")).unwrap();
    server
        .write_all(b"{\"show\":{\"state\":\"ready\",\"code\":null}}\nnonsense\n")
        .unwrap();
    state.accept(&sockets);
    state.converse();
    assert_eq!(state.page.state(), "ready");
    let mut lines = BufReader::new(server.try_clone().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "{\"ok\":true}");
    assert_eq!(lines.next().unwrap().unwrap(), "{\"ok\":false}");
    drop((lines, server));
    state.converse();
    assert_eq!(state.page.state(), "not serving");
    let mut server = UnixStream::connect(dir.path().join("machine.sock")).unwrap();
    server
        .write_all(b"{\"refused\":\"the root key\\u001b[2J does not open the store\"}\n")
        .unwrap();
    drop(server);
    state.accept(&sockets);
    state.converse();
    assert_eq!(state.page.state(), "refused");
    let text = state.page.text();
    assert!(text.contains("  refused      the root key[2J does not"));
    assert!(state.conversations.is_empty());
}

#[test]
fn endless_line_is_cut_off() {
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    ours.set_nonblocking(true).unwrap();
    let mut state = State::new(|_| Ok(()));
    state.conversations.push(Conversation::new(ours));
    theirs
        .write_all(&vec![b' '; super::super::show::MAX_LINE * 2])
        .unwrap();
    state.converse();
    assert!(state.conversations.is_empty());
}

#[test]
fn only_questions_of_the_list_are_answered() {
    let dir = tempfile::tempdir().unwrap();
    let (sockets, mut state) = unit(dir.path());
    let mut server = UnixStream::connect(dir.path().join("machine.sock")).unwrap();
    let mut ask = |question: &str| {
        writeln!(server, "{{\"ask\":{{\"id\":7,\"question\":{question}}}}}").unwrap();
        state.accept(&sockets);
        state.converse();
        line(&server)
    };
    let status = ask("\"status\"");
    assert!(
        status.starts_with("{\"id\":7,\"answer\":{\"status\":{\"addresses\":"),
        "{status}"
    );
    // What set-up found once it has said so, and nothing better before.
    assert!(status.contains("\"secure_boot\":\"unknown\""), "{status}");
    let logs = ask("{\"logs\":{\"from\":{\"last\":10},\"unit\":null}}");
    assert_eq!(
        logs,
        "{\"id\":7,\"answer\":{\"logs\":{\"lines\":[],\"next\":0,\"more\":false}}}\n"
    );
    for other in [
        "\"shell\"",
        "{\"status\":1}",
        "{\"reboot\":{\"now\":true}}",
        "{\"logs\":{\"from\":{\"last\":10},\"unit\":null,\"file\":\"/etc/passwd\"}}",
    ] {
        assert_eq!(ask(other), "{\"ok\":false}\n", "{other}");
    }
    assert_eq!(state.stopping, None);
}

#[test]
fn journal_lines_come_back_and_a_broken_stream_is_left() {
    let dir = tempfile::tempdir().unwrap();
    let (sockets, mut state) = unit(dir.path());
    let connect = || UnixStream::connect(dir.path().join("log.sock")).unwrap();
    let mut journald = connect();
    let entry = b"MESSAGE=hello\n_SYSTEMD_UNIT=a.service\n__REALTIME_TIMESTAMP=5\n\n";
    journald.write_all(&entry.repeat(3)).unwrap();
    state.accept(&sockets);
    state.listen();
    let ask = holdfast_server::machine::LogsAsk {
        from: holdfast_server::machine::From::Last(2),
        unit: Some("a.service".to_owned()),
    };
    let page = state.ring.page(&ask);
    assert_eq!(page.lines.len(), 2);
    assert_eq!(page.lines.first().unwrap().message, "hello");
    journald.write_all(b"no field\n").unwrap();
    state.listen();
    assert!(state.journals.is_empty(), "journald connects again");
    let _kept: Vec<_> = (0..5).map(|_| connect()).collect();
    state.accept(&sockets);
    assert_eq!(state.journals.len(), JOURNALS);
}

#[test]
fn a_stop_is_answered_first_and_carried_out_once() {
    static STOPS: AtomicU8 = AtomicU8::new(0);
    let mut state = State::new(|stop| {
        assert_eq!(stop, Stop::Reboot);
        STOPS.fetch_add(1, Ordering::Relaxed);
        Ok(())
    });
    let ring = Ring::default();
    let mut ask = |question| answer(&question, SecureBoot::On, &ring, &mut state.stopping);
    assert_eq!(ask(Ask::Reboot), Answer::Done);
    assert!(matches!(ask(Ask::PowerOff), Answer::Failed(_)));
    state.stop_when_due();
    assert_eq!(
        STOPS.load(Ordering::Relaxed),
        0,
        "the answer goes out first"
    );
    std::thread::sleep(MOMENT + Duration::from_millis(10));
    state.stop_when_due();
    state.stop_when_due();
    assert_eq!(STOPS.load(Ordering::Relaxed), 1);
}
