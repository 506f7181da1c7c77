//! What people prove themselves by after a death: it is good for whom it belongs to, and once where it is good once.

use std::sync::Arc;

use serde_json::json;

use super::act::{Act, Own};
use super::browser::{Browser, Did, Key, Not};
use super::must;
use super::state::{Member, State};
use crate::appliance::Appliance;
use crate::portal::account::{password, step};
use crate::torture::random::Random;

/// Everybody signs in who may, by a passkey of theirs, and by nothing that was used up.
pub fn people(appliance: &Appliance, state: &mut State, random: &mut Random) -> Result<(), String> {
    for member in state.members.clone() {
        let who = member.name.clone();
        let key = random.pick(&member.keys).cloned().unwrap();
        if !member.enabled {
            let signed = Browser::new(appliance).sign_in(appliance, &key);
            refused(signed, 403, || format!("{who} is disabled and signs in"))?;
            continue;
        }
        let act = match member.home() {
            Some(_) => Act::Own {
                who,
                act: Own::StepUp(key),
            },
            None => Act::SignIn { who, key },
        };
        must(appliance, state, &act)?;
        used(appliance, state.member(&member.name))?;
    }
    Ok(())
}

/// The last recovery code and one-time password that a person has used are worth nothing.
pub fn used(appliance: &Appliance, member: &Member) -> Result<(), String> {
    let who = &member.name;
    if let Some(code) = member.used.last() {
        let signed = Browser::new(appliance).recover(appliance, who, code);
        refused(signed, 403, || format!("a used code signs {who} in"))?;
    }
    if let (Some(generator), Some((_, browser))) = (&member.generator, member.home())
        && generator.last + 1 >= step()
    {
        let code = password(&generator.secret, generator.last);
        let fields = [("code", &*code), ("next", "/account")];
        let taken = browser
            .clone()
            .form(appliance, "/second-factor", &fields)
            .map(drop);
        refused(taken, 403, || format!("a used one-time password of {who}"))?;
    }
    Ok(())
}

/// Open invites are good, and used or withdrawn ones are not; nobody signs in by a passkey that is nobody's.
pub fn nobody_else(
    appliance: &Appliance,
    state: &State,
    random: &mut Random,
) -> Result<(), String> {
    let begin = |code: &str| -> Did<()> {
        let asked = json!({ "code": code, "name": "Nobody yet" });
        let mut browser = Browser::new(appliance);
        browser.script(appliance, "/join/begin", &asked).map(drop)
    };
    for invite in &state.invites {
        let code = invite.code.as_ref().unwrap();
        begin(code).map_err(|why| format!("LOST: {} got {why:?}", invite.name))?;
    }
    let spent = state.spent.last().into_iter();
    for code in spent.chain(random.pick(&state.spent)) {
        refused(begin(code), 422, || "a spent invite is good".to_owned())?;
    }
    let strangers = state.strangers.last().into_iter();
    for key in strangers.chain(random.pick(&state.strangers)) {
        stranger(appliance, key)?;
    }
    Ok(())
}

fn stranger(appliance: &Appliance, key: &Arc<Key>) -> Result<(), String> {
    let signed = Browser::new(appliance).sign_in(appliance, key);
    refused(signed, 403, || format!("{} signs in", key.label))
}

/// It has to be refused by this status.
fn refused(done: Did<()>, by: u16, what: impl Fn() -> String) -> Result<(), String> {
    match done {
        Err(Not::Refused(status, _)) if status == by => Ok(()),
        other => Err(format!("LOST: {}: {other:?}", what())),
    }
}
