//! Who is an admin, now and after a change.

use std::collections::BTreeSet;

use holdfast_identity::people;
use holdfast_identity::roles::{self, Role};
use holdfast_identity::{Error, PersonId};
use holdfast_store::Snapshot;

/// The role that governs, as policy names it.
const ADMIN: &str = "admin";

/// What would be, for the question who is an admin then.
pub(super) enum After<'a> {
    /// This person cannot sign in.
    Without(PersonId),
    /// This person has these roles.
    Given(PersonId, &'a [String]),
    /// This role is as it is here.
    Changed(&'a Role),
}

/// Whether someone who may sign in governs: now, or after a change.
pub(super) fn has_admin(snapshot: &Snapshot, after: Option<&After<'_>>) -> Result<bool, Error> {
    for person in people::list(snapshot)? {
        let mut held = person.roles.as_slice();
        let mut enabled = person.enabled;
        let mut changed = None;
        match after {
            Some(After::Without(id)) => enabled &= *id != person.id,
            Some(After::Given(id, given)) if *id == person.id => held = given,
            Some(After::Changed(role)) => changed = Some(*role),
            Some(After::Given(..)) | None => {}
        }
        if enabled && is_admin(snapshot, held, changed)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Who governs now and would not with this role.
pub(super) fn not_any_more(snapshot: &Snapshot, role: &Role) -> Result<Vec<PersonId>, Error> {
    let mut lost = Vec::new();
    for person in people::list(snapshot)? {
        let (held, role) = (&person.roles, Some(role));
        if is_admin(snapshot, held, None)? && !is_admin(snapshot, held, role)? {
            lost.push(person.id);
        }
    }
    Ok(lost)
}

/// Whether these roles are an admin's, by themselves or by what they inherit; with a role as it would be.
pub(super) fn is_admin(
    snapshot: &Snapshot,
    held: &[String],
    changed: Option<&Role>,
) -> Result<bool, Error> {
    let mut seen = BTreeSet::new();
    let mut left = held.to_vec();
    while let Some(name) = left.pop() {
        if name == ADMIN {
            return Ok(true);
        }
        if !seen.insert(name.clone()) {
            continue;
        }
        match changed.filter(|role| role.name == name) {
            Some(role) => left.extend(role.inherits.iter().cloned()),
            None => left.extend(roles::find(snapshot, &name)?.inherits),
        }
    }
    Ok(false)
}
