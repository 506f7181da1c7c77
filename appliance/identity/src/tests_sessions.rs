//! Sessions: limits, ends, restarts.

use std::time::{Duration, Instant};

use holdfast_store::{Batch, Snapshot};

use crate::Error;
use crate::people::{self, Name, PersonId};
use crate::sessions::{Method, New, Session, Sessions, Token, Which};
use crate::tests::{Kernel, World};

fn person(world: &World, text: &str, role: &str) -> PersonId {
    let id = PersonId::fresh(&Kernel).unwrap();
    let act = world.act(0);
    let name = Name::parse(text).unwrap();
    world
        .commit(|_, batch| people::add(batch, &act, &Kernel, id, &name, vec![role.to_owned()]))
        .unwrap();
    id
}

fn open(world: &World, seconds: u64) -> Sessions {
    let now = world.moment(seconds);
    world
        .commit(|snapshot, batch| Sessions::open(snapshot, batch, &Kernel, now))
        .unwrap()
}

fn begin(
    world: &World,
    sessions: &Sessions,
    person: PersonId,
    portal: Option<&Session>,
    seconds: u64,
) -> Token {
    let act = world.act(seconds);
    let new = New {
        person,
        portal,
        method: Method::Passkey,
        device: "a browser, 192.0.2.1",
    };
    let begin = |snapshot: &Snapshot, batch: &mut Batch| {
        sessions.begin(snapshot, batch, &act, &Kernel, new)
    };
    sessions.admit(world.commit(begin).unwrap()).unwrap()
}

#[test]
fn a_session_ends_when_idle_and_in_any_case() {
    let world = World::new();
    let sessions = open(&world, 0);
    let admin = person(&world, "ada", "admin");
    let token = begin(&world, &sessions, admin, None, 0);
    let alive = |seconds| sessions.find(&token, world.moment(seconds)).is_some();
    assert!(alive(1799));
    assert!(!alive(1799 + 1800));
    let token = begin(&world, &sessions, admin, None, 10);
    let twelve_hours = 12 * 3600;
    for seconds in (10..10 + twelve_hours).step_by(900) {
        assert!(sessions.find(&token, world.moment(seconds)).is_some());
    }
    assert!(
        sessions
            .find(&token, world.moment(10 + twelve_hours))
            .is_none()
    );
    assert!(
        sessions
            .find(&Token::parse(&"A".repeat(43)).unwrap(), world.moment(11))
            .is_none()
    );
    assert!(Token::parse(&"A".repeat(42)).is_none() && Token::parse(&"!".repeat(43)).is_none());
    assert_eq!(
        *Token::parse(&token.to_text()).unwrap().to_text(),
        *token.to_text()
    );
}

#[test]
fn sessions_outlive_a_restart_and_their_limits_too() {
    let world = World::new();
    let admin = person(&world, "ada", "admin");
    let sessions = open(&world, 0);
    let token = begin(&world, &sessions, admin, None, 0);
    sessions.find(&token, world.moment(1000)).unwrap();
    let mut batch = Batch::new();
    sessions.flush(&mut batch, world.moment(1000)).unwrap();
    assert_eq!(batch.len(), 2, "one expectation, one record");
    world.store.commit_blocking(batch).unwrap();
    sessions.find(&token, world.moment(1059)).unwrap();
    let mut batch = Batch::new();
    sessions.flush(&mut batch, world.moment(1059)).unwrap();
    assert!(batch.is_empty(), "at most once a minute");
    let sessions = open(&world, 2000);
    let found = sessions.find(&token, world.moment(2799)).unwrap();
    assert_eq!(found.age(), Duration::from_secs(2799));
    assert_eq!(open(&world, 2800).len(), 0, "idle since 1000");
    assert_eq!(open(&world, 2001).len(), 0, "and gone from the store");
}

#[test]
fn who_has_too_many_loses_the_one_used_longest_ago() {
    let world = World::new();
    let sessions = open(&world, 0);
    let admin = person(&world, "ada", "admin");
    let tokens: Vec<Token> = (0..5)
        .map(|at| begin(&world, &sessions, admin, None, at))
        .collect();
    sessions.find(&tokens[0], world.moment(10)).unwrap();
    begin(&world, &sessions, admin, None, 11);
    let alive: Vec<bool> = tokens
        .iter()
        .map(|token| sessions.find(token, world.moment(12)).is_some())
        .collect();
    assert_eq!(alive, [true, false, true, true, true]);
    assert_eq!(open(&world, 12).len(), 5);
    let listed = sessions
        .list(&world.store.snapshot().unwrap(), admin, world.moment(12))
        .unwrap();
    assert_eq!(listed.len(), 5);
    assert_eq!(listed[0].1, "a browser, 192.0.2.1");
    assert!(!world.file().windows(9).any(|bytes| bytes == b"a browser"));
}

#[test]
fn an_end_is_at_once_wakes_streams_and_takes_the_site_session_along() {
    let world = World::new();
    let sessions = open(&world, 0);
    let ada = person(&world, "ada", "admin");
    let bob = person(&world, "bob", "member");
    let portal = begin(&world, &sessions, ada, None, 0);
    let session = sessions.find(&portal, world.moment(1)).unwrap();
    let site = begin(&world, &sessions, ada, Some(&session), 2);
    let other = begin(&world, &sessions, bob, None, 2);
    let stream = sessions.find(&site, world.moment(3)).unwrap();
    let waiting = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        runtime.block_on(stream.ended());
        Instant::now()
    });
    std::thread::sleep(Duration::from_millis(50));
    assert!(!waiting.is_finished());
    let act = world.act(4);
    let ended = Instant::now();
    let which = Which::One(ada, session.id);
    let count = world
        .commit(|_, batch| sessions.end(batch, &act, which))
        .unwrap();
    assert_eq!(count, 2);
    let woken = waiting.join().unwrap().saturating_duration_since(ended);
    assert!(woken < Duration::from_secs(1), "{woken:?}");
    assert!(sessions.find(&portal, world.moment(5)).is_none());
    assert!(sessions.find(&site, world.moment(5)).is_none());
    assert!(sessions.find(&other, world.moment(5)).is_some());
    assert_eq!(open(&world, 5).len(), 1);
    let which = Which::Person(ada);
    assert_eq!(
        world
            .commit(|_, batch| sessions.end(batch, &act, which))
            .unwrap(),
        0
    );
    let count = world
        .commit(|_, batch| sessions.end(batch, &act, Which::All))
        .unwrap();
    assert_eq!((count, sessions.is_empty()), (1, true));
}

#[test]
fn a_sign_in_that_meets_an_end_is_not_admitted() {
    let world = World::new();
    let sessions = open(&world, 0);
    let ada = person(&world, "ada", "member");
    let act = world.act(1);
    let new = New {
        person: ada,
        portal: None,
        method: Method::Passkey,
        device: "",
    };
    let begin = |snapshot: &Snapshot, batch: &mut Batch| {
        sessions.begin(snapshot, batch, &act, &Kernel, new)
    };
    let pending = world.commit(begin).unwrap();
    let which = Which::Person(ada);
    world
        .commit(|_, batch| sessions.end(batch, &act, which))
        .unwrap();
    assert!(sessions.admit(pending).is_none());
    // The end of another's does not hold it up.
    let bob = person(&world, "bob", "member");
    let pending = world.commit(begin).unwrap();
    let which = Which::Person(bob);
    world
        .commit(|_, batch| sessions.end(batch, &act, which))
        .unwrap();
    assert!(sessions.admit(pending).is_some());
    // And one that meets a disabling does not commit.
    let snapshot = world.store.snapshot().unwrap();
    let mut batch = Batch::new();
    sessions
        .begin(&snapshot, &mut batch, &act, &Kernel, new)
        .unwrap();
    drop(snapshot);
    world
        .commit(|snapshot, batch| people::set_enabled(snapshot, batch, &act, ada, false))
        .unwrap();
    assert!(
        world
            .store
            .commit_blocking(batch)
            .unwrap_err()
            .is_conflict()
    );
    assert!(matches!(world.commit(begin), Err(Error::Refused)));
    assert_eq!(
        open(&world, 2).len(),
        0,
        "who is disabled has no session after a restart"
    );
}

#[test]
fn a_step_up_changes_the_token_and_keeps_the_site_session() {
    let world = World::new();
    let sessions = open(&world, 0);
    let ada = person(&world, "ada", "member");
    let old = begin(&world, &sessions, ada, None, 0);
    let session = sessions.find(&old, world.moment(600)).unwrap();
    let site = begin(&world, &sessions, ada, Some(&session), 600);
    let five = Duration::from_secs(300);
    assert!(matches!(
        session.require(Method::Passkey, five),
        Err(Error::NotFresh)
    ));
    assert!(session.require(Method::Passkey, five * 2).is_ok());
    assert!(session.require(Method::PasskeyTotp, five * 2).is_err());
    let act = world.act(601);
    let pending = world
        .commit(|snapshot, batch| {
            sessions.renew(snapshot, batch, &act, &Kernel, &old, Method::PasskeyTotp)
        })
        .unwrap();
    let new = sessions.admit(pending).unwrap();
    assert!(sessions.find(&old, world.moment(602)).is_none());
    let renewed = sessions.find(&new, world.moment(602)).unwrap();
    assert_eq!(renewed.id, session.id);
    assert!(renewed.require(Method::PasskeyTotp, five).is_ok());
    assert!(sessions.find(&site, world.moment(602)).is_some());
    assert_eq!(open(&world, 603).len(), 2);
}

#[test]
fn a_look_up_is_quick() {
    let world = World::new();
    let sessions = open(&world, 0);
    let ada = person(&world, "ada", "member");
    let token = begin(&world, &sessions, ada, None, 0);
    let now = world.moment(1);
    let start = Instant::now();
    for _ in 0..10_000 {
        assert!(sessions.find(&token, now).is_some());
    }
    let each = start.elapsed() / 10_000;
    println!(
        "figure: session look-up {} ns, unoptimised workspace code",
        each.as_nanos()
    );
    println!(
        "figure: session {} bytes besides keys and device",
        size_of::<Session>()
    );
}
