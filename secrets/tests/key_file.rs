//! What the key file promises, tried through the public face.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::panic
)]

use std::path::Path;

use holdfast_secrets::{
    Belongs, Context, Cost, Error, KeyRing, Kind, LockedKeyFile, Passphrase, RecoveryKey, RootKey,
    RootKeyProvider, Suite,
};

const HERE: Context<'static> = Context {
    table: "devices",
    key: b"laptop",
    version: 1,
};
/// As cheap as Argon2 allows: what it costs is not what is tested.
const CHEAP: Cost = Cost {
    memory: 8,
    passes: 1,
};

fn root(byte: u8) -> RootKey {
    RootKey::from_bytes(&[byte; 32]).unwrap()
}

fn ring(byte: u8) -> KeyRing {
    KeyRing::new(root(byte), Suite::Aes256Gcm)
}

fn rotating(byte: u8, next: u8) -> KeyRing {
    KeyRing::with(Some(root(byte)), Some(root(next)), vec![], Suite::Aes256Gcm)
}

fn by(provider: impl RootKeyProvider + 'static) -> KeyRing {
    KeyRing::with(None, None, vec![Box::new(provider)], Suite::Aes256Gcm)
}

fn kinds(ring: &KeyRing) -> Vec<Kind> {
    let slots = ring.status().slots;
    slots.iter().map(|slot| slot.kind.unwrap()).collect()
}

/// A new key file, and something sealed under it.
fn made(path: &Path, ring: &KeyRing) -> ([u8; 16], Vec<u8>) {
    let id = ring.attach(path, Belongs::New).unwrap();
    (id, ring.seal(&HERE, b"secret").unwrap())
}

fn opens(ring: &KeyRing, sealed: &[u8]) -> bool {
    ring.open(&HERE, sealed)
        .is_ok_and(|text| **text == *b"secret")
}

#[test]
fn keys_outlive_the_ring_and_need_its_root_key() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.keys");
    let first = ring(1);
    let (id, sealed) = made(&path, &first);
    let name = first.lookup("devices", b"laptop").unwrap();
    drop(first);

    let again = ring(1);
    assert_eq!(again.attach(&path, Belongs::To(&id)).unwrap(), id);
    assert!(opens(&again, &sealed));
    assert_eq!(again.lookup("devices", b"laptop").unwrap(), name);

    let wrong = ring(2).attach(&path, Belongs::To(&id));
    assert!(matches!(wrong, Err(Error::NoSlot)));
    let foreign = ring(1).attach(&path, Belongs::To(&[0; 16]));
    assert!(matches!(foreign, Err(Error::KeyFileForeign)));
    std::fs::remove_file(&path).unwrap();
    let missing = ring(1).attach(&path, Belongs::To(&id));
    assert!(matches!(missing, Err(Error::KeyFileMissing(_))));
}

#[test]
fn two_stores_of_one_root_key_share_no_key() {
    let folder = tempfile::tempdir().unwrap();
    let (one, two) = (ring(1), ring(1));
    let (_, sealed) = made(&folder.path().join("one.keys"), &one);
    made(&folder.path().join("two.keys"), &two);
    assert!(!opens(&two, &sealed));
    let lookup = |ring: &KeyRing| ring.lookup("people", b"ann").unwrap();
    assert_ne!(lookup(&one), lookup(&two));
}

#[test]
fn derived_keys_are_taken_over_and_the_root_key_alone_gives_them_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.keys");
    let before = ring(1);
    let sealed = before.seal(&HERE, b"secret").unwrap();
    let name = before.lookup("devices", b"laptop").unwrap();

    let tables = ["devices".to_owned()];
    let after = ring(1);
    let id = after.attach(&path, Belongs::Derived(&tables)).unwrap();
    assert!(opens(&after, &sealed));
    assert_eq!(after.lookup("devices", b"laptop").unwrap(), name);
    // A stop between the making of the key file and the store's knowing of it.
    let again = ring(1);
    assert_eq!(again.attach(&path, Belongs::Derived(&tables)).unwrap(), id);
    assert!(opens(&again, &sealed));

    // Another table's keys are new ones.
    assert_ne!(
        after.lookup("people", b"ann").unwrap(),
        before.lookup("people", b"ann").unwrap()
    );
    // A store that is in use is not taken for one that is being raised.
    let again = ring(1).attach(&path, Belongs::Derived(&tables));
    assert!(matches!(again, Err(Error::KeyFileForeign)), "{again:?}");
    after.begin_epoch("devices").unwrap();
    after.end_epochs("devices").unwrap();
    assert!(matches!(
        after.open(&HERE, &sealed),
        Err(Error::UnknownEpoch(1))
    ));
    let again = ring(1).attach(&path, Belongs::Derived(&tables));
    assert!(matches!(again, Err(Error::KeyFileForeign)), "{again:?}");
}

#[test]
fn keys_of_a_used_store_are_not_given_to_a_new_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.keys");
    let first = ring(1);
    first.attach(&path, Belongs::New).unwrap();
    // A stop before the store was there.
    let again = ring(1);
    again.attach(&path, Belongs::New).unwrap();
    again.seal(&HERE, b"secret").unwrap();
    let gone = ring(1).attach(&path, Belongs::New);
    assert!(matches!(gone, Err(Error::StoreGone(_))), "{gone:?}");
}

#[test]
fn new_root_key_takes_over_in_two_steps() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.keys");
    let (id, sealed) = made(&path, &ring(1));
    let attach = |ring: KeyRing| ring.attach(&path, Belongs::To(&id)).map(|_| ring);
    let before = std::fs::read(&path).unwrap();

    let both = attach(rotating(1, 2)).unwrap();
    assert_eq!(kinds(&both), [Kind::Credential; 2]);
    // Back to the old one alone: nothing is lost, and the new one still waits.
    let old = attach(ring(1)).unwrap();
    assert_eq!(kinds(&old), [Kind::Credential; 2]);
    // The new one alone: the old one goes.
    let new = attach(ring(2)).unwrap();
    assert_eq!(kinds(&new), [Kind::Credential]);
    assert!(!new.status().master_due);
    assert!(opens(&new, &sealed));
    assert!(matches!(attach(ring(1)), Err(Error::NoSlot)));

    // Who kept the old root key and an old copy of the file gets nothing of what is wrapped later.
    let later = new.seal(
        &Context {
            table: "made later",
            ..HERE
        },
        b"later",
    );
    later.unwrap();
    let now = std::fs::read(&path).unwrap();
    let stays = before
        .windows(60)
        .filter(|window| window.iter().filter(|byte| **byte != 0).count() > 40)
        .any(|window| now.windows(60).any(|other| other == window));
    assert!(!stays, "something wrapped is still there as it was");
}

#[test]
fn recovery_key_opens_when_the_root_key_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.keys");
    let first = ring(1);
    let (id, sealed) = made(&path, &first);
    let older = first.new_recovery_key().unwrap();
    let text = first.new_recovery_key().unwrap();
    assert_eq!(kinds(&first), [Kind::Credential, Kind::Recovery]);
    drop(first);

    let recovery = |text: &str| RecoveryKey::parse(text).unwrap();
    let gone = by(recovery(&older)).attach(&path, Belongs::To(&id));
    assert!(matches!(gone, Err(Error::NoSlot)));
    // Typed in another way; with a new root key, since the old one is lost.
    let typed = text.to_lowercase().replace('-', " ");
    let ring_of = KeyRing::with(
        Some(root(3)),
        None,
        vec![Box::new(recovery(&typed))],
        Suite::Aes256Gcm,
    );
    ring_of.attach(&path, Belongs::To(&id)).unwrap();
    assert!(opens(&ring_of, &sealed));
    // The lost one keeps its place until the new one has opened its own: this one could be a mistake.
    let three = [Kind::Credential, Kind::Recovery, Kind::Credential];
    assert_eq!(kinds(&ring_of), three);
    drop(ring_of);
    let mistaken = attached(ring(1), &path, &id);
    assert_eq!(kinds(&mistaken), three);
    drop(mistaken);
    // From now on the new root key is enough, and the lost one opens nothing.
    let new = attached(ring(3), &path, &id);
    assert!(opens(&new, &sealed));
    assert_eq!(kinds(&new), [Kind::Recovery, Kind::Credential]);
    assert!(new.status().master_due, "the recovery key is not at hand");
    assert!(ring(1).attach(&path, Belongs::To(&id)).is_err());
}

fn attached(ring: KeyRing, path: &Path, id: &[u8; 16]) -> KeyRing {
    ring.attach(path, Belongs::To(id)).unwrap();
    ring
}

#[test]
fn master_key_that_had_to_stay_goes_when_all_ways_are_known() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.keys");
    let first = ring(1);
    let (id, sealed) = made(&path, &first);
    first.new_recovery_key().unwrap();
    drop(attached(rotating(1, 2), &path, &id));
    let new = attached(ring(2), &path, &id);
    assert!(new.status().master_due, "the recovery key is not at hand");
    new.new_recovery_key().unwrap();
    assert!(!new.status().master_due);
    assert!(opens(&attached(ring(2), &path, &id), &sealed));
}

#[test]
fn passphrase_opens_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.keys");
    let phrase = |text| Passphrase::new(text, CHEAP).unwrap();
    let (id, sealed) = made(&path, &by(phrase("six words that nobody else has")));
    let same = by(phrase(" six words that nobody else has\n"));
    assert!(opens(&attached(same, &path, &id), &sealed));
    let other = by(phrase("six words that nobody else hat"));
    let other = other.attach(&path, Belongs::To(&id));
    assert!(matches!(other, Err(Error::NoSlot)));
    let short = Passphrase::new("eleven char", CHEAP);
    assert!(matches!(short, Err(Error::PassphraseShort(12))));
}

#[test]
fn what_is_sealed_anew_keeps_its_salt_and_leaves_its_old_key() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.keys");
    let ring = ring(1);
    let (id, sealed) = made(&path, &ring);
    assert_eq!(ring.begin_epoch("devices").unwrap(), 2);
    assert!(opens(&ring, &sealed), "the older epoch opens");
    let anew = ring.reseal(&HERE, b"secret", &sealed).unwrap();
    assert!(opens(&ring, &anew));
    assert_eq!(
        holdfast_secrets::format::salt(&anew).unwrap(),
        holdfast_secrets::format::salt(&sealed).unwrap()
    );
    ring.end_epochs("devices").unwrap();
    assert!(opens(&ring, &anew));
    assert!(matches!(
        ring.open(&HERE, &sealed),
        Err(Error::UnknownEpoch(1))
    ));
    let again = attached(self::ring(1), &path, &id);
    assert!(opens(&again, &anew));
    assert!(!opens(&again, &sealed));
}

#[test]
fn destroyed_keys_open_nothing_for_anyone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.keys");
    let first = ring(1);
    let (id, sealed) = made(&path, &first);
    first.destroy().unwrap();
    assert!(!opens(&first, &sealed));
    assert!(first.seal(&HERE, b"more").is_err());
    assert!(std::fs::read(&path).unwrap().iter().all(|byte| *byte == 0));
    let again = ring(1).attach(&path, Belongs::To(&id));
    assert!(matches!(again, Err(Error::KeysDestroyed)));
}

#[test]
fn a_destruction_that_was_cut_off_is_ended_at_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.keys");
    let first = ring(1);
    let (id, _) = made(&path, &first);
    drop(first);
    let whole = std::fs::read(&path).unwrap();
    for at in [0, whole.len() / 2] {
        // The first of the marks is there, and all keys still are in the other region.
        let mut begun = whole.clone();
        begun[at..at + 16].copy_from_slice(b"holdfast ends 1\n");
        std::fs::write(&path, &begun).unwrap();
        assert!(matches!(locked(&path), Err(Error::KeysDestroyed)));
        assert_eq!(std::fs::read(&path).unwrap(), begun, "it only reads");
        let again = ring(1).attach(&path, Belongs::To(&id));
        assert!(matches!(again, Err(Error::KeysDestroyed)), "{again:?}");
        assert!(std::fs::read(&path).unwrap().iter().all(|byte| *byte == 0));
    }
}

#[test]
fn any_torn_write_leaves_the_generation_before_or_the_new_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.keys");
    let ring_of = ring(1);
    let (id, sealed) = made(&path, &ring_of);
    let before = std::fs::read(&path).unwrap();
    ring_of.new_recovery_key().unwrap();
    let after = std::fs::read(&path).unwrap();
    let half = before.len() / 2;
    // Cut at sector boundaries within the first and the second region that was written, in either order.
    for first in [0, half] {
        for cut in (0..=half).step_by(512) {
            let mut torn = before.clone();
            torn[first..first + cut].copy_from_slice(&after[first..first + cut]);
            std::fs::write(&path, &torn).unwrap();
            let ring = attached(ring(1), &path, &id);
            assert!(opens(&ring, &sealed), "cut {cut} of {first}");
            // Nothing of the generation before is left.
            let healed = std::fs::read(&path).unwrap();
            assert_eq!(healed[..half], healed[half..]);
        }
    }
}

#[test]
fn altered_and_mixed_files_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.keys");
    let first = ring(1);
    let (id, _) = made(&path, &first);
    let whole = std::fs::read(&path).unwrap();
    let half = whole.len() / 2;
    for at in (0..600).chain([half - 1]) {
        let mut altered = whole.clone();
        altered[at] ^= 1;
        altered[half + at] ^= 1;
        std::fs::write(&path, &altered).unwrap();
        let refused = ring(1).attach(&path, Belongs::To(&id));
        // Behind the content there are zeros that nobody reads.
        assert!(refused.is_err() || whole[at..half].iter().all(|byte| *byte == 0));
    }
    for length in [0, 1, half - 1, half, whole.len() - 1] {
        std::fs::write(&path, &whole[..length]).unwrap();
        let opened = ring(1).attach(&path, Belongs::To(&id));
        assert_eq!(opened.is_ok(), length >= half, "{length}");
    }
}

fn locked(path: &Path) -> Result<LockedKeyFile, Error> {
    LockedKeyFile::read(std::fs::File::open(path).unwrap(), path)
}

#[test]
fn who_has_no_key_can_ask_whether_one_opens_and_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store.keys");
    let phrase = |text: &str| Passphrase::new(text, CHEAP).unwrap();
    let ring = by(phrase("six words that nobody would guess"));
    made(&path, &ring);
    let recovery = ring.new_recovery_key().unwrap();
    let before = std::fs::read(&path).unwrap();

    let file = locked(&path).unwrap();
    assert_eq!(file.kinds(), [Kind::Passphrase, Kind::Recovery]);
    let opens = |provider: &dyn RootKeyProvider| file.opens(provider).unwrap();
    assert!(opens(&phrase(" six words that nobody would guess\r\n")));
    assert!(!opens(&phrase("six words that nobody would say")));
    assert!(opens(&RecoveryKey::parse(&recovery).unwrap()));
    assert!(!opens(&RecoveryKey::generate().unwrap()));
    assert!(!opens(&root(1)));
    assert_eq!(std::fs::read(&path).unwrap(), before);
    assert!(!format!("{file:?}").contains("wrapped"));

    // What was altered by somebody without the keys is found out, though the slot itself opens.
    let mut altered = before.clone();
    for region in [0, 64 << 10] {
        let length = u32::from_be_bytes(altered[region + 24..region + 28].try_into().unwrap());
        let end = region + 28 + length as usize;
        // The last byte of the code over the content; the sum over the region is made to fit.
        altered[end - 1] ^= 1;
        let sum = <sha2::Sha256 as sha2::Digest>::digest(&altered[region..end]);
        altered[end..end + 32].copy_from_slice(&sum);
    }
    std::fs::write(&path, &altered).unwrap();
    let why = locked(&path)
        .unwrap()
        .opens(&phrase("six words that nobody would guess"));
    assert!(matches!(why, Err(Error::KeyFileDamaged(_))), "{why:?}");

    std::fs::write(&path, &before[..100]).unwrap();
    assert!(matches!(locked(&path), Err(Error::KeyFileDamaged(_))));
    std::fs::write(&path, &before).unwrap();
    ring.destroy().unwrap();
    assert!(matches!(locked(&path), Err(Error::KeysDestroyed)));
}
