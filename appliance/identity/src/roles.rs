//! Roles: what they inherit, and how long their sessions live.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use holdfast_audit::Kind;
use holdfast_store::{Batch, Record, Snapshot, Table};
use serde::{Deserialize, Serialize};

use crate::{Act, Error};

/// Roles that one inherits directly.
const PARENTS: usize = 16;

/// A role. The built-in ones are `visitor`, `member` (inherits `visitor`) and `admin` (inherits `member`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Role {
    /// Its name: 1 to 32 of `a-z0-9-`.
    pub name: String,
    /// Roles whose rights it has too.
    pub inherits: Vec<String>,
    /// Of the sessions of who holds it.
    pub limits: Limits,
}

/// Limits of sessions. Who holds several roles has the strictest of each; what a role inherits does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Seconds without a request after which a session ends.
    pub idle_seconds: u32,
    /// Seconds after sign-in at which a session ends in any case.
    pub absolute_seconds: u32,
    /// Sessions at the same time; a further sign-in ends the one that was used longest ago.
    pub sessions: u32,
}

impl Limits {
    /// Of who holds no role.
    pub const STRICTEST: Self = Self {
        idle_seconds: 15 * 60,
        absolute_seconds: 60 * 60,
        sessions: 1,
    };

    /// The idle limit.
    #[must_use]
    pub fn idle(&self) -> Duration {
        Duration::from_secs(self.idle_seconds.into())
    }

    /// The absolute limit.
    #[must_use]
    pub fn absolute(&self) -> Duration {
        Duration::from_secs(self.absolute_seconds.into())
    }
}

impl Record for Role {
    const TABLE: Table = Table::hashed("roles");
    const VERSION: u16 = 1;
}

/// The role of this name: as stored, or as built in.
///
/// # Errors
/// [`Error::NoRole`], [`Error::Store`].
pub fn find(snapshot: &Snapshot, name: &str) -> Result<Role, Error> {
    let stored = snapshot.find(name)?;
    stored
        .or_else(|| built_in(name))
        .ok_or_else(|| Error::NoRole(name.to_owned()))
}

/// The built-in roles.
const BUILT_IN: [&str; 3] = ["admin", "member", "visitor"];

/// All roles, in order of name.
///
/// # Errors
/// [`Error::Store`].
pub fn list(snapshot: &Snapshot) -> Result<Vec<Role>, Error> {
    let mut all: BTreeMap<String, Role> = BUILT_IN
        .into_iter()
        .filter_map(built_in)
        .map(|role| (role.name.clone(), role))
        .collect();
    for row in snapshot.all::<Role>()? {
        let role = row?.1.record;
        all.insert(role.name.clone(), role);
    }
    Ok(all.into_values().collect())
}

/// All roles that these have, themselves and inherited, in order of name.
///
/// # Errors
/// As [`find`].
pub fn effective(snapshot: &Snapshot, held: &[String]) -> Result<BTreeSet<String>, Error> {
    let mut all = BTreeSet::new();
    let mut left: Vec<String> = held.to_vec();
    while let Some(name) = left.pop() {
        if all.contains(&name) {
            continue;
        }
        left.extend(find(snapshot, &name)?.inherits);
        all.insert(name);
    }
    Ok(all)
}

/// The strictest limits of these roles.
///
/// # Errors
/// As [`find`].
pub fn limits(snapshot: &Snapshot, held: &[String]) -> Result<Limits, Error> {
    let mut strictest: Option<Limits> = None;
    for name in held {
        let own = find(snapshot, name)?.limits;
        strictest = Some(strictest.map_or(own, |other| Limits {
            idle_seconds: own.idle_seconds.min(other.idle_seconds),
            absolute_seconds: own.absolute_seconds.min(other.absolute_seconds),
            sessions: own.sessions.min(other.sessions),
        }));
    }
    Ok(strictest.unwrap_or(Limits::STRICTEST))
}

/// Makes a role or changes it. New limits hold for sessions that begin from now on.
///
/// # Errors
/// [`Error::Role`], [`Error::NoRole`] for what it inherits, [`Error::Store`].
pub fn put(snapshot: &Snapshot, batch: &mut Batch, act: &Act, role: &Role) -> Result<(), Error> {
    let letters = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
    let named = (1..=32).contains(&role.name.len()) && role.name.bytes().all(letters);
    if !named || role.inherits.len() > PARENTS || role.limits.sessions == 0 {
        return Err(Error::Role);
    }
    if effective(snapshot, &role.inherits)?.contains(&role.name) {
        return Err(Error::Role);
    }
    match snapshot.find_versioned::<Role>(&role.name)? {
        Some(found) => batch.expect_revision(Role::TABLE, &role.name, found.revision),
        None => batch.expect_absent(Role::TABLE, &role.name),
    };
    batch.put(&role.name, role)?;
    act.done(batch, Kind::PersonChanged, format!("role {}", role.name))
}

fn built_in(name: &str) -> Option<Role> {
    let (inherits, idle, absolute, sessions) = match name {
        "visitor" => (None, 60 * 60, 24 * 60 * 60, 3),
        "member" => (Some("visitor"), 12 * 60 * 60, 30 * 24 * 60 * 60, 10),
        "admin" => (Some("member"), 30 * 60, 12 * 60 * 60, 5),
        _ => return None,
    };
    Some(Role {
        name: name.to_owned(),
        inherits: inherits.into_iter().map(str::to_owned).collect(),
        limits: Limits {
            idle_seconds: idle,
            absolute_seconds: absolute,
            sessions,
        },
    })
}
