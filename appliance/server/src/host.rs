//! Which of our hosts a request is for (RFC 9110, section 7.2; RFC 9113, section 8.3.1), and what it names there.

use holdfast_site::{RequestPath, pages};
use http::Method;
use http::header::HOST;
use http::request::Parts;
use http::uri::{Authority, Scheme};

use crate::portal;
use crate::rejection::{Rejection, Voice};
use crate::settings::Settings;

/// Where everything of Holdfast itself lives that shares a host with pages; no page can be pushed there.
const OWN: &str = "/.holdfast";
/// Where a sign-in for the site begins.
pub(crate) const SET_OUT: &str = "/.holdfast/sign-in";
/// Where it comes back to.
pub(crate) const REDEEM: &str = "/.holdfast/redeem";
/// Where browsers send their reports, on every host.
pub(crate) const REPORT: &str = "/.holdfast/report";

/// A host of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Host {
    Site,
    Portal,
    /// One name for both (law 11): the portal is below [`OWN`].
    Both,
}

/// What a request names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// A page of the site.
    Page,
    /// The portal's first page.
    Status,
    /// The health check.
    Health,
    /// The style sheet of our own pages.
    Style,
    /// The script of our own pages.
    Script,
    /// Where reports go.
    Report,
    /// A page or an act of the portal.
    Portal(portal::Route),
    /// The way from the site to the portal's sign-in.
    SetOut,
    /// The way back.
    Redeem,
}

/// The host that a request is for.
pub(crate) fn route(settings: &Settings, parts: &Parts) -> Result<Host, Rejection> {
    let mut fields = parts.headers.get_all(HOST).iter();
    let field = fields
        .next()
        .map(|value| value.to_str().map_err(|_| Rejection::Host))
        .transpose()?;
    let target = parts.uri.authority().map(Authority::as_str);
    let authority = match (target, field) {
        _ if fields.next().is_some() => return Err(Rejection::Host),
        (Some(target), Some(field)) if !target.eq_ignore_ascii_case(field) => {
            return Err(Rejection::Host);
        }
        (Some(authority), _) | (None, Some(authority)) => authority,
        (None, None) => return Err(Rejection::Host),
    };
    // An `http` target that came by TLS is another origin (RFC 9110, sections 4.2.1 and 7.4).
    if parts
        .uri
        .scheme()
        .is_some_and(|scheme| *scheme != Scheme::HTTPS)
    {
        return Err(Rejection::Misdirected);
    }
    if settings.site.is(authority) {
        Ok(if settings.one_name() {
            Host::Both
        } else {
            Host::Site
        })
    } else if settings.portal.is(authority) {
        Ok(Host::Portal)
    } else {
        Err(Rejection::Misdirected)
    }
}

impl Host {
    pub(crate) fn has_pages(self) -> bool {
        self != Self::Portal
    }

    /// What a path names on this host.
    pub(crate) fn target(self, path: &RequestPath) -> Option<Target> {
        let own = path.stem().strip_prefix(OWN);
        let own = own.filter(|rest| rest.is_empty() || rest.starts_with('/'));
        if own.is_some() && !path.is_folder() {
            if path.stem() == REPORT {
                return Some(Target::Report);
            }
            if path.stem() == pages::style_path() {
                return Some(Target::Style);
            }
            if path.stem() == pages::script_path() {
                return Some(Target::Script);
            }
            match (self, path.stem()) {
                (Self::Site, SET_OUT) => return Some(Target::SetOut),
                (Self::Site, REDEEM) => return Some(Target::Redeem),
                _ => {}
            }
        }
        let within = match (self, own) {
            (Self::Portal, None) => path.stem(),
            (Self::Both, Some(within)) => within,
            (Self::Site | Self::Both, None) => return Some(Target::Page),
            (Self::Portal | Self::Site, Some(_)) => return None,
        };
        match (within, path.is_folder()) {
            ("", _) => Some(Target::Status),
            ("/healthz", false) => Some(Target::Health),
            (within, false) => portal::Route::find(within).map(Target::Portal),
            _ => None,
        }
    }

    /// Whether a request is one by which someone could guess: it counts by a rate of its own. By what its path names, however
    /// it is written.
    pub(crate) fn is_guessed_at(self, method: &Method, path: &str) -> bool {
        // Most requests are for pages, whose path needs no second look.
        let post = *method == Method::POST;
        if !post && path != REDEEM && !path.contains('%') {
            return false;
        }
        let path = RequestPath::decode(path).ok();
        match path.and_then(|path| self.target(&path)) {
            Some(Target::Redeem) => true,
            Some(Target::Portal(route)) => post && route.is_guessed_at(),
            _ => false,
        }
    }

    /// Whether a path, as it is written, is one for programs, which read errors as JSON.
    pub(crate) fn is_for_programs(self, path: &str) -> bool {
        let within = match self {
            Self::Portal => Some(path),
            Self::Both => path.strip_prefix(OWN),
            Self::Site => None,
        };
        within.is_some_and(|within| within.starts_with(portal::API))
    }

    /// Where this host's portal begins.
    pub(crate) fn home(self, voice: Voice) -> &'static str {
        match (self, voice) {
            (Self::Both, Voice::Portal) => "/.holdfast/",
            _ => "/",
        }
    }
}

impl Target {
    /// The methods that it knows (RFC 9110, section 10.2.1).
    pub(crate) fn methods(self) -> &'static str {
        match self {
            Self::Report => "POST, OPTIONS",
            Self::Portal(route) => route.methods(),
            // Each uses something up or sets something.
            Self::SetOut | Self::Redeem => "GET, OPTIONS",
            _ => "GET, HEAD, OPTIONS",
        }
    }

    /// Whose voice answers on a host.
    pub(crate) fn voice(self, host: Host) -> Voice {
        match (self, host) {
            (Self::Page, _) | (_, Host::Site) => Voice::Site,
            _ => Voice::Portal,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn each_host_has_its_own_paths_and_the_own_folder_is_never_a_page() {
        use Target::{Health, Page, Redeem, Report, SetOut, Status, Style};
        let sign_in = portal::Route::find("/sign-in").map(Target::Portal);
        let style = pages::style_path();
        for (path, site, portal, both) in [
            ("/", Some(Page), Some(Status), Some(Page)),
            ("/healthz", Some(Page), Some(Health), Some(Page)),
            ("/a", Some(Page), None, Some(Page)),
            ("/.holdfast/", None, None, Some(Status)),
            ("/.holdfast", None, None, Some(Status)),
            ("/%2eholdfast/", None, None, Some(Status)),
            ("/.holdfast/healthz", None, None, Some(Health)),
            ("/.holdfast/x", None, None, None),
            ("/.holdfastx", Some(Page), None, Some(Page)),
            ("/sign-in", Some(Page), sign_in, Some(Page)),
            (SET_OUT, Some(SetOut), None, sign_in),
            (REDEEM, Some(Redeem), None, None),
            (REPORT, Some(Report), Some(Report), Some(Report)),
            (style, Some(Style), Some(Style), Some(Style)),
        ] {
            let path = RequestPath::decode(path).unwrap();
            let found = [Host::Site, Host::Portal, Host::Both].map(|host| host.target(&path));
            assert_eq!(found, [site, portal, both], "{path:?}");
        }
    }
    #[test]
    fn a_guess_counts_as_one_however_its_path_is_written() {
        for (host, method, path, guess) in [
            (Host::Portal, Method::POST, "/sign-in/finish", true),
            (Host::Portal, Method::POST, "/sign%2Din/finish", true),
            (Host::Portal, Method::POST, "/%73ign-in/%66inish", true),
            (Host::Portal, Method::POST, "/%70assword", true),
            (Host::Portal, Method::GET, "/%70assword", false),
            (Host::Portal, Method::POST, "/account/totp", false),
            (Host::Both, Method::POST, "/.holdfast/recover", true),
            (Host::Both, Method::POST, "/%2eholdfast/%72ecover", true),
            (Host::Both, Method::POST, "/recover", false),
            (Host::Site, Method::GET, REDEEM, true),
            (Host::Site, Method::GET, "/%2Eholdfast/%72edeem", true),
            (Host::Site, Method::GET, "/a%20page", false),
            (Host::Portal, Method::POST, "/sign-in/%", false),
        ] {
            assert_eq!(host.is_guessed_at(&method, path), guess, "{path}");
        }
    }
}
