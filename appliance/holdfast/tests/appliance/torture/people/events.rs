//! What is stored of people: the events of all that was done, once each, and nothing of who was deleted.

use data_encoding::HEXLOWER;
use holdfast_audit::{Event, Kind, Outcome};
use holdfast_store::{Record, Snapshot, Table};
use serde::{Deserialize, Serialize};

use super::People;
use super::state::{Expected, State};

/// The kinds of events that acts on people leave when they are done.
const KINDS: [Kind; 13] = [
    Kind::PersonInvited,
    Kind::InviteWithdrawn,
    Kind::PersonJoined,
    Kind::PersonChanged,
    Kind::PersonDeleted,
    Kind::SignedIn,
    Kind::SteppedUp,
    Kind::SessionsEnded,
    Kind::PasskeyAdded,
    Kind::PasskeyRemoved,
    Kind::TotpChanged,
    Kind::RecoveryCodesMade,
    Kind::RecoveryCodeUsed,
];
/// The tables that hold something under a person's number.
const PERSONAL: [Table; 6] = [
    Table::plain("people"),
    Table::plain("person-keys"),
    Table::plain("passkeys"),
    Table::plain("passwords"),
    Table::plain("totp"),
    Table::plain("recovery-codes"),
];
/// Those in which everybody has something.
const EACH: usize = 3;
const NAMES: Table = Table::hashed("person-names");
const OWNERS: Table = Table::hashed("passkey-owners");

/// A stored session, of which nothing is read.
#[derive(Serialize, Deserialize)]
struct Session;

impl Record for Session {
    const TABLE: Table = Table::plain("sessions");
    const VERSION: u16 = 1;
}

/// Every act has its event, no event is of an act that is not there, and who was deleted has left no record.
pub fn events(events: &[(u64, Event)], snapshot: &Snapshot, people: &People) -> Result<(), String> {
    let state = &people.state;
    let done = events.iter().map(|(_, event)| event);
    let done = done.filter(|event| event.outcome == Outcome::Done && KINDS.contains(&event.kind));
    let mut found: Vec<_> = done
        .map(|event| format!("{:?} {}", event.kind, event.resource))
        .collect();
    let mut wanted: Vec<_> = state.events.iter().map(|one| text(state, one)).collect();
    found.sort();
    wanted.sort();
    if found != wanted {
        let lost: Vec<_> = wanted.iter().filter(|one| !found.contains(one)).collect();
        let more: Vec<_> = found.iter().filter(|one| !wanted.contains(one)).collect();
        return Err(format!(
            "LOST: {} events of people instead of {}; not there: {lost:?}; of nothing: {more:?}",
            found.len(),
            wanted.len()
        ));
    }
    records(snapshot, state).map_err(|what| format!("LOST: {what}"))
}

fn text(state: &State, one: &Expected) -> String {
    let id = state.ids.get(&one.whose);
    let id = id.map_or(one.whose.as_str(), String::as_str);
    let text = format!("{:?} {id} {}", one.kind, one.more);
    text.trim_end().to_owned()
}

fn records(snapshot: &Snapshot, state: &State) -> Result<(), String> {
    let there = |table: Table, key: &[u8], wanted: bool| {
        let found = snapshot.contains(table, key);
        match found.map_err(|error| error.to_string())? == wanted {
            true => Ok(()),
            false => Err(format!(
                "a record in {} is there: {}",
                table.name(),
                !wanted
            )),
        }
    };
    let sessions = snapshot.all::<Session>();
    let sessions = sessions.map_err(|error| error.to_string())?.count();
    let live: usize = state.members.iter().map(|one| one.sessions.len()).sum();
    if sessions != live {
        return Err(format!("{sessions} sessions are stored, and {live} live"));
    }
    let number = |name: &String| HEXLOWER.decode(state.ids[name].as_bytes()).unwrap();
    for name in &state.deleted {
        for table in PERSONAL {
            there(table, &number(name), false)?;
        }
        there(NAMES, name.to_lowercase().as_bytes(), false)?;
    }
    for member in &state.members {
        for (at, table) in PERSONAL.into_iter().enumerate() {
            let wanted = match at {
                ..EACH => true,
                3 => false,
                // One that was begun or used up leaves its record.
                4 if member.generator.is_none() => continue,
                5 if member.codes.is_empty() && !member.used.is_empty() => continue,
                4 => true,
                _ => !member.codes.is_empty(),
            };
            there(table, &number(&member.name), wanted)?;
        }
        there(NAMES, member.name.to_lowercase().as_bytes(), true)?;
        for key in &member.keys {
            there(OWNERS, key.id(), true)?;
        }
    }
    for key in &state.strangers {
        there(OWNERS, key.id(), false)?;
    }
    Ok(())
}
