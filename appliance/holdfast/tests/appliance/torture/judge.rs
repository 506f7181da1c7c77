//! What must be there after a death.

use std::collections::BTreeMap;
use std::error::Error;

use holdfast_audit::{Event, Kind, Outcome};
use holdfast_secrets::{KeyRing, RootKey, Suite};
use holdfast_store::{Snapshot, Store};
use serde_json::Value;

use super::Model;
use super::operations::{Devices, Live, Publisher, content};
use super::people;
use super::random::Random;
use crate::appliance::Appliance;

/// Compares what the appliance shows with what it has answered, and takes over what it did without an answer.
pub fn judge(appliance: &Appliance, model: &mut Model, random: &mut Random) -> Result<(), String> {
    if let Some(what) = &model.upkeep.altered {
        return Err(format!("LOST: a verification amid the operations: {what}"));
    }
    site(appliance, model, random)?;
    devices(appliance, model)?;
    keys(appliance, model)?;
    people::judge(appliance, &mut model.people, random)?;
    let output = appliance.holdfast(&["store", "verify", "--json"]);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    match output.status.code() {
        Some(0) => Ok(()),
        _ => Err(format!("LOST: the store is not what was committed: {told}")),
    }
}

fn json(appliance: &Appliance, arguments: &[&str]) -> Result<Value, String> {
    let output = appliance.holdfast(&[arguments, &["--json"]].concat());
    if !output.status.success() {
        let why = String::from_utf8_lossy(&output.stderr);
        return Err(format!("LOST: {arguments:?} is refused: {why}"));
    }
    serde_json::from_slice(&output.stdout).map_err(|error| error.to_string())
}

fn site(appliance: &Appliance, model: &mut Model, random: &mut Random) -> Result<(), String> {
    let publisher = &mut model.publisher;
    let versions = json(appliance, &["site", "versions"])?;
    let versions = versions.as_array().cloned().unwrap_or_default();
    let live = versions.iter().find(|item| item["live"] == true);
    let live = live.and_then(|item| item["version"].as_u64());
    let fits = |state: &Live| match (state.now, live) {
        (None, None) => true,
        // A version that was pushed without an answer has the next number.
        (Some((0, _)), Some(live)) => !publisher.stored.iter().any(|(known, _)| *known == live),
        (Some((number, _)), Some(live)) => number == live,
        _ => false,
    };
    let perhaps = publisher.perhaps.take();
    let now = if fits(&publisher.live) {
        publisher.live
    } else if let Some(mut perhaps) = perhaps.filter(|perhaps| fits(perhaps)) {
        if let (Some((number, known)), Some(live)) = (&mut perhaps.now, live)
            && *number == 0
        {
            *number = live;
            publisher.stored.push((live, *known));
        }
        perhaps
    } else {
        return Err(format!(
            "LOST: version {live:?} is live, answered was {:?}, perhaps {perhaps:?}",
            publisher.live
        ));
    };
    publisher.live = now;
    listed(publisher, &versions)?;
    if let Some((_, number)) = now.now {
        pages(appliance, number)?;
    }
    // What is not live is whole as well: one of them is shown, and the live one put back.
    let mut others = publisher.kept();
    others.retain(|one| Some(*one) != now.now);
    if let (Some(other), Some(live)) = (random.pick(&others).copied(), now.now) {
        json(appliance, &["site", "activate", &other.0.to_string()])?;
        pages(appliance, other.1)?;
        json(appliance, &["site", "activate", &live.0.to_string()])?;
        publisher.live.before = Some(other);
    }
    Ok(())
}

/// Versions that must be there are there, and a version that is there was answered or is the live one: a push that was not
/// answered either did nothing or made its version live.
fn listed(publisher: &Publisher, versions: &[Value]) -> Result<(), String> {
    let listed: Vec<_> = versions
        .iter()
        .filter_map(|item| item["version"].as_u64())
        .collect();
    for (number, _) in publisher.kept() {
        if !listed.contains(&number) {
            return Err(format!(
                "LOST: version {number} was answered and is not there"
            ));
        }
    }
    let known = |number: &u64| publisher.stored.iter().any(|(known, _)| known == number);
    match listed.iter().find(|number| !known(number)) {
        Some(half) => Err(format!("HALF: version {half} is there and is not live")),
        None => Ok(()),
    }
}

fn pages(appliance: &Appliance, number: u64) -> Result<(), String> {
    for (name, bytes) in content(number) {
        let path = if name == "index.html" {
            String::new()
        } else {
            name
        };
        let answer = appliance.get(&format!("/{path}"));
        if answer.status != 200 || answer.body != bytes {
            return Err(format!(
                "LOST: /{path} of content {number} is {} with {} bytes instead of {}",
                answer.status,
                answer.body.len(),
                bytes.len()
            ));
        }
    }
    Ok(())
}

fn devices(appliance: &Appliance, model: &mut Model) -> Result<(), String> {
    if let Some(state) = model.devices.perhaps_revoked.take() {
        // From here on it has to stay as it is.
        match appliance.holdfast_as(&state, &["status"]).status.code() {
            Some(0) => model.devices.enrolled.push(state),
            Some(4) => model.devices.revoked.push(state),
            code => {
                return Err(format!(
                    "HALF: {state} was perhaps revoked and got {code:?}"
                ));
            }
        }
    }
    listed_devices(appliance, &mut model.devices)?;
    for state in &model.devices.enrolled {
        if !appliance.holdfast_as(state, &["status"]).status.success() {
            return Err(format!("LOST: {state} was enrolled and is not known"));
        }
    }
    for state in &model.devices.revoked {
        let code = appliance.holdfast_as(state, &["status"]).status.code();
        if code != Some(4) {
            return Err(format!("LOST: {state} was revoked and got {code:?}"));
        }
    }
    Ok(())
}

/// Exactly those devices are listed that were enrolled, each as it has to be; of an enrolment without an answer either all is
/// there, so that the device can be revoked, or nothing.
fn listed_devices(appliance: &Appliance, devices: &mut Devices) -> Result<(), String> {
    let told = json(appliance, &["device", "list"])?;
    let rows = told.as_array().cloned().unwrap_or_default();
    let mut rows: BTreeMap<_, _> = rows
        .iter()
        .filter(|row| row["this"] != true)
        .map(|row| (row["name"].as_str().unwrap_or_default(), &row["active"]))
        .collect();
    if let Some(state) = devices.perhaps_enrolled.take()
        && let Some(active) = rows.remove(state.as_str())
    {
        if *active != true {
            return Err(format!(
                "HALF: {state} was perhaps enrolled and is {active}"
            ));
        }
        // Its workstation has not pinned the appliance, so that it cannot speak for itself.
        json(appliance, &["device", "revoke", &state])?;
        devices.unknown_revoked.push(state);
    }
    for (names, wanted) in [
        (&devices.enrolled, true),
        (&devices.revoked, false),
        (&devices.unknown_revoked, false),
    ] {
        for name in names {
            // The one that was revoked just now is taken out already.
            match rows.remove(name.as_str()) {
                Some(active) if *active == wanted => {}
                None if devices.unknown_revoked.last() == Some(name) => {}
                found => return Err(format!("LOST: {name} is listed as {found:?}")),
            }
        }
    }
    match rows.is_empty() {
        true => Ok(()),
        false => Err(format!("HALF: nobody enrolled {rows:?}")),
    }
}

/// Every act has its event, and no event is of an act that is not there. The appliance is stopped, and was judged.
pub fn events(appliance: &Appliance, model: &Model) -> Result<(), String> {
    let stored = stored(appliance).map_err(|error| format!("LOST: {error}"))?;
    let (snapshot, events) = stored;
    let gap = (1..)
        .zip(&events)
        .find(|(number, (found, _))| number != found);
    if let Some((number, (found, _))) = gap {
        return Err(format!("LOST: event {found} stands where {number} has to"));
    }
    let of = |kind: Kind| {
        let mut found: Vec<_> = events
            .iter()
            .filter(|(_, event)| event.kind == kind && event.outcome == Outcome::Done)
            .map(|(_, event)| event.resource.clone())
            .collect();
        found.sort();
        found
    };
    let mut versions: Vec<_> = model
        .publisher
        .stored
        .iter()
        .map(|(number, _)| number.to_string())
        .collect();
    versions.sort();
    if of(Kind::SiteStored) != versions {
        return Err(format!(
            "LOST: versions {versions:?} were stored, the events are of {:?}",
            of(Kind::SiteStored)
        ));
    }
    let devices = &model.devices;
    let revoked = devices.revoked.len() + devices.unknown_revoked.len();
    // The one that all is done by is a device as well.
    let enrolled = 1 + devices.enrolled.len() + revoked;
    let found = (
        of(Kind::DeviceEnrolled).len(),
        of(Kind::DeviceRevoked).len(),
    );
    match found == (enrolled, revoked) {
        true => people::events(&events, &snapshot, &model.people),
        false => Err(format!(
            "LOST: {enrolled} devices were enrolled and {revoked} revoked, the events tell {found:?}"
        )),
    }
}

/// The store as it was left, and its events by their numbers.
pub type Stored = (Snapshot, Vec<(u64, Event)>);

pub fn stored(appliance: &Appliance) -> Result<Stored, Box<dyn Error>> {
    let key = std::fs::read_to_string(appliance.path("secrets/holdfast.root-key"))?;
    let ring = KeyRing::new(RootKey::parse(&key)?, Suite::Aes256Gcm);
    let store = Store::open(appliance.path("data/store.redb"), ring)?;
    let snapshot = store.snapshot()?;
    let events = holdfast_audit::list(&snapshot, ..)?.collect::<Result<_, _>>()?;
    Ok((snapshot, events))
}

fn keys(appliance: &Appliance, model: &Model) -> Result<(), String> {
    let keys = json(appliance, &["key", "status"])?;
    let ways = keys["ways"].as_array().cloned().unwrap_or_default();
    let recovery = ways
        .iter()
        .filter(|way| way["kind"] == "recovery-key")
        .count();
    // The number of a way is never used again, so as many were made as it tells.
    let newest = ways.iter().filter_map(|way| way["number"].as_u64()).max();
    let made = usize::try_from(newest.unwrap_or(1) - 1).unwrap();
    match recovery <= 2 && made >= model.keys.recovery_keys {
        true => Ok(()),
        false => Err(format!(
            "LOST: {} recovery keys were shown, and the key file has {ways:?}",
            model.keys.recovery_keys
        )),
    }
}
