//! Who there is and what they have, and how an act changes that.

use std::collections::BTreeMap;
use std::sync::Arc;

use holdfast_audit::Kind;

use super::act::{Act, Own};
use super::browser::{Browser, Key};

/// Who governs.
pub const ADMIN: &str = "Admin";

/// People as the appliance has them, or may have them. Its clones share browsers and passkeys.
#[derive(Clone, Default)]
pub struct State {
    pub invites: Vec<Invite>,
    pub members: Vec<Member>,
    /// Codes of invites that were used or withdrawn.
    pub spent: Vec<String>,
    /// Passkeys that nobody signs in by: removed, of people who were deleted, or never registered.
    pub strangers: Vec<Arc<Key>>,
    /// Sessions that have ended, the last ones last.
    pub dead: Vec<Browser>,
    /// Names of who was deleted.
    pub deleted: Vec<String>,
    /// What the audit log tells.
    pub events: Vec<Expected>,
    /// Numbers of people and invites by their names, as far as they are known.
    pub ids: BTreeMap<String, String>,
}

/// An invite that is open.
#[derive(Clone)]
pub struct Invite {
    pub name: String,
    pub role: &'static str,
    /// Unless its answer was lost.
    pub code: Option<String>,
}

/// Someone who has joined.
#[derive(Clone)]
pub struct Member {
    pub name: String,
    pub roles: Vec<&'static str>,
    pub enabled: bool,
    pub keys: Vec<Arc<Key>>,
    pub sessions: Vec<Session>,
    /// The secret of a generator that was not confirmed.
    pub begun: Option<Vec<u8>>,
    pub generator: Option<Generator>,
    /// Recovery codes, unless their answer was lost.
    pub codes: Vec<Option<String>>,
    /// Recovery codes that are worth nothing any more.
    pub used: Vec<String>,
}

#[derive(Clone)]
pub struct Generator {
    pub secret: Vec<u8>,
    /// The last step that was used up.
    pub last: u64,
}

/// A session that lives.
#[derive(Clone)]
pub struct Session {
    /// Unless the answer with its token was lost.
    pub browser: Option<Browser>,
    pub by_passkey: bool,
}

/// An event, by the name of the person or invite, and what stands behind its number.
#[derive(Clone)]
pub struct Expected {
    pub kind: Kind,
    pub whose: String,
    pub more: &'static str,
}

impl Member {
    /// The session in which they see to what is theirs.
    pub fn home(&self) -> Option<(usize, &Browser)> {
        let mut all = self.sessions.iter().enumerate();
        all.find_map(|(at, session)| Some((at, session.browser.as_ref()?)))
    }

    /// Ends these sessions.
    fn end(&mut self, dead: &mut Vec<Browser>, which: impl Fn(usize) -> bool) {
        let mut at = 0;
        self.sessions.retain(|session| {
            at += 1;
            if which(at - 1) {
                dead.extend(session.browser.clone());
            }
            !which(at - 1)
        });
    }
}

impl State {
    pub fn member(&self, name: &str) -> &Member {
        let mut all = self.members.iter();
        all.find(|member| member.name == name).unwrap()
    }

    pub fn member_mut(&mut self, name: &str) -> &mut Member {
        let mut all = self.members.iter_mut();
        all.find(|member| member.name == name).unwrap()
    }

    fn tell(&mut self, kind: Kind, whose: &str, more: &'static str) {
        let whose = whose.to_owned();
        self.events.push(Expected { kind, whose, more });
    }

    fn take_invite(&mut self, name: &str) -> Invite {
        let mut all = self.invites.iter();
        let at = all.position(|invite| invite.name == name).unwrap();
        let invite = self.invites.remove(at);
        self.spent.extend(invite.code.clone());
        invite
    }

    /// What an act leaves behind, without what only its answer tells. The first is all of it; the others are what may be left
    /// of it as well when it was not answered.
    pub fn then(&self, act: &Act) -> Vec<Self> {
        let mut after = self.clone();
        match act {
            Act::Invite { name, role, .. } => {
                after.invites.push(Invite {
                    name: name.clone(),
                    role,
                    code: None,
                });
                after.tell(Kind::PersonInvited, name, role);
            }
            Act::Withdraw { name, .. } => {
                after.take_invite(name);
                after.tell(Kind::InviteWithdrawn, name, "");
            }
            Act::Join { invite, name, key } => {
                let invite = after.take_invite(invite);
                after.members.push(Member {
                    name: name.clone(),
                    roles: vec![invite.role],
                    enabled: true,
                    keys: vec![Arc::clone(key)],
                    sessions: Vec::new(),
                    begun: None,
                    generator: None,
                    codes: Vec::new(),
                    used: Vec::new(),
                });
                after.tell(Kind::PersonJoined, name, "");
                after.tell(Kind::PasskeyAdded, name, "");
                // Whose sign-in after it was cut off signs in anew.
                let alone = after.clone();
                after.begin(name, true);
                return vec![after, alone];
            }
            Act::SignIn { who, .. } => after.begin(who, true),
            Act::Recover { who, code } => {
                let member = after.member_mut(who);
                member.codes.retain(|other| other.as_ref() != Some(code));
                member.used.push(code.clone());
                after.tell(Kind::RecoveryCodeUsed, who, "");
                after.begin(who, false);
            }
            Act::Own { who, act } => after.own(who, act),
            Act::Roles { who, roles, .. } => {
                after.member_mut(who).roles.clone_from(roles);
                after.end(who, |_| true);
                after.tell(Kind::PersonChanged, who, "roles");
            }
            Act::Enable { who, .. } => {
                after.member_mut(who).enabled = true;
                after.tell(Kind::PersonChanged, who, "enabled");
            }
            Act::Disable { who, .. } => {
                after.member_mut(who).enabled = false;
                after.end(who, |_| true);
                after.tell(Kind::PersonChanged, who, "disabled");
            }
            Act::Delete { who, .. } => {
                after.end(who, |_| true);
                after.tell(Kind::PersonDeleted, who, "");
                let keys = after.member(who).keys.clone();
                after.strangers.extend(keys);
                after.members.retain(|member| member.name != *who);
                after.deleted.push(who.clone());
            }
            Act::End { who, which, .. } => after.end(who, |at| at == *which),
            Act::EndAll { who, .. } => after.end(who, |_| true),
        }
        vec![after]
    }

    /// A new session, whose token nobody was told yet.
    fn begin(&mut self, who: &str, by_passkey: bool) {
        let session = Session {
            browser: None,
            by_passkey,
        };
        self.member_mut(who).sessions.push(session);
        self.tell(Kind::SignedIn, who, "");
    }

    fn end(&mut self, who: &str, which: impl Fn(usize) -> bool) {
        let mut dead = Vec::new();
        self.member_mut(who).end(&mut dead, which);
        self.dead.extend(dead);
        self.tell(Kind::SessionsEnded, who, "");
    }

    /// The one session is ended that nobody was told of.
    pub fn end_unknown(&mut self, who: &str) {
        let member = self.member_mut(who);
        let at = member.sessions.iter().position(|one| one.browser.is_none());
        self.end(who, |other| Some(other) == at);
    }

    /// A session has a new token, which nobody was told yet.
    fn renew(&mut self, who: &str, by_passkey: bool) {
        let member = self.member_mut(who);
        let (at, _) = member.home().unwrap();
        let session = &mut member.sessions[at];
        session.by_passkey = by_passkey;
        let old = session.browser.take();
        self.dead.extend(old);
        self.tell(Kind::SteppedUp, who, "");
    }

    fn own(&mut self, who: &str, act: &Own) {
        let member = self.member_mut(who);
        match act {
            Own::StepUp(_) => self.renew(who, true),
            Own::AddKey(key) => {
                member.keys.push(Arc::clone(key));
                self.tell(Kind::PasskeyAdded, who, "");
            }
            Own::RemoveKey(key) => {
                member.keys.retain(|other| other.label != key.label);
                let (home, _) = member.home().unwrap();
                self.strangers.push(Arc::clone(key));
                self.tell(Kind::PasskeyRemoved, who, "");
                self.end(who, |at| at != home);
            }
            Own::SetUp => member.begun = None,
            Own::Confirm { secret, step } => {
                member.begun = None;
                member.generator = Some(Generator {
                    secret: secret.clone(),
                    last: *step,
                });
                self.tell(Kind::TotpChanged, who, "set up");
            }
            Own::SecondFactor { step, .. } => {
                member.generator.as_mut().unwrap().last = *step;
                self.renew(who, true);
            }
            Own::RemoveGenerator => {
                member.generator = None;
                self.tell(Kind::TotpChanged, who, "removed");
            }
            Own::MakeCodes => {
                let before = std::mem::replace(&mut member.codes, vec![None; 10]);
                member.used.extend(before.into_iter().flatten());
                self.tell(Kind::RecoveryCodesMade, who, "");
            }
            Own::SignOut => {
                let (home, _) = member.home().unwrap();
                self.end(who, |at| at == home);
            }
        }
    }
}
