//! Our cookies (RFC 6265bis): each has the `__Host-` prefix, so that it is Secure, of this host alone, and for all paths.

use http::Response;
use http::header::{COOKIE, SET_COOKIE};
use http::request::Parts;

use crate::body::Body;
use crate::headers;
use crate::rejection::Rejection;

/// The session at the portal.
pub(crate) const PORTAL: &str = "__Host-holdfast-portal";
/// The session at the site.
pub(crate) const SITE: &str = "__Host-holdfast-site";
/// What binds ceremonies and forms to the browser, at the portal.
pub(crate) const BROWSER: &str = "__Host-holdfast-browser";
/// What binds a hand-over to the browser, at the site.
pub(crate) const BINDING: &str = "__Host-holdfast-binding";

/// The value of a cookie; none if it is there twice, since then someone else has set one of them.
pub(crate) fn find<'a>(parts: &'a Parts, name: &str) -> Option<&'a str> {
    let fields = parts.headers.get_all(COOKIE).iter();
    let pairs = fields
        .filter_map(|field| field.to_str().ok())
        .flat_map(|field| field.split(';'))
        .filter_map(|pair| pair.trim().split_once('='));
    let mut values = pairs
        .filter(|(found, _)| *found == name)
        .map(|(_, value)| value);
    let value = values.next()?;
    values.next().is_none().then_some(value)
}

/// Sets a cookie that lasts as long as the browser runs; how long it is good for is the server's to say.
pub(crate) fn set(response: &mut Response<Body>, name: &str, value: &str) -> Result<(), Rejection> {
    append(
        response,
        &format!("{name}={value}; Path=/; Secure; HttpOnly; SameSite=Lax"),
    )
}

/// Takes a cookie away.
pub(crate) fn clear(response: &mut Response<Body>, name: &str) -> Result<(), Rejection> {
    append(
        response,
        &format!("{name}=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0"),
    )
}

fn append(response: &mut Response<Body>, text: &str) -> Result<(), Rejection> {
    let mut value = headers::value(text)?;
    value.set_sensitive(true);
    response.headers_mut().append(SET_COOKIE, value);
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use http::Request;

    use super::*;

    fn found(fields: &[&str]) -> Option<String> {
        let mut request = Request::get("/");
        for field in fields {
            request = request.header(COOKIE, *field);
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        find(&parts, SITE).map(str::to_owned)
    }

    #[test]
    fn one_cookie_is_found_and_two_of_a_name_are_none() {
        assert_eq!(
            found(&["a=b; __Host-holdfast-site=x; c=d"]).as_deref(),
            Some("x")
        );
        assert_eq!(
            found(&["a=b", "__Host-holdfast-site=x=y"]).as_deref(),
            Some("x=y")
        );
        assert_eq!(
            found(&["__Host-holdfast-site=x; __Host-holdfast-site=y"]),
            None
        );
        assert_eq!(
            found(&["__Host-holdfast-site=x", "__Host-holdfast-site=y"]),
            None
        );
        assert_eq!(found(&["__host-holdfast-site=x; holdfast-site=y"]), None);
        assert_eq!(found(&[]), None);
    }

    #[test]
    fn every_cookie_is_secure_and_out_of_reach_of_scripts() {
        let mut response = Response::new(Body::Empty);
        set(&mut response, PORTAL, "x").unwrap();
        clear(&mut response, SITE).unwrap();
        for field in response.headers().get_all(SET_COOKIE) {
            let text = field.to_str().unwrap();
            assert!(text.starts_with("__Host-holdfast-"), "{text}");
            for part in ["; Path=/", "; Secure", "; HttpOnly", "; SameSite=Lax"] {
                assert!(text.contains(part), "{text}");
            }
            assert!(!text.contains("Domain") && field.is_sensitive());
        }
    }
}
