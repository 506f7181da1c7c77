//! The portal's addresses.

use http::Method;

use super::api;

/// What a path of the portal names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    /// For everybody.
    SignIn(SignIn),
    /// For who is signed in.
    Account(Account),
    /// For admins.
    Admin(Admin),
    /// For programs, by an address of [`api`]'s table.
    Api(&'static str),
}

/// Becoming someone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SignIn {
    /// The page.
    Page,
    /// The beginning of a passkey ceremony.
    Begin,
    /// Its end.
    Finish,
    /// A recovery code in place of a passkey.
    Recover,
    /// A fresh proof of who is signed in.
    StepUp,
    /// A one-time password as the second factor.
    SecondFactor,
    /// A password, where they are on.
    Password,
    /// The end of the session.
    SignOut,
    /// The way back to the site.
    HandOver,
    /// Joining by an invite.
    Join(Join),
}

/// Joining by an invite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Join {
    /// The page.
    Page,
    /// The beginning of a passkey ceremony.
    Begin,
    /// Its end.
    Finish,
}

/// What is one's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Account {
    /// The overview.
    Page,
    /// The beginning of a ceremony for a further passkey.
    BeginPasskey,
    /// Its end.
    FinishPasskey,
    /// A passkey goes.
    RemovePasskey,
    /// A generator of one-time passwords: its secret is shown.
    SetUpTotp,
    /// Its first password.
    ConfirmTotp,
    /// It goes.
    RemoveTotp,
    /// A password is set.
    SetPassword,
    /// It goes.
    RemovePassword,
    /// New recovery codes are shown.
    MakeCodes,
    /// One's own sessions end: one, or all others.
    EndSessions,
}

/// Everybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Admin {
    /// People.
    People,
    /// One person.
    Person,
    /// An invite is made.
    Invite,
    /// An invite is withdrawn.
    Withdraw,
    /// A person's roles are given.
    SetRoles,
    /// A person may sign in, or not.
    SetEnabled,
    /// A person is deleted.
    Delete,
    /// Sessions of a person end.
    EndSessions,
    /// Roles.
    Roles,
    /// A role is made or changed.
    PutRole,
    /// The machine: devices and versions of the site.
    Machine,
}

const ROUTES: &[(&str, Route, bool)] = {
    use self::{Account as A, Admin as D, Join as J, SignIn as S};
    use Route::{Account, Admin, SignIn};
    // The path, what it names, and whether it changes anything.
    &[
        ("/sign-in", SignIn(S::Page), false),
        ("/sign-in/begin", SignIn(S::Begin), true),
        ("/sign-in/finish", SignIn(S::Finish), true),
        ("/sign-out", SignIn(S::SignOut), true),
        ("/hand-over", SignIn(S::HandOver), false),
        ("/join", SignIn(S::Join(J::Page)), false),
        ("/join/begin", SignIn(S::Join(J::Begin)), true),
        ("/join/finish", SignIn(S::Join(J::Finish)), true),
        ("/account", Account(A::Page), false),
        ("/account/passkeys/begin", Account(A::BeginPasskey), true),
        ("/account/passkeys/finish", Account(A::FinishPasskey), true),
        ("/account/passkeys/remove", Account(A::RemovePasskey), true),
        ("/account/totp", Account(A::SetUpTotp), true),
        ("/account/totp/confirm", Account(A::ConfirmTotp), true),
        ("/account/totp/remove", Account(A::RemoveTotp), true),
        ("/account/password", Account(A::SetPassword), true),
        ("/account/password/remove", Account(A::RemovePassword), true),
        ("/account/codes", Account(A::MakeCodes), true),
        ("/account/sessions/end", Account(A::EndSessions), true),
        ("/admin", Admin(D::People), false),
        ("/admin/person", Admin(D::Person), false),
        ("/admin/invite", Admin(D::Invite), true),
        ("/admin/invite/withdraw", Admin(D::Withdraw), true),
        ("/admin/person/roles", Admin(D::SetRoles), true),
        ("/admin/person/enabled", Admin(D::SetEnabled), true),
        ("/admin/person/delete", Admin(D::Delete), true),
        ("/admin/person/sessions/end", Admin(D::EndSessions), true),
        ("/admin/roles", Admin(D::Roles), false),
        ("/admin/roles/put", Admin(D::PutRole), true),
        ("/admin/machine", Admin(D::Machine), false),
    ]
};

/// Pages that also take a form.
const BOTH: &[(&str, Route)] = &[
    ("/password", Route::SignIn(SignIn::Password)),
    ("/recover", Route::SignIn(SignIn::Recover)),
    ("/step-up", Route::SignIn(SignIn::StepUp)),
    ("/second-factor", Route::SignIn(SignIn::SecondFactor)),
];

impl Route {
    /// What a path within the portal names.
    pub(crate) fn find(path: &str) -> Option<Self> {
        let one = ROUTES.iter().map(|(at, route, _)| (*at, *route));
        let mut all = one.chain(BOTH.iter().copied());
        let found = all.find(|(at, _)| *at == path).map(|(_, route)| route);
        found.or_else(|| api::find(path).map(Self::Api))
    }

    /// The methods that it knows.
    pub(crate) fn methods(self) -> &'static str {
        if let Self::Api(path) = self {
            return api::allowed(path);
        }
        match ROUTES.iter().find(|(_, route, _)| *route == self) {
            // It makes a code.
            Some((_, Self::SignIn(SignIn::HandOver), _)) => "GET, OPTIONS",
            Some((.., true)) => "POST, OPTIONS",
            Some((.., false)) => "GET, HEAD, OPTIONS",
            None => "GET, HEAD, POST, OPTIONS",
        }
    }

    /// Whether it knows this method.
    pub(crate) fn takes(self, method: &Method) -> bool {
        self.methods()
            .split(", ")
            .any(|known| known == method.as_str())
    }

    /// Whether it is one of those that speak JSON alone.
    pub(crate) fn is_for_programs(self) -> bool {
        matches!(self, Self::Api(_))
    }

    /// Whether it is where guesses are made.
    pub(crate) fn is_guessed_at(self) -> bool {
        matches!(self, Self::SignIn(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_read_and_an_act_is_a_post() {
        for (path, get, post) in [
            ("/sign-in", true, false),
            ("/sign-in/finish", false, true),
            ("/recover", true, true),
            ("/admin/person/delete", false, true),
        ] {
            let found = Route::find(path);
            let takes = |method| found.map(|route| route.takes(&method));
            assert_eq!(takes(Method::GET), Some(get), "{path}");
            assert_eq!(takes(Method::HEAD), Some(get), "{path}");
            assert_eq!(takes(Method::POST), Some(post), "{path}");
            assert_eq!(takes(Method::DELETE), Some(false), "{path}");
        }
        assert_eq!(Route::find("/sign-in/"), None);
        assert_eq!(Route::find("/nothing"), None);
    }

    #[test]
    fn every_route_has_one_path() {
        for (at, (path, route, _)) in ROUTES.iter().enumerate() {
            let mut others = ROUTES.iter().skip(at.saturating_add(1));
            assert!(
                !others.any(|(other, found, _)| other == path || found == route),
                "{path}"
            );
        }
    }
}
