//! What must hold of a request that changes something: it comes from a page of the portal itself, in this browser.
//!
//! Three things are asked for, each of which suffices alone against a foreign page: `Sec-Fetch-Site` (Fetch Metadata),
//! `Origin` (RFC 6454), and a token that only a page of ours was given.

use std::time::Duration;

use bytes::Bytes;
use http::Method;
use http::header::{CONTENT_TYPE, ORIGIN};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::Incoming;
use zeroize::Zeroizing;

use super::Call;
use super::form::Form;
use crate::rejection::Rejection;

/// Most bytes of a form, or of a browser's answer to a ceremony.
const MOST: usize = 32 << 10;
/// Time for all of it.
const TIME: Duration = Duration::from_secs(10);
/// The header by which our script sends the token.
const TOKEN: &str = "x-holdfast-token";
const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";

/// What was sent. Nothing, for a GET.
#[derive(Default)]
pub(crate) struct Sent {
    form: Form,
    json: Zeroizing<Vec<u8>>,
}

impl Sent {
    /// The fields of the form.
    pub(crate) fn form(&self) -> &Form {
        &self.form
    }

    /// The JSON that our script sent.
    ///
    /// # Errors
    /// It is none of this shape.
    pub(crate) fn json<T: serde::de::DeserializeOwned>(&self) -> Result<T, Rejection> {
        serde_json::from_slice(&self.json).map_err(|_| {
            Rejection::Body("This is not what this address takes. Load the page again.".to_owned())
        })
    }
}

/// Lets reading pass as it is, and anything else only from a page of ours; reads what was sent.
pub(crate) async fn pass(call: &Call<'_>, body: Incoming) -> Result<Sent, Rejection> {
    if call.parts.method != Method::POST {
        return Ok(Sent::default());
    }
    same_origin(call)?;
    let bytes = whole(body).await?;
    let sent = match kind(call).as_str() {
        FORM => Sent {
            form: Form::parse(&bytes),
            json: Zeroizing::default(),
        },
        JSON => Sent {
            form: Form::default(),
            json: Zeroizing::new(bytes.to_vec()),
        },
        _ => {
            return Err(Rejection::MediaType(
                "application/x-www-form-urlencoded or application/json",
            ));
        }
    };
    let token = header(call, TOKEN).unwrap_or_else(|| sent.form.get("token"));
    // A browser without our cookie was given no token either.
    if call.fresh || !call.shared.identity.is_form_token(&call.browser, token) {
        return Err(Rejection::Stale);
    }
    Ok(sent)
}

/// The same for a program: the token in a header alone, JSON alone, and nothing at all where nothing is `taken`.
pub(crate) async fn pass_program(
    call: &Call<'_>,
    taken: bool,
    body: Incoming,
) -> Result<Bytes, Rejection> {
    if matches!(call.parts.method, Method::GET | Method::HEAD) {
        return Ok(Bytes::new());
    }
    same_origin(call)?;
    let token = header(call, TOKEN).unwrap_or_default();
    if call.fresh || !call.shared.identity.is_form_token(&call.browser, token) {
        return Err(Rejection::Stale);
    }
    if taken && kind(call) != JSON {
        return Err(Rejection::MediaType(JSON));
    }
    let bytes = whole(body).await?;
    if !taken && !bytes.is_empty() {
        return Err(Rejection::Body(
            "This takes no body. Leave it out.".to_owned(),
        ));
    }
    Ok(bytes)
}

/// The media type of what was sent, without its parameters.
fn kind(call: &Call<'_>) -> String {
    let kind = header(call, CONTENT_TYPE.as_str()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default();
    kind.trim().to_ascii_lowercase()
}

fn same_origin(call: &Call<'_>) -> Result<(), Rejection> {
    let site = header(call, "sec-fetch-site");
    let origin = header(call, ORIGIN.as_str());
    let portal = call.shared.settings.portal.url();
    // Browsers send at least one of them with every POST; `null` is the origin of a sandbox, and not ours.
    let good = match (site, origin) {
        (None, None) => false,
        (site, origin) => {
            site.is_none_or(|site| site == "same-origin")
                && origin.is_none_or(|origin| origin == portal)
        }
    };
    good.then_some(()).ok_or(Rejection::ForeignOrigin)
}

fn header<'a>(call: &'a Call<'_>, name: &str) -> Option<&'a str> {
    let mut values = call.parts.headers.get_all(name).iter();
    let value = values.next()?.to_str().unwrap_or("?");
    Some(if values.next().is_some() { "?" } else { value })
}

async fn whole(body: Incoming) -> Result<Bytes, Rejection> {
    let whole = tokio::time::timeout(TIME, Limited::new(body, MOST).collect()).await;
    let whole = whole.map_err(|_| Rejection::Slow)?.map_err(|error| {
        if error.is::<LengthLimitError>() {
            Rejection::TooLarge("32 KiB")
        } else {
            Rejection::Body("The body ended too early. Send it again.".to_owned())
        }
    })?;
    Ok(whole.to_bytes())
}
