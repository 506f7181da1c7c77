//! Refusals: each is a kind, and becomes a page for people or problem JSON (RFC 9457) for devices.

use holdfast_policy::Denied;
use holdfast_site::{PathError, pages};
use http::header::{ALLOW, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use http::{Response, StatusCode};

use crate::body::Body;
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
    /// Nothing is there.
    NotFound,
    /// Policy said no.
    Denied(Denied),
    /// The body is not what the route takes.
    Body(String),
    /// The body is too long.
    TooLarge(&'static str),
    /// The body did not come in time.
    Slow,
    /// The proof of enrolment does not hold, or none can.
    Enrolment(&'static str),
    /// The pushed site breaks a rule.
    Site(holdfast_site::Error),
    /// There is no memory now for one more answer of this size.
    Busy,
    /// What was sent is well-formed and cannot be taken, for this reason.
    Refused(String),
    /// It cannot be done as things are, for this reason.
    Conflict(String),
    /// The machine around the server cannot be asked.
    Unavailable(Unavailable),
    /// Our own failure; its text goes to the log, not to the client.
    Internal(String),
}

impl Rejection {
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::Host | Self::Path(_) | Self::Body(_) => StatusCode::BAD_REQUEST,
            Self::Misdirected => StatusCode::MISDIRECTED_REQUEST,
            Self::Method(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Denied(_) | Self::Enrolment(_) => StatusCode::FORBIDDEN,
            Self::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Slow => StatusCode::REQUEST_TIMEOUT,
            Self::Site(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Busy | Self::Unavailable(Unavailable::Silent) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Refused(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Conflict(_) => StatusCode::CONFLICT,
            Self::Unavailable(Unavailable::NoMachine) => StatusCode::NOT_IMPLEMENTED,
            Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn title(&self) -> &'static str {
        match self {
            Self::Host => "The request names no host",
            Self::Misdirected => "This host is not served here",
            Self::Path(_) => "This address cannot be a page",
            Self::Method(_) => "This method is not allowed here",
            Self::NotFound => "There is no such page",
            Self::Denied(_) => "This is not permitted",
            Self::Body(_) => "The request's body is wrong",
            Self::TooLarge(_) => "The request is too large",
            Self::Slow => "The request took too long",
            Self::Enrolment(_) => "The device was not enrolled",
            Self::Site(_) => "The site was refused",
            Self::Busy => "Too much is being downloaded at once",
            Self::Refused(_) => "What was sent is refused",
            Self::Conflict(_) => "This cannot be done now",
            Self::Unavailable(Unavailable::NoMachine) => "There is no machine to ask",
            Self::Unavailable(Unavailable::Silent) => "The machine does not answer",
            Self::Internal(_) => "Something failed on our side",
        }
    }

    fn detail(&self, id: &str) -> String {
        match self {
            Self::Host => "Send exactly one Host, the same as in the address.".to_owned(),
            Self::Misdirected => "Use the host name and port that the operator gave you; \
                they must be exactly those of the appliance's configuration."
                .to_owned(),
            Self::Path(why) => {
                format!("Its path {why}. Check the address, or start from the first page.")
            }
            Self::Method(allowed) => format!("Use {allowed}."),
            Self::NotFound => "Check the address, or start from the first page.".to_owned(),
            Self::Denied(denied) => denied.to_string(),
            Self::Body(why) => why.clone(),
            Self::TooLarge(limit) => format!("At most {limit} are taken here; send less at once."),
            Self::Slow => "Send it again over a faster connection.".to_owned(),
            Self::Enrolment(why) => (*why).to_owned(),
            Self::Site(error) => error.to_string(),
            Self::Busy => "Try again in a few seconds.".to_owned(),
            Self::Refused(why) | Self::Conflict(why) => why.clone(),
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
        let detail = self.detail(&context.id);
        let (kind, text) = if context.voice == Voice::Api {
            let problem = Problem {
                kind: "about:blank".to_owned(),
                title: self.title().to_owned(),
                status: status.as_u16(),
                detail,
                instance: context.id.clone(),
            };
            let text = serde_json::to_string(&problem).unwrap_or_default();
            ("application/problem+json", text)
        } else {
            (
                "text/html; charset=utf-8",
                pages::error(status.as_u16(), self.title(), &detail),
            )
        };
        let mut response = Response::new(Body::from(text));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        match self {
            Self::Method(allowed) => {
                headers.insert(ALLOW, HeaderValue::from_static(allowed));
            }
            Self::Busy => {
                headers.insert(RETRY_AFTER, HeaderValue::from_static("5"));
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
        Self::Internal(error.to_string())
    }
}

impl From<holdfast_audit::Error> for Rejection {
    fn from(error: holdfast_audit::Error) -> Self {
        Self::Internal(error.to_string())
    }
}

impl From<holdfast_site::Error> for Rejection {
    fn from(error: holdfast_site::Error) -> Self {
        match error {
            holdfast_site::Error::Store(error) => error.into(),
            holdfast_site::Error::Damaged(_) | holdfast_site::Error::Random(_) => {
                Self::Internal(error.to_string())
            }
            error => Self::Site(error),
        }
    }
}
