//! What the console shows: state, fingerprints, and the enrolment code while one is good.

use std::time::{Duration, Instant};

use serde::{Serialize, Serializer};
use zeroize::Zeroizing;

use crate::enrolment::code::{Code, Shown};
use crate::server::Shared;

/// One picture of the console. It carries the code, so it goes to the console and to nothing that keeps logs.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct Show {
    /// `ready`, `waiting for enrolment`, `waiting for a site`, or that the live version is damaged.
    pub state: &'static str,
    /// Pin of the identity key.
    pub identity: String,
    /// Fingerprint of the web certificate.
    pub certificate: String,
    /// The enrolment code in groups, while one is good.
    #[serde(serialize_with = "plain")]
    pub code: Option<Zeroizing<String>>,
    /// Seconds for which the code is still good.
    pub code_expires_s: Option<u64>,
    /// URL of the site.
    pub site: String,
    /// URL of the portal.
    pub portal: String,
    /// Version of the software.
    pub version: String,
    /// Enrolled devices.
    pub devices: usize,
    /// Something that only the console can tell, such as a spent `holdfast.recover`.
    pub note: Option<&'static str>,
}

fn plain<S: Serializer>(
    code: &Option<Zeroizing<String>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    code.as_ref()
        .map(|code| code.as_str())
        .serialize(serializer)
}

impl std::fmt::Debug for Show {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Show")
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

impl Shared {
    /// Draws the picture as it is now.
    pub(crate) fn picture(&self) -> Show {
        let devices = self.devices.load(std::sync::atomic::Ordering::Relaxed);
        let now = self.clock.monotonic();
        let enrolling = self.enrolling();
        let shown = self.code();
        let code = shown.as_ref().and_then(|shown| shown.code(now));
        Show {
            state: match (devices, self.site.live()) {
                (0, _) => "waiting for enrolment",
                (_, None) if self.site.unloadable().is_some() => {
                    "the live version is damaged: push the site again"
                }
                (_, None) => "waiting for a site",
                (_, Some(_)) => "ready",
            },
            identity: self.keys.identity_pin.to_string(),
            certificate: self.web_certificate().fingerprint.clone(),
            code: code.filter(|_| enrolling).map(Code::to_groups),
            code_expires_s: shown
                .as_ref()
                .filter(|_| enrolling)
                .map(|shown| shown.remaining(now).as_secs()),
            site: self.settings.site.url(),
            portal: self.settings.portal_url(),
            version: self.settings.version.clone(),
            devices,
            note: self.recovery.note(),
        }
    }

    /// Shows the picture wherever it is listened to.
    pub(crate) fn redraw(&self) {
        self.show.send_if_modified(|shown| {
            // Drawn under its lock: of two at once, the later must not put back what the earlier saw.
            let picture = self.picture();
            let changed = *shown != picture;
            *shown = picture;
            changed
        });
    }

    /// Whether the console's one-time code may enrol a device now.
    pub(crate) fn enrolling(&self) -> bool {
        self.recovery.is_open()
            || self.settings.operator.is_none()
                && !self.first_done.load(std::sync::atomic::Ordering::Relaxed)
    }

    pub(crate) fn code(&self) -> std::sync::MutexGuard<'_, Option<Shown>> {
        self.code
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Puts a fresh code in place of one that has lapsed; tells when the one in place lapses.
    ///
    /// After the first enrolment none follows, and a recovery has one alone. The last one is shown no more, but stays until it lapses: the device that
    /// was enrolled by it may have lost the answer, and asks again.
    pub(crate) fn refresh_code(&self) -> Option<Instant> {
        let now = self.clock.monotonic();
        let mut shown = self.code();
        if shown.as_ref().and_then(|shown| shown.code(now)).is_none() {
            if shown.is_some() {
                self.recovery.close();
            }
            if !self.enrolling() {
                *shown = None;
                return None;
            }
            *shown = Code::fresh().map(|code| Shown::new(code, now));
        }
        let remaining = shown
            .as_ref()
            .map_or(Duration::from_secs(1), |shown| shown.remaining(now));
        now.checked_add(remaining)
    }
}

/// Keeps a good code on the console until the first enrolment, or one while a recovery is open.
pub(crate) async fn keep_code(shared: std::sync::Arc<Shared>) {
    while let Some(lapses) = shared.refresh_code() {
        shared.redraw();
        tokio::select! {
            () = tokio::time::sleep_until(lapses.into()) => {}
            () = shared.code_spent.notified() => {}
        }
    }
    shared.redraw();
}
