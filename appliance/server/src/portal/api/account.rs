//! What is one's own: the acts of the account's page.

use holdfast_identity::sessions::{SessionId, Which};
use holdfast_identity::{PersonId, passkeys, passwords, people, recovery, totp};
use holdfast_policy::{Permit, UseAccount};

use super::super::ceremony::Finish;
use super::super::{Answer, account, cookie, password};
use super::table::{Act, Own};
use super::types::{
    AccountAnswer, Ceremony, NewPasskey, Page, PasskeyItem, Password, PersonItem, RecoveryCodes,
    SessionAnswer, SessionItem, Totp, TotpCode,
};
use super::{Asked, fresh};
use crate::rejection::Rejection;

pub(super) async fn answer(permit: Permit<UseAccount>, asked: &Asked<'_>) -> Answer {
    let holdfast_policy::Portal = permit.into_resource();
    let Act::Own(act) = asked.operation.act else {
        return Err(Rejection::NotFound);
    };
    let (call, signed) = (asked.call, asked.signed);
    let (person, own) = (signed.session.person, signed.session.id);
    match act {
        Own::Session => session(asked),
        Own::SignOut => {
            account::end_sessions(call, signed, Which::One(person, own)).await?;
            let mut response = asked.done()?;
            cookie::clear(&mut response, cookie::PORTAL)?;
            Ok(response)
        }
        Own::Account => overview(asked),
        Own::Passkeys => asked.tell(&passkeys(asked)?),
        Own::BeginPasskey => {
            let begun = account::begin_passkey(call, signed)?;
            asked.tell(&Ceremony {
                id: begun.id,
                options: begun.options,
            })
        }
        Own::AddPasskey => {
            let NewPasskey { id, answer, label } = asked.read()?;
            let finish = Finish::of(id, &answer.into(), label);
            account::finish_passkey(call, signed, &finish).await?;
            asked.done()
        }
        Own::RemovePasskey => {
            let there = passkeys(asked)?.items;
            if !there.iter().any(|key| key.id == asked.first()) {
                return Err(Rejection::NotFound);
            }
            account::remove_passkey(call, signed, asked.first()).await?;
            asked.done()
        }
        Own::SetUpTotp => {
            let made = account::make_totp(call, signed, "").await?;
            asked.tell(&Totp {
                address: made.address,
                secret: made.secret,
            })
        }
        Own::ConfirmTotp => {
            let given: TotpCode = asked.read()?;
            account::check_totp(call, signed, &given.code).await?;
            asked.done()
        }
        Own::RemoveTotp => {
            account::remove_totp(call, signed).await?;
            asked.done()
        }
        Own::SetPassword => {
            let given: Password = asked.read()?;
            password::set(call, signed, &given.password).await?;
            asked.done()
        }
        Own::RemovePassword => {
            password::remove(call, signed).await?;
            asked.done()
        }
        Own::MakeCodes => {
            let codes = account::make_codes(call, signed).await?;
            asked.tell(&RecoveryCodes { codes })
        }
        Own::Sessions => asked.tell(&sessions(asked, person)?),
        Own::EndOthers => {
            account::end_sessions(call, signed, Which::Others(person, own)).await?;
            asked.done()
        }
        Own::EndOne => {
            let one = listed(asked, person, asked.first())?;
            account::end_sessions(call, signed, Which::One(person, one)).await?;
            asked.done()
        }
    }
}

fn session(asked: &Asked<'_>) -> Answer {
    let (shared, session) = (asked.call.shared, &asked.signed.session);
    let person = people::find(&shared.store.snapshot()?, session.person)?;
    asked.tell(&SessionAnswer {
        person: person_item(asked, person),
        admin: asked.call.is_admin(),
        session: session.id.to_string(),
        fresh: fresh(asked.signed).is_ok(),
        token: shared.identity.form_token(&asked.call.browser),
    })
}

/// A person as they are listed.
pub(super) fn person_item(asked: &Asked<'_>, person: people::Person) -> PersonItem {
    let shared = asked.call.shared;
    PersonItem {
        id: person.id.to_string(),
        name: person.name.as_str().to_owned(),
        enabled: person.enabled,
        joined: account::stamp(person.made),
        sessions: shared.identity.sessions.count(person.id, shared.moment()),
        roles: person.roles,
    }
}

fn overview(asked: &Asked<'_>) -> Answer {
    let (shared, person) = (asked.call.shared, asked.signed.session.person);
    let snapshot = shared.store.snapshot()?;
    asked.tell(&AccountAnswer {
        passkeys: passkeys::list(&snapshot, person)?.len(),
        totp: totp::is_set_up(&snapshot, person)?,
        password: passwords::is_set(&snapshot, person)?,
        passwords: shared.identity.passwords().is_ok(),
        recovery_codes: recovery::left(&snapshot, person)?,
    })
}

fn passkeys(asked: &Asked<'_>) -> Result<Page<PasskeyItem>, Rejection> {
    let snapshot = asked.call.shared.store.snapshot()?;
    let all = passkeys::list(&snapshot, asked.signed.session.person)?;
    let items = all.into_iter().map(|key| PasskeyItem {
        id: data_encoding::HEXLOWER.encode(&key.id),
        label: key.label.clone(),
        made: account::stamp(key.made),
        used: account::stamp(key.used),
    });
    Ok(Page {
        items: items.collect(),
        next: None,
    })
}

/// A page of a person's sessions.
pub(super) fn sessions(
    asked: &Asked<'_>,
    person: PersonId,
) -> Result<Page<SessionItem>, Rejection> {
    let rows = all_sessions(asked, person)?;
    Ok(asked.query.page(rows, |session| session.id.clone()))
}

/// The number of a session, if it is one of the person's.
pub(super) fn listed(
    asked: &Asked<'_>,
    person: PersonId,
    id: &str,
) -> Result<SessionId, Rejection> {
    let there = all_sessions(asked, person)?;
    let there = there.iter().any(|session| session.id == id);
    let id = SessionId::parse(id).filter(|_| there);
    id.ok_or(Rejection::NotFound)
}

fn all_sessions(asked: &Asked<'_>, person: PersonId) -> Result<Vec<SessionItem>, Rejection> {
    let snapshot = asked.call.shared.store.snapshot()?;
    let own = Some(asked.signed.session.as_ref());
    let rows = account::session_rows(asked.call, &snapshot, person, own)?;
    Ok(rows.into_iter().map(SessionItem::from).collect())
}
