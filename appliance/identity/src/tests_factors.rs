//! One-time passwords and recovery codes.

use crate::Error;
use crate::people::{self, Name, PersonId};
use crate::recovery::{self, CODES, Recovery};
use crate::tests::{Kernel, World, open};
use crate::totp::{self, Algorithm, Generator};

fn person(world: &World) -> PersonId {
    let id = PersonId::fresh(&Kernel).unwrap();
    let act = world.act(0);
    let name = Name::parse("Ada L").unwrap();
    world
        .commit(|_, batch| people::add(batch, &act, &Kernel, id, &name, Vec::new()))
        .unwrap();
    id
}

/// RFC 6238, appendix B.
#[test]
fn one_time_passwords_are_those_of_the_standard() {
    let secret =
        |length| -> Vec<u8> { b"1234567890".iter().copied().cycle().take(length).collect() };
    let sha1 = Generator::new(&secret(20), Algorithm::Sha1, 8);
    let sha256 = Generator::new(&secret(32), Algorithm::Sha256, 8);
    let sha512 = Generator::new(&secret(64), Algorithm::Sha512, 8);
    let vectors = [
        (59, "94287082", "46119246", "90693936"),
        (1_111_111_109, "07081804", "68084774", "25091201"),
        (1_111_111_111, "14050471", "67062674", "99943326"),
        (1_234_567_890, "89005924", "91819424", "93441116"),
        (2_000_000_000, "69279037", "90698825", "38618901"),
        (20_000_000_000, "65353130", "77737706", "47863826"),
    ];
    for (time, one, two, five) in vectors {
        for (generator, code) in [(&sha1, one), (&sha256, two), (&sha512, five)] {
            assert_eq!(generator.step_of(code, time), Some(time / 30));
            assert_eq!(generator.step_of(code, time + 30), Some(time / 30));
            assert_eq!(
                generator.step_of(code, time + 60),
                None,
                "outside the window"
            );
        }
    }
    for wrong in ["", "9428708", "942870821", "9428708x", "９４２８７０８２"] {
        assert_eq!(sha1.step_of(wrong, 59), None);
    }
    assert_eq!(sha1.step_of("9428 7082", 59), Some(1));
}

#[test]
fn a_step_is_good_once_also_after_a_restart() {
    let mut world = World::new();
    let ada = person(&world);
    let set_up = world
        .commit(|snapshot, batch| {
            totp::set_up(
                snapshot,
                batch,
                &Kernel,
                ada,
                "portal.example",
                Algorithm::Sha1,
            )
        })
        .unwrap();
    let start = "otpauth://totp/portal.example:Ada%20L?secret=";
    assert!(set_up.address.starts_with(start), "{}", *set_up.address);
    assert!(set_up.svg.starts_with("<svg ") && set_up.svg.len() > 1000);
    let bytes = data_encoding::BASE32_NOPAD
        .decode(set_up.secret.as_bytes())
        .unwrap();
    let code = |seconds: i64| {
        let totp = totp_rs::Builder::new()
            .with_secret(totp_rs::Secret::new(bytes.clone().into_boxed_slice()))
            .build()
            .unwrap();
        totp.generate(u64::try_from(1_800_000_000 + seconds).unwrap())
            .to_string()
    };
    let check = |world: &World, at: u64, code: &str| {
        let act = world.act(at);
        let snapshot = world.store.snapshot().unwrap();
        let mut batch = holdfast_store::Batch::new();
        let outcome = totp::check(&snapshot, &mut batch, &act, &Kernel, ada, code);
        world.store.commit_blocking(batch).unwrap();
        outcome
    };
    assert!(
        matches!(check(&world, 0, &code(0)), Err(Error::Recorded)),
        "not confirmed"
    );
    let confirm = |code: &str| {
        let act = world.act(0);
        world.commit(|snapshot, batch| totp::confirm(snapshot, batch, &act, &Kernel, ada, code))
    };
    assert!(confirm("000000").is_err() || code(0) == "000000");
    confirm(&code(0)).unwrap();
    assert!(
        matches!(check(&world, 1, &code(0)), Err(Error::Recorded)),
        "used to confirm"
    );
    check(&world, 30, &code(30)).unwrap();
    assert!(check(&world, 31, &code(30)).is_err());
    assert!(
        check(&world, 31, &code(0)).is_err(),
        "an earlier step is over"
    );
    let World { folder, store, .. } = &mut world;
    let path = folder.path().to_owned();
    let _gone = std::mem::replace(store, {
        let elsewhere = tempfile::tempdir().unwrap();
        open(elsewhere.path())
    });
    drop(_gone);
    *store = open(&path);
    assert!(check(&world, 32, &code(30)).is_err(), "after a restart too");
    check(&world, 60, &code(60)).unwrap();
}

#[test]
fn a_recovery_code_is_good_once_and_for_its_person() {
    let world = World::new();
    let (ada, act) = (person(&world), world.act(1));
    let recovery = world
        .commit(|snapshot, batch| Recovery::open(snapshot, batch, &Kernel))
        .unwrap();
    let codes = world
        .commit(|snapshot, batch| recovery.make(snapshot, batch, &act, &Kernel, ada))
        .unwrap();
    assert_eq!(codes.len(), CODES);
    let recovery = world
        .commit(|snapshot, batch| Recovery::open(snapshot, batch, &Kernel))
        .unwrap();
    let redeem = |person, code| {
        let person = Some(person);
        world
            .commit(|snapshot, batch| recovery.redeem(snapshot, batch, &act, &Kernel, person, code))
    };
    let left = || recovery::left(&world.store.snapshot().unwrap(), ada).unwrap();
    redeem(ada, &codes[3]).unwrap();
    assert!(matches!(redeem(ada, &codes[3]), Err(Error::Refused)));
    assert_eq!(left(), CODES - 1);
    let stranger = PersonId::fresh(&Kernel).unwrap();
    assert!(matches!(redeem(stranger, &codes[4]), Err(Error::Refused)));
    assert_eq!(left(), CODES - 1);
    world
        .commit(|snapshot, batch| recovery.make(snapshot, batch, &act, &Kernel, ada))
        .unwrap();
    assert!(
        redeem(ada, &codes[4]).is_err(),
        "new ones take the place of those before"
    );
    assert_eq!(left(), CODES);
}
