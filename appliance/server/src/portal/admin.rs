//! What admins see and change: people, invites, roles; and what they see of the machine. What could take power asks for a
//! sign-in of the last five minutes; what keeps others than admins out does not, so that it is quick.

use std::ops::Not as _;
use std::sync::Arc;
use std::time::Duration;

use holdfast_identity::passkeys::FRESH;
use holdfast_identity::roles::{self, Limits, Role};
use holdfast_identity::sessions::Method;
use holdfast_identity::{PersonId, people};
use holdfast_policy::{ManagePeople, Permit, Portal};
use holdfast_site::pages::{self, Choice, Told};
use http::StatusCode;
use url::form_urlencoded;

use super::account::{session_rows, stamp};
use super::form::Form;
use super::guard::Sent;
use super::route::Admin as Route;
use super::{Answer, Call, Signed, form, is_admin, machine, see_other};
use crate::people::{By, Governor, Made};
use crate::rejection::Rejection;

const HOUR: u64 = 3600;
const DAY: u64 = 24 * HOUR;

/// What came of an act, in words.
type Done = Result<&'static str, Rejection>;

pub(super) async fn answer(
    permit: Permit<ManagePeople<Portal>>,
    call: &Call<'_>,
    signed: &Signed,
    route: Route,
    sent: &Sent,
) -> Answer {
    let Portal = permit.into_resource();
    let query = Form::parse(call.parts.uri.query().unwrap_or_default().as_bytes());
    let form = sent.form();
    let governor = || {
        Governor::new(
            call.shared,
            By::Admin(Arc::clone(&signed.session)),
            call.context,
        )
    };
    match route {
        Route::People => return people_page(call, signed, &query, None),
        Route::Person => return person_page(call, signed, &query, query.get("id"), None),
        Route::Roles => return roles_page(call, &query, None),
        Route::Machine => return machine::page(call),
        Route::Invite | Route::PutRole | Route::SetRoles | Route::Delete => {
            if fresh(signed).is_err() {
                return step_up(call, route, form);
            }
        }
        Route::SetEnabled if form.get("enabled") == "yes" || governs(call, form.get("person")) => {
            if fresh(signed).is_err() {
                return step_up(call, route, form);
            }
        }
        Route::SetEnabled | Route::Withdraw | Route::EndSessions => {}
    }
    match route {
        Route::Invite => match invite(governor(), form).await {
            Ok(made) => invited_page(call, &made),
            Err(why) => refused(why, |told| people_page(call, signed, form, Some(told))),
        },
        Route::Withdraw => {
            let done = governor().withdraw(form.get("invite")).await;
            let done = done.map(|()| "The invite is worth nothing any more.");
            told(done, |told| people_page(call, signed, form, Some(told)))
        }
        Route::PutRole => match put_role(governor(), form).await {
            Ok(()) => {
                let text = "The role is saved.";
                roles_page(
                    call,
                    &Form::default(),
                    Some(Told { good: true, text }.into()),
                )
            }
            Err(why) => refused(why, |told| roles_page(call, form, Some(told))),
        },
        _ => {
            let id = PersonId::parse(form.get("person")).ok_or(Rejection::NotFound)?;
            let done = one(governor(), id, route, form).await;
            if signed.session.has_ended() {
                // One's own: what was shown here is for who signs in again.
                let next = format!("{}/admin", call.base());
                return see_other(&form::with_next(&format!("{}/sign-in", call.base()), &next));
            }
            if route == Route::Delete && done.is_ok() {
                return told(done, |told| {
                    people_page(call, signed, &Form::default(), Some(told))
                });
            }
            let typed = if done.is_ok() { &Form::default() } else { form };
            told(done, |told| {
                person_page(call, signed, typed, form.get("person"), Some(told))
            })
        }
    }
}

/// What is told at the top of a page, with the status of the answer.
struct After<'a> {
    told: Told<'a>,
    status: StatusCode,
}

impl<'a> From<Told<'a>> for After<'a> {
    fn from(told: Told<'a>) -> Self {
        Self {
            told,
            status: StatusCode::OK,
        }
    }
}

fn told(done: Done, page: impl FnOnce(After<'_>) -> Answer) -> Answer {
    match done {
        Ok(text) => page(Told { good: true, text }.into()),
        Err(why) => refused(why, page),
    }
}

/// The page with what was typed and why it is refused; what has another cause is an error page.
fn refused(why: Rejection, page: impl FnOnce(After<'_>) -> Answer) -> Answer {
    let status = why.status();
    match why {
        Rejection::Conflict(text) | Rejection::Refused(text) => page(After {
            told: Told {
                good: false,
                text: &text,
            },
            status,
        }),
        other => Err(other),
    }
}

/// Whether this person is an admin: who keeps admins out, one after the other, takes power.
pub(super) fn governs(call: &Call<'_>, id: &str) -> bool {
    let Some(id) = PersonId::parse(id) else {
        return false;
    };
    let principal = call.shared.identity.principal(&call.shared.store, id);
    // Where it cannot be known, as an admin.
    principal.is_ok_and(|principal| !is_admin(&principal)).not()
}

fn fresh(signed: &Signed) -> Result<(), holdfast_identity::Error> {
    signed.session.require(Method::Recovery, FRESH)
}

/// Off to a fresh proof, and back to the form with what was typed in it: secrets are in none of them. The name by which a
/// deletion is confirmed is typed anew, since names stay out of addresses.
fn step_up(call: &Call<'_>, route: Route, form: &Form) -> Answer {
    let (path, fields): (_, &[&str]) = match route {
        Route::Invite => ("/admin", &["role", "life", "unit"]),
        Route::PutRole => (
            "/admin/roles",
            &["name", "inherits", "idle", "absolute", "sessions"],
        ),
        Route::SetRoles => ("/admin/person", &["role"]),
        _ => ("/admin/person", &[]),
    };
    let mut query = form_urlencoded::Serializer::new(String::new());
    if path == "/admin/person" {
        query.append_pair("id", form.get("person"));
    }
    for field in fields {
        for value in form.all(field) {
            query.append_pair(field, value);
        }
    }
    let mut next = format!("{}{path}?{}", call.base(), query.finish());
    if !form::is_path(&next) {
        next = format!("{}{path}", call.base());
    }
    see_other(&form::with_next(&format!("{}/step-up", call.base()), &next))
}

async fn invite(governor: Governor, form: &Form) -> Result<Made, Rejection> {
    let unit = match form.get("unit") {
        "days" => DAY,
        _ => HOUR,
    };
    let count: Option<u64> = number(form.get("life")).filter(|count| *count > 0);
    let count = count.ok_or_else(|| {
        Rejection::Refused("How long is it good? Type a whole number of hours or days.".to_owned())
    })?;
    let life = Duration::from_secs(count.saturating_mul(unit));
    governor.invite(chosen(form, "role"), life).await
}

async fn put_role(governor: Governor, form: &Form) -> Result<(), Rejection> {
    let whole = |name| {
        number::<u32>(form.get(name)).ok_or_else(|| {
            Rejection::Refused("Type whole numbers for the limits of sessions.".to_owned())
        })
    };
    let role = Role {
        name: form.get("name").trim().to_owned(),
        inherits: chosen(form, "inherits"),
        limits: Limits {
            idle_seconds: whole("idle")?.saturating_mul(60),
            absolute_seconds: whole("absolute")?.saturating_mul(60),
            sessions: whole("sessions")?,
        },
    };
    governor.put_role(role).await
}

/// What is done to one person.
async fn one(governor: Governor, id: PersonId, route: Route, form: &Form) -> Done {
    match route {
        Route::SetRoles => {
            governor.set_roles(id, chosen(form, "role")).await?;
            Ok("The roles are saved, and the person's sessions have ended.")
        }
        Route::SetEnabled => match form.get("enabled") {
            "yes" => {
                governor.enable(id).await?;
                Ok("The person may sign in again.")
            }
            _ => {
                governor.disable(id, false).await?;
                Ok("The person is out: sessions and invites have ended, and no sign-in is taken.")
            }
        },
        Route::Delete => {
            let typed = form.get("name").to_owned();
            governor.delete(id, typed, false).await?;
            Ok("The person is deleted, and the key of what was personal is being destroyed.")
        }
        _ => match form.get("session") {
            "all" => {
                governor.end_all(Some(id)).await?;
                Ok("All sessions of this person have ended.")
            }
            session => {
                governor.end_one(id, session).await?;
                Ok("The session has ended.")
            }
        },
    }
}

fn number<T: std::str::FromStr>(text: &str) -> Option<T> {
    let text = text.trim();
    // Digits alone: the standard library takes a sign as well.
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

fn chosen(form: &Form, field: &str) -> Vec<String> {
    form.all(field).map(str::to_owned).collect()
}

fn choices(all: &[Role], chosen: &[String]) -> Vec<Choice> {
    let choice = |role: &Role| Choice {
        name: role.name.clone(),
        chosen: chosen.contains(&role.name),
    };
    all.iter().map(choice).collect()
}

fn row(person: &people::Person, sessions: usize, signed: &Signed) -> pages::PersonRow {
    pages::PersonRow {
        id: person.id.to_string(),
        name: person.name.as_str().to_owned(),
        roles: person.roles.clone(),
        enabled: person.enabled,
        joined: stamp(person.made),
        sessions,
        own: person.id == signed.session.person,
    }
}

fn page(
    call: &Call<'_>,
    after: Option<After<'_>>,
    render: impl FnOnce(&pages::Shell<'_>) -> String,
) -> Answer {
    let status = after.as_ref().map_or(StatusCode::OK, |after| after.status);
    call.page_with(status, after.map(|after| after.told), render)
}

/// `typed` holds what the form of an invite was filled in with, if it was.
fn people_page(call: &Call<'_>, signed: &Signed, typed: &Form, after: Option<After<'_>>) -> Answer {
    let all = call.shared.overview()?;
    let filled = !typed.get("unit").is_empty();
    let given = if filled {
        chosen(typed, "role")
    } else {
        vec!["member".to_owned()]
    };
    let people = all.people.iter();
    let invites = all.invites.into_iter().map(|invite| pages::InviteRow {
        id: data_encoding::HEXLOWER.encode(&invite.id),
        roles: invite.roles,
        made: stamp(invite.made),
        ends: stamp(invite.ends),
    });
    let people = pages::People {
        people: people
            .map(|(person, sessions)| row(person, *sessions, signed))
            .collect(),
        invites: invites.collect(),
        form: pages::InviteForm {
            roles: choices(&all.roles, &given),
            life: if filled { typed.get("life") } else { "3" }.to_owned(),
            days: !filled || typed.get("unit") == "days",
        },
    };
    page(call, after, |shell| pages::people(shell, &people))
}

fn invited_page(call: &Call<'_>, made: &Made) -> Answer {
    let code = made.code.to_groups();
    let link = call.shared.invite_link(&made.code);
    let seconds = made.life.as_secs();
    let life = match (seconds.div_euclid(DAY), seconds.rem_euclid(DAY)) {
        (1, 0) => "a day".to_owned(),
        (days, 0) => format!("{days} days"),
        _ if seconds == HOUR => "an hour".to_owned(),
        _ => format!("{} hours", seconds.div_euclid(HOUR)),
    };
    page(call, None, |shell| {
        pages::invited(shell, &code, &link, &life)
    })
}

/// `typed` holds what the forms were filled in with, if they were.
fn person_page(
    call: &Call<'_>,
    signed: &Signed,
    typed: &Form,
    id: &str,
    after: Option<After<'_>>,
) -> Answer {
    let id = PersonId::parse(id).ok_or(Rejection::NotFound)?;
    let snapshot = call.shared.store.snapshot()?;
    let person = match people::find(&snapshot, id) {
        Err(holdfast_identity::Error::NoPerson) => return Err(Rejection::NotFound),
        found => found?,
    };
    let all = roles::list(&snapshot)?;
    let sessions = session_rows(call, &snapshot, id, Some(&signed.session))?;
    let given = match chosen(typed, "role") {
        none if none.is_empty() => person.roles.clone(),
        some => some,
    };
    let person = pages::PersonPage {
        person: row(&person, sessions.len(), signed),
        roles: choices(&all, &given),
        sessions,
        typed: typed.get("name").to_owned(),
    };
    drop(snapshot);
    page(call, after, |shell| pages::person(shell, &person))
}

/// `typed` holds what the form was filled in with, or the name of a role to begin from.
fn roles_page(call: &Call<'_>, typed: &Form, after: Option<After<'_>>) -> Answer {
    let all = roles::list(&call.shared.store.snapshot()?)?;
    let name = typed.get("name");
    let filled = !typed.get("idle").is_empty() || !typed.get("absolute").is_empty();
    let known = all.iter().find(|role| role.name == name && !filled);
    let form = match known {
        Some(role) => pages::RoleForm {
            name: role.name.clone(),
            inherits: choices(&all, &role.inherits),
            idle: role.limits.idle_seconds.div_euclid(60).to_string(),
            absolute: role.limits.absolute_seconds.div_euclid(60).to_string(),
            sessions: role.limits.sessions.to_string(),
        },
        None => pages::RoleForm {
            name: name.to_owned(),
            inherits: choices(&all, &chosen(typed, "inherits")),
            idle: typed.get("idle").to_owned(),
            absolute: typed.get("absolute").to_owned(),
            sessions: typed.get("sessions").to_owned(),
        },
    };
    let rows: Vec<_> = all
        .into_iter()
        .map(|role| pages::RoleRow {
            name: role.name,
            inherits: role.inherits,
            idle: role.limits.idle_seconds,
            absolute: role.limits.absolute_seconds,
            sessions: role.limits.sessions,
        })
        .collect();
    page(call, after, |shell| pages::roles(shell, &rows, &form))
}
