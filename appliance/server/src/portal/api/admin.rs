//! People, invites and roles: the acts of the admins' pages.

use std::sync::Arc;
use std::time::Duration;

use holdfast_identity::people::{self, Person};
use holdfast_identity::{Error, PersonId, invites, roles};
use holdfast_policy::{ManagePeople, Permit, Portal};

use super::super::admin::governs;
use super::super::{Answer, account};
use super::account::{listed, person_item, sessions};
use super::table::{Act, Govern};
use super::types::{
    Enabled, InviteItem, Invited, NewInvite, Page, PersonItem, RoleItem, RoleLimits, RoleNames,
};
use super::{Asked, fresh};
use crate::people::{By, Governor};
use crate::rejection::Rejection;

pub(super) async fn answer(permit: Permit<ManagePeople<Portal>>, asked: &Asked<'_>) -> Answer {
    let Portal = permit.into_resource();
    let Act::Govern(act) = asked.operation.act else {
        return Err(Rejection::NotFound);
    };
    let governor = || {
        let session = Arc::clone(&asked.signed.session);
        Governor::new(asked.call.shared, By::Admin(session), asked.call.context)
    };
    match act {
        Govern::People => asked.tell(&all(asked)?),
        Govern::Person => asked.tell(&person_item(asked, person(asked)?)),
        Govern::Delete => {
            let person = person(asked)?;
            // Named by a number that nobody mistypes; the page asks for the name.
            let name = person.name.as_str().to_owned();
            governor().delete(person.id, name, false).await?;
            asked.done()
        }
        Govern::SetRoles => {
            let (given, id): (RoleNames, _) = (asked.read()?, person(asked)?.id);
            governor().set_roles(id, given.roles).await?;
            asked.done()
        }
        Govern::SetEnabled => {
            let (given, id): (Enabled, _) = (asked.read()?, person(asked)?.id);
            if given.enabled || governs(asked.call, asked.first()) {
                fresh(asked.signed)?;
            }
            if given.enabled {
                governor().enable(id).await?;
            } else {
                governor().disable(id, false).await?;
            }
            asked.done()
        }
        Govern::Sessions => asked.tell(&sessions(asked, person(asked)?.id)?),
        Govern::EndAll => {
            governor().end_all(Some(person(asked)?.id)).await?;
            asked.done()
        }
        Govern::EndOne => {
            let id = person(asked)?.id;
            listed(asked, id, asked.second())?;
            governor().end_one(id, asked.second()).await?;
            asked.done()
        }
        Govern::Invites => {
            let page = asked
                .query
                .page(open_invites(asked)?, |invite| invite.id.clone());
            asked.tell(&page)
        }
        Govern::Invite => {
            let given: NewInvite = asked.read()?;
            let life = Duration::from_secs(given.life_seconds);
            let made = governor().invite(given.roles, life).await?;
            asked.tell(&Invited {
                code: made.code.to_groups(),
                link: asked.call.shared.invite_link(&made.code),
                life_seconds: made.life.as_secs(),
            })
        }
        Govern::Withdraw => {
            let there = open_invites(asked)?;
            if !there.iter().any(|invite| invite.id == asked.first()) {
                return Err(Rejection::NotFound);
            }
            governor().withdraw(asked.first()).await?;
            asked.done()
        }
        Govern::Roles => {
            let all = roles::list(&asked.call.shared.store.snapshot()?)?;
            let all: Vec<_> = all.into_iter().map(RoleItem::from).collect();
            asked.tell(&asked.query.page(all, |role| role.name.clone()))
        }
        Govern::PutRole => {
            let given: RoleLimits = asked.read()?;
            governor()
                .put_role(given.named(asked.first().to_owned()))
                .await?;
            asked.done()
        }
    }
}

/// The person of the path.
fn person(asked: &Asked<'_>) -> Result<Person, Rejection> {
    let id = PersonId::parse(asked.first()).ok_or(Rejection::NotFound)?;
    match people::find(&asked.call.shared.store.snapshot()?, id) {
        Err(Error::NoPerson) => Err(Rejection::NotFound),
        found => Ok(found?),
    }
}

fn all(asked: &Asked<'_>) -> Result<Page<PersonItem>, Rejection> {
    let snapshot = asked.call.shared.store.snapshot()?;
    let after = asked.query.after.as_deref().and_then(PersonId::parse);
    let most = asked.query.limit.saturating_add(1);
    let people = people::list_behind(&snapshot, after, most)?.into_iter();
    let items = people.map(|person| person_item(asked, person)).collect();
    Ok(asked
        .query
        .first(items, |person: &PersonItem| person.id.clone()))
}

fn open_invites(asked: &Asked<'_>) -> Result<Vec<InviteItem>, Rejection> {
    let shared = asked.call.shared;
    let now = shared.moment().wall.unix_millis();
    let all = invites::list(&shared.store.snapshot()?)?.into_iter();
    let good = all.filter(|invite| invite.ends > now);
    let items = good.map(|invite| InviteItem {
        id: data_encoding::HEXLOWER.encode(&invite.id),
        roles: invite.roles,
        made: account::stamp(invite.made),
        ends: account::stamp(invite.ends),
    });
    Ok(items.collect())
}
