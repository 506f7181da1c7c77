//! What the appliance shows of people, held against what may be there.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::Value;

use super::act::command;
use super::browser::Browser;
use super::state::{Member, State};
use crate::appliance::Appliance;

/// Ended sessions that are looked at, the last ones.
const DEAD: usize = 12;

/// What was seen so far. Each thing is asked for once.
pub struct Seen<'a> {
    appliance: &'a Appliance,
    /// `holdfast user list`.
    pub list: Value,
    alive: HashMap<String, bool>,
    accounts: BTreeMap<String, Account>,
}

/// What a person has, as the portal tells them.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Account {
    keys: BTreeSet<String>,
    generator: bool,
    codes: u64,
}

/// A person in the list: roles, whether enabled, sessions.
type Row = (Vec<String>, bool, usize);

impl<'a> Seen<'a> {
    pub fn look(appliance: &'a Appliance) -> Result<Self, String> {
        let list = command(appliance, &["user", "list"]);
        Ok(Self {
            appliance,
            list: list.map_err(|why| format!("LOST: people are not listed: {why:?}"))?,
            alive: HashMap::new(),
            accounts: BTreeMap::new(),
        })
    }

    /// Whether this is what is there; else what is not so.
    pub fn fits(&mut self, state: &State) -> Result<(), String> {
        let wanted: BTreeMap<String, Row> = state.members.iter().map(row_of).collect();
        let rows = self.list["people"].as_array().unwrap().iter();
        let listed: BTreeMap<String, Row> = rows.map(row_listed).collect();
        if listed != wanted {
            return Err(format!("people are {listed:?} instead of {wanted:?}"));
        }
        self.invites(state)?;
        for session in state.members.iter().flat_map(|member| &member.sessions) {
            if let Some(browser) = &session.browser
                && !self.lives(browser)?
            {
                return Err("a session is dead that was not ended".to_owned());
            }
        }
        for browser in state.dead.iter().rev().take(DEAD) {
            if self.lives(browser)? {
                return Err("a session lives that was ended".to_owned());
            }
        }
        for member in &state.members {
            self.account(member)?;
        }
        Ok(())
    }

    /// Those whose number is known are there, and as many more as there are others.
    fn invites(&self, state: &State) -> Result<(), String> {
        let all = self.list["invites"].as_array().unwrap().iter();
        let mut listed: BTreeMap<_, _> = all
            .map(|one| (one["id"].as_str().unwrap(), one["roles"][0].as_str()))
            .collect();
        let mut others = Vec::new();
        for invite in &state.invites {
            match state.ids.get(&invite.name) {
                None => others.push(Some(invite.role)),
                Some(id) if listed.remove(id.as_str()) == Some(Some(invite.role)) => {}
                Some(_) => return Err(format!("{} is not there", invite.name)),
            }
        }
        let listed: Vec<_> = listed.into_values().collect();
        match listed == others {
            true => Ok(()),
            false => Err(format!("open invites are {listed:?} too, not {others:?}")),
        }
    }

    fn lives(&mut self, browser: &Browser) -> Result<bool, String> {
        let cookie = browser.cookie().unwrap_or_default().to_owned();
        if let Some(alive) = self.alive.get(&cookie) {
            return Ok(*alive);
        }
        let session = browser.session();
        let alive = session.map_err(|why| format!("a session got {why:?}"))?;
        self.alive.insert(cookie, alive.is_some());
        Ok(alive.is_some())
    }

    /// What a person has whose session lives; of others it is not seen.
    fn account(&mut self, member: &Member) -> Result<(), String> {
        let Some((_, browser)) = member.home() else {
            return Ok(());
        };
        let mut browser = browser.clone();
        if !self.accounts.contains_key(&member.name) {
            let mut ask = |path: &str| {
                let told = browser.ask(self.appliance, "GET", path, None);
                told.map_err(|why| format!("{path} got {why:?}"))
            };
            let account = ask("/api/v1/account")?;
            let keys = ask("/api/v1/account/passkeys")?;
            let keys = keys["items"].as_array().unwrap().iter();
            let found = Account {
                keys: keys
                    .map(|key| key["label"].as_str().unwrap().to_owned())
                    .collect(),
                generator: account["totp"] == true,
                codes: account["recovery_codes"].as_u64().unwrap(),
            };
            self.accounts.insert(member.name.clone(), found);
        }
        let found = &self.accounts[&member.name];
        let wanted = Account {
            keys: member.keys.iter().map(|key| key.label.clone()).collect(),
            generator: member.generator.is_some(),
            codes: u64::try_from(member.codes.len()).unwrap(),
        };
        match *found == wanted {
            true => Ok(()),
            false => Err(format!(
                "{} has {found:?} instead of {wanted:?}",
                member.name
            )),
        }
    }
}

fn row_of(member: &Member) -> (String, Row) {
    let roles = member.roles.iter().map(|role| (*role).to_owned()).collect();
    let row = (roles, member.enabled, member.sessions.len());
    (member.name.clone(), row)
}

fn row_listed(row: &Value) -> (String, Row) {
    let roles = row["roles"].as_array().unwrap().iter();
    let roles = roles.map(|role| role.as_str().unwrap().to_owned());
    let sessions = usize::try_from(row["sessions"].as_u64().unwrap()).unwrap();
    (
        row["name"].as_str().unwrap().to_owned(),
        (roles.collect(), row["enabled"] == true, sessions),
    )
}
