//! People, roles, invites, and what is left of who was deleted.

use std::time::Duration;

use holdfast_audit::Kind;
use holdfast_store::Batch;

use crate::code::Code;
use crate::people::{self, Name, PersonId};
use crate::personal::{PersonKey, Personal};
use crate::roles::{self, Limits, Role};
use crate::tests::{Kernel, World};
use crate::{Error, invites};

fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

fn invited(world: &World, role: &str) -> Code {
    let act = world.act(0);
    let hour = Duration::from_secs(3600);
    world
        .commit(|snapshot, batch| {
            invites::make(snapshot, batch, &act, &Kernel, vec![role.to_owned()], hour)
        })
        .unwrap()
}

fn join(world: &World, code: &Code, text: &str, seconds: u64) -> Result<PersonId, Error> {
    let id = PersonId::fresh(&Kernel)?;
    let act = world.act(seconds);
    world.commit(|snapshot, batch| {
        invites::redeem(snapshot, batch, &act, &Kernel, code, id, &name(text))?;
        Ok(id)
    })
}

#[test]
fn a_person_is_found_however_the_name_is_written() {
    let world = World::new();
    let id = join(&world, &invited(&world, "member"), "  Ada Lovelace ", 1).unwrap();
    let snapshot = world.store.snapshot().unwrap();
    assert_eq!(
        people::by_name(&snapshot, &name("ADA  lovelace")).unwrap(),
        Some(id)
    );
    assert_eq!(people::by_name(&snapshot, &name("ada")).unwrap(), None);
    let person = people::find(&snapshot, id).unwrap();
    assert_eq!(person.name.as_str(), "Ada Lovelace");
    assert_eq!(person.roles, ["member"]);
    assert_eq!(world.events(), [Kind::PersonInvited, Kind::PersonJoined]);
    for wrong in ["", "-x", "e\u{301}", "a\nb", &"x".repeat(65)] {
        assert!(Name::parse(wrong).is_err(), "{wrong:?}");
    }
}

#[test]
fn an_invite_is_good_once_and_until_its_end() {
    let world = World::new();
    let code = invited(&world, "admin");
    assert!(matches!(
        join(&world, &code, "late", 3600),
        Err(Error::Invite)
    ));
    join(&world, &code, "first", 3599).unwrap();
    assert!(matches!(
        join(&world, &code, "second", 3),
        Err(Error::Invite)
    ));
    let other = Code::fresh(&Kernel).unwrap();
    assert!(matches!(
        join(&world, &other, "third", 3),
        Err(Error::Invite)
    ));
    let code = invited(&world, "admin");
    assert!(matches!(
        join(&world, &code, "FIRST", 3),
        Err(Error::NameTaken)
    ));
    let listed = invites::list(&world.store.snapshot().unwrap()).unwrap();
    assert_eq!(listed.len(), 1);
    let act = world.act(4);
    world
        .commit(|snapshot, batch| invites::withdraw(snapshot, batch, &act, listed[0].id))
        .unwrap();
    assert!(matches!(
        join(&world, &code, "fourth", 5),
        Err(Error::Invite)
    ));
}

#[test]
fn two_who_use_one_invite_at_once_are_one() {
    let world = World::new();
    let code = invited(&world, "member");
    let snapshot = world.store.snapshot().unwrap();
    let act = world.act(1);
    let batches: Vec<Batch> = ["one", "two"]
        .into_iter()
        .map(|text| {
            let mut batch = Batch::new();
            let id = PersonId::fresh(&Kernel).unwrap();
            invites::redeem(&snapshot, &mut batch, &act, &Kernel, &code, id, &name(text)).unwrap();
            batch
        })
        .collect();
    drop(snapshot);
    let done: Vec<bool> = batches
        .into_iter()
        .map(|batch| world.store.commit_blocking(batch).is_ok())
        .collect();
    assert_eq!(done, [true, false]);
    assert_eq!(
        people::list(&world.store.snapshot().unwrap())
            .unwrap()
            .len(),
        1
    );
}

#[test]
fn roles_inherit_and_never_in_a_circle() {
    let world = World::new();
    let act = world.act(0);
    let role = |name: &str, inherits: &[&str], sessions| Role {
        name: name.to_owned(),
        inherits: inherits.iter().map(|name| (*name).to_owned()).collect(),
        limits: Limits {
            idle_seconds: 60,
            absolute_seconds: 600,
            sessions,
        },
    };
    let put = |role: Role| world.commit(|snapshot, batch| roles::put(snapshot, batch, &act, &role));
    put(role("editor", &["member"], 2)).unwrap();
    assert!(matches!(
        put(role("visitor", &["editor"], 1)),
        Err(Error::Role)
    ));
    assert!(matches!(
        put(role("x", &["nobody"], 1)),
        Err(Error::NoRole(_))
    ));
    assert!(matches!(put(role("Bad", &[], 1)), Err(Error::Role)));
    let snapshot = world.store.snapshot().unwrap();
    let all = roles::effective(&snapshot, &["editor".to_owned()]).unwrap();
    assert!(all.iter().eq(["editor", "member", "visitor"]));
    let held = ["editor".to_owned(), "admin".to_owned()];
    let limits = roles::limits(&snapshot, &held).unwrap();
    assert_eq!((limits.idle_seconds, limits.sessions), (60, 2));
}

#[test]
fn who_was_deleted_cannot_be_read_from_old_pages_either() {
    let world = World::new();
    let id = join(&world, &invited(&world, "member"), "Ada", 1).unwrap();
    let other = join(&world, &invited(&world, "member"), "Bob", 1).unwrap();
    let snapshot = world.store.snapshot().unwrap();
    let key = PersonKey::find(&snapshot, id).unwrap();
    let sealed = key.seal(id, "name", &name("Ada"), &Kernel).unwrap();
    let opened: Result<Name, Error> = key.open(id, "name", &sealed);
    assert_eq!(opened.unwrap(), name("Ada"));
    // Neither in another's name, nor in another place, nor altered.
    let wrong: [Result<Name, Error>; 2] = [
        key.open(other, "name", &sealed),
        key.open(id, "device", &sealed),
    ];
    assert!(wrong.iter().all(Result::is_err));
    drop(snapshot);
    let before = world.file();
    assert!(!before.windows(3).any(|bytes| bytes == b"Ada"));
    let act = world.act(9);
    world
        .commit(|snapshot, batch| people::delete(snapshot, batch, &act, id))
        .unwrap();
    assert!(world.store.rotate(people::KEYS.name(), |_| true).unwrap());
    let snapshot = world.store.snapshot().unwrap();
    assert!(matches!(people::find(&snapshot, id), Err(Error::NoPerson)));
    assert!(PersonKey::find(&snapshot, id).is_err());
    assert_eq!(people::by_name(&snapshot, &name("Ada")).unwrap(), None);
    assert_eq!(people::find(&snapshot, other).unwrap().name, name("Bob"));
    assert_eq!(world.events().last(), Some(&Kind::PersonDeleted));
    drop(snapshot);
    // The file of before, put back beside the keys of now: the person's own key does not open any more.
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("store.redb"), before).unwrap();
    std::fs::copy(
        world.folder.path().join("store.keys"),
        folder.path().join("store.keys"),
    )
    .unwrap();
    let old = crate::tests::open(folder.path());
    let snapshot = old.snapshot().unwrap();
    assert!(PersonKey::find(&snapshot, id).is_err());
    assert!(people::find(&snapshot, id).is_err());
    let _: &Personal = &sealed;
}
