//! Which act comes next.

use std::sync::Arc;

use super::People;
use super::act::{Act, By, Own};
use super::browser::Key;
use super::state::{ADMIN, Member, State};
use crate::appliance::Appliance;
use crate::portal::account::step;
use crate::torture::random::Random;

/// People at once, the admin among them.
const MOST: usize = 5;
/// Sessions of a person, fewer than any role allows, so that none gives way to another.
const SESSIONS: usize = 3;
const KEYS: usize = 3;
const INVITES: usize = 3;
const CODES: usize = 10;
const ROLES: [&[&str]; 3] = [&["member"], &["visitor"], &["member", "visitor"]];

impl People {
    /// An act that can be done now.
    pub(super) fn choose(&mut self, appliance: &Appliance, random: &mut Random) -> Option<Act> {
        self.names += 1;
        let name = self.names.to_string();
        let key = Arc::new(Key::new(appliance, format!("passkey {name}")));
        let state = &self.state;
        // At the portal there is less to do before and after the commit.
        let by = match random.below(4) {
            0 => By::Device,
            _ => By::Admin,
        };
        let mut all = state.of_invites(by, &name, &key);
        let others = state.members.iter().filter(|one| one.name != ADMIN);
        if let Some(member) = random.pick(&others.collect::<Vec<_>>()) {
            all.extend(of_member(member, by, &key, random));
        }
        random.pick(&all).cloned()
    }
}

impl State {
    fn of_invites(&self, by: By, name: &str, key: &Arc<Key>) -> Vec<Act> {
        let mut all = Vec::new();
        if self.invites.len() < INVITES {
            all.push(Act::Invite {
                by,
                name: format!("invite {name}"),
                role: "member",
            });
        }
        let Some(invite) = self.invites.first() else {
            return all;
        };
        if self.invites.len() > 1 && self.ids.contains_key(&invite.name) {
            let name = invite.name.clone();
            all.push(Act::Withdraw { by, name });
        }
        if self.members.len() < MOST {
            let join = Act::Join {
                invite: invite.name.clone(),
                name: format!("Person {name}"),
                key: Arc::clone(key),
            };
            // More often than others, so that there are people.
            all.extend([join.clone(), join]);
        }
        all
    }
}

fn of_member(member: &Member, by: By, key: &Arc<Key>, random: &mut Random) -> Vec<Act> {
    let who = member.name.clone();
    let mut all = vec![Act::Delete {
        by,
        who: who.clone(),
    }];
    if !member.enabled {
        all.push(Act::Enable { by, who });
        return all;
    }
    if member.sessions.len() < SESSIONS {
        if let Some(key) = random.pick(&member.keys).cloned() {
            let who = who.clone();
            all.push(Act::SignIn { who, key });
        }
        if let Some(code) = member.codes.iter().flatten().next().cloned() {
            let who = who.clone();
            all.push(Act::Recover { who, code });
        }
    }
    if let Some((which, _)) = member.home() {
        let own = of_own(member, key, random);
        all.extend(own.into_iter().map(|act| {
            let who = who.clone();
            Act::Own { who, act }
        }));
        all.push(Act::End {
            by,
            who: who.clone(),
            which,
        });
    }
    let other = ROLES.iter().filter(|roles| **roles != member.roles);
    if let Some(roles) = random.pick(&other.collect::<Vec<_>>()) {
        let (who, roles) = (who.clone(), roles.to_vec());
        all.push(Act::Roles { who, roles });
    }
    all.push(Act::EndAll {
        by,
        who: who.clone(),
    });
    all.push(Act::Disable { by, who });
    all
}

/// What can be done in the person's session.
fn of_own(member: &Member, key: &Arc<Key>, random: &mut Random) -> Vec<Own> {
    let mut all = vec![Own::SignOut];
    if let Some(key) = random.pick(&member.keys).cloned() {
        all.push(Own::StepUp(Arc::clone(&key)));
        if member.keys.len() > 1 {
            all.push(Own::RemoveKey(key));
        }
    }
    if member.keys.len() < KEYS {
        all.push(Own::AddKey(Arc::clone(key)));
    }
    // With all of them left, nothing would tell new codes from the old ones.
    if member.codes.len() < CODES {
        all.push(Own::MakeCodes);
    }
    let now = step();
    match (&member.generator, &member.begun) {
        (Some(generator), _) => {
            all.push(Own::RemoveGenerator);
            let step = now.max(generator.last + 1);
            let by_passkey = member.home().map(|(at, _)| member.sessions[at].by_passkey);
            if step <= now + 1 && by_passkey == Some(true) {
                let secret = generator.secret.clone();
                all.push(Own::SecondFactor { secret, step });
            }
        }
        (None, Some(secret)) => {
            let secret = secret.clone();
            all.push(Own::Confirm { secret, step: now });
        }
        (None, None) => all.push(Own::SetUp),
    }
    all
}

impl Act {
    /// In words, without secrets.
    pub fn name(&self) -> String {
        match self {
            Self::Invite { name, .. } => format!("making {name}"),
            Self::Withdraw { name, .. } => format!("withdrawing {name}"),
            Self::Join { name, invite, .. } => format!("joining of {name} by {invite}"),
            Self::SignIn { who, .. } => format!("sign-in of {who}"),
            Self::Recover { who, .. } => format!("use of a recovery code by {who}"),
            Self::Own { who, act } => format!("{} by {who}", act.name()),
            Self::Roles { who, .. } => format!("new roles of {who}"),
            Self::Enable { who, .. } => format!("enabling {who}"),
            Self::Disable { who, .. } => format!("disabling {who}"),
            Self::Delete { who, .. } => format!("deletion of {who}"),
            Self::End { who, .. } => format!("end of one session of {who}"),
            Self::EndAll { who, .. } => format!("end of all sessions of {who}"),
        }
    }
}

impl Own {
    fn name(&self) -> &'static str {
        match self {
            Self::StepUp(_) => "a fresh proof",
            Self::AddKey(_) => "a further passkey",
            Self::RemoveKey(_) => "removal of a passkey",
            Self::SetUp => "beginning of a generator",
            Self::Confirm { .. } => "confirmation of a generator",
            Self::SecondFactor { .. } => "a second factor",
            Self::RemoveGenerator => "removal of a generator",
            Self::MakeCodes => "new recovery codes",
            Self::SignOut => "sign-out",
        }
    }
}
