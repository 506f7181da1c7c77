//! What travels about people. Names are in bodies, never in paths, so that no record of requests holds one.

use serde::{Deserialize, Serialize};

use super::Secret;

/// `GET /v1/people`, the answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PeopleAnswer {
    /// People in order of name.
    pub people: Vec<PersonItem>,
    /// Invites that are good, the first to end first.
    pub invites: Vec<InviteItem>,
    /// The names of all roles.
    pub roles: Vec<String>,
    /// What keeps people from signing in, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warning: Option<String>,
}

/// A person.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PersonItem {
    /// The random number by which audit events name the person, in hex.
    pub id: String,
    /// The name.
    pub name: String,
    /// The roles that were given.
    pub roles: Vec<String>,
    /// Whether the person may sign in.
    pub enabled: bool,
    /// When the person joined, seconds since 1970.
    pub joined: i64,
    /// Sessions that live.
    pub sessions: usize,
}

/// An invite that is good. Its code is kept nowhere.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct InviteItem {
    /// Its random number, in hex.
    pub id: String,
    /// The roles that it gives.
    pub roles: Vec<String>,
    /// When it was made, seconds since 1970.
    pub made: i64,
    /// When it ends, seconds since 1970.
    pub ends: i64,
}

/// `POST /v1/people/invites`, the request.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PersonInviteRequest {
    /// The roles that it gives; one at least.
    pub roles: Vec<String>,
    /// Seconds for which it is good: 60 to 2 592 000.
    pub life_s: u64,
}

/// `POST /v1/people/invites`, the answer. Neither code nor link can be asked for again.
#[derive(Debug, Serialize, Deserialize)]
pub struct PersonInvite {
    /// The code in groups.
    pub code: Secret,
    /// Where it is taken up, with the code in the fragment.
    pub link: Secret,
    /// Seconds for which it is good.
    pub expires_s: u64,
}

/// `POST /v1/people/invites/withdrawals`, the request.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WithdrawalRequest {
    /// The invite's number, in hex.
    pub invite: String,
}

/// `POST /v1/people/enabled`, the request.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnabledRequest {
    /// Who.
    pub name: String,
    /// Whether the person may sign in from now on.
    pub enabled: bool,
    /// Disable even the last admin.
    #[serde(default)]
    pub force: bool,
}

/// `POST /v1/people/deletions`, the request.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeletionRequest {
    /// Who.
    pub name: String,
    /// Delete even the last admin.
    #[serde(default)]
    pub force: bool,
}

/// `POST /v1/people/sessions`, the request: a question.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SessionsRequest {
    /// Whose.
    pub name: String,
}

/// `POST /v1/people/sessions`, one item of the answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SessionItem {
    /// Its random number, in hex. It is no secret.
    pub id: String,
    /// What the browser says it is, and the address.
    pub device: String,
    /// Whether it is one of the site, which ends with that of the portal.
    pub site: bool,
    /// How the person signed in.
    pub method: String,
    /// When the person signed in, seconds since 1970.
    pub made: i64,
    /// When it was last used, seconds since 1970.
    pub used: i64,
}

/// `POST /v1/people/sessions/ends`, the request.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum EndRequest {
    /// One session of a person.
    One {
        /// Whose.
        name: String,
        /// The session's number, in hex.
        session: String,
    },
    /// All sessions of a person.
    Person {
        /// Whose.
        name: String,
    },
    /// Everybody's.
    All,
}

/// `POST /v1/people/sessions/ends`, the answer.
#[derive(Debug, Serialize, Deserialize)]
pub struct Ended {
    /// How many sessions ended.
    pub sessions: usize,
}

/// The answer to an act that needs no more words: who it was about, as the person is called.
#[derive(Debug, Serialize, Deserialize)]
pub struct ActDone {
    /// What was done: `enabled`, `disabled`, `deleted` or `withdrawn`.
    pub done: String,
}
