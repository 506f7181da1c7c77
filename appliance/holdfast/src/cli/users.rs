//! `holdfast user …`.

use clap::{Args, Subcommand};

use super::ClientArgs;

/// `holdfast user …`
#[derive(Debug, Subcommand)]
pub enum UserCommand {
    /// List the people, with their roles and live sessions, and the invites that are open
    List(ClientArgs),
    /// Make an invite: a code by which one person joins
    ///
    /// Prints the code and a link with the code in its fragment, which browsers do not send. Neither is shown again. Whoever
    /// opens it first chooses a name and makes a passkey, and has the roles from then on. The first admin joins this way:
    ///   holdfast user invite --role admin
    Invite(InviteArgs),
    /// Keep a person out: sessions end at once, and no sign-in is taken
    ///
    /// Nothing of theirs is lost; `holdfast user enable` lets them in again. Invites that they made are withdrawn.
    Disable(DisableArgs),
    /// Let a person sign in again who was disabled
    Enable(NameArgs),
    /// Delete a person with passkeys, codes and sessions, for ever
    ///
    /// Asks for the name once more. The key under which what is personal was sealed is destroyed, in old pages of the
    /// store's file too.
    Delete(DeleteArgs),
    /// List a person's live sessions
    Sessions(NameArgs),
    /// End sessions at once, or withdraw an invite
    ///
    ///   holdfast user revoke NAME                all sessions of a person
    ///   holdfast user revoke NAME --session ID   one of them
    ///   holdfast user revoke --all               everybody's
    ///   holdfast user revoke --invite ID         an open invite
    ///
    /// Who still may sign in can do so again; `holdfast user disable` keeps a person out.
    #[command(verbatim_doc_comment)]
    Revoke(EndArgs),
}

/// A person.
#[derive(Debug, Args)]
pub struct NameArgs {
    /// Who, as `holdfast user list` shows the name
    pub name: String,
    /// The appliance.
    #[command(flatten)]
    pub client: ClientArgs,
}

/// `holdfast user invite`
#[derive(Debug, Args)]
pub struct InviteArgs {
    /// A role that it gives; may be given several times
    #[arg(long, value_name = "ROLE", default_value = "member")]
    pub role: Vec<String>,
    /// How long it is good: minutes, hours or days, such as 30m, 12h or 3d; 30 days at most
    #[arg(long, value_name = "TIME", default_value = "3d", value_parser = seconds)]
    pub life: u64,
    /// The appliance.
    #[command(flatten)]
    pub client: ClientArgs,
}

/// `holdfast user disable`
#[derive(Debug, Args)]
pub struct DisableArgs {
    /// Who, as `holdfast user list` shows the name
    pub name: String,
    /// Disable even the last admin
    #[arg(long)]
    pub force: bool,
    /// The appliance.
    #[command(flatten)]
    pub client: ClientArgs,
}

/// `holdfast user delete`
#[derive(Debug, Args)]
pub struct DeleteArgs {
    /// Who, as `holdfast user list` shows the name
    pub name: String,
    /// The name once more, instead of being asked for it
    #[arg(long, value_name = "NAME")]
    pub yes: Option<String>,
    /// Delete even the last admin
    #[arg(long)]
    pub force: bool,
    /// The appliance.
    #[command(flatten)]
    pub client: ClientArgs,
}

/// `holdfast user revoke`
#[derive(Debug, Args)]
pub struct EndArgs {
    /// Whose sessions end
    #[arg(required_unless_present_any = ["all", "invite"])]
    pub name: Option<String>,
    /// Only this one, as `holdfast user sessions` lists it
    #[arg(long, value_name = "ID", requires = "name")]
    pub session: Option<String>,
    /// Everybody's sessions
    #[arg(long, conflicts_with = "name")]
    pub all: bool,
    /// Withdraw this invite instead, as `holdfast user list` lists it
    #[arg(long, value_name = "ID", conflicts_with_all = ["name", "all"])]
    pub invite: Option<String>,
    /// The appliance.
    #[command(flatten)]
    pub client: ClientArgs,
}

/// Seconds of a time such as `30m`, `12h` or `3d`.
fn seconds(text: &str) -> Result<u64, String> {
    let wrong = || "say minutes, hours or days, such as 30m, 12h or 3d".to_owned();
    let unit = match text.chars().next_back() {
        Some('m') => 60,
        Some('h') => 3600,
        Some('d') => 86_400,
        _ => return Err(wrong()),
    };
    let count = text.get(..text.len().saturating_sub(1)).unwrap_or_default();
    let digits = count.bytes().all(|byte| byte.is_ascii_digit());
    let count: Option<u64> = digits.then(|| count.parse().ok()).flatten();
    let life = count.and_then(|count| count.checked_mul(unit));
    life.filter(|life| *life > 0).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::seconds;

    #[test]
    fn a_time_is_a_number_and_a_unit() {
        for (text, life) in [("30m", 1800), ("12h", 43_200), ("3d", 259_200)] {
            assert_eq!(seconds(text), Ok(life), "{text}");
        }
        for wrong in [
            "",
            "3",
            "d",
            "0d",
            "+3d",
            "-3d",
            "3w",
            "3 d",
            "3é",
            "99999999999999999999d",
        ] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }
}
