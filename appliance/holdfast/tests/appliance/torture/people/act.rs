//! What people do, and what is done to them: by the command line, and at the portal.

use std::sync::Arc;

use data_encoding::BASE32_NOPAD;
use serde_json::{Value, json};

use super::browser::{Browser, Did, Key, Not};
use super::state::{ADMIN, State};
use crate::appliance::Appliance;
use crate::portal::account::password;

/// Exit code of the command line: the appliance refused.
const REFUSED: i32 = 4;

/// One act.
#[derive(Clone)]
pub enum Act {
    Invite {
        by: By,
        name: String,
        role: &'static str,
    },
    Withdraw {
        by: By,
        name: String,
    },
    Join {
        invite: String,
        name: String,
        key: Arc<Key>,
    },
    /// At another browser.
    SignIn {
        who: String,
        key: Arc<Key>,
    },
    Recover {
        who: String,
        code: String,
    },
    Own {
        who: String,
        act: Own,
    },
    Roles {
        who: String,
        roles: Vec<&'static str>,
    },
    Enable {
        by: By,
        who: String,
    },
    Disable {
        by: By,
        who: String,
    },
    Delete {
        by: By,
        who: String,
    },
    /// The session at this place among those of the person.
    End {
        by: By,
        who: String,
        which: usize,
    },
    EndAll {
        by: By,
        who: String,
    },
}

/// What one does in one's own session.
#[derive(Clone)]
pub enum Own {
    StepUp(Arc<Key>),
    AddKey(Arc<Key>),
    RemoveKey(Arc<Key>),
    SetUp,
    Confirm { secret: Vec<u8>, step: u64 },
    SecondFactor { secret: Vec<u8>, step: u64 },
    RemoveGenerator,
    MakeCodes,
    SignOut,
}

/// By whom people are governed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// `holdfast user …`.
    Device,
    /// An admin at the portal.
    Admin,
}

impl Act {
    /// Does it to people as they were `before`, and takes what the answer tells into what they are then.
    pub fn send(&self, appliance: &Appliance, before: &State, after: &mut State) -> Did<()> {
        let asker = Asker { appliance, before };
        match self {
            Self::Invite { by, name, role } => {
                let life = json!({ "roles": [role], "life_seconds": 3600 });
                let made = match by {
                    By::Device => command(appliance, &["user", "invite", "--role", role])?,
                    By::Admin => asker.admin("POST", "/api/v1/invites", Some(&life))?,
                };
                let code = made["code"].as_str().unwrap().to_owned();
                after.invites.last_mut().unwrap().code = Some(code);
                if let Ok(list) = command(appliance, &["user", "list"]) {
                    after.know(&list, name);
                }
            }
            Self::Withdraw { by, name } => {
                let id = &before.ids[name];
                asker.governs(
                    *by,
                    &["user", "revoke", "--invite", id],
                    "DELETE",
                    &format!("/api/v1/invites/{id}"),
                    None,
                )?;
            }
            Self::Join { invite, name, key } => {
                let mut all = before.invites.iter();
                let invite = all.find(|other| other.name == *invite).unwrap();
                let code = invite.code.as_ref().unwrap();
                let mut browser = Browser::new(appliance);
                browser.join(appliance, code, name, key)?;
                if let Ok(Some(session)) = browser.session() {
                    let id = session["person"]["id"].as_str().unwrap().to_owned();
                    after.ids.insert(name.clone(), id);
                }
                after.is_at(name, browser);
            }
            Self::SignIn { who, key } => {
                let mut browser = Browser::new(appliance);
                browser.sign_in(appliance, key)?;
                after.is_at(who, browser);
            }
            Self::Recover { who, code } => {
                let mut browser = Browser::new(appliance);
                browser.recover(appliance, who, code)?;
                after.is_at(who, browser);
            }
            Self::Own { who, act } => act.send(appliance, who, before, after)?,
            Self::Roles { who, roles } => {
                let path = asker.person(who, "/roles")?;
                asker.admin("PUT", &path, Some(&json!({ "roles": roles })))?;
            }
            Self::Enable { by, who } | Self::Disable { by, who } => {
                let enabled = matches!(self, Self::Enable { .. });
                let word = if enabled { "enable" } else { "disable" };
                let body = json!({ "enabled": enabled });
                let path = asker.person(who, "/enabled")?;
                asker.governs(*by, &["user", word, who], "PUT", &path, Some(&body))?;
            }
            Self::Delete { by, who } => {
                let words = ["user", "delete", who, "--yes", who];
                asker.governs(*by, &words, "DELETE", &asker.person(who, "")?, None)?;
            }
            Self::End { by, who, which } => {
                let browser = before.member(who).sessions[*which].browser.as_ref();
                let session = browser.unwrap().session()?;
                let session = session.ok_or(Not::Refused(401, "it is dead".to_owned()))?;
                let id = session["session"].as_str().unwrap();
                let path = asker.person(who, &format!("/sessions/{id}"))?;
                let words = ["user", "revoke", who, "--session", id];
                asker.governs(*by, &words, "DELETE", &path, None)?;
            }
            Self::EndAll { by, who } => {
                let path = asker.person(who, "/sessions")?;
                asker.governs(*by, &["user", "revoke", who], "DELETE", &path, None)?;
            }
        }
        Ok(())
    }
}

impl Own {
    fn send(&self, appliance: &Appliance, who: &str, before: &State, after: &mut State) -> Did<()> {
        let (at, browser) = before.member(who).home().unwrap();
        let mut browser = browser.clone();
        let mut ask = |method: &str, path: &str, body: Option<&Value>| {
            let path = format!("/api/v1/{path}");
            browser.ask(appliance, method, &path, body)
        };
        let code = |code: &str| json!({ "code": code });
        match self {
            Self::StepUp(key) => {
                browser.sign_in(appliance, key)?;
                after.member_mut(who).sessions[at].browser = Some(browser);
            }
            Self::AddKey(key) => {
                let begun = ask("POST", "account/passkey-ceremonies", None)?;
                let answer = key.create(&begun["options"]);
                let body = json!({ "id": begun["id"], "answer": answer, "label": key.label });
                ask("POST", "account/passkeys", Some(&body))?;
            }
            Self::RemoveKey(key) => {
                let all = ask("GET", "account/passkeys", None)?;
                let mut all = all["items"].as_array().unwrap().iter();
                let it = all.find(|one| one["label"] == key.label.as_str()).unwrap();
                let path = format!("account/passkeys/{}", it["id"].as_str().unwrap());
                ask("DELETE", &path, None)?;
            }
            Self::SetUp => {
                let shown = ask("POST", "account/totp", None)?;
                let secret = shown["secret"].as_str().unwrap();
                let secret = BASE32_NOPAD.decode(secret.as_bytes()).unwrap();
                after.member_mut(who).begun = Some(secret);
            }
            Self::Confirm { secret, step } => {
                ask("PUT", "account/totp", Some(&code(&password(secret, *step))))?;
            }
            Self::SecondFactor { secret, step } => {
                let fields = [("code", &*password(secret, *step)), ("next", "/account")];
                browser.form(appliance, "/second-factor", &fields)?;
                after.member_mut(who).sessions[at].browser = Some(browser);
            }
            Self::RemoveGenerator => drop(ask("DELETE", "account/totp", None)?),
            Self::MakeCodes => {
                let made = ask("POST", "account/recovery-codes", None)?;
                let codes = made["codes"].as_array().unwrap().iter();
                let codes = codes.map(|code| Some(code.as_str().unwrap().to_owned()));
                after.member_mut(who).codes = codes.collect();
            }
            Self::SignOut => drop(ask("DELETE", "session", None)?),
        }
        Ok(())
    }
}

impl State {
    /// The last session of someone is in this browser.
    fn is_at(&mut self, who: &str, browser: Browser) {
        let session = self.member_mut(who).sessions.last_mut();
        session.unwrap().browser = Some(browser);
    }

    /// Learns the number of the one invite that is listed and not known.
    pub fn know(&mut self, list: &Value, invite: &str) {
        let all = list["invites"].as_array().unwrap().iter();
        let ids = all.map(|one| one["id"].as_str().unwrap().to_owned());
        let new: Vec<_> = ids
            .filter(|id| !self.ids.values().any(|known| known == id))
            .collect();
        if let [id] = new.as_slice() {
            self.ids.insert(invite.to_owned(), id.clone());
        }
    }
}

/// Who governs people as they were.
struct Asker<'a> {
    appliance: &'a Appliance,
    before: &'a State,
}

impl Asker<'_> {
    /// Where someone is. Whose number was not told any more has joined as the appliance died.
    fn person(&self, who: &str, rest: &str) -> Did<String> {
        let id = self.before.ids.get(who).ok_or(Not::Answered)?;
        Ok(format!("/api/v1/people/{id}{rest}"))
    }

    fn governs(
        &self,
        by: By,
        words: &[&str],
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> Did<Value> {
        match by {
            By::Device => command(self.appliance, words),
            By::Admin => self.admin(method, path, body),
        }
    }

    fn admin(&self, method: &str, path: &str, body: Option<&Value>) -> Did<Value> {
        let (_, browser) = self.before.member(ADMIN).home().unwrap();
        browser.clone().ask(self.appliance, method, path, body)
    }
}

/// Runs the command line.
pub fn command(appliance: &Appliance, words: &[&str]) -> Did<Value> {
    let output = appliance.holdfast(&[words, &["--json"]].concat());
    match output.status.code() {
        Some(0) => Ok(serde_json::from_slice(&output.stdout).unwrap()),
        Some(REFUSED) => {
            let why = String::from_utf8_lossy(&output.stderr).into_owned();
            Err(Not::Refused(0, why))
        }
        _ => Err(Not::Answered),
    }
}
