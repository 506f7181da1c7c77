//! The counters behind the numbers.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use super::large::Large;
use super::places::Places;
use super::rates::Rates;
use super::settings::Limits;
use super::shares::{Place, Shares};
use super::shed::Shed;
use crate::clock::Clock;
use crate::rejection::Rejection;

/// What a request counts as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// A page of the site.
    Page,
    /// The portal.
    Portal,
    /// A try to enrol a device.
    Enrol,
    /// Any other route of the device protocol.
    Device,
    /// A step of a sign-in or of joining, where someone could guess.
    SignIn,
    /// A report that a browser sends by itself.
    Report,
}

/// Everything that is counted.
pub(crate) struct Bounds {
    pub(crate) limits: Limits,
    pub(crate) places: Arc<Places>,
    connections: Arc<Shares>,
    handshakes: Arc<Shares>,
    answers: Arc<Shares>,
    pub(crate) large: Arc<Large>,
    handshake: Rates,
    page: Rates,
    portal: Rates,
    enrol: Rates,
    device: Rates,
    report: Rates,
    sign_in: Rates,
    pub(crate) shed: Shed,
}

/// A new connection's part; the second is for the time of the handshake.
pub(crate) struct Arrival {
    pub(crate) connection: Place,
    pub(crate) handshake: Place,
}

/// An answer's part, which it keeps until its last byte is handed over.
pub(crate) struct Held {
    _answer: Place,
}

impl Bounds {
    pub(crate) fn new(limits: Limits, clock: &Arc<dyn Clock>) -> Self {
        let all = usize::MAX;
        Self {
            places: Places::new(limits.connections),
            connections: Shares::new(all, limits.connections_each),
            handshakes: Shares::new(all, limits.handshakes_each),
            answers: Shares::new(limits.answers, limits.answers_each),
            large: Large::new(limits.large, limits.large_each),
            handshake: Rates::new(limits.handshake, clock),
            page: Rates::new(limits.page, clock),
            portal: Rates::new(limits.portal, clock),
            enrol: Rates::new(limits.enrol, clock),
            device: Rates::new(limits.device, clock),
            report: Rates::new(limits.report, clock),
            sign_in: Rates::new(limits.sign_in, clock),
            shed: Shed::default(),
            limits,
        }
    }

    /// Lets a new connection in, before it costs anything; `None`: its client has its share already.
    pub(crate) fn arrive(&self, peer: IpAddr) -> Option<Arrival> {
        let connection = self.connections.enter(peer)?;
        let handshake = self.handshakes.enter(peer)?;
        self.handshake.check(peer).ok()?;
        Some(Arrival {
            connection,
            handshake,
        })
    }

    /// Counts a request.
    pub(crate) fn request(&self, peer: IpAddr, class: Class) -> Result<(), Rejection> {
        let rates = match class {
            Class::Page => &self.page,
            Class::Portal => &self.portal,
            Class::Enrol => &self.enrol,
            Class::Device => &self.device,
            Class::Report => &self.report,
            Class::SignIn => &self.sign_in,
        };
        rates.check(peer).map_err(|wait| Rejection::TooMany {
            retry_after: whole_seconds(wait),
        })
    }

    /// Counts an answer that is to go out.
    pub(crate) fn answer(&self, peer: IpAddr) -> Result<Held, Rejection> {
        let answer = self.answers.enter(peer).ok_or(Rejection::Busy)?;
        Ok(Held { _answer: answer })
    }
}

/// At least one: a client that is told 0 comes back at once (RFC 9110, section 10.2.3).
fn whole_seconds(wait: Duration) -> u64 {
    let more = u64::from(wait.subsec_nanos() > 0);
    wait.as_secs().saturating_add(more).max(1)
}
