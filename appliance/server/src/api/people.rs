//! `/v1/people`: listing them, inviting, keeping out, deleting, and their sessions.

use std::sync::Arc;
use std::time::Duration;

use holdfast_identity::people;
use holdfast_policy::{Appliance, ManagePeople, Permit};
use http::{Method, Response};
use hyper::body::Incoming;
use serde::de::DeserializeOwned;

use super::receive::{Bound, json};
use crate::body::Body;
use crate::enrolment::proof::Binding;
use crate::people::{By, Governor, named};
use crate::protocol::{
    ActDone, DeletionRequest, EnabledRequest, EndRequest, Ended, InviteItem, PeopleAnswer,
    PersonInvite, PersonInviteRequest, PersonItem, SessionItem, SessionsRequest, WithdrawalRequest,
};
use crate::rejection::Rejection;
use crate::request::RequestContext;
use crate::server::Shared;

const REQUEST: Bound = Bound {
    bytes: 4096,
    text: "4 KiB",
};

/// The routes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    /// Everybody, invites, and the names of roles.
    List,
    /// A new invite.
    Invite,
    /// An invite is withdrawn.
    Withdraw,
    /// A person may sign in, or not.
    SetEnabled,
    /// A person is deleted.
    Delete,
    /// The sessions of a person.
    Sessions,
    /// Sessions end.
    End,
}

impl Route {
    /// What a path below `/v1/people` names; nothing for other paths.
    pub(super) fn find(method: &Method, path: &str) -> Option<Result<Self, Rejection>> {
        let (wanted, allowed, route) = match path {
            "/v1/people" => (Method::GET, "GET", Self::List),
            "/v1/people/invites" => (Method::POST, "POST", Self::Invite),
            "/v1/people/invites/withdrawals" => (Method::POST, "POST", Self::Withdraw),
            "/v1/people/enabled" => (Method::POST, "POST", Self::SetEnabled),
            "/v1/people/deletions" => (Method::POST, "POST", Self::Delete),
            "/v1/people/sessions" => (Method::POST, "POST", Self::Sessions),
            "/v1/people/sessions/ends" => (Method::POST, "POST", Self::End),
            _ => return None,
        };
        let fits = *method == wanted;
        Some(fits.then_some(route).ok_or(Rejection::Method(allowed)))
    }
}

/// Answers a device about people.
pub(crate) async fn answer(
    permit: Permit<ManagePeople>,
    shared: &Arc<Shared>,
    context: &RequestContext,
    binding: &Binding,
    route: Route,
    body: Incoming,
) -> Result<Response<Body>, Rejection> {
    let Appliance = permit.into_resource();
    let governor = || Governor::new(shared, By::Device(binding.client), context);
    match route {
        Route::List => super::json(&list(shared)?),
        Route::Invite => {
            let request: PersonInviteRequest = read(body).await?;
            let life = Duration::from_secs(request.life_s);
            let made = governor().invite(request.roles, life).await?;
            super::json(&PersonInvite {
                code: made.code.to_groups().to_string().into(),
                link: shared.invite_link(&made.code).to_string().into(),
                expires_s: made.life.as_secs(),
            })
        }
        Route::Withdraw => {
            let request: WithdrawalRequest = read(body).await?;
            governor().withdraw(&request.invite).await?;
            done("withdrawn")
        }
        Route::SetEnabled => {
            let request: EnabledRequest = read(body).await?;
            let id = named(&shared.store.snapshot()?, &request.name)?;
            if request.enabled {
                governor().enable(id).await?;
                return done("enabled");
            }
            governor().disable(id, request.force).await?;
            done("disabled")
        }
        Route::Delete => {
            let request: DeletionRequest = read(body).await?;
            let id = named(&shared.store.snapshot()?, &request.name)?;
            governor().delete(id, request.name, request.force).await?;
            done("deleted")
        }
        Route::Sessions => {
            let request: SessionsRequest = read(body).await?;
            super::json(&sessions(shared, &request.name)?)
        }
        Route::End => {
            let request: EndRequest = read(body).await?;
            let find = |name: &str| named(&shared.store.snapshot()?, name);
            let sessions = match request {
                EndRequest::All => governor().end_all(None).await?,
                EndRequest::Person { name } => governor().end_all(Some(find(&name)?)).await?,
                EndRequest::One { name, session } => {
                    governor().end_one(find(&name)?, &session).await?
                }
            };
            super::json(&Ended { sessions })
        }
    }
}

async fn read<T: DeserializeOwned + Send + 'static>(body: Incoming) -> Result<T, Rejection> {
    json(body, REQUEST).await
}

fn done(what: &str) -> Result<Response<Body>, Rejection> {
    super::json(&ActDone {
        done: what.to_owned(),
    })
}

fn list(shared: &Shared) -> Result<PeopleAnswer, Rejection> {
    let all = shared.overview()?;
    let people = all.people.into_iter().map(|(person, sessions)| PersonItem {
        id: person.id.to_string(),
        name: person.name.as_str().to_owned(),
        roles: person.roles,
        enabled: person.enabled,
        joined: person.made.div_euclid(1000),
        sessions,
    });
    let invites = all.invites.into_iter().map(|invite| InviteItem {
        id: data_encoding::HEXLOWER.encode(&invite.id),
        roles: invite.roles,
        made: invite.made.div_euclid(1000),
        ends: invite.ends.div_euclid(1000),
    });
    Ok(PeopleAnswer {
        people: people.collect(),
        invites: invites.collect(),
        roles: all.roles.into_iter().map(|role| role.name).collect(),
        warning: shared.identity.warning(&shared.settings),
    })
}

fn sessions(shared: &Shared, name: &str) -> Result<Vec<SessionItem>, Rejection> {
    let snapshot = shared.store.snapshot()?;
    let id = named(&snapshot, name)?;
    people::find(&snapshot, id)?;
    let (sessions, now) = (&shared.identity.sessions, shared.moment());
    let at = sessions.millis_of(now);
    let wall = now.wall.unix_millis().div_euclid(1000);
    let ago = |age: Duration| wall.saturating_sub_unsigned(age.as_secs());
    let listed = sessions.list(&snapshot, id, now)?.into_iter();
    let items = listed.map(|(session, device)| SessionItem {
        id: session.id.to_string(),
        device,
        site: session.portal.is_some(),
        method: crate::portal::method_name(session.method()).to_owned(),
        made: ago(session.age_at(at)),
        used: ago(session.idle_at(at)),
    });
    Ok(items.collect())
}
