//! Every operation of the API.

use super::table::{Act, Operation, Paged};

/// All of them.
pub(super) const OPERATIONS: &[Operation] = {
    use super::table::{Govern as D, Own as A};
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
            "Let a person sign in, or not; a fresh proof is needed to let in, and to keep out an admin",
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
