//! One act after the other, of every kind.

use std::sync::Arc;

use super::act::{Act, By, Own};
use super::browser::Key;
use super::state::{ADMIN, State};
use crate::appliance::Appliance;
use crate::portal::account::step;

pub const ANN: &str = "Ann";
pub const BOB: &str = "Bob";

/// An act on people as they are then.
pub type Next<'a> = Box<dyn Fn(&State) -> Act + 'a>;

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
pub fn script(appliance: &Appliance) -> Vec<Next<'_>> {
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
