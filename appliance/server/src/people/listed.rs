//! What is listed of people, and how they are found.

use holdfast_identity::PersonId;
use holdfast_identity::code::Code;
use holdfast_identity::invites::{self, Invite};
use holdfast_identity::people::{self, Name, Person};
use holdfast_identity::roles::{self, Role};
use holdfast_store::Snapshot;
use zeroize::Zeroizing;

use crate::rejection::Rejection;
use crate::server::Shared;

/// All that is listed.
pub(crate) struct Overview {
    /// People in order of name, each with the number of sessions that live.
    pub(crate) people: Vec<(Person, usize)>,
    /// Invites that are good, the first to end first.
    pub(crate) invites: Vec<Invite>,
    /// Roles in order of name.
    pub(crate) roles: Vec<Role>,
}

impl Shared {
    /// People, invites and roles.
    pub(crate) fn overview(&self) -> Result<Overview, Rejection> {
        let (snapshot, now) = (self.store.snapshot()?, self.moment());
        let sessions = &self.identity.sessions;
        let all = people::list(&snapshot)?.into_iter();
        let mut people: Vec<_> = all
            .map(|person| {
                let lives = sessions.count(person.id, now);
                (person, lives)
            })
            .collect();
        people.sort_by_cached_key(|(person, _)| person.name.as_str().to_lowercase());
        let mut invites = invites::list(&snapshot)?;
        invites.retain(|invite| invite.ends > now.wall.unix_millis());
        invites.sort_by_key(|invite| invite.ends);
        let roles = roles::list(&snapshot)?;
        Ok(Overview {
            people,
            invites,
            roles,
        })
    }

    /// Where an invite of this code is taken up. The code is in the fragment, which no server sees.
    pub(crate) fn invite_link(&self, code: &Code) -> Zeroizing<String> {
        let base = self.settings.portal_url();
        let base = base.trim_end_matches('/');
        Zeroizing::new(format!("{base}/join#{}", code.to_groups().as_str()))
    }
}

/// The person of a name as someone typed it.
pub(crate) fn named(snapshot: &Snapshot, typed: &str) -> Result<PersonId, Rejection> {
    let name = Name::parse(typed).ok();
    let found = name.map_or(Ok(None), |name| people::by_name(snapshot, &name))?;
    found.ok_or_else(|| {
        Rejection::Refused("Nobody has this name. List the people, and say one of them.".to_owned())
    })
}
