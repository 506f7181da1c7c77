//! Refusals: each is a kind, and becomes a page for people or problem JSON (RFC 9457) for devices.

use holdfast_policy::{Denied, StepUp};
use holdfast_site::{PathError, pages};
use http::header::{ALLOW, CONNECTION, CONTENT_TYPE, HeaderValue, RETRY_AFTER, VARY};
use http::{Response, StatusCode};

use crate::body::Body;
use crate::headers;
use crate::id::RequestId;
use crate::machine::Unavailable;
use crate::protocol::Problem;
use crate::request::RequestContext;

/// In which form a client is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Voice {
    Site,
    Portal,
    Api,
}

/// Why a request is not fulfilled.
#[derive(Debug)]
pub(crate) enum Rejection {
    /// The host is missing, doubled or contradictory.
    Host,
    /// The host is not ours.
    Misdirected,
    /// The path cannot be that of a page.
    Path(PathError),
    /// The method is not one of these.
    Method(&'static str),
    /// The method is none that we know (RFC 9110, section 9.1).
    Unimplemented,
    /// Nothing is there.
    NotFound,
    /// The client refuses every form in which the page is there, the file as it is included.
    NotAcceptable,
    /// A precondition of the request does not hold.
    Precondition,
    /// The body has another type than these.
    MediaType(&'static str),
    /// Another site's page sent it.
    ForeignOrigin,
    /// Policy said no.
    Denied(Denied),
    /// Policy said no to someone who is not signed in; a sign-in may change that.
    SignInFirst,
    /// A form was sent by someone who is not signed in any more.
    SignedOut,
    /// A form comes from no page that this browser was given lately.
    Stale,
    /// It asks for a fresh proof of who one is.
    NotFresh,
    /// The same, of a program, and which proof would do (RFC 9470).
    StepUp(StepUp),
    /// What was shown proves nothing, for this reason.
    NotProven(String),
    /// The body is not what the route takes.
    Body(String),
    /// The body is too long.
    TooLarge(&'static str),
    /// The body did not come in time.
    Slow,
    /// The target is longer than so many bytes.
    UriTooLong(usize),
    /// The header has more than so many fields.
    TooManyFields(usize),
    /// The body comes without its length.
    LengthRequired,
    /// The request breaks a rule of HTTP.
    Malformed(&'static str),
    /// The client asks too often.
    TooMany {
        /// Seconds until it may ask again.
        retry_after: u64,
    },
    /// The proof of enrolment does not hold, or none can.
    Enrolment(&'static str),
    /// The pushed site breaks a rule.
    Site(holdfast_site::Error),
    /// There is no memory now for one more answer of this size.
    Busy,
    /// What was sent is well-formed and cannot be taken, for this reason.
    Refused(String),
    /// It cannot be done as things are (RFC 9110, section 15.5.10), for this reason.
    Conflict(String),
    /// The machine around the server cannot be asked.
    Unavailable(Unavailable),
    /// There is no room on the data partition (RFC 4918, section 11.5). Nothing was written.
    Full(String),
    /// Our own failure; its text goes to the log, not to the client.
    Internal(String),
}

impl Rejection {
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::Host | Self::Path(_) | Self::Body(_) | Self::Malformed(_) => {
                StatusCode::BAD_REQUEST
            }
            Self::Misdirected => StatusCode::MISDIRECTED_REQUEST,
            Self::Method(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::Unimplemented => StatusCode::NOT_IMPLEMENTED,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::NotAcceptable => StatusCode::NOT_ACCEPTABLE,
            Self::Precondition => StatusCode::PRECONDITION_FAILED,
            Self::MediaType(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::SignInFirst | Self::SignedOut | Self::StepUp(_) => StatusCode::UNAUTHORIZED,
            Self::Denied(_)
            | Self::Enrolment(_)
            | Self::ForeignOrigin
            | Self::Stale
            | Self::NotFresh
            | Self::NotProven(_) => StatusCode::FORBIDDEN,
            Self::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Slow => StatusCode::REQUEST_TIMEOUT,
            Self::UriTooLong(_) => StatusCode::URI_TOO_LONG,
            Self::TooManyFields(_) => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::LengthRequired => StatusCode::LENGTH_REQUIRED,
            Self::TooMany { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::Site(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Busy | Self::Unavailable(Unavailable::Silent) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Refused(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Conflict(_) => StatusCode::CONFLICT,
            Self::Unavailable(Unavailable::NoMachine) => StatusCode::NOT_IMPLEMENTED,
            Self::Full(_) => StatusCode::INSUFFICIENT_STORAGE,
            Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn title(&self) -> &'static str {
        match self {
            Self::Host => "The request names no host",
            Self::Misdirected => "This host is not served here",
            Self::Path(_) => "This address cannot be a page",
            Self::Method(_) => "This method is not allowed here",
            Self::Unimplemented => "This method is not known here",
            Self::NotFound => "There is no such page",
            Self::NotAcceptable => "No form of this page is accepted",
            Self::Precondition => "The page is another one by now",
            Self::MediaType(_) => "This type of content is not taken here",
            Self::ForeignOrigin => "This is not taken from other sites",
            Self::Denied(_) => "This is not permitted",
            Self::SignInFirst => "This page is for people who are signed in",
            Self::SignedOut => "You are not signed in any more",
            Self::Stale => "This form is out of date",
            Self::NotFresh | Self::StepUp(_) => "This asks for a fresh sign-in",
            Self::NotProven(_) => "This did not work",
            Self::Body(_) => "The request's body is wrong",
            Self::TooLarge(_) => "The request is too large",
            Self::Slow => "The request took too long",
            Self::UriTooLong(_) => "The address is too long",
            Self::TooManyFields(_) => "The request's header has too many fields",
            Self::LengthRequired => "The request does not say how long it is",
            Self::Malformed(_) => "The request is malformed",
            Self::TooMany { .. } => "Too many requests at once",
            Self::Enrolment(_) => "The device was not enrolled",
            Self::Site(_) => "The site was refused",
            Self::Busy => "Too much is being downloaded at once",
            Self::Refused(_) => "What was sent is refused",
            Self::Conflict(_) => "This cannot be done now",
            Self::Unavailable(Unavailable::NoMachine) => "There is no machine to ask",
            Self::Unavailable(Unavailable::Silent) => "The machine does not answer",
            Self::Full(_) => "There is no room for this",
            Self::Internal(_) => "Something failed on our side",
        }
    }

    fn detail(&self, id: RequestId) -> String {
        match self {
            Self::Host => "Send exactly one Host, the same as in the address.".to_owned(),
            Self::Misdirected => "Use the host name and port that the operator gave you; \
                they must be exactly those of the appliance's configuration."
                .to_owned(),
            Self::Path(why) => {
                format!("Its path {why}. Check the address, or start from the first page.")
            }
            Self::Method(allowed) => format!("Use {allowed}."),
            Self::Unimplemented => "Use GET.".to_owned(),
            Self::NotFound => "Check the address, or start from the first page.".to_owned(),
            Self::NotAcceptable => {
                "Allow br, zstd, gzip or identity in Accept-Encoding.".to_owned()
            }
            Self::Precondition => "Load it again, and go on from what it is now.".to_owned(),
            Self::MediaType(types) => format!("Send {types}."),
            Self::ForeignOrigin => "Send it from a page of this host.".to_owned(),
            Self::Denied(denied) => denied.to_string(),
            Self::SignInFirst => "Sign in, and you come back to it.".to_owned(),
            Self::SignedOut => "Nothing was changed. Sign in, then do it again.".to_owned(),
            Self::Stale => {
                "Nothing was changed. Load the page again, and send the form from there.".to_owned()
            }
            Self::NotFresh | Self::StepUp(_) => {
                "Nothing was changed. Show once more who you are, then do it again.".to_owned()
            }
            Self::NotProven(why) => why.clone(),
            Self::Body(why) => why.clone(),
            Self::TooLarge(limit) => format!("At most {limit} are taken here; send less at once."),
            Self::Slow => "Send it again over a faster connection.".to_owned(),
            Self::UriTooLong(most) => {
                format!("At most {most} bytes are taken. Shorten it, or start from the first page.")
            }
            Self::TooManyFields(most) => {
                format!(
                    "At most {most} are taken. Clear the cookies of this site, or send fewer fields."
                )
            }
            Self::LengthRequired => {
                "Send a Content-Length instead of a Transfer-Encoding.".to_owned()
            }
            Self::Malformed(why) => format!("{why} Correct the client that sent it."),
            Self::TooMany { retry_after } => format!(
                "Wait {retry_after} s, then try again. If your network shares one address, the operator can raise \
                 the limit in holdfast.toml."
            ),
            Self::Enrolment(why) => (*why).to_owned(),
            Self::Site(error) => error.to_string(),
            Self::Busy => "Try again in a few seconds.".to_owned(),
            Self::Refused(why) | Self::Conflict(why) | Self::Full(why) => why.clone(),
            Self::Unavailable(why) => why.to_string(),
            Self::Internal(_) => {
                format!(
                    "Try again; if it stays, give the operator the number {id}, which the log tells more about."
                )
            }
        }
    }

    pub(crate) fn into_response(self, context: &RequestContext) -> Response<Body> {
        let status = self.status();
        let detail = self.detail(context.id);
        let mut response = if context.voice == Voice::Api || context.script {
            let problem = Problem {
                kind: match self {
                    Self::NotFresh | Self::StepUp(_) => "urn:holdfast:not-fresh".to_owned(),
                    _ => "about:blank".to_owned(),
                },
                title: self.title().to_owned(),
                status: status.as_u16(),
                detail,
                instance: context.id.to_string(),
            };
            let text = serde_json::to_string(&problem).unwrap_or_default();
            let mut response = Response::new(Body::from(text));
            *response.status_mut() = status;
            let kind = HeaderValue::from_static("application/problem+json");
            response.headers_mut().insert(CONTENT_TYPE, kind);
            response
        } else {
            let notice = pages::Notice {
                status: status.as_u16(),
                title: self.title(),
                text: &detail,
                request: &context.id.to_string(),
            };
            headers::own_page(status, |nonce| {
                let frame = pages::Frame {
                    nonce,
                    home: context.home,
                };
                pages::error(&frame, &notice)
            })
        };
        let headers = response.headers_mut();
        match self {
            Self::Method(allowed) => {
                headers.insert(ALLOW, HeaderValue::from_static(allowed));
            }
            // RFC 9110, section 11.6.1 asks for a challenge; no browser knows the scheme, so that none shows a box of its own.
            Self::SignInFirst | Self::SignedOut => {
                let portal = HeaderValue::from_static("Holdfast-Portal");
                headers.insert(http::header::WWW_AUTHENTICATE, portal);
            }
            Self::StepUp(StepUp { totp, max_age }) => {
                let method = if totp { ", acr_values=\"totp\"" } else { "" };
                let challenge = format!(
                    "Holdfast-Portal error=\"insufficient_user_authentication\", max_age=\"{max_age}\"{method}"
                );
                if let Ok(challenge) = HeaderValue::try_from(challenge) {
                    headers.insert(http::header::WWW_AUTHENTICATE, challenge);
                }
            }
            Self::Busy => {
                headers.insert(RETRY_AFTER, HeaderValue::from_static("5"));
            }
            Self::TooMany { retry_after } => {
                headers.insert(RETRY_AFTER, HeaderValue::from(retry_after));
            }
            // What comes behind such a request may not be the next one. (hyper leaves this out on HTTP/2.)
            Self::LengthRequired | Self::Malformed(_) => {
                headers.insert(CONNECTION, HeaderValue::from_static("close"));
            }
            // RFC 9110, section 12.5.3: the answer may name what would be understood.
            Self::NotAcceptable => {
                headers.insert(VARY, HeaderValue::from_static("Accept-Encoding"));
            }
            _ => {}
        }
        response
    }
}

impl From<Denied> for Rejection {
    fn from(denied: Denied) -> Self {
        Self::Denied(denied)
    }
}

impl From<holdfast_store::Error> for Rejection {
    fn from(error: holdfast_store::Error) -> Self {
        match error.is_full() {
            true => Self::Full(error.to_string()),
            false => Self::Internal(error.to_string()),
        }
    }
}

impl From<holdfast_audit::Error> for Rejection {
    fn from(error: holdfast_audit::Error) -> Self {
        match error {
            holdfast_audit::Error::Store(error) => error.into(),
            error => Self::Internal(error.to_string()),
        }
    }
}

impl From<holdfast_site::Error> for Rejection {
    fn from(error: holdfast_site::Error) -> Self {
        match error {
            // Another push was first with a blob or a version.
            holdfast_site::Error::Store(error) if error.is_conflict() => {
                Self::Conflict("Another push stored the same meanwhile. Push again.".to_owned())
            }
            holdfast_site::Error::Store(error) => error.into(),
            holdfast_site::Error::MissingBlob { .. } => Self::Conflict(error.to_string()),
            holdfast_site::Error::Damaged(_) | holdfast_site::Error::Random(_) => {
                Self::Internal(error.to_string())
            }
            error => Self::Site(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_disk_is_told_as_such_whoever_meets_it() {
        let full = || holdfast_store::Error::Full {
            free: 1000,
            needed: 2000,
        };
        let ways = [
            Rejection::from(full()),
            Rejection::from(holdfast_audit::Error::Store(full())),
            Rejection::from(holdfast_site::Error::Store(full())),
        ];
        for rejection in ways {
            assert_eq!(rejection.status(), StatusCode::INSUFFICIENT_STORAGE);
            assert!(matches!(rejection, Rejection::Full(why) if why.contains("1000 bytes left")));
        }
    }
}
