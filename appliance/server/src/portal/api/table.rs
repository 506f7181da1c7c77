//! Every operation: its address, who may ask, what it takes and what it answers.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use http::Method;

/// Who may ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Who {
    /// Everybody.
    Anyone,
    /// Who is signed in.
    Person,
    /// Admins.
    Admin,
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
    /// This description.
    Document,
    /// One's own.
    Own(Own),
    /// Everybody's.
    Govern(Govern),
}

/// One's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Own {
    Session,
    SignOut,
    Account,
    Passkeys,
    BeginPasskey,
    AddPasskey,
    RemovePasskey,
    SetUpTotp,
    ConfirmTotp,
    RemoveTotp,
    SetPassword,
    RemovePassword,
    MakeCodes,
    Sessions,
    EndOthers,
    EndOne,
}

/// Everybody's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Govern {
    People,
    Person,
    Delete,
    SetRoles,
    SetEnabled,
    Sessions,
    EndAll,
    EndOne,
    Invites,
    Invite,
    Withdraw,
    Roles,
    PutRole,
}

/// A list that comes a page at a time, by what its items are numbered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Paged {
    /// By 16 bytes in hex.
    Person,
    /// By 8 bytes in hex.
    Number,
    /// By name.
    Role,
}

/// One operation.
#[derive(Debug)]
pub(super) struct Operation {
    pub(super) method: &'static str,
    /// Below the portal's own folder; `{…}` stands for one segment.
    pub(super) path: &'static str,
    pub(super) act: Act,
    pub(super) who: Who,
    /// Whether it asks for a proof of the last five minutes.
    pub(super) fresh: bool,
    pub(super) paged: Option<Paged>,
    /// The schema of the body that it takes.
    pub(super) takes: Option<&'static str>,
    /// The status of its answer.
    pub(super) status: u16,
    /// The schema of the answer's body.
    pub(super) answers: Option<&'static str>,
    /// Whether it may be refused as things are (409).
    pub(super) conflicts: bool,
    pub(super) summary: &'static str,
}

impl Operation {
    const fn of(
        method: &'static str,
        path: &'static str,
        act: Act,
        status: u16,
        summary: &'static str,
    ) -> Self {
        let who = match act {
            Act::Document => Who::Anyone,
            Act::Own(_) => Who::Person,
            Act::Govern(_) => Who::Admin,
        };
        Self {
            method,
            path,
            act,
            who,
            fresh: false,
            paged: None,
            takes: None,
            status,
            answers: None,
            conflicts: false,
            summary,
        }
    }

    const fn fresh(mut self) -> Self {
        self.fresh = true;
        self
    }

    const fn paged(mut self, by: Paged) -> Self {
        self.paged = Some(by);
        self
    }

    const fn takes(mut self, schema: &'static str) -> Self {
        self.takes = Some(schema);
        self
    }

    const fn answers(mut self, schema: &'static str) -> Self {
        self.answers = Some(schema);
        self
    }

    const fn conflicts(mut self) -> Self {
        self.conflicts = true;
        self
    }

    /// Whether it changes nothing.
    pub(super) fn reads(&self) -> bool {
        self.method == "GET"
    }
}

/// All of them.
pub(super) const OPERATIONS: &[Operation] = {
    use self::{Govern as D, Own as A};
    use Act::{Document, Govern as G, Own as O};
    &[
        get("/api/v1/openapi.json", Document, "Read this description").answers("Document"),
        get(
            "/api/v1/session",
            O(A::Session),
            "Read who is signed in, and the token for acts",
        )
        .answers("Session"),
        delete("/api/v1/session", O(A::SignOut), "Sign out"),
        get(
            "/api/v1/account",
            O(A::Account),
            "Read one's own ways of signing in",
        )
        .answers("Account"),
        get(
            "/api/v1/account/passkeys",
            O(A::Passkeys),
            "List one's own passkeys",
        )
        .answers("Passkeys"),
        post(
            "/api/v1/account/passkeys",
            O(A::AddPasskey),
            204,
            "End the making of a further passkey",
        )
        .takes("NewPasskey")
        .fresh()
        .conflicts(),
        delete(
            "/api/v1/account/passkeys/{passkey}",
            O(A::RemovePasskey),
            "Remove a passkey; all other sessions end",
        )
        .fresh()
        .conflicts(),
        post(
            "/api/v1/account/passkey-ceremonies",
            O(A::BeginPasskey),
            201,
            "Begin the making of a further passkey",
        )
        .answers("Ceremony")
        .fresh()
        .conflicts(),
        post(
            "/api/v1/account/totp",
            O(A::SetUpTotp),
            201,
            "Make a generator of one-time passwords, to be confirmed",
        )
        .answers("Totp")
        .fresh()
        .conflicts(),
        put(
            "/api/v1/account/totp",
            O(A::ConfirmTotp),
            "Confirm it by a code",
        )
        .takes("TotpCode")
        .fresh()
        .conflicts(),
        delete(
            "/api/v1/account/totp",
            O(A::RemoveTotp),
            "Remove the generator",
        )
        .fresh(),
        put(
            "/api/v1/account/password",
            O(A::SetPassword),
            "Set the password, where passwords are on",
        )
        .takes("Password")
        .fresh(),
        delete(
            "/api/v1/account/password",
            O(A::RemovePassword),
            "Remove the password",
        )
        .fresh(),
        post(
            "/api/v1/account/recovery-codes",
            O(A::MakeCodes),
            201,
            "Make recovery codes in place of those before",
        )
        .answers("RecoveryCodes")
        .fresh(),
        get(
            "/api/v1/account/sessions",
            O(A::Sessions),
            "List one's own sessions",
        )
        .answers("Sessions")
        .paged(Paged::Number),
        delete(
            "/api/v1/account/sessions",
            O(A::EndOthers),
            "End all of one's own sessions but this one",
        ),
        delete(
            "/api/v1/account/sessions/{session}",
            O(A::EndOne),
            "End one of one's own sessions",
        ),
        get("/api/v1/people", G(D::People), "List people")
            .answers("People")
            .paged(Paged::Person),
        get("/api/v1/people/{person}", G(D::Person), "Read one person").answers("Person"),
        delete(
            "/api/v1/people/{person}",
            G(D::Delete),
            "Delete a person and destroy the person's own key",
        )
        .fresh()
        .conflicts(),
        put(
            "/api/v1/people/{person}/roles",
            G(D::SetRoles),
            "Give a person these roles; the sessions end",
        )
        .takes("RoleNames")
        .fresh()
        .conflicts(),
        put(
            "/api/v1/people/{person}/enabled",
            G(D::SetEnabled),
            "Let a person sign in (by a fresh proof), or keep the person out",
        )
        .takes("Enabled")
        .conflicts(),
        get(
            "/api/v1/people/{person}/sessions",
            G(D::Sessions),
            "List a person's sessions",
        )
        .answers("Sessions")
        .paged(Paged::Number),
        delete(
            "/api/v1/people/{person}/sessions",
            G(D::EndAll),
            "End all sessions of a person",
        ),
        delete(
            "/api/v1/people/{person}/sessions/{session}",
            G(D::EndOne),
            "End one session of a person",
        ),
        get(
            "/api/v1/invites",
            G(D::Invites),
            "List invites that are good",
        )
        .answers("Invites")
        .paged(Paged::Number),
        post(
            "/api/v1/invites",
            G(D::Invite),
            201,
            "Make an invite; its code is told once",
        )
        .takes("NewInvite")
        .answers("Invited")
        .fresh()
        .conflicts(),
        delete(
            "/api/v1/invites/{invite}",
            G(D::Withdraw),
            "Withdraw an invite",
        ),
        get("/api/v1/roles", G(D::Roles), "List roles")
            .answers("Roles")
            .paged(Paged::Role),
        put(
            "/api/v1/roles/{role}",
            G(D::PutRole),
            "Make or change a role",
        )
        .takes("RoleLimits")
        .fresh()
        .conflicts(),
    ]
};

const fn get(path: &'static str, act: Act, summary: &'static str) -> Operation {
    Operation::of("GET", path, act, 200, summary)
}

const fn post(path: &'static str, act: Act, status: u16, summary: &'static str) -> Operation {
    Operation::of("POST", path, act, status, summary)
}

const fn put(path: &'static str, act: Act, summary: &'static str) -> Operation {
    Operation::of("PUT", path, act, 204, summary)
}

const fn delete(path: &'static str, act: Act, summary: &'static str) -> Operation {
    Operation::of("DELETE", path, act, 204, summary)
}

/// The methods of each address, as `Allow` tells them.
static ALLOWED: LazyLock<BTreeMap<&'static str, String>> = LazyLock::new(|| {
    let mut allowed: BTreeMap<&str, String> = BTreeMap::new();
    for operation in OPERATIONS {
        let text = allowed.entry(operation.path).or_default();
        text.push_str(operation.method);
        text.push_str(if operation.reads() { ", HEAD, " } else { ", " });
    }
    for text in allowed.values_mut() {
        text.push_str("OPTIONS");
    }
    allowed
});

/// The address that a path of the portal is one of, as the table has it.
pub(crate) fn find(path: &str) -> Option<&'static str> {
    let mut all = OPERATIONS.iter().map(|operation| operation.path);
    path.starts_with(super::ROOT)
        .then(|| all.find(|template| fits(template, path)))
        .flatten()
}

fn fits(template: &str, path: &str) -> bool {
    let mut rest = path.split('/');
    let all = template.split('/').all(|name| {
        let found = rest.next();
        found.is_some_and(|found| name == found || (name.starts_with('{') && !found.is_empty()))
    });
    all && rest.next().is_none()
}

/// The methods of one of the table's addresses.
pub(crate) fn allowed(template: &str) -> &'static str {
    ALLOWED.get(template).map_or("OPTIONS", String::as_str)
}

/// What a method does at one of the table's addresses.
pub(super) fn operation(template: &str, method: &Method) -> Option<&'static Operation> {
    let mut all = OPERATIONS.iter();
    all.find(|operation| operation.path == template && operation.method == method.as_str())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_found_by_its_template_and_knows_its_methods() {
        for (path, found) in [
            ("/api/v1/people", Some("/api/v1/people")),
            ("/api/v1/people/ab", Some("/api/v1/people/{person}")),
            (
                "/api/v1/people/ab/roles",
                Some("/api/v1/people/{person}/roles"),
            ),
            ("/api/v1/people/", None),
            ("/api/v1/people//roles", None),
            ("/api/v1/people/ab/roles/x", None),
            ("/api/v1", None),
            ("/api/v2/people", None),
            ("/people", None),
        ] {
            assert_eq!(find(path), found, "{path}");
        }
        assert_eq!(allowed("/api/v1/session"), "GET, HEAD, DELETE, OPTIONS");
        assert_eq!(allowed("/api/v1/invites/{invite}"), "DELETE, OPTIONS");
    }

    #[test]
    fn no_address_hides_another_and_every_act_has_one() {
        for (at, one) in OPERATIONS.iter().enumerate() {
            for other in OPERATIONS.iter().skip(at.saturating_add(1)) {
                assert_ne!(one.act, other.act);
                let same = (one.path, one.method) == (other.path, other.method);
                let hides = one.path != other.path && fits(one.path, other.path);
                assert!(!same && !hides, "{} {}", one.path, other.path);
            }
        }
    }

    #[test]
    fn what_could_give_power_asks_for_a_fresh_proof() {
        let quick = OPERATIONS.iter().filter(|one| !one.reads() && !one.fresh);
        let quick: Vec<_> = quick.map(|one| (one.method, one.path)).collect();
        // What takes power away alone; letting a person in again asks for it in its handler.
        assert_eq!(
            quick,
            [
                ("DELETE", "/api/v1/session"),
                ("DELETE", "/api/v1/account/sessions"),
                ("DELETE", "/api/v1/account/sessions/{session}"),
                ("PUT", "/api/v1/people/{person}/enabled"),
                ("DELETE", "/api/v1/people/{person}/sessions"),
                ("DELETE", "/api/v1/people/{person}/sessions/{session}"),
                ("DELETE", "/api/v1/invites/{invite}"),
            ]
        );
    }
}
