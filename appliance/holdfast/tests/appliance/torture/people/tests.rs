//! The judge of people sees what it has to see.

use std::sync::Arc;

use super::act::{Act, By, Own};
use super::browser::Key;
use super::judge::judge;
use super::seen::Seen;
use super::state::{ADMIN, State};
use super::{People, events, must, proofs};
use crate::appliance::Appliance;
use crate::portal::account::step;
use crate::torture::judge::stored;
use crate::torture::random::Random;

const ANN: &str = "Ann";
const BOB: &str = "Bob";

type Next<'a> = Box<dyn Fn(&State) -> Act + 'a>;

fn invite<'a>(by: By, name: &'static str, role: &'static str) -> Next<'a> {
    Box::new(move |_| Act::Invite {
        by,
        name: name.to_owned(),
        role,
    })
}

fn join<'a>(appliance: &'a Appliance, invite: &'static str, name: &'static str) -> Next<'a> {
    Box::new(move |_| Act::Join {
        invite: invite.to_owned(),
        name: name.to_owned(),
        key: Arc::new(Key::new(appliance, format!("passkey of {name}"))),
    })
}

fn own<'a>(act: impl Fn(&State) -> Own + 'a) -> Next<'a> {
    Box::new(move |state| Act::Own {
        who: ANN.to_owned(),
        act: act(state),
    })
}

fn of(name: &'static str, act: impl Fn(String, &State) -> Act + 'static) -> Next<'static> {
    Box::new(move |state| act(name.to_owned(), state))
}

/// Each act once at least; at the end there is something of everything.
fn script(appliance: &Appliance) -> Vec<Next<'_>> {
    let (device, admin) = (By::Device, By::Admin);
    let second = Arc::new(Key::new(appliance, "second".to_owned()));
    let first = |state: &State| Arc::clone(&state.member(ANN).keys[0]);
    let sign_in = move |who, state: &State| Act::SignIn {
        who,
        key: first(state),
    };
    let secret = |state: &State| state.member(ANN).begun.clone().unwrap();
    let roles = |who, _: &State| Act::Roles {
        who,
        roles: vec!["visitor"],
    };
    let recover = |who: String, state: &State| {
        let code = state.member(&who).codes[3].clone().unwrap();
        Act::Recover { who, code }
    };
    let end = move |who, _: &State| Act::End {
        by: device,
        who,
        which: 0,
    };
    let all = move |who, _: &State| Act::EndAll { by: admin, who };
    let disable = move |who, _: &State| Act::Disable { by: device, who };
    let enable = move |who, _: &State| Act::Enable { by: admin, who };
    let delete = move |who, _: &State| Act::Delete { by: device, who };
    let withdraw = move |name, _: &State| Act::Withdraw { by: device, name };
    vec![
        invite(device, "first", "admin"),
        join(appliance, "first", ADMIN),
        invite(admin, "second", "member"),
        invite(device, "third", "member"),
        invite(device, "fourth", "member"),
        invite(device, "fifth", "member"),
        of("fourth", withdraw),
        join(appliance, "second", ANN),
        join(appliance, "third", BOB),
        of(BOB, disable),
        of(BOB, enable),
        of(BOB, delete),
        own(move |_| Own::AddKey(Arc::clone(&second))),
        own(move |state| Own::StepUp(first(state))),
        own(move |state| Own::RemoveKey(first(state))),
        own(|_| Own::MakeCodes),
        of(ANN, recover),
        own(|_| Own::SetUp),
        own(move |state| Own::Confirm {
            secret: secret(state),
            step: step(),
        }),
        own(|_| Own::RemoveGenerator),
        own(|_| Own::SetUp),
        own(move |state| Own::Confirm {
            secret: secret(state),
            step: step(),
        }),
        own(|state| {
            let generator = state.member(ANN).generator.clone().unwrap();
            Own::SecondFactor {
                secret: generator.secret,
                step: step() + 1,
            }
        }),
        of(ANN, sign_in),
        of(ANN, end),
        of(ANN, roles),
        of(ANN, sign_in),
        own(|_| Own::SignOut),
        of(ANN, sign_in),
        of(ANN, all),
        of(ANN, sign_in),
    ]
}

fn appliance() -> Appliance {
    Appliance::start().enrolled()
}

/// What the judge is told of people with one thing wrong.
fn wrong(state: &State, change: impl FnOnce(&mut State)) -> State {
    let mut state = state.clone();
    change(&mut state);
    state
}

fn told(found: Result<(), String>, text: &str) {
    let found = found.expect_err(text);
    assert!(found.contains(text), "{text}: {found}");
}

/// Whatever is missing, there too much, or good for what it must not be good for.
#[test]
fn whatever_is_wrong_of_people_is_told() {
    let mut appliance = appliance();
    let mut state = State::default();
    for act in script(&appliance) {
        let act = act(&state);
        // One that was begun and not confirmed is good for nothing.
        if !matches!(
            &act,
            Act::Own {
                act: Own::SetUp,
                ..
            }
        ) {
            for lost in state.then(&act) {
                let found = Seen::look(&appliance).unwrap().fits(&lost);
                assert!(found.is_err(), "{} is not missed", act.name());
            }
        }
        must(&appliance, &mut state, &act).unwrap();
    }
    listed(&appliance, &state);
    appliance.stop();
    stored_otherwise(&appliance, &state);
    appliance.boot_again();
    proven(&appliance, &state);
}

/// What is listed otherwise than it was answered.
fn listed(appliance: &Appliance, state: &State) {
    let mut seen = Seen::look(appliance).unwrap();
    seen.fits(state).unwrap();
    let ann = |change: &dyn Fn(&mut super::state::Member)| {
        wrong(state, |state| change(state.member_mut(ANN)))
    };
    for (change, text) in [
        (ann(&|ann| ann.roles = vec!["member"]), "people are"),
        (ann(&|ann| ann.enabled = false), "people are"),
        (ann(&|ann| ann.sessions.clear()), "people are"),
        (ann(&|ann| ann.name = BOB.to_owned()), "people are"),
        (
            wrong(state, |state| drop(state.members.pop())),
            "people are",
        ),
        (wrong(state, |state| state.invites.clear()), "open invites"),
        (
            wrong(state, |state| state.invites[0].name = "fourth".to_owned()),
            "is not there",
        ),
        (
            wrong(state, |state| {
                let dead = state.dead.last().cloned();
                state.member_mut(ANN).sessions[0].browser = dead;
            }),
            "is dead that was not ended",
        ),
        (
            wrong(state, |state| {
                let alive = state.member(ANN).sessions[0].browser.clone();
                state.dead.extend(alive);
            }),
            "lives that was ended",
        ),
        (ann(&|ann| ann.keys.clear()), "has Account"),
        (ann(&|ann| ann.generator = None), "has Account"),
        (ann(&|ann| drop(ann.codes.pop())), "has Account"),
    ] {
        told(seen.fits(&change), text);
    }
    // Without an answer it is half there, unless it can be done again.
    let half = |state: State, act: Act, outcomes| {
        let mut people = People {
            state,
            perhaps: Some((act, outcomes)),
            ..People::default()
        };
        judge(appliance, &mut people, &mut Random::new(0))
    };
    let who = ANN.to_owned();
    let act = Act::EndAll {
        by: By::Device,
        who,
    };
    let half_done = ann(&|ann| ann.roles = vec!["member"]);
    told(half(half_done, act.clone(), state.then(&act)), "HALF");
    let (who, code) = (ANN.to_owned(), state.member(ANN).used[0].clone());
    let act = Act::Recover { who, code };
    told(
        half(state.clone(), act, Vec::new()),
        "LOST: use of a recovery code",
    );
}

/// What proves someone that must not, or does not and must.
fn proven(appliance: &Appliance, state: &State) {
    let mut random = Random::new(0);
    let mut nobody_else = |state: State| proofs::nobody_else(appliance, &state, &mut random);
    nobody_else(state.clone()).unwrap();
    let open = wrong(state, |state| {
        state.spent.clear();
        state.spent.extend(state.invites[0].code.clone());
    });
    told(nobody_else(open), "a spent invite is good");
    let closed = wrong(state, |state| {
        state.invites[0].code = state.spent.last().cloned();
    });
    told(nobody_else(closed), "fifth got");
    let hers = wrong(state, |state| {
        let key = Arc::clone(&state.member(ANN).keys[0]);
        state.strangers.push(key);
    });
    told(nobody_else(hers), "second signs in");
    let unused = wrong(state, |state| {
        let code = state.member_mut(ANN).codes.pop().flatten();
        state.member_mut(ANN).used.extend(code);
    });
    told(
        proofs::used(appliance, unused.member(ANN)),
        "a used code signs Ann in",
    );
    let mut people = |mut state: State| proofs::people(appliance, &mut state, &mut random);
    let nobody = wrong(state, |state| {
        state.member_mut(ANN).keys = vec![Arc::clone(&state.strangers[0])];
    });
    told(people(nobody), "a fresh proof by Ann is not done");
    let enabled = wrong(state, |state| state.member_mut(ANN).enabled = false);
    told(people(enabled), "Ann is disabled and signs in");
    // A generator whose code was never used.
    let mut state = state.clone();
    for act in [Own::RemoveGenerator, Own::SetUp] {
        let who = ANN.to_owned();
        must(appliance, &mut state, &Act::Own { who, act }).unwrap();
    }
    let ann = state.member(ANN);
    let (secret, step) = (ann.begun.clone().unwrap(), step());
    let (who, act) = (ANN.to_owned(), Own::Confirm { secret, step });
    must(appliance, &mut state, &Act::Own { who, act }).unwrap();
    state.member_mut(ANN).generator.as_mut().unwrap().last += 1;
    told(
        proofs::used(appliance, state.member(ANN)),
        "a used one-time password",
    );
}

/// Events and records that are there and must not be, and those that must.
fn stored_otherwise(appliance: &Appliance, state: &State) {
    let (snapshot, all) = stored(appliance).unwrap();
    let check = |state: State| {
        let people = People {
            state,
            ..People::default()
        };
        events(&all, &snapshot, &people)
    };
    check(state.clone()).unwrap();
    let less = wrong(state, |state| drop(state.events.remove(3)));
    told(check(less), "events of people instead of");
    let twice = wrong(state, |state| state.events.push(state.events[3].clone()));
    told(check(twice), "events of people instead of");
    let other = wrong(state, |state| state.events[3].more = "admin");
    told(check(other), "not there: [\"SignedIn");
    let there = "a record in people is there: true";
    let kept = wrong(state, |state| state.deleted.push(ANN.to_owned()));
    told(check(kept), there);
    let gone = wrong(state, |state| state.member_mut(ANN).name = BOB.to_owned());
    told(check(gone), "a record in people is there: false");
    let left = wrong(state, |state| {
        state.member_mut(ANN).codes.clear();
        state.member_mut(ANN).used.clear();
    });
    told(check(left), "a record in recovery-codes is there: true");
    let removed = wrong(state, |state| {
        let key = Arc::clone(&state.strangers[0]);
        state.member_mut(ANN).keys.push(key);
    });
    told(check(removed), "a record in passkey-owners is there: false");
    let owned = wrong(state, |state| {
        let key = Arc::clone(&state.member(ANN).keys[0]);
        state.strangers.push(key);
    });
    told(check(owned), "a record in passkey-owners is there: true");
}
