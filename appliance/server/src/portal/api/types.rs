//! What travels, in the shapes that `schemas.json` describes. Times are those of RFC 3339.

use holdfast_identity::roles::{Limits, Role};
use holdfast_site::pages;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// A part of a list.
#[derive(Serialize)]
pub(super) struct Page<T> {
    pub(super) items: Vec<T>,
    /// What `after` is at the next part, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next: Option<String>,
}

#[derive(Serialize)]
pub(super) struct SessionAnswer {
    pub(super) person: PersonItem,
    pub(super) admin: bool,
    pub(super) session: String,
    /// Whether an act that asks for a fresh proof is done now.
    pub(super) fresh: bool,
    /// For `X-Holdfast-Token`, in the browser that asked.
    pub(super) token: String,
}

#[derive(Serialize)]
pub(super) struct AccountAnswer {
    pub(super) passkeys: usize,
    pub(super) totp: bool,
    pub(super) password: bool,
    /// Whether the operator turns passwords on.
    pub(super) passwords: bool,
    pub(super) recovery_codes: usize,
}

#[derive(Serialize)]
pub(super) struct PasskeyItem {
    pub(super) id: String,
    pub(super) label: String,
    pub(super) made: String,
    pub(super) used: String,
}

#[derive(Serialize)]
pub(super) struct Ceremony {
    pub(super) id: String,
    /// For `navigator.credentials.create`.
    pub(super) options: serde_json::Value,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewPasskey {
    pub(super) id: String,
    /// `PublicKeyCredential.toJSON()`.
    pub(super) answer: serde_json::Map<String, serde_json::Value>,
    pub(super) label: String,
}

#[derive(Serialize)]
pub(super) struct Totp {
    pub(super) address: Zeroizing<String>,
    pub(super) secret: Zeroizing<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TotpCode {
    pub(super) code: Zeroizing<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Password {
    pub(super) password: Zeroizing<String>,
}

#[derive(Serialize)]
pub(super) struct RecoveryCodes {
    pub(super) codes: Vec<Zeroizing<String>>,
}

#[derive(Serialize)]
pub(super) struct SessionItem {
    pub(super) id: String,
    pub(super) device: String,
    pub(super) made: String,
    pub(super) used: String,
    pub(super) site: bool,
    pub(super) method: &'static str,
    pub(super) own: bool,
}

impl From<pages::SessionRow> for SessionItem {
    fn from(row: pages::SessionRow) -> Self {
        Self {
            id: row.id,
            device: row.device,
            made: row.made,
            used: row.used,
            site: row.site,
            method: row.method,
            own: row.own,
        }
    }
}

#[derive(Serialize)]
pub(super) struct PersonItem {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) roles: Vec<String>,
    pub(super) enabled: bool,
    pub(super) joined: String,
    pub(super) sessions: usize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RoleNames {
    pub(super) roles: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Enabled {
    pub(super) enabled: bool,
}

#[derive(Serialize)]
pub(super) struct InviteItem {
    pub(super) id: String,
    pub(super) roles: Vec<String>,
    pub(super) made: String,
    pub(super) ends: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewInvite {
    pub(super) roles: Vec<String>,
    pub(super) life_seconds: u64,
}

#[derive(Serialize)]
pub(super) struct Invited {
    pub(super) code: Zeroizing<String>,
    pub(super) link: Zeroizing<String>,
    pub(super) life_seconds: u64,
}

#[derive(Serialize)]
pub(super) struct RoleItem {
    pub(super) name: String,
    #[serde(flatten)]
    pub(super) limits: RoleLimits,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RoleLimits {
    pub(super) inherits: Vec<String>,
    pub(super) idle_seconds: u32,
    pub(super) absolute_seconds: u32,
    pub(super) sessions: u32,
}

impl From<Role> for RoleItem {
    fn from(role: Role) -> Self {
        Self {
            name: role.name,
            limits: RoleLimits {
                inherits: role.inherits,
                idle_seconds: role.limits.idle_seconds,
                absolute_seconds: role.limits.absolute_seconds,
                sessions: role.limits.sessions,
            },
        }
    }
}

impl RoleLimits {
    /// The role of this name with these limits.
    pub(super) fn named(self, name: String) -> Role {
        Role {
            name,
            inherits: self.inherits,
            limits: Limits {
                idle_seconds: self.idle_seconds,
                absolute_seconds: self.absolute_seconds,
                sessions: self.sessions,
            },
        }
    }
}
