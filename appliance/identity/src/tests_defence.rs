//! Hand-overs, back-off, and guessing that is noticed.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use holdfast_audit::Kind;

use crate::Error;
use crate::handover::{Challenge, Handover};
use crate::limits::{FREE, Failures, LONGEST, MANY};
use crate::passkeys::Binding;
use crate::people::{self, Name, PersonId};
use crate::sessions::{Method, New, Session, Sessions, Token, Which};
use crate::tests::{Kernel, World};

fn v4(number: u32) -> IpAddr {
    IpAddr::V4(Ipv4Addr::from_bits(number))
}

fn failures(world: &World) -> Failures {
    world
        .commit(|snapshot, batch| Failures::open(snapshot, batch, &Kernel))
        .unwrap()
}

fn fail(world: &World, failures: &Failures, from: IpAddr, name: &str, seconds: u64) {
    let act = world.act(seconds);
    world
        .commit(|_, batch| failures.failed(batch, &act, from, name))
        .unwrap();
}

#[test]
fn a_back_off_holds_the_one_who_fails_and_nobody_else() {
    let world = World::new();
    let failures = failures(&world);
    let check =
        |from, name: &str, seconds| failures.check(from, name, world.moment(seconds).monotonic);
    for _ in 1..FREE {
        fail(&world, &failures, v4(1), "Ada", 0);
        assert!(check(v4(1), "ada", 0).is_ok());
    }
    for (more, wait) in [(1, 1), (1, 2), (1, 4), (5, 128), (20, LONGEST.as_secs())] {
        for _ in 0..more {
            fail(&world, &failures, v4(1), "Ada", 0);
        }
        let outcome = check(v4(1), " ADA ", 0);
        assert!(matches!(outcome, Err(Error::Wait(left)) if left == Duration::from_secs(wait)));
        assert!(check(v4(1), "ada", wait - 1).is_err());
        assert!(check(v4(1), "ada", wait).is_ok());
    }
    assert!(check(v4(2), "ada", 0).is_ok(), "from elsewhere");
    assert!(check(v4(1), "bob", 0).is_ok(), "another name");
    failures.succeeded(v4(1), "ada");
    assert!(check(v4(1), "ada", 0).is_ok());
    // One IPv6 host has a whole /64.
    let v6 = |low: u128| IpAddr::V6(Ipv6Addr::from_bits(0x2001_0db8 << 96 | low));
    for low in 0..10 {
        fail(&world, &failures, v6(low), "ada", 0);
    }
    assert!(check(v6(77), "ada", 0).is_err());
    assert!(check(v6(1 << 64), "ada", 0).is_ok());
}

#[test]
fn spraying_and_stuffing_are_noticed_once() {
    let world = World::new();
    let failures = failures(&world);
    let many = u32::try_from(MANY).unwrap();
    for number in 1..many {
        fail(&world, &failures, v4(1), &format!("name {number}"), 0);
        fail(&world, &failures, v4(100 + number), "ada", 0);
    }
    assert!(world.events().is_empty());
    for number in many..3 * many {
        fail(&world, &failures, v4(1), &format!("name {number}"), 0);
    }
    assert_eq!(world.events(), [Kind::GuessingNoticed]);
    for number in many..3 * many {
        fail(&world, &failures, v4(100 + number), "ada", 0);
    }
    assert_eq!(world.events(), [Kind::GuessingNoticed; 2]);
    for number in 0..many {
        fail(
            &world,
            &failures,
            v4(1),
            &format!("name {number}"),
            LONGEST.as_secs(),
        );
    }
    assert_eq!(world.events(), [Kind::GuessingNoticed; 3]);
}

#[test]
fn a_hand_over_is_worth_nothing_without_its_browser_and_only_once() {
    let world = World::new();
    let id = PersonId::fresh(&Kernel).unwrap();
    let act = world.act(0);
    let name = Name::parse("Ada").unwrap();
    world
        .commit(|_, batch| people::add(batch, &act, &Kernel, id, &name, Vec::new()))
        .unwrap();
    let sessions = world
        .commit(|snapshot, batch| Sessions::open(snapshot, batch, &Kernel, act.now))
        .unwrap();
    let begin = |portal: Option<&Session>| {
        let new = New {
            person: id,
            portal,
            method: Method::Passkey,
            device: "",
        };
        let pending = world
            .commit(|snapshot, batch| sessions.begin(snapshot, batch, &act, &Kernel, new))
            .unwrap();
        sessions
            .find(&sessions.admit(pending).unwrap(), act.now)
            .unwrap()
    };
    let portal = begin(None);
    let at = |seconds| world.moment(seconds).monotonic;
    let handover = Handover::default();
    let (mine, other) = (
        Binding::fresh(&Kernel).unwrap(),
        Binding::fresh(&Kernel).unwrap(),
    );
    let challenge = Challenge::parse(&Challenge::of(&mine).to_text()).unwrap();
    let issue = || handover.issue(&Kernel, &portal, challenge, at(0)).unwrap();
    let code = Token::parse(&issue().to_text()).unwrap();
    let got = handover.redeem(&code, Some(&mine), at(29)).unwrap();
    assert_eq!(got.id, portal.id);
    assert!(handover.redeem(&code, Some(&mine), at(29)).is_err(), "once");
    let code = issue();
    assert!(
        handover.redeem(&code, Some(&other), at(1)).is_err(),
        "another browser"
    );
    assert!(
        handover.redeem(&code, Some(&mine), at(1)).is_err(),
        "which used it up"
    );
    assert!(
        handover.redeem(&issue(), Some(&mine), at(30)).is_err(),
        "too late"
    );
    assert!(
        handover
            .redeem(&Token::fresh(&Kernel).unwrap(), Some(&mine), at(1))
            .is_err()
    );
    let site = begin(Some(&portal));
    assert!(
        handover.issue(&Kernel, &site, challenge, at(0)).is_err(),
        "not from a site session"
    );
    let code = issue();
    let which = Which::Person(id);
    world
        .commit(|_, batch| sessions.end(batch, &act, which, &mut crate::sessions::Ended::default()))
        .unwrap();
    assert!(
        handover.redeem(&code, Some(&mine), at(1)).is_err(),
        "its session has ended"
    );
    assert!(handover.issue(&Kernel, &portal, challenge, at(0)).is_err());
}
