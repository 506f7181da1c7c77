//! Sessions: limits, ends, restarts.

use std::time::{Duration, Instant};

use holdfast_store::{Batch, Snapshot};

use crate::Error;
use crate::people::{self, Name, PersonId};
use crate::sessions::{Ended, Method, New, Pending, Session, Sessions, Token, Which};
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

fn end(world: &World, sessions: &Sessions, which: Which) -> usize {
    let (act, mut ended) = (world.act(4), Ended::default());
    world
        .commit(|_, batch| sessions.end(batch, &act, which, &mut ended))
        .unwrap();
    ended.count()
}

fn flush(world: &World, sessions: &Sessions, seconds: u64) {
    let mut batch = Batch::new();
    let flushed = sessions
        .flush(
            &world.store.snapshot().unwrap(),
            &mut batch,
            world.moment(seconds),
        )
        .unwrap();
    world.store.commit_blocking(batch).unwrap();
    sessions.flushed(flushed);
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
    sessions
        .flush(
            &world.store.snapshot().unwrap(),
            &mut batch,
            world.moment(1000),
        )
        .unwrap();
    assert_eq!(batch.len(), 2, "one expectation, one record");
    // The first is lost, as by a conflict: the next one has it again.
    flush(&world, &sessions, 1000);
    sessions.find(&token, world.moment(1059)).unwrap();
    let mut batch = Batch::new();
    sessions
        .flush(
            &world.store.snapshot().unwrap(),
            &mut batch,
            world.moment(1059),
        )
        .unwrap();
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
    let ended = Instant::now();
    assert_eq!(end(&world, &sessions, Which::One(ada, session.id)), 2);
    let woken = waiting.join().unwrap().saturating_duration_since(ended);
    assert!(woken < Duration::from_secs(1), "{woken:?}");
    assert!(sessions.find(&portal, world.moment(5)).is_none());
    assert!(sessions.find(&site, world.moment(5)).is_none());
    assert!(sessions.find(&other, world.moment(5)).is_some());
    assert_eq!(open(&world, 5).len(), 1);
    assert_eq!(end(&world, &sessions, Which::Person(ada)), 0);
    let count = end(&world, &sessions, Which::All);
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
    end(&world, &sessions, Which::Person(ada));
    assert!(sessions.admit(pending).is_none());
    // The end of another's does not hold it up.
    let bob = person(&world, "bob", "member");
    let pending = world.commit(begin).unwrap();
    end(&world, &sessions, Which::Person(bob));
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

/// A session whose batch is committed and that is not admitted yet.
fn pending(
    world: &World,
    sessions: &Sessions,
    person: PersonId,
    portal: Option<&Session>,
) -> Pending {
    let act = world.act(3);
    let new = New {
        person,
        portal,
        method: Method::Passkey,
        device: "",
    };
    world
        .commit(|snapshot, batch| sessions.begin(snapshot, batch, &act, &Kernel, new))
        .unwrap()
}

#[test]
fn a_site_session_is_not_born_after_the_end_of_its_portal_session() {
    let world = World::new();
    let sessions = open(&world, 0);
    let ada = person(&world, "ada", "member");
    let token = begin(&world, &sessions, ada, None, 0);
    let portal = sessions.find(&token, world.moment(1)).unwrap();
    // It ended by time, which no act counts.
    let site = pending(&world, &sessions, ada, Some(&portal));
    flush(&world, &sessions, 100_000_000);
    assert!(sessions.is_empty());
    assert!(sessions.admit(site).is_none());
    // It was ended between the hand-over's look and the beginning.
    let token = begin(&world, &sessions, ada, None, 2);
    let portal = sessions.find(&token, world.moment(3)).unwrap();
    end(&world, &sessions, Which::One(ada, portal.id));
    let act = world.act(5);
    let new = New {
        person: ada,
        portal: Some(&portal),
        method: Method::Passkey,
        device: "",
    };
    let begun = world.commit(|snapshot, batch| sessions.begin(snapshot, batch, &act, &Kernel, new));
    assert!(matches!(begun, Err(Error::Refused)));
    // What was committed and not admitted is not back after a restart.
    flush(&world, &sessions, 6);
    assert_eq!(open(&world, 7).len(), 0);
}

#[test]
fn a_row_of_a_site_session_without_its_portal_session_is_dropped_at_the_start() {
    let world = World::new();
    let sessions = open(&world, 0);
    let ada = person(&world, "ada", "member");
    let token = begin(&world, &sessions, ada, None, 0);
    let portal = sessions.find(&token, world.moment(1)).unwrap();
    let site = pending(&world, &sessions, ada, Some(&portal));
    end(&world, &sessions, Which::One(ada, portal.id));
    // The server ends before it comes to the admission.
    drop(site);
    assert_eq!(open(&world, 5).len(), 0);
    assert_eq!(open(&world, 6).len(), 0);
}

#[test]
fn a_session_that_was_ended_is_not_renewed() {
    let world = World::new();
    let sessions = open(&world, 0);
    let ada = person(&world, "ada", "admin");
    let token = begin(&world, &sessions, ada, None, 0);
    let act = world.act(1);
    let renew = |snapshot: &Snapshot, batch: &mut Batch| {
        sessions.renew(snapshot, batch, &act, &Kernel, &token, Method::Passkey)
    };
    let renewed = world.commit(renew).unwrap();
    let twice = world.commit(renew).unwrap();
    assert!(sessions.admit(renewed).is_some());
    // The same step-up from two tabs: one session, not two of one number.
    assert!(sessions.admit(twice).is_none());
    assert_eq!(sessions.len(), 1);
    flush(&world, &sessions, 2);
    assert_eq!(open(&world, 3).len(), 1);
}

#[test]
fn an_end_whose_commit_fails_is_in_the_store_with_the_next_flush() {
    let world = World::new();
    let sessions = open(&world, 0);
    let ada = person(&world, "ada", "member");
    begin(&world, &sessions, ada, None, 0);
    begin(&world, &sessions, ada, None, 1);
    let (act, mut ended) = (world.act(4), Ended::default());
    let mut lost = Batch::new();
    sessions
        .end(&mut lost, &act, Which::Person(ada), &mut ended)
        .unwrap();
    drop(lost);
    assert_eq!(open(&world, 5).len(), 2, "nothing was committed");
    // The act is run again after a conflict: its second batch holds the ends too.
    let mut again = Batch::new();
    sessions
        .end(&mut again, &act, Which::Person(ada), &mut ended)
        .unwrap();
    assert_eq!(ended.count(), 2);
    let mut unlucky = Batch::new();
    sessions
        .flush(
            &world.store.snapshot().unwrap(),
            &mut unlucky,
            world.moment(5),
        )
        .unwrap();
    drop((again, unlucky));
    flush(&world, &sessions, 6);
    assert_eq!(open(&world, 7).len(), 0);
    let mut idle = Batch::new();
    sessions
        .flush(&world.store.snapshot().unwrap(), &mut idle, world.moment(8))
        .unwrap();
    assert!(idle.is_empty(), "and then it is settled");
}

#[test]
fn site_sessions_of_one_portal_session_are_bounded() {
    let world = World::new();
    let sessions = open(&world, 0);
    let ada = person(&world, "ada", "member");
    let token = begin(&world, &sessions, ada, None, 0);
    let portal = sessions.find(&token, world.moment(1)).unwrap();
    let sites: Vec<Token> = (2..40)
        .map(|at| begin(&world, &sessions, ada, Some(&portal), at))
        .collect();
    assert_eq!(sessions.len(), 5);
    let alive = |token: &Token| sessions.find(token, world.moment(41)).is_some();
    assert!(
        alive(&token),
        "the portal's is not among those that give way"
    );
    assert!(sites[34..].iter().all(alive) && !sites[..34].iter().any(alive));
    flush(&world, &sessions, 41);
    assert_eq!(open(&world, 42).len(), 5);
    // Sign-ins that come at once do not get beyond the limit either.
    let bob = person(&world, "bob", "member");
    let all: Vec<Pending> = (0..40)
        .map(|_| pending(&world, &sessions, bob, None))
        .collect();
    for one in all {
        let _ = sessions.admit(one);
    }
    let most = sessions.count(bob, world.moment(4));
    assert!(most < 40, "{most}");
}

#[test]
fn a_session_whose_row_is_gone_holds_up_the_use_of_no_other() {
    let world = World::new();
    let ada = person(&world, "ada", "member");
    let sessions = open(&world, 0);
    let lost = begin(&world, &sessions, ada, None, 0);
    let other = begin(&world, &sessions, ada, None, 0);
    // A renewal whose client was gone before it was heard of here: its row took the place of the older one.
    let act = world.act(1);
    let pending = world.commit(|snapshot, batch| {
        sessions.renew(snapshot, batch, &act, &Kernel, &lost, Method::Passkey)
    });
    drop(pending.unwrap());
    for token in [&lost, &other] {
        assert!(sessions.find(token, world.moment(1000)).is_some());
    }
    flush(&world, &sessions, 1000);
    let again = open(&world, 1001);
    let found = again.find(&other, world.moment(1001)).unwrap();
    assert_eq!(found.used() - found.made, 1_001_000);
    let idle = open(&world, 1001);
    let kept = idle.list(&world.store.snapshot().unwrap(), ada, world.moment(1001));
    assert!(
        kept.unwrap()
            .iter()
            .any(|(one, _)| one.used() - one.made == 1_000_000)
    );
}

#[test]
fn who_reads_the_site_stays_signed_in_at_the_portal() {
    let world = World::new();
    let ada = person(&world, "ada", "admin");
    let sessions = open(&world, 0);
    let token = begin(&world, &sessions, ada, None, 0);
    let portal = sessions.find(&token, world.moment(0)).unwrap();
    let site = begin(&world, &sessions, ada, Some(&portal), 0);
    // An admin's session ends half an hour after its last use.
    for minute in 1..=60 {
        assert!(sessions.find(&site, world.moment(minute * 60)).is_some());
        flush(&world, &sessions, minute * 60);
    }
    assert!(sessions.find(&token, world.moment(3600)).is_some());
    flush(&world, &sessions, 3600 + 1801);
    assert!(sessions.is_empty(), "idle both");
}
