//! `holdfast user …`.

use std::io::{BufRead as _, IsTerminal as _};

use holdfast_server::protocol::{
    ActDone, DeletionRequest, EnabledRequest, EndRequest, Ended, PeopleAnswer, PersonInvite,
    PersonInviteRequest, SessionItem, SessionsRequest, WithdrawalRequest,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::text::{date, duration, plain};
use crate::Failure;
use crate::cli::{ClientArgs, DeleteArgs, DisableArgs, EndArgs, InviteArgs, NameArgs, UserCommand};

/// Carries the command out.
pub fn run(command: &UserCommand) -> Result<(), Failure> {
    match command {
        UserCommand::List(args) => list(args),
        UserCommand::Invite(args) => invite(args),
        UserCommand::Disable(args) => disable(args),
        UserCommand::Enable(args) => enable(args),
        UserCommand::Delete(args) => delete(args),
        UserCommand::Sessions(args) => sessions(args),
        UserCommand::Revoke(args) => revoke(args),
    }
}

fn ask<T: DeserializeOwned>(
    args: &ClientArgs,
    path: &str,
    message: &impl Serialize,
) -> Result<T, Failure> {
    super::block_on(async { super::connect(args).await?.post(path, message).await })
}

/// Prints the answer as JSON, or this text.
fn tell(args: &ClientArgs, answer: &impl Serialize, text: &str) -> Result<(), Failure> {
    if args.json {
        println!("{}", serde_json::to_string(answer)?);
    } else {
        println!("{text}");
    }
    Ok(())
}

fn list(args: &ClientArgs) -> Result<(), Failure> {
    let answer: PeopleAnswer =
        super::block_on(async { super::connect(args).await?.get("/v1/people").await })?;
    if args.json {
        println!("{}", serde_json::to_string(&answer)?);
        return Ok(());
    }
    if let Some(warning) = &answer.warning {
        eprintln!("holdfast: warning: {}", plain(warning));
    }
    if answer.people.is_empty() {
        println!("Nobody has joined. `holdfast user invite --role admin` invites the first one.");
    }
    for item in &answer.people {
        let state = if item.enabled { "enabled" } else { "DISABLED" };
        println!(
            "{}  {state:<8}  sessions: {:<3}  {:<24}  {}",
            date(item.joined),
            item.sessions,
            plain(&item.roles.join(",")),
            plain(&item.name)
        );
    }
    if !answer.invites.is_empty() {
        println!("Open invites (holdfast user revoke --invite ID withdraws one):");
    }
    for item in &answer.invites {
        println!(
            "  {}  ends {}  {}",
            plain(&item.id),
            date(item.ends),
            plain(&item.roles.join(","))
        );
    }
    Ok(())
}

fn invite(args: &InviteArgs) -> Result<(), Failure> {
    let request = PersonInviteRequest {
        roles: args.role.clone(),
        life_s: args.life,
    };
    let invite: PersonInvite = ask(&args.client, "/v1/people/invites", &request)?;
    if args.client.json {
        println!("{}", serde_json::to_string(&invite)?);
        return Ok(());
    }
    println!("Code: {}", plain(invite.code.expose()));
    println!("Link: {}", plain(invite.link.expose()));
    eprintln!(
        "Good for {} and one person, who has these roles then: {}. Neither is shown again. Whoever opens it first joins: hand it over \
         by a way that only the one you mean can read.",
        duration(invite.expires_s),
        args.role.join(", ")
    );
    Ok(())
}

fn disable(args: &DisableArgs) -> Result<(), Failure> {
    let request = EnabledRequest {
        name: args.name.clone(),
        enabled: false,
        force: args.force,
    };
    let done: ActDone = ask(&args.client, "/v1/people/enabled", &request)?;
    let text = format!(
        "{} is out: sessions have ended, and no sign-in is taken. `holdfast user enable` undoes it.",
        plain(&args.name)
    );
    tell(&args.client, &done, &text)
}

fn enable(args: &NameArgs) -> Result<(), Failure> {
    let request = EnabledRequest {
        name: args.name.clone(),
        enabled: true,
        force: false,
    };
    let done: ActDone = ask(&args.client, "/v1/people/enabled", &request)?;
    let text = format!("{} may sign in again.", plain(&args.name));
    tell(&args.client, &done, &text)
}

fn delete(args: &DeleteArgs) -> Result<(), Failure> {
    let typed = match &args.yes {
        Some(name) => name.clone(),
        None => typed(&args.name)?,
    };
    if typed != args.name {
        return Err("nothing was deleted: another name was typed; run it again and type the name as it stands in the command".into());
    }
    let request = DeletionRequest {
        name: typed,
        force: args.force,
    };
    let done: ActDone = ask(&args.client, "/v1/people/deletions", &request)?;
    let text = format!(
        "{} is deleted. The key of what was personal is being destroyed; `holdfast key status` shows when that is done (table \
         person-keys, one epoch). Backups made before still hold it.",
        plain(&args.name)
    );
    tell(&args.client, &done, &text)
}

/// What the person types in confirmation.
fn typed(name: &str) -> Result<String, Failure> {
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        return Err(format!(
            "nobody is there to confirm; say --yes '{}' to delete without a question",
            plain(name)
        )
        .into());
    }
    eprint!(
        "This deletes {} with passkeys, codes and sessions, for ever.\nType the name to do it: ",
        plain(name)
    );
    let mut line = String::new();
    stdin.lock().read_line(&mut line)?;
    Ok(line.trim().to_owned())
}

fn sessions(args: &NameArgs) -> Result<(), Failure> {
    let request = SessionsRequest {
        name: args.name.clone(),
    };
    let sessions: Vec<SessionItem> = ask(&args.client, "/v1/people/sessions", &request)?;
    if args.client.json {
        println!("{}", serde_json::to_string(&sessions)?);
        return Ok(());
    }
    if sessions.is_empty() {
        println!("No session of {} lives.", plain(&args.name));
    }
    for item in sessions {
        let place = if item.site { "site" } else { "portal" };
        println!(
            "{}  {place:<6}  since {}  used {}  by {}  {}",
            plain(&item.id),
            date(item.made),
            date(item.used),
            plain(&item.method),
            plain(&item.device)
        );
    }
    Ok(())
}

fn revoke(args: &EndArgs) -> Result<(), Failure> {
    if let Some(invite) = &args.invite {
        let request = WithdrawalRequest {
            invite: invite.clone(),
        };
        let done: ActDone = ask(&args.client, "/v1/people/invites/withdrawals", &request)?;
        return tell(&args.client, &done, "The invite is worth nothing any more.");
    }
    let request = match (&args.name, &args.session) {
        (None, _) => EndRequest::All,
        (Some(name), None) => EndRequest::Person { name: name.clone() },
        (Some(name), Some(session)) => EndRequest::One {
            name: name.clone(),
            session: session.clone(),
        },
    };
    let ended: Ended = ask(&args.client, "/v1/people/sessions/ends", &request)?;
    let text = format!("Sessions that ended: {}", ended.sessions);
    tell(&args.client, &ended, &text)
}
