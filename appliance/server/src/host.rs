//! Which of our hosts a request is for (RFC 9110, section 7.2; RFC 9113, section 8.3.1).

use http::Request;
use http::header::HOST;

use crate::rejection::Rejection;
use crate::settings::Settings;

/// A host of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Host {
    Site,
    Portal,
}

pub(crate) fn route<B>(settings: &Settings, request: &Request<B>) -> Result<Host, Rejection> {
    let mut fields = request.headers().get_all(HOST).iter();
    let field = fields
        .next()
        .map(|value| value.to_str().map_err(|_| Rejection::Host))
        .transpose()?;
    let target = request.uri().authority().map(http::uri::Authority::as_str);
    let authority = match (target, field) {
        _ if fields.next().is_some() => return Err(Rejection::Host),
        (Some(target), Some(field)) if !target.eq_ignore_ascii_case(field) => {
            return Err(Rejection::Host);
        }
        (Some(authority), _) | (None, Some(authority)) => authority,
        (None, None) => return Err(Rejection::Host),
    };
    if settings.site.is(authority) {
        Ok(Host::Site)
    } else if settings.portal.is(authority) {
        Ok(Host::Portal)
    } else {
        Err(Rejection::Misdirected)
    }
}
