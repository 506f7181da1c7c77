//! All sessions in memory, under one lock.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::{SITES, Session, SessionId, Which};
use crate::people::PersonId;
use crate::secrets::Keyed;

#[derive(Default)]
pub(super) struct All {
    by_token: HashMap<Keyed, Arc<Session>>,
    by_person: HashMap<PersonId, Vec<Keyed>>,
    /// Grows with each act that ends sessions, so that one which began before is not admitted after: everybody's, and each
    /// person's, so that nobody can hold up another by signing in and out.
    ends_of_all: u64,
    ends_of: HashMap<PersonId, u64>,
    /// Rows that must leave the store and may still be there: until a flush that deletes them is committed.
    owed: HashSet<Keyed>,
}

impl All {
    /// How often sessions were ended: everybody's, and this person's.
    pub(super) fn ends(&self, person: PersonId) -> (u64, u64) {
        let own = self.ends_of.get(&person).copied().unwrap_or(0);
        (self.ends_of_all, own)
    }

    pub(super) fn count_end(&mut self, which: Which) {
        let count = match which {
            Which::All => &mut self.ends_of_all,
            Which::One(person, _) | Which::Others(person, _) | Which::Person(person) => {
                self.ends_of.entry(person).or_default()
            }
        };
        *count = count.wrapping_add(1);
    }

    pub(super) fn insert(&mut self, key: Keyed, session: Session) {
        self.by_person.entry(session.person).or_default().push(key);
        self.by_token.insert(key, Arc::new(session));
    }

    pub(super) fn of(&self, person: PersonId) -> Vec<Arc<Session>> {
        let keys = self.by_person.get(&person).into_iter().flatten();
        keys.filter_map(|key| self.by_token.get(key).cloned())
            .collect()
    }

    /// Takes a session out and wakes what waits for its end; `hanging` also what hangs on it. Tells the keys.
    pub(super) fn remove(&mut self, key: &Keyed, hanging: bool) -> Vec<Keyed> {
        let Some(session) = self.by_token.remove(key) else {
            return Vec::new();
        };
        session.end();
        self.owed.insert(*key);
        let (id, person) = (session.id, session.person);
        let mut gone = vec![*key];
        if let Some(keys) = self.by_person.get_mut(&person) {
            keys.retain(|other| other != key);
            let site = |key: &&Keyed| {
                let session = self.by_token.get(*key);
                hanging && session.is_some_and(|session| session.portal == Some(id))
            };
            let sites: Vec<Keyed> = keys.iter().filter(site).copied().collect();
            if keys.is_empty() {
                self.by_person.remove(&person);
            }
            for site in sites {
                gone.extend(self.remove(&site, false));
            }
        }
        gone
    }

    pub(super) fn matching(&self, which: Which) -> Vec<Keyed> {
        let fits = |session: &Session| match which {
            Which::One(person, id) => session.person == person && session.id == id,
            Which::Others(person, id) => {
                session.person == person && session.id != id && session.portal != Some(id)
            }
            Which::Person(person) => session.person == person,
            Which::All => true,
        };
        let all = self.by_token.iter();
        all.filter(|(_, session)| fits(session))
            .map(|(key, _)| *key)
            .collect()
    }

    /// What must go so that `more` sessions of this one's kind stay within the limit, the ones used longest ago: of a portal
    /// session, what the person's roles allow; of a site session, those that hang on the same portal session.
    pub(super) fn oldest_beyond(&self, session: &Session, more: usize) -> Vec<Keyed> {
        let most = match session.portal {
            None => session.limits.sessions,
            Some(_) => SITES,
        };
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        let keys = self.by_person.get(&session.person).into_iter().flatten();
        let mut same: Vec<(i64, Keyed)> = keys
            .filter_map(|key| Some((self.by_token.get(key)?, key)))
            .filter(|(other, _)| other.portal == session.portal && other.id != session.id)
            .map(|(other, key)| (other.used(), *key))
            .collect();
        same.sort_unstable();
        let beyond = same.len().saturating_add(more).saturating_sub(most);
        same.into_iter().take(beyond).map(|(_, key)| key).collect()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&Keyed, &Arc<Session>)> {
        self.by_token.iter()
    }

    pub(super) fn get(&self, key: &Keyed) -> Option<Arc<Session>> {
        self.by_token.get(key).cloned()
    }

    pub(super) fn is_alive(&self, key: &Keyed) -> bool {
        self.by_token.contains_key(key)
    }

    /// Whether this portal session of the person lives.
    pub(super) fn has_portal(&self, person: PersonId, id: SessionId) -> bool {
        let keys = self.by_person.get(&person).into_iter().flatten();
        let mut all = keys.filter_map(|key| self.by_token.get(key));
        all.any(|session| session.portal.is_none() && session.id == id)
    }

    /// Counts the use of a site session as one of the portal session that it hangs on.
    pub(super) fn touch_portals(&self) {
        for (_, session) in self.iter().filter(|(_, session)| session.portal.is_some()) {
            let keys = self.by_person.get(&session.person).into_iter().flatten();
            let mut all = keys.filter_map(|key| self.by_token.get(key));
            let portal =
                all.find(|other| other.portal.is_none() && Some(other.id) == session.portal);
            if let Some(portal) = portal {
                portal.touch(session.used());
            }
        }
    }

    /// Site sessions whose portal session is not here.
    pub(super) fn orphans(&self) -> Vec<Keyed> {
        let alone = |session: &Session| {
            session
                .portal
                .is_some_and(|id| !self.has_portal(session.person, id))
        };
        self.iter()
            .filter(|(_, session)| alone(session))
            .map(|(key, _)| *key)
            .collect()
    }

    /// What has ended by time.
    pub(super) fn over(&self, millis: i64) -> Vec<Keyed> {
        self.iter()
            .filter(|(_, session)| session.is_over(millis))
            .map(|(key, _)| *key)
            .collect()
    }

    pub(super) fn owe(&mut self, key: Keyed) {
        self.owed.insert(key);
    }

    pub(super) fn owed(&self) -> Vec<Keyed> {
        self.owed.iter().copied().collect()
    }

    /// Forgets what is not in the store any more.
    pub(super) fn settle(&mut self, gone: &[Keyed]) {
        for key in gone {
            self.owed.remove(key);
        }
    }
}
