//! Refusals: each is a kind, and becomes a page for people or problem JSON (RFC 9457) for devices.

use holdfast_policy::Denied;
use holdfast_site::{PathError, pages};
use http::header::{ALLOW, CONTENT_TYPE, HeaderValue, RETRY_AFTER, VARY};
use http::{Response, StatusCode};

use crate::body::Body;
use crate::headers;
use crate::id::RequestId;
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
    /// Our own failure; its text goes to the log, not to the client.
    Internal(String),
}

impl Rejection {
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::Host | Self::Path(_) | Self::Body(_) => StatusCode::BAD_REQUEST,
            Self::Misdirected => StatusCode::MISDIRECTED_REQUEST,
            Self::Method(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::Unimplemented => StatusCode::NOT_IMPLEMENTED,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::NotAcceptable => StatusCode::NOT_ACCEPTABLE,
            Self::Precondition => StatusCode::PRECONDITION_FAILED,
            Self::MediaType(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Denied(_) | Self::Enrolment(_) | Self::ForeignOrigin => StatusCode::FORBIDDEN,
            Self::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Slow => StatusCode::REQUEST_TIMEOUT,
            Self::Site(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Busy => StatusCode::SERVICE_UNAVAILABLE,
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
            Self::Body(_) => "The request's body is wrong",
            Self::TooLarge(_) => "The request is too large",
            Self::Slow => "The request took too long",
            Self::Enrolment(_) => "The device was not enrolled",
            Self::Site(_) => "The site was refused",
            Self::Busy => "Too much is being downloaded at once",
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
            Self::Body(why) => why.clone(),
            Self::TooLarge(limit) => format!("At most {limit} are taken here; send less at once."),
            Self::Slow => "Send it again over a faster connection.".to_owned(),
            Self::Enrolment(why) => (*why).to_owned(),
            Self::Site(error) => error.to_string(),
            Self::Busy => "Try again in a few seconds.".to_owned(),
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
        let mut response = if context.voice == Voice::Api {
            let problem = Problem {
                kind: "about:blank".to_owned(),
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
            Self::Busy => {
                headers.insert(RETRY_AFTER, HeaderValue::from_static("5"));
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
