//! People: who is invited, joins, signs in, has what to prove themselves by, and is governed.
//!
//! Each act is made twice: at the appliance, and in a model of what there is after it ([`State::then`]). One that was not
//! answered leaves both what was before and what would be, and the judge looks which of the two is there.

mod act;
mod browser;
mod choice;
mod events;
mod judge;
mod proofs;
mod script;
mod seen;
mod state;
mod tests;

use std::sync::Arc;

use super::operations::Operations;
use super::random::Random;
use crate::appliance::Appliance;
use crate::portal::account::step;
use act::{Act, By, Own};
use browser::{Key, Not};
pub use events::events;
pub use judge::judge;
use state::{ADMIN, State};

/// People, and what is done to them.
#[derive(Default)]
pub struct People {
    /// As the last answer left it.
    state: State,
    /// An act without an answer, and what it may have left.
    perhaps: Option<(Act, Vec<State>)>,
    /// What was refused and should not have been.
    wrong: Option<String>,
    /// Names that were given.
    names: usize,
    answered: usize,
}

impl Operations for People {
    fn next(&mut self, appliance: &Appliance, random: &mut Random) -> bool {
        std::thread::sleep(std::time::Duration::from_millis(random.below(30)));
        let Some(act) = self.choose(appliance, random) else {
            return true;
        };
        let mut outcomes = self.state.then(&act);
        match act.send(appliance, &self.state, &mut outcomes[0]) {
            Ok(()) => {
                self.state = outcomes.swap_remove(0);
                self.answered += 1;
                true
            }
            Err(Not::Answered) => {
                self.perhaps = Some((act, outcomes));
                false
            }
            Err(Not::Refused(status, why)) => {
                self.wrong = Some(format!("{} was refused by {status}: {why}", act.name()));
                false
            }
        }
    }

    fn answered(&self) -> usize {
        self.answered
    }
}

impl People {
    /// An admin, and someone who has all that people prove themselves by, so that the first act can be of any kind.
    pub fn found(&mut self, appliance: &Appliance) -> Result<(), String> {
        let mut all = |act: Act| must(appliance, &mut self.state, &act);
        for (name, role) in [(ADMIN, "admin"), ("Ann", "member")] {
            let (by, invite) = (By::Device, format!("invite of {name}"));
            let key = Arc::new(Key::new(appliance, format!("passkey of {name}")));
            let (of, name) = (invite.clone(), name.to_owned());
            all(Act::Invite {
                by,
                name: invite,
                role,
            })?;
            all(Act::Join {
                invite: of,
                name,
                key,
            })?;
        }
        let second = Arc::new(Key::new(appliance, "second passkey of Ann".to_owned()));
        for act in [Own::AddKey(second), Own::MakeCodes, Own::SetUp] {
            let who = "Ann".to_owned();
            must(appliance, &mut self.state, &Act::Own { who, act })?;
        }
        let secret = self.state.member("Ann").begun.clone().unwrap_or_default();
        let (who, step) = ("Ann".to_owned(), step());
        let act = Own::Confirm { secret, step };
        must(appliance, &mut self.state, &Act::Own { who, act })
    }
}

/// Does an act that must be done, as nothing dies now.
fn must(appliance: &Appliance, state: &mut State, act: &Act) -> Result<(), String> {
    let mut after = state.then(act).swap_remove(0);
    let done = act.send(appliance, state, &mut after);
    done.map_err(|why| format!("LOST: {} is not done: {why:?}", act.name()))?;
    *state = after;
    Ok(())
}
