//! Ceremonies with good and with hostile authenticators.

use std::time::Duration;

use holdfast_audit::Kind;
use holdfast_store::Batch;
use serde_json::Value;

use crate::authenticator::{AAGUID, Authenticator, Wrong};
use crate::passkeys::{
    self, Answer, Begun, Binding, Browser, EACH, How, LONGEST_ANSWER, MOST, Passkeys,
};
use crate::people::{self, Name, PersonId};
use crate::recovery::Recovery;
use crate::sessions::{Method, New, Session, Sessions};
use crate::tests::{Kernel, World};
use crate::{Error, invites, work};

struct Portal {
    world: World,
    passkeys: Passkeys,
    sessions: Sessions,
    binding: Binding,
}

impl Portal {
    fn new() -> Self {
        let world = World::new();
        let origin = "https://portal.example";
        let passkeys = world
            .commit(|snapshot, batch| Passkeys::open(snapshot, batch, &Kernel, origin, "Site"))
            .unwrap();
        let now = world.moment(0);
        let sessions = world
            .commit(|snapshot, batch| Sessions::open(snapshot, batch, &Kernel, now))
            .unwrap();
        let binding = Binding::fresh(&Kernel).unwrap();
        Self {
            world,
            passkeys,
            sessions,
            binding,
        }
    }

    fn browser(&self) -> Browser<'_> {
        Browser {
            binding: &self.binding,
            from: [192, 0, 2, 1].into(),
        }
    }

    fn begin_join(&self, name: &str) -> Begun {
        let act = self.world.act(0);
        let hour = Duration::from_secs(3600);
        let member = || vec!["member".to_owned()];
        let code = self
            .world
            .commit(|snapshot, batch| invites::make(snapshot, batch, &act, &Kernel, member(), hour))
            .unwrap();
        let name = Name::parse(name).unwrap();
        let snapshot = self.world.store.snapshot().unwrap();
        let now = self.world.moment(1);
        self.passkeys
            .begin_join(&snapshot, &Kernel, self.browser(), now, &code, &name)
            .unwrap()
    }

    fn finish_join(&self, begun: &Begun, body: &[u8]) -> Result<PersonId, Error> {
        let act = self.world.act(2);
        let answer = self.answer(begun, body);
        self.world.commit(|snapshot, batch| {
            self.passkeys
                .finish_join(snapshot, batch, &act, &Kernel, &answer)
        })
    }

    fn join(&self, name: &str) -> (PersonId, Authenticator) {
        let mut authenticator = Authenticator::new(format!("credential of {name}").as_bytes());
        let begun = self.begin_join(name);
        let body = authenticator.create(&begun.options, &Wrong::default());
        (self.finish_join(&begun, &body).unwrap(), authenticator)
    }

    fn begin(&self, how: How<'_>) -> Begun {
        let snapshot = self.world.store.snapshot().unwrap();
        let now = self.world.moment(10);
        self.passkeys
            .begin_sign_in(&snapshot, &Kernel, self.browser(), now, how)
            .unwrap()
    }

    fn answer<'a>(&'a self, begun: &'a Begun, body: &'a [u8]) -> Answer<'a> {
        Answer {
            id: &begun.id,
            binding: &self.binding,
            body,
            label: "my key",
        }
    }

    /// Ends a sign-in, and commits what was to be recorded in either case.
    fn finish(&self, answer: &Answer<'_>, seconds: u64) -> Result<PersonId, Error> {
        let act = self.world.act(seconds);
        let snapshot = self.world.store.snapshot().unwrap();
        let mut batch = Batch::new();
        let proven = self.passkeys.prove(&snapshot, &mut batch, &act, answer);
        let outcome = proven.and_then(|proven| {
            self.passkeys
                .record(&snapshot, &mut batch, &act, &Kernel, &proven)?;
            Ok(proven.person)
        });
        self.world.store.commit_blocking(batch).unwrap();
        outcome
    }

    fn sign_in(&self, by: &mut Authenticator, wrong: &Wrong) -> Result<PersonId, Error> {
        let begun = self.begin(How::Button);
        let body = by.get(&begun.options, wrong);
        self.finish(&self.answer(&begun, &body), 11)
    }

    fn session(&self, person: PersonId, method: Method, seconds: u64) -> std::sync::Arc<Session> {
        let act = self.world.act(seconds);
        let new = New {
            person,
            portal: None,
            method,
            device: "",
        };
        let pending = self
            .world
            .commit(|snapshot, batch| self.sessions.begin(snapshot, batch, &act, &Kernel, new))
            .unwrap();
        let token = self.sessions.admit(pending).unwrap();
        self.sessions.find(&token, act.now).unwrap()
    }
}

fn allowed(options: &Value) -> Vec<String> {
    let list = options["publicKey"]["allowCredentials"].as_array().unwrap();
    list.iter()
        .map(|entry| entry["id"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn a_newcomer_joins_and_signs_in() {
    let portal = Portal::new();
    let begun = portal.begin_join("Ada");
    let selection = &begun.options["publicKey"]["authenticatorSelection"];
    assert_eq!(selection["residentKey"], "required");
    assert_eq!(selection["requireResidentKey"], true);
    assert_eq!(selection["userVerification"], "required");
    assert_eq!(begun.options["publicKey"]["extensions"]["credProps"], true);
    assert_eq!(begun.options["publicKey"]["rp"]["id"], "portal.example");
    let mut authenticator = Authenticator::new(b"some credential");
    let body = authenticator.create(&begun.options, &Wrong::default());
    let ada = portal.finish_join(&begun, &body).unwrap();
    assert!(
        matches!(portal.finish_join(&begun, &body), Err(Error::Ceremony)),
        "once"
    );
    assert_eq!(
        portal
            .sign_in(&mut authenticator, &Wrong::default())
            .unwrap(),
        ada
    );
    let snapshot = portal.world.store.snapshot().unwrap();
    let listed = passkeys::list(&snapshot, ada).unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!((listed[0].aaguid, listed[0].attested), (AAGUID, false));
    assert_eq!(
        (listed[0].label.as_str(), listed[0].discoverable),
        ("my key", Some(true))
    );
    assert_eq!(listed[0].used - listed[0].made, 9000);
    let kinds = [Kind::PersonInvited, Kind::PersonJoined, Kind::PasskeyAdded];
    assert_eq!(portal.world.events(), kinds);
    assert_eq!(portal.passkeys.under_way(), 0);
}

#[test]
fn only_autofill_asks_for_conditional_mediation() {
    let portal = Portal::new();
    assert_eq!(
        portal.begin(How::Autofill).options["mediation"],
        "conditional"
    );
    for how in [How::Button, How::Name("ada")] {
        let options = portal.begin(how).options;
        assert!(options.get("mediation").is_none());
        assert_eq!(options["publicKey"]["userVerification"], "required");
    }
    assert!(allowed(&portal.begin(How::Button).options).is_empty());
}

#[test]
fn what_a_hostile_registration_sends_is_refused() {
    let wrong = Wrong::default;
    let deep = [vec![0x81; 9000], vec![0]].concat();
    let hostile = [
        Wrong {
            origin: "https://evil.example",
            ..wrong()
        },
        Wrong {
            origin: "https://sub.portal.example",
            ..wrong()
        },
        Wrong {
            origin: "https://portal.example:8443",
            ..wrong()
        },
        Wrong {
            origin: "http://portal.example",
            ..wrong()
        },
        Wrong {
            rp_id: "example",
            ..wrong()
        },
        Wrong {
            kind: Some("webauthn.get"),
            ..wrong()
        },
        Wrong {
            challenge: Some("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".to_owned()),
            ..wrong()
        },
        Wrong {
            flags: 1,
            ..wrong()
        },
        Wrong {
            flags: 4,
            ..wrong()
        },
        Wrong {
            algorithm: -65535,
            ..wrong()
        },
        Wrong {
            discoverable: Some(false),
            ..wrong()
        },
        Wrong {
            object: Some(Vec::new()),
            ..wrong()
        },
        Wrong {
            object: Some(deep),
            ..wrong()
        },
        Wrong {
            object: Some(b"\xbf\x63fmt\xff".to_vec()),
            ..wrong()
        },
        Wrong {
            object: Some(vec![0x5b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
            ..wrong()
        },
        Wrong {
            object: Some(vec![0; LONGEST_ANSWER]),
            ..wrong()
        },
    ];
    let portal = Portal::new();
    for (at, wrong) in hostile.iter().enumerate() {
        let mut authenticator = Authenticator::new(b"some credential");
        let begun = portal.begin_join("Ada");
        let body = authenticator.create(&begun.options, wrong);
        assert!(portal.finish_join(&begun, &body).is_err(), "case {at}");
        let body = authenticator.create(&begun.options, &Wrong::default());
        let again = portal.finish_join(&begun, &body);
        assert!(
            matches!(again, Err(Error::Ceremony)),
            "it was used up: case {at}"
        );
    }
    assert!(
        people::list(&portal.world.store.snapshot().unwrap())
            .unwrap()
            .is_empty()
    );
    // The same without the wrong is taken.
    let begun = portal.begin_join("Ada");
    let silent = Wrong {
        discoverable: None,
        ..wrong()
    };
    let body = Authenticator::new(b"some credential").create(&begun.options, &silent);
    portal.finish_join(&begun, &body).unwrap();
}

#[test]
fn what_a_hostile_sign_in_sends_is_refused() {
    let wrong = Wrong::default;
    let portal = Portal::new();
    let (ada, mut of_ada) = portal.join("Ada");
    let (bob, mut of_bob) = portal.join("Bob");
    let hostile = [
        Wrong {
            origin: "https://evil.example",
            ..wrong()
        },
        Wrong {
            origin: "https://sub.portal.example",
            ..wrong()
        },
        Wrong {
            rp_id: "evil.example",
            ..wrong()
        },
        Wrong {
            kind: Some("webauthn.create"),
            ..wrong()
        },
        Wrong {
            challenge: Some("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".to_owned()),
            ..wrong()
        },
        Wrong {
            flags: 1,
            ..wrong()
        },
        Wrong {
            flags: 4,
            ..wrong()
        },
        Wrong {
            flags: 0,
            ..wrong()
        },
        Wrong {
            alter_signature: true,
            ..wrong()
        },
        Wrong {
            handle: Some(bob.as_bytes().to_vec()),
            ..wrong()
        },
        Wrong {
            handle: Some(vec![0; 16]),
            ..wrong()
        },
        Wrong {
            handle: Some(vec![9; 16]),
            ..wrong()
        },
        Wrong {
            handle: Some(vec![9; 64]),
            ..wrong()
        },
        Wrong {
            handle: Some(Vec::new()),
            ..wrong()
        },
    ];
    for (at, wrong) in hostile.iter().enumerate() {
        let outcome = portal.sign_in(&mut of_ada, wrong);
        assert!(
            matches!(outcome, Err(Error::Refused)),
            "case {at}: {outcome:?}"
        );
    }
    // Another's key under Ada's credential id and number.
    let mut forged = Authenticator::new(&of_ada.id);
    forged.handle = ada.as_bytes().to_vec();
    forged.counter = 1000;
    assert!(portal.sign_in(&mut forged, &wrong()).is_err());
    for body in [
        &b""[..],
        b"{}",
        b"null",
        &vec![b'['; LONGEST_ANSWER],
        &vec![b' '; LONGEST_ANSWER + 1],
    ] {
        let begun = portal.begin(How::Button);
        assert!(matches!(
            portal.finish(&portal.answer(&begun, body), 11),
            Err(Error::Refused)
        ));
    }
    assert_eq!(portal.sign_in(&mut of_ada, &wrong()).unwrap(), ada);
    assert_eq!(portal.sign_in(&mut of_bob, &wrong()).unwrap(), bob);
}

#[test]
fn a_ceremony_is_good_once_for_its_browser_and_its_time() {
    let portal = Portal::new();
    let (ada, mut by) = portal.join("Ada");
    let begun = portal.begin(How::Button);
    let body = by.get(&begun.options, &Wrong::default());
    let answer = portal.answer(&begun, &body);
    let stranger = Binding::fresh(&Kernel).unwrap();
    let stolen = Answer {
        binding: &stranger,
        ..answer
    };
    assert!(matches!(portal.finish(&stolen, 11), Err(Error::Ceremony)));
    assert_eq!(
        portal.finish(&answer, 11).unwrap(),
        ada,
        "the stranger did not use it up"
    );
    assert!(
        matches!(portal.finish(&answer, 11), Err(Error::Ceremony)),
        "a replay"
    );
    let begun = portal.begin(How::Button);
    let other = portal.begin(How::Button);
    let body = by.get(&begun.options, &Wrong::default());
    assert!(
        portal.finish(&portal.answer(&other, &body), 11).is_err(),
        "another's challenge"
    );
    assert!(matches!(
        portal.finish(&portal.answer(&begun, &body), 310),
        Err(Error::Ceremony)
    ));
    for id in ["", "zz", &"0".repeat(32)] {
        let answer = Answer {
            id,
            ..portal.answer(&begun, &body)
        };
        assert!(matches!(portal.finish(&answer, 11), Err(Error::Ceremony)));
    }
    let first = portal.begin(How::Button);
    for _ in 0..EACH {
        portal.begin(How::Button);
    }
    assert_eq!(portal.passkeys.under_way(), EACH);
    let body = by.get(&first.options, &Wrong::default());
    assert!(matches!(
        portal.finish(&portal.answer(&first, &body), 11),
        Err(Error::Ceremony)
    ));
}

#[test]
fn a_counter_that_goes_back_is_refused_and_recorded() {
    let portal = Portal::new();
    let (_, mut by) = portal.join("Ada");
    by.counter = 41;
    portal.sign_in(&mut by, &Wrong::default()).unwrap();
    for before in [41, 7] {
        by.counter = before;
        let outcome = portal.sign_in(&mut by, &Wrong::default());
        assert!(matches!(outcome, Err(Error::Recorded)), "{outcome:?}");
        assert_eq!(
            portal.world.events().last(),
            Some(&Kind::PasskeyCounterBack)
        );
    }
    by.counter = 42;
    portal.sign_in(&mut by, &Wrong::default()).unwrap();
}

#[test]
fn a_name_gives_as_many_credentials_whether_it_is_known_or_not() {
    let portal = Portal::new();
    let (ada, mut by) = portal.join("Ada");
    let list = |name: &str| allowed(&portal.begin(How::Name(name)).options);
    let own = data_encoding::BASE64URL_NOPAD.encode(&by.id);
    assert!(list("ada").contains(&own));
    for name in [
        "ada",
        "ADA",
        "nobody",
        "nobody else",
        "",
        "\u{0}",
        &"x".repeat(5000),
    ] {
        let first = list(name);
        assert_eq!(first.len(), MOST);
        assert_eq!(first, list(name), "stable");
        let distinct: std::collections::BTreeSet<_> = first.iter().collect();
        assert_eq!(distinct.len(), MOST);
    }
    assert_eq!(list("Nobody"), list(" nobody "));
    assert_ne!(list("nobody"), list("somebody"));
    // By name, also where the authenticator tells no handle.
    let begun = portal.begin(How::Name("ada"));
    let mut body: Value =
        serde_json::from_slice(&by.get(&begun.options, &Wrong::default())).unwrap();
    body["response"]["userHandle"] = Value::Null;
    let body = serde_json::to_vec(&body).unwrap();
    assert_eq!(
        portal.finish(&portal.answer(&begun, &body), 11).unwrap(),
        ada
    );
    // Ada's key does not open another's name, nor an unknown one.
    let (_, _) = portal.join("Bob");
    for name in ["bob", "nobody"] {
        let begun = portal.begin(How::Name(name));
        let body = by.get(&begun.options, &Wrong::default());
        assert!(matches!(
            portal.finish(&portal.answer(&begun, &body), 11),
            Err(Error::Refused)
        ));
    }
}

#[test]
fn a_known_and_an_unknown_name_take_the_same_work() {
    let portal = Portal::new();
    let (_, mut by) = portal.join("Ada");
    let wrong = Wrong {
        alter_signature: true,
        ..Wrong::default()
    };
    let mut both = |name: &str| {
        work::take();
        let begun = portal.begin(How::Name(name));
        let begin = work::take();
        let body = by.get(&begun.options, &wrong);
        work::take();
        let outcome = portal.finish(&portal.answer(&begun, &body), 11);
        assert!(matches!(outcome, Err(Error::Refused)));
        (begin, work::take())
    };
    let known = both("ada");
    let unknown = both("eve");
    assert_eq!(known, unknown);
    let (begin, finish) = known;
    assert_eq!((begin.looks, begin.opens, begin.checks), (3, 1, 0));
    assert!(begin.hashes > 8, "{begin:?}");
    assert_eq!((finish.looks, finish.opens, finish.checks), (2, 1, 1));
    println!("figure: sign-in by name, known or not: {begin:?}, then {finish:?}");
}

#[test]
fn a_passkey_is_added_and_removed_by_a_fresh_sign_in_alone() {
    let portal = Portal::new();
    let (ada, of_ada) = portal.join("Ada");
    let world = &portal.world;
    let begin = |session: &Session, seconds| {
        let snapshot = world.store.snapshot().unwrap();
        let now = world.moment(seconds);
        portal
            .passkeys
            .begin_add(&snapshot, &Kernel, portal.browser(), now, session)
    };
    let stale = portal.session(ada, Method::Passkey, 0);
    stale.touch(301_000);
    assert!(matches!(begin(&stale, 301), Err(Error::NotFresh)));
    let weak = portal.session(ada, Method::Password, 300);
    assert!(matches!(begin(&weak, 301), Err(Error::NotFresh)));
    let session = portal.session(ada, Method::Passkey, 300);
    let add = |session: &Session, by: &mut Authenticator, label: &str| {
        let begun = begin(session, 301)?;
        let excluded = begun.options["publicKey"]["excludeCredentials"]
            .as_array()
            .unwrap();
        assert!(!excluded.is_empty());
        let body = by.create(&begun.options, &Wrong::default());
        let act = world.act(302);
        let answer = Answer {
            label,
            ..portal.answer(&begun, &body)
        };
        world.commit(|snapshot, batch| {
            let passkeys = &portal.passkeys;
            passkeys.finish_add(snapshot, batch, &act, &Kernel, session, &answer)
        })
    };
    let mut second = Authenticator::new(b"the second credential");
    assert!(matches!(
        add(&session, &mut second, "a\nb"),
        Err(Error::Label)
    ));
    // The proof must still be fresh when the passkey comes.
    let begun = begin(&session, 301).unwrap();
    let body = second.create(&begun.options, &Wrong::default());
    let (act, answer) = (world.act(302), portal.answer(&begun, &body));
    let late = world.commit(|snapshot, batch| {
        let passkeys = &portal.passkeys;
        passkeys.finish_add(snapshot, batch, &act, &Kernel, &stale, &answer)
    });
    assert!(matches!(late, Err(Error::NotFresh)));
    add(&session, &mut second, "second").unwrap();
    assert!(
        add(&session, &mut second, "again").is_err(),
        "it belongs to someone"
    );
    let (bob, _) = portal.join("Bob");
    let of_bob = portal.session(bob, Method::Passkey, 300);
    assert!(
        add(&of_bob, &mut second, "stolen").is_err(),
        "it belongs to Ada"
    );
    assert_eq!(
        portal
            .sign_in(
                &mut Authenticator {
                    handle: ada.as_bytes().to_vec(),
                    ..second
                },
                &Wrong::default()
            )
            .unwrap(),
        ada
    );
    let keys = passkeys::list(&world.store.snapshot().unwrap(), ada).unwrap();
    assert_eq!(keys.len(), 2);
    let remove = |session: &Session, key: [u8; 8]| {
        let act = world.act(303);
        world.commit(|snapshot, batch| {
            portal
                .passkeys
                .remove(snapshot, batch, &act, &Kernel, session, key)
        })
    };
    assert!(matches!(remove(&stale, keys[0].id), Err(Error::NotFresh)));
    assert!(matches!(remove(&session, [1; 8]), Err(Error::Refused)));
    remove(&session, keys[0].id).unwrap();
    assert!(
        portal
            .sign_in(
                &mut Authenticator {
                    handle: ada.as_bytes().to_vec(),
                    ..of_ada
                },
                &Wrong::default()
            )
            .is_err()
    );
    assert!(matches!(
        remove(&session, keys[1].id),
        Err(Error::LastWayIn)
    ));
    let act = world.act(304);
    let recovery = world
        .commit(|snapshot, batch| Recovery::open(snapshot, batch, &Kernel))
        .unwrap();
    world
        .commit(|snapshot, batch| recovery.make(snapshot, batch, &act, &Kernel, ada))
        .unwrap();
    remove(&session, keys[1].id).unwrap();
    assert_eq!(world.events().last(), Some(&Kind::PasskeyRemoved));
}

#[test]
fn who_was_deleted_does_not_sign_in() {
    let portal = Portal::new();
    let (ada, mut by) = portal.join("Ada");
    let act = portal.world.act(12);
    portal
        .world
        .commit(|snapshot, batch| people::delete(snapshot, batch, &act, ada))
        .unwrap();
    assert!(matches!(
        portal.sign_in(&mut by, &Wrong::default()),
        Err(Error::Refused)
    ));
    let again = portal.begin_join("Ada");
    let body = by.create(&again.options, &Wrong::default());
    assert_ne!(
        portal.finish_join(&again, &body).unwrap(),
        ada,
        "nothing of before is left"
    );
}

#[test]
fn a_portal_is_named_by_a_host_with_https() {
    let world = World::new();
    for origin in [
        "http://portal.example",
        "https://192.0.2.1",
        "portal.example",
        "https://[::1]",
    ] {
        let opened = world
            .commit(|snapshot, batch| Passkeys::open(snapshot, batch, &Kernel, origin, "Site"));
        assert!(matches!(opened, Err(Error::Origin(_))), "{origin}");
    }
}
