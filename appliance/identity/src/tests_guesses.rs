//! What stands in the way of guessing: counts before the look, shares of memory, the same work for every name.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::time::Duration;

use data_encoding::BASE32_NOPAD;
use holdfast_store::Batch;

use crate::code::Code;
use crate::limits::{FREE, Failures, LONGEST, Tried};
use crate::passkeys::{Answer, Begun, Binding, Browser, EACH, How, PLACES, Passkeys};
use crate::people::{self, Name, PersonId};
use crate::recovery::Recovery;
use crate::tests::{Kernel, World, open};
use crate::totp::{self, Algorithm, MOST_WRONG, STEP, Standing};
use crate::{Error, work};

const START: u64 = 1_800_000_000;

fn v4(number: u32) -> IpAddr {
    IpAddr::V4(Ipv4Addr::from_bits(number))
}

fn person(world: &World, name: &str) -> PersonId {
    let (id, act) = (PersonId::fresh(&Kernel).unwrap(), world.act(0));
    let name = Name::parse(name).unwrap();
    world
        .commit(|_, batch| people::add(batch, &act, &Kernel, id, &name, Vec::new()))
        .unwrap();
    id
}

fn failures(world: &World) -> Failures {
    world
        .commit(|snapshot, batch| Failures::open(snapshot, batch, &Kernel))
        .unwrap()
}

#[test]
fn many_tries_at_once_are_no_more_than_many_one_by_one() {
    let world = World::new();
    let (failures, now) = (failures(&world), world.moment(0).monotonic);
    let passed = AtomicU32::new(0);
    std::thread::scope(|scope| {
        for _ in 0..32 {
            scope.spawn(|| {
                // Nobody has failed yet: all of them are on their way.
                let counted = failures.count(v4(1), Tried::Name("ada"), now);
                passed.fetch_add(u32::from(counted.is_ok()), SeqCst);
            });
        }
    });
    assert_eq!(passed.load(SeqCst), FREE);
    // One that nobody has looked at is given back.
    let later = world.moment(1).monotonic;
    failures.count(v4(1), Tried::Name("ada"), later).unwrap();
    failures.take_back(v4(1), Tried::Name("ada"), later);
    let outcome = failures.check(v4(1), Tried::Name("ada"), later);
    assert!(matches!(outcome, Err(Error::Wait(left)) if left == Duration::from_secs(1)));
}

#[test]
fn a_name_is_never_the_key_of_another_kind_of_count() {
    let world = World::new();
    let (failures, ada) = (failures(&world), PersonId::fresh(&Kernel).unwrap());
    let now = world.moment(0).monotonic;
    let name = ada.to_string();
    for _ in 0..FREE {
        failures.count(v4(1), Tried::Name(&name), now).unwrap();
    }
    assert!(failures.check(v4(1), Tried::Name(&name), now).is_err());
    assert!(failures.check(v4(1), Tried::Generator(ada), now).is_ok());
    for _ in 0..FREE {
        failures.count(v4(1), Tried::Generator(ada), now).unwrap();
    }
    failures.succeeded(v4(1), Tried::Name(&name));
    assert!(failures.check(v4(1), Tried::Name(&name), now).is_ok());
    assert!(failures.check(v4(1), Tried::Generator(ada), now).is_err());
}

/// Sets a generator up and gives what computes its codes.
fn generator(world: &World, ada: PersonId, algorithm: Algorithm) -> impl Fn(u64) -> String + use<> {
    let set_up = world
        .commit(|snapshot, batch| {
            totp::set_up(snapshot, batch, &Kernel, ada, "portal.example", algorithm)
        })
        .unwrap();
    let (name, hash, length) = match algorithm {
        Algorithm::Sha1 => ("SHA1", totp_rs::Algorithm::SHA1, 32),
        Algorithm::Sha256 => ("SHA256", totp_rs::Algorithm::SHA256, 32),
        Algorithm::Sha512 => ("SHA512", totp_rs::Algorithm::SHA512, 64),
    };
    let said = format!("&algorithm={name}&digits=6&period=30");
    assert!(set_up.address.ends_with(&said), "{}", *set_up.address);
    let secret = BASE32_NOPAD.decode(set_up.secret.as_bytes()).unwrap();
    assert_eq!(secret.len(), length);
    let code = move |seconds: u64| {
        let totp = totp_rs::Builder::new()
            .with_algorithm(hash)
            .with_secret(totp_rs::Secret::new(secret.clone().into_boxed_slice()))
            .build()
            .unwrap();
        totp.generate(START + seconds).to_string()
    };
    let (act, first) = (world.act(0), code(0));
    world
        .commit(|snapshot, batch| totp::confirm(snapshot, batch, &act, &Kernel, ada, &first))
        .unwrap();
    code
}

fn check(world: &World, ada: PersonId, seconds: u64, code: &str) -> Result<(), Error> {
    let (act, snapshot) = (world.act(seconds), world.store.snapshot().unwrap());
    let mut batch = Batch::new();
    let outcome = totp::check(&snapshot, &mut batch, &act, &Kernel, ada, code);
    world.store.commit_blocking(batch).unwrap();
    outcome
}

/// A code that is none of the window.
fn wrong(code: &impl Fn(u64) -> String, seconds: u64) -> String {
    let near = |other: &String| {
        let steps = [seconds.saturating_sub(STEP), seconds, seconds + STEP];
        steps.iter().any(|at| code(*at) == *other)
    };
    let mut all = (0..).map(|number| format!("{number:06}"));
    all.find(|other| !near(other)).unwrap()
}

#[test]
fn each_algorithm_is_named_in_the_address_and_its_codes_are_taken() {
    for algorithm in [Algorithm::Sha1, Algorithm::Sha256, Algorithm::Sha512] {
        let world = World::new();
        let ada = person(&world, "Ada");
        let code = generator(&world, ada, algorithm);
        check(&world, ada, 60, &code(60)).unwrap();
        assert!(check(&world, ada, 61, &code(60)).is_err(), "once");
    }
    assert_eq!(Algorithm::default(), Algorithm::Sha1);
}

#[test]
fn wrong_one_time_passwords_are_counted_for_the_person_over_restarts() {
    let mut world = World::new();
    let (ada, bob) = (person(&world, "Ada"), person(&world, "Bob"));
    let code = generator(&world, ada, Algorithm::Sha1);
    let of_bob = generator(&world, bob, Algorithm::Sha1);
    for _ in 0..FREE {
        let guess = wrong(&code, 60);
        assert!(matches!(
            check(&world, ada, 60, &guess),
            Err(Error::Recorded)
        ));
    }
    let waits = |outcome: Result<(), Error>, seconds| matches!(outcome, Err(Error::Wait(left)) if left == Duration::from_secs(seconds));
    assert!(
        waits(check(&world, ada, 60, &code(60)), 1),
        "the right one too"
    );
    check(&world, bob, 60, &of_bob(60)).unwrap();
    let path = world.folder.path().to_owned();
    let elsewhere = tempfile::tempdir().unwrap();
    drop(std::mem::replace(&mut world.store, open(elsewhere.path())));
    world.store = open(&path);
    assert!(
        waits(check(&world, ada, 60, &code(60)), 1),
        "after a restart"
    );
    let guess = wrong(&code, 61);
    assert!(matches!(
        check(&world, ada, 61, &guess),
        Err(Error::Recorded)
    ));
    assert!(waits(check(&world, ada, 62, &code(60)), 1));
    check(&world, ada, 63, &code(60)).unwrap();
    // A right one ends the count.
    let guess = wrong(&code, 120);
    assert!(matches!(
        check(&world, ada, 120, &guess),
        Err(Error::Recorded)
    ));
    check(&world, ada, 120, &code(120)).unwrap();
}

#[test]
fn of_two_codes_at_once_one_is_looked_at() {
    let world = World::new();
    let ada = person(&world, "Ada");
    let code = generator(&world, ada, Algorithm::Sha1);
    let (act, snapshot) = (world.act(60), world.store.snapshot().unwrap());
    let commit = |typed: &str| {
        let mut batch = Batch::new();
        let _ = totp::check(&snapshot, &mut batch, &act, &Kernel, ada, typed);
        world.store.commit_blocking(batch)
    };
    commit(&wrong(&code, 60)).unwrap();
    // What the second one saw is over, whether it is right or wrong.
    assert!(commit(&wrong(&code, 60)).unwrap_err().is_conflict());
    assert!(commit(&code(60)).unwrap_err().is_conflict());
}

#[test]
fn a_password_meets_a_generator_that_is_set_up_at_the_same_moment() {
    let world = World::new();
    let ada = person(&world, "Ada");
    let act = world.act(60);
    let demand = |batch: &mut Batch, typed: &str| {
        let snapshot = world.store.snapshot().unwrap();
        totp::demand(&snapshot, batch, &act, &Kernel, ada, typed)
    };
    let mut before = Batch::new();
    assert!(!demand(&mut before, "").unwrap());
    let code = generator(&world, ada, Algorithm::Sha1);
    let begun = world.store.commit_blocking(before);
    assert!(begun.unwrap_err().is_conflict(), "it is there now");
    let refused = demand(&mut Batch::new(), "");
    assert!(matches!(refused, Err(Error::Recorded)));
    assert!(demand(&mut Batch::new(), &code(60)).unwrap());
}

#[test]
fn a_generator_outlives_a_hundred_wrong_codes_and_no_more() {
    let world = World::new();
    let ada = person(&world, "Ada");
    let code = generator(&world, ada, Algorithm::Sha1);
    let standing = || totp::standing(&world.store.snapshot().unwrap(), ada).unwrap();
    let mut now = 0;
    for _ in 0..MOST_WRONG {
        assert_eq!(standing(), Standing::Good);
        now += LONGEST.as_secs();
        let guess = wrong(&code, now);
        assert!(matches!(
            check(&world, ada, now, &guess),
            Err(Error::Recorded)
        ));
    }
    assert_eq!(standing(), Standing::Locked);
    now += 10 * LONGEST.as_secs();
    assert!(matches!(
        check(&world, ada, now, &code(now)),
        Err(Error::Recorded)
    ));
    // Set up anew it is good again.
    let act = world.act(now);
    world
        .commit(|_, batch| totp::remove(batch, &act, ada))
        .unwrap();
    assert_eq!(standing(), Standing::None);
}

#[test]
fn a_recovery_code_takes_the_same_work_for_every_name() {
    let world = World::new();
    let act = world.act(1);
    let (ada, bob) = (person(&world, "Ada"), person(&world, "Bob"));
    world
        .commit(|snapshot, batch| {
            Passkeys::open(snapshot, batch, &Kernel, "https://portal.example", "Site")
        })
        .unwrap();
    let recovery = world
        .commit(|snapshot, batch| Recovery::open(snapshot, batch, &Kernel))
        .unwrap();
    world
        .commit(|snapshot, batch| recovery.make(snapshot, batch, &act, &Kernel, ada))
        .unwrap();
    let code = Code::fresh(&Kernel).unwrap();
    let refused = |name: &str| {
        let snapshot = world.store.snapshot().unwrap();
        let mut batch = Batch::new();
        work::take();
        let whose = people::by_name(&snapshot, &Name::parse(name).unwrap()).unwrap();
        let outcome = recovery.redeem(&snapshot, &mut batch, &act, &Kernel, whose, &code);
        let work = work::take();
        assert!(matches!(outcome, Err(Error::Refused)), "{name}");
        // The record is made by who answers, in place of what the batch has.
        assert!(batch.is_empty(), "{name}");
        work
    };
    let known = refused("Ada");
    assert!(known.opens == 1 && known.hashes == 1, "{known:?}");
    assert_eq!(refused("Bob"), known, "has no codes");
    assert_eq!(refused("Eve"), known, "is nobody");
    assert_ne!(ada, bob);
}

/// A portal in which browsers of many networks begin.
struct Portal {
    world: World,
    passkeys: Passkeys,
    binding: Binding,
}

impl Portal {
    fn new() -> Self {
        let world = World::new();
        let passkeys = world
            .commit(|snapshot, batch| {
                Passkeys::open(snapshot, batch, &Kernel, "https://portal.example", "Site")
            })
            .unwrap();
        let binding = Binding::fresh(&Kernel).unwrap();
        Self {
            world,
            passkeys,
            binding,
        }
    }

    fn begin(&self, from: IpAddr, how: How<'_>) -> Begun {
        let snapshot = self.world.store.snapshot().unwrap();
        let browser = Browser {
            binding: &self.binding,
            from,
        };
        self.passkeys
            .begin_sign_in(&snapshot, &Kernel, browser, self.world.moment(0), how)
            .unwrap()
    }

    fn typed(&self, begun: &Begun, binding: &Binding) -> Option<String> {
        let answer = Answer {
            id: &begun.id,
            binding,
            body: b"{}",
            label: "",
        };
        let typed = self.passkeys.typed(&answer)?;
        Some(typed.as_str().to_owned())
    }
}

#[test]
fn a_sign_in_counts_for_the_name_by_which_it_began_and_tells_no_other_browser() {
    let portal = Portal::new();
    let begun = portal.begin(v4(1), How::Name(" ADA "));
    assert_eq!(
        portal.typed(&begun, &portal.binding).as_deref(),
        Some("ada")
    );
    let other = Binding::fresh(&Kernel).unwrap();
    assert_eq!(portal.typed(&begun, &other), None);
    let button = portal.begin(v4(1), How::Button);
    assert_eq!(portal.typed(&button, &portal.binding), None);
}

#[test]
fn one_client_does_not_throw_out_the_ceremonies_of_others() {
    let portal = Portal::new();
    let lives = |begun: &Begun| portal.typed(begun, &portal.binding).is_some();
    let ada = portal.begin(v4(1), How::Name("ada"));
    let first = portal.begin(v4(2), How::Name("eve"));
    for _ in 1..EACH {
        portal.begin(v4(2), How::Button);
    }
    assert!(lives(&first) && portal.passkeys.under_way() == EACH + 1);
    portal.begin(v4(2), How::Button);
    assert!(!lives(&first) && portal.passkeys.under_way() == EACH + 1);
    // A site has all of a /48.
    let v6 = |subnet: u128| IpAddr::V6(Ipv6Addr::from_bits(0x2001_0db8 << 96 | subnet << 64 | 1));
    for subnet in 0..u128::try_from(3 * EACH).unwrap() {
        portal.begin(v6(subnet), How::Button);
    }
    assert_eq!(portal.passkeys.under_way(), 3 * EACH + 1);
    // Many networks fill all places; whoever holds most loses first.
    let bob = portal.begin(v4(3), How::Name("bob"));
    let many = u32::try_from(PLACES / EACH).unwrap();
    for network in 10..10 + many {
        for _ in 0..EACH {
            portal.begin(v4(network), How::Button);
        }
    }
    assert_eq!(portal.passkeys.under_way(), PLACES);
    assert!(lives(&ada) && lives(&bob));
}
