//! From a request to a page of the portal.

use std::net::IpAddr;

use holdfast_identity::people;
use holdfast_site::pages;
use http::StatusCode;
use http::request::Parts;

use super::{Answer, Call};
use crate::headers;
use crate::rejection::Rejection;

impl Call<'_> {
    /// A page of the portal. `render` is given all that the page's frame needs.
    pub(crate) fn page(&self, render: impl FnOnce(&pages::Shell<'_>) -> String) -> Answer {
        self.page_with(StatusCode::OK, None, render)
    }

    /// A page with what came of the act before it, told at its top.
    pub(crate) fn page_with(
        &self,
        status: StatusCode,
        told: Option<pages::Told<'_>>,
        render: impl FnOnce(&pages::Shell<'_>) -> String,
    ) -> Answer {
        let name = self.name()?;
        let token = self.shared.identity.form_token(&self.browser);
        let site = self.shared.settings.site.url();
        let shell = |nonce: &str| {
            let shell = pages::Shell {
                frame: pages::Frame {
                    nonce,
                    home: self.context.home,
                },
                base: self.base(),
                token: &token,
                who: name.as_deref(),
                admin: self.is_admin(),
                site: &site,
                told,
            };
            render(&shell)
        };
        Ok(headers::form_page(status, self.forms_lead_to(), shell))
    }

    /// Where forms may lead besides the portal: their answers may send the browser back to the site.
    fn forms_lead_to(&self) -> Option<String> {
        let settings = &self.shared.settings;
        (!settings.one_name()).then(|| settings.site.url())
    }

    /// The name of who is signed in.
    fn name(&self) -> Result<Option<String>, Rejection> {
        let Some(signed) = &self.signed else {
            return Ok(None);
        };
        let snapshot = self.shared.store.snapshot()?;
        let person = people::find(&snapshot, signed.session.person);
        Ok(person.ok().map(|person| person.name.as_str().to_owned()))
    }

    /// What the browser and the network look like, for the list of sessions.
    pub(crate) fn device(&self) -> String {
        device(self.parts, self.peer)
    }
}

/// What the browser of a request says it is, and its address.
pub(super) fn device(parts: &Parts, peer: IpAddr) -> String {
    let agent = parts.headers.get(http::header::USER_AGENT);
    let agent = agent
        .and_then(|agent| agent.to_str().ok())
        .unwrap_or_default();
    let address = peer.to_canonical();
    format!("{} · {address}", pages::browser_name(agent))
}
