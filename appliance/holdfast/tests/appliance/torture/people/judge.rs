//! Whether people are as they have to be after a death.

use super::act::{Act, Own, command};
use super::seen::Seen;
use super::state::State;
use super::{People, must, proofs};
use crate::appliance::Appliance;
use crate::portal::account::step;
use crate::torture::random::Random;

/// Each act that was answered is there, the one that was not is there whole or not at all, and what is there is good for what
/// it was made for and for nothing else.
pub fn judge(
    appliance: &Appliance,
    people: &mut People,
    random: &mut Random,
) -> Result<(), String> {
    if let Some(what) = people.wrong.take() {
        return Err(format!("LOST: {what}"));
    }
    let mut seen = Seen::look(appliance)?;
    let perhaps = people.perhaps.take();
    match (seen.fits(&people.state), perhaps) {
        (Ok(()), None) => {}
        (Ok(()), Some((act, _))) => {
            know(&mut people.state, &seen);
            again(appliance, &mut people.state, &act)?;
        }
        (Err(why), None) => return Err(format!("LOST: {why}")),
        (Err(why), Some((act, outcomes))) => {
            people.state = outcome(&mut seen, &act, outcomes, why)?;
        }
    }
    know(&mut people.state, &seen);
    settle(appliance, &mut people.state, &seen)?;
    proofs::people(appliance, &mut people.state, random)?;
    proofs::nobody_else(appliance, &people.state, random)?;
    let seen = Seen::look(appliance)?.fits(&people.state);
    seen.map_err(|why| format!("LOST: after the proofs {why}"))
}

/// What an act without an answer has left, since it has left something.
fn outcome(
    seen: &mut Seen<'_>,
    act: &Act,
    outcomes: Vec<State>,
    why: String,
) -> Result<State, String> {
    let mut reasons = vec![why];
    for after in outcomes {
        match seen.fits(&after) {
            Ok(()) => return Ok(after),
            Err(why) => reasons.push(why),
        }
    }
    let told = reasons.join("; or: ");
    Err(format!("HALF: after {}, not answered: {told}", act.name()))
}

/// An act that has left nothing can be done again, by the same proof.
fn again(appliance: &Appliance, state: &mut State, act: &Act) -> Result<(), String> {
    match act {
        Act::Own {
            act: Own::Confirm { step: at, .. } | Own::SecondFactor { step: at, .. },
            ..
        } if *at < step() => Ok(()),
        act => must(appliance, state, act),
    }
}

/// Learns the numbers of people and invites.
fn know(state: &mut State, seen: &Seen<'_>) {
    for row in seen.list["people"].as_array().unwrap() {
        let text = |name: &str| row[name].as_str().unwrap().to_owned();
        state.ids.insert(text("name"), text("id"));
    }
    let mut unknown = state.invites.iter();
    let unknown = unknown.find(|invite| !state.ids.contains_key(&invite.name));
    if let Some(name) = unknown.map(|invite| invite.name.clone()) {
        state.know(&seen.list, &name);
    }
}

/// Takes back what is there and nobody can use, since the answer with its secret was lost.
fn settle(appliance: &Appliance, state: &mut State, seen: &Seen<'_>) -> Result<(), String> {
    let lost = state.invites.iter().filter(|one| one.code.is_none());
    for name in lost.map(|one| one.name.clone()).collect::<Vec<_>>() {
        let by = super::act::By::Device;
        must(appliance, state, &Act::Withdraw { by, name })?;
    }
    for row in seen.list["people"].as_array().unwrap() {
        let who = row["name"].as_str().unwrap();
        let Some(member) = state.members.iter().find(|one| one.name == who) else {
            continue;
        };
        if member.sessions.iter().any(|one| one.browser.is_none()) {
            orphans(appliance, state, who)?;
        }
        let member = state.member(who);
        if member.codes.contains(&None) && member.home().is_some() {
            let (who, act) = (who.to_owned(), Own::MakeCodes);
            must(appliance, state, &Act::Own { who, act })?;
        }
    }
    Ok(())
}

/// Ends the sessions of a person that nobody was told of.
fn orphans(appliance: &Appliance, state: &mut State, who: &str) -> Result<(), String> {
    let wrong = |why| format!("LOST: sessions of {who}: {why:?}");
    let all = command(appliance, &["user", "sessions", who]).map_err(wrong)?;
    let mut known = Vec::new();
    for session in &state.member(who).sessions {
        if let Some(browser) = &session.browser {
            known.push(browser.session().map_err(wrong)?.unwrap()["session"].clone());
        }
    }
    for one in all.as_array().unwrap() {
        if !known.contains(&one["id"]) {
            let id = one["id"].as_str().unwrap();
            let words = ["user", "revoke", who, "--session", id];
            command(appliance, &words).map_err(wrong)?;
            state.end_unknown(who);
        }
    }
    Ok(())
}
