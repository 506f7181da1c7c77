//! The judge of people sees what it has to see.

use std::sync::Arc;

use serde_json::Value;

use super::act::{Act, By, Own};
use super::judge::judge;
use super::script::{ANN, BOB, script};
use super::seen::Seen;
use super::state::{Member, State};
use super::{People, events, must, proofs};
use crate::appliance::Appliance;
use crate::device::Device;
use crate::portal::account::step;
use crate::torture::judge::stored;
use crate::torture::random::Random;

fn appliance() -> Appliance {
    Appliance::start().enrolled()
}

/// The number of the last commit.
fn commit(appliance: &Appliance) -> u64 {
    let answer = Device::enrolled(appliance).get("/v1/store/checkpoint");
    let answer: Value = serde_json::from_slice(&answer.body).unwrap();
    answer["commit"].as_u64().unwrap()
}

/// So none can be cut in two.
#[test]
fn an_act_on_people_is_one_commit() {
    let (appliance, mut state) = (appliance(), State::default());
    for act in script(&appliance) {
        let act = act(&state);
        // After one, the table of keys is given new ones meanwhile.
        if matches!(act, Act::Delete { .. }) {
            continue;
        }
        let before = commit(&appliance);
        must(&appliance, &mut state, &act).unwrap();
        // Whoever has joined is signed in after that.
        let joins = matches!(act, Act::Join { .. });
        let commits = commit(&appliance) - before;
        assert_eq!(commits, 1 + u64::from(joins), "{}", act.name());
    }
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
    let ann = |change: &dyn Fn(&mut Member)| wrong(state, |state| change(state.member_mut(ANN)));
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
    let ended = wrong(state, |state| state.member_mut(ANN).sessions.clear());
    told(check(ended), "sessions are stored");
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
