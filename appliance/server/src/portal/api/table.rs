//! What the API knows of an operation: its address, who may ask, what it takes and what it answers.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use http::Method;

use super::operations::OPERATIONS;

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
    pub(super) const fn of(
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

    pub(super) const fn fresh(mut self) -> Self {
        self.fresh = true;
        self
    }

    pub(super) const fn paged(mut self, by: Paged) -> Self {
        self.paged = Some(by);
        self
    }

    pub(super) const fn takes(mut self, schema: &'static str) -> Self {
        self.takes = Some(schema);
        self
    }

    pub(super) const fn answers(mut self, schema: &'static str) -> Self {
        self.answers = Some(schema);
        self
    }

    pub(super) const fn conflicts(mut self) -> Self {
        self.conflicts = true;
        self
    }

    /// Whether it changes nothing.
    pub(super) fn reads(&self) -> bool {
        self.method == "GET"
    }
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
        // Letting a person in, and keeping an admin out, ask for it in their handler.
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
