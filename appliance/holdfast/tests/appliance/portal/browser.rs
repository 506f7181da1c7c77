//! The portal in a real browser, with a passkey of the browser's own virtual authenticator.
//!
//! Needs a browser, so that it is run by name. With Debian's `chromium` in the path:
//!
//! ```sh
//! cargo test -p holdfast --test appliance portal::browser -- --ignored --nocapture
//! ```
//!
//! `HOLDFAST_CHROMIUM` names another program of Chromium's kind, `HOLDFAST_SHOTS` a folder for a picture of each page at two
//! widths, light and dark. `./check browser` runs them against the booted image ([`Appliance::machine`]).

use std::path::PathBuf;
use std::time::{Duration, Instant};

use data_encoding::BASE64;
use rustls::server::ParsedCertificate;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::appliance::Appliance;
use crate::browser::Browser;
use crate::web::{browser as client, connect};

/// A page whose author tries all that scripts can do to reach the portal. It runs: it is the site's own file.
const HOSTILE: &[u8] =
    b"<!doctype html><title>hostile</title><body><script src='/hostile.js'></script>";
const SCRIPT: &str = r"
const portal = 'https://portal.' + location.host;
const told = {};
const tries = {
  read: () => fetch(portal + '/account', { credentials: 'include' }),
  opaque: () => fetch(portal + '/account', { credentials: 'include', mode: 'no-cors' }),
  signOut: () => fetch(portal + '/sign-out', { method: 'POST', credentials: 'include', mode: 'no-cors', body: new URLSearchParams({ a: 'b' }) }),
  json: () => fetch(portal + '/sign-in/begin', { method: 'POST', credentials: 'include', headers: { 'content-type': 'application/json' }, body: '{}' }),
  image: () => new Promise((good, bad) => { const i = new Image(); i.onload = good; i.onerror = bad; i.src = portal + '/account'; }),
  script: () => new Promise((good, bad) => { const s = document.createElement('script'); s.onload = good; s.onerror = bad; s.src = portal + '/account'; document.body.append(s); }),
  passkey: () => navigator.credentials.get({ publicKey: { challenge: new Uint8Array(32), rpId: 'portal.localhost', userVerification: 'required' } }),
  cookie: async () => { if (!document.cookie.includes('holdfast')) throw new Error('none'); },
};
(async () => {
  for (const [name, attempt] of Object.entries(tries)) {
    try { await attempt(); told[name] = 'worked'; } catch (error) { told[name] = 'failed'; }
  }
  const frame = document.createElement('iframe');
  frame.src = portal + '/sign-in';
  await new Promise((good) => { frame.onload = good; document.body.append(frame); setTimeout(good, 3000); });
  try { told.frame = frame.contentWindow.document.forms.length ? 'worked' : 'failed'; } catch (error) { told.frame = 'failed'; }
  window.told = told;
})();
";

const WIDTHS: [(u32, u32); 2] = [(390, 844), (1280, 900)];

/// What browsers trust the appliance's certificate by.
pub(super) fn key_of(appliance: &Appliance) -> String {
    let mut stream = connect(appliance.address(), client(&[b"http/1.1"]));
    while stream.conn.is_handshaking() {
        stream.conn.complete_io(&mut stream.sock).unwrap();
    }
    let certificate = &stream.conn.peer_certificates().unwrap()[0];
    let parsed = ParsedCertificate::try_from(certificate).unwrap();
    BASE64.encode(&Sha256::digest(parsed.subject_public_key_info()))
}

/// A browser in which a person sits.
pub(super) struct Seat {
    pub(super) browser: Browser,
    portal: String,
    site: String,
    authenticator: Option<String>,
    shots: Option<PathBuf>,
}

impl Seat {
    pub(super) fn new(appliance: &Appliance, key: &str) -> Self {
        Self {
            browser: Browser::start_trusting(key),
            portal: format!("https://portal.{}", appliance.authority()),
            site: format!("https://{}", appliance.authority()),
            authenticator: None,
            shots: std::env::var_os("HOLDFAST_SHOTS").map(PathBuf::from),
        }
    }

    /// Gives the browser a platform authenticator that verifies its user.
    pub(super) fn with_authenticator(mut self) -> Self {
        self.browser.call("WebAuthn.enable", &json!({}));
        let options = json!({ "options": {
            "protocol": "ctap2", "transport": "internal", "hasResidentKey": true, "hasUserVerification": true,
            "isUserVerified": true, "automaticPresenceSimulation": true,
        } });
        let added = self
            .browser
            .call("WebAuthn.addVirtualAuthenticator", &options);
        self.authenticator = added["authenticatorId"].as_str().map(str::to_owned);
        self
    }

    /// Whether someone touches the authenticator when it asks.
    fn touches(&mut self, enabled: bool) {
        let set = json!({ "authenticatorId": self.authenticator, "enabled": enabled });
        let method = "WebAuthn.setAutomaticPresenceSimulation";
        self.browser.call(method, &set);
    }

    pub(super) fn at_portal(&mut self, path: &str) {
        let url = format!("{}{path}", self.portal);
        self.browser.go(&url);
    }

    fn at_site(&mut self, path: &str) {
        let url = format!("{}{path}", self.site);
        self.browser.go(&url);
    }

    pub(super) fn wait_for(&mut self, path: &str) {
        let there = format!("location.pathname === '{path}' && document.readyState === 'complete'");
        self.browser.wait(&there);
    }

    pub(super) fn text(&mut self) -> String {
        let text = self.browser.value("document.body.innerText");
        text.as_str().unwrap().to_owned()
    }

    /// Clicks what leads to another page, and waits until it is there.
    pub(super) fn press(&mut self, selector: &str) {
        let there = format!("document.querySelector({}) !== null", json!(selector));
        self.browser.wait(&there);
        self.browser.value("window.before = true");
        self.browser.click(selector);
        let there = "window.before === undefined && document.readyState === 'complete'";
        self.browser.wait(there);
    }

    pub(super) fn type_into(&mut self, selector: &str, text: &str) {
        let focus = format!("document.querySelector({}).focus()", json!(selector));
        self.browser.value(&focus);
        self.browser.keys(text);
    }

    /// Takes pictures of the page as it is, whole.
    pub(super) fn shoot(&mut self, name: &str) {
        let Some(folder) = self.shots.clone() else {
            return;
        };
        for (width, height) in WIDTHS {
            let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500 });
            self.browser
                .call("Emulation.setDeviceMetricsOverride", &size);
            for scheme in ["light", "dark"] {
                let scheme_of =
                    json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
                self.browser.call("Emulation.setEmulatedMedia", &scheme_of);
                let page = self.browser.call("Page.getLayoutMetrics", &json!({}));
                let whole = page["cssContentSize"]["height"].as_f64().unwrap();
                let clip = json!({ "x": 0, "y": 0, "width": width, "height": whole.max(height.into()), "scale": 1 });
                let how = json!({ "format": "png", "captureBeyondViewport": true, "clip": clip });
                let picture = self.browser.call("Page.captureScreenshot", &how);
                let picture = BASE64.decode(picture["data"].as_str().unwrap().as_bytes());
                let file = folder.join(format!("{name}-{width}-{scheme}.png"));
                std::fs::write(file, picture.unwrap()).unwrap();
            }
            // Nothing may stick out at the side.
            let wide = "document.documentElement.scrollWidth <= innerWidth";
            assert_eq!(self.browser.value(wide), true, "{name} at {width}");
        }
        let clear = json!({ "features": [] });
        self.browser.call("Emulation.setEmulatedMedia", &clear);
        let none = json!({});
        self.browser
            .call("Emulation.clearDeviceMetricsOverride", &none);
    }

    /// Joins by a link with the code in its fragment.
    pub(super) fn join(&mut self, code: &str, name: &str) {
        self.at_portal(&format!("/join#{code}"));
        self.browser.wait(&format!(
            "document.forms[0].elements.code.value === '{code}'"
        ));
        // It does not stay in the address.
        assert_eq!(self.browser.value("location.hash"), "");
        assert_eq!(self.browser.value("document.activeElement.id"), "name");
        self.browser.keys(name);
        self.shoot("join");
        self.press("form.gesture button.go");
        self.wait_for("/account");
    }

    pub(super) fn violations(&self) -> Vec<&String> {
        self.browser.violations.iter().collect()
    }
}

fn codes(seat: &mut Seat) -> Vec<String> {
    let shown = "[...document.querySelectorAll('.codes code')].map((one) => one.textContent)";
    let shown = seat.browser.value(shown);
    let shown = shown.as_array().unwrap().iter();
    shown.map(|one| one.as_str().unwrap().to_owned()).collect()
}

pub(super) fn appliance(more: &str) -> (Appliance, Vec<String>) {
    // The machine has the configuration that it has.
    let machine = more.is_empty().then(Appliance::machine).flatten();
    let appliance = machine.unwrap_or_else(|| Appliance::start_with(more).enrolled());
    let mut files = super::SITE.to_vec();
    files.push(("hostile.html", HOSTILE));
    files.push(("hostile.js", SCRIPT.as_bytes()));
    if more.contains("loosen") {
        files.push((
            "_headers",
            b"/*\n  Content-Security-Policy: default-src * 'unsafe-inline'\n",
        ));
    }
    appliance.push(&files);
    let codes = super::invite::make(&appliance, &["admin", "member"]);
    (appliance, codes)
}

#[test]
#[ignore = "needs a browser: see the head of this file"]
fn a_newcomer_joins_signs_in_and_is_signed_out_from_another_browser() {
    let (appliance, invites) = appliance("");
    let key = key_of(&appliance);
    let mut ann = Seat::new(&appliance, &key).with_authenticator();
    let start = Instant::now();
    ann.join(&invites[1], "Ann");
    println!("figure: joined in {} ms", start.elapsed().as_millis());
    assert!(ann.text().contains("Welcome."), "{}", ann.text());
    ann.shoot("account-welcome");

    // Recovery codes, by a form.
    ann.press("form[action$='/account/codes'] button");
    let kept = codes(&mut ann);
    assert_eq!(kept.len(), 10, "{}", ann.text());
    ann.shoot("codes");
    ann.press("a.go");
    ann.wait_for("/account");
    ann.shoot("account");

    // Out, and in by the button. Nobody touches the authenticator for the autofill.
    ann.press("form.out button");
    ann.shoot("status");
    ann.touches(false);
    ann.at_portal("/sign-in");
    ann.shoot("sign-in");
    ann.touches(true);
    let start = Instant::now();
    ann.browser.click("form.gesture button.go");
    ann.wait_for("/account");
    println!(
        "figure: signed in by the button in {} ms",
        start.elapsed().as_millis()
    );

    // A page for members, through the hand-over, and without any gesture.
    ann.at_site("/members/list");
    ann.browser.wait("document.title === 'list of members'");
    assert_eq!(
        ann.browser.value("location.pathname + location.search"),
        "/members/list"
    );
    ann.at_site("/admins/");
    ann.shoot("denied");
    assert!(!ann.text().contains("for admins"));

    // A second browser whose scripts are off: the passkey is out of its reach, a recovery code is not.
    let mut other = Seat::new(&appliance, &key);
    let off = json!({ "value": true });
    other
        .browser
        .call("Emulation.setScriptExecutionDisabled", &off);
    other.at_portal("/sign-in");
    assert!(
        other.text().contains("Switch scripts on"),
        "{}",
        other.text()
    );
    other.shoot("sign-in-no-script");
    other.at_portal("/join");
    other.shoot("join-no-script");
    other.at_portal("/sign-in");
    other.press(".more a");
    other.wait_for("/recover");
    other.type_into("#name", "ann");
    other.type_into("#code", "no code at all");
    other.press("button.go");
    assert!(
        other.text().contains("do not belong together"),
        "{}",
        other.text()
    );
    assert_eq!(
        other.browser.value("document.querySelector('#name').value"),
        "ann"
    );
    other.shoot("recover-wrong");
    other.type_into("#code", &kept[0].to_lowercase());
    other.press("button.go");
    other.wait_for("/account");
    assert!(other.text().contains("9 are left"), "{}", other.text());
    other.shoot("account-sessions");

    // It ends the first one's session, and a page of the site is out of reach at once.
    ann.at_site("/members/");
    assert_eq!(ann.browser.value("document.title"), "for members");
    let end = "document.querySelector('input[value=others]').parentElement.querySelector('button').id = 'end'";
    other.browser.value(end);
    other.press("#end");
    let ended = Instant::now();
    assert!(other.text().contains("All other sessions have ended."));
    ann.touches(false);
    ann.at_site("/members/");
    let after = ended.elapsed();
    ann.wait_for("/sign-in");
    assert!(!ann.text().contains("for members"));
    println!(
        "figure: out of reach {} ms after it was ended elsewhere",
        after.as_millis()
    );
    assert!(after < Duration::from_secs(10));

    // The passkey brings the person to where they were going.
    ann.touches(true);
    ann.browser.click("form.gesture button.go");
    ann.browser.wait("document.title === 'for members'");
    assert!(ann.violations().is_empty(), "{:?}", ann.violations());
    assert!(!appliance.log().contains("csp-violation"));
}

#[test]
#[ignore = "needs a browser: see the head of this file"]
fn autofill_signs_in_by_itself() {
    let (appliance, invites) = appliance("");
    let mut ann = Seat::new(&appliance, &key_of(&appliance)).with_authenticator();
    ann.join(&invites[1], "Ann");
    ann.press("form.out button");
    // The virtual authenticator chooses the one passkey that there is, as a person does in the field's list.
    ann.at_portal("/sign-in");
    ann.wait_for("/account");
    assert!(ann.text().contains("Ann"));
}

#[test]
#[ignore = "needs a browser: see the head of this file"]
fn an_admin_sets_up_a_second_factor_and_steps_up() {
    let (appliance, invites) = appliance("");
    let mut ann = Seat::new(&appliance, &key_of(&appliance)).with_authenticator();
    ann.join(&invites[0], "Ann");
    ann.press("form[action$='/account/totp'] button");
    let secret = ann
        .browser
        .value("document.querySelector('p code').textContent");
    let secret = secret.as_str().unwrap().to_owned();
    ann.shoot("totp");
    let now = super::account::step();
    let secret = data_encoding::BASE32_NOPAD
        .decode(secret.as_bytes())
        .unwrap();
    ann.type_into("#code", &super::account::password(&secret, now));
    ann.press("button.go");
    assert!(
        ann.text().contains("The generator is set up."),
        "{}",
        ann.text()
    );
    ann.at_portal("/second-factor");
    ann.shoot("second-factor");
    ann.type_into("#code", &super::account::password(&secret, now + 1));
    ann.press("button.go");
    ann.wait_for("/account");
    assert!(ann.text().contains("one-time password"));
    ann.at_portal("/step-up?next=%2Faccount");
    ann.shoot("step-up");
    ann.press("button.go");
    ann.wait_for("/account");
    // A second authenticator's passkey, with a name.
    let first = ann.authenticator.take();
    ann.browser.call(
        "WebAuthn.removeVirtualAuthenticator",
        &json!({ "authenticatorId": first }),
    );
    let mut ann = ann.with_authenticator();
    ann.type_into("#label", "Security key");
    ann.press("form[data-gesture=add] button");
    ann.wait_for("/account");
    assert!(ann.text().contains("Security key"), "{}", ann.text());
    ann.at_portal("/nothing");
    ann.shoot("missing");
    assert!(ann.violations().is_empty(), "{:?}", ann.violations());
}

#[test]
#[ignore = "needs a browser: see the head of this file"]
fn a_hostile_page_of_the_site_does_not_reach_the_portal() {
    // Under our policy for pages, and where the operator lets the site's author take it away.
    for more in ["", "[site]\nheaders_may_loosen = true\n"] {
        let (appliance, invites) = appliance(more);
        let mut ann = Seat::new(&appliance, &key_of(&appliance)).with_authenticator();
        ann.join(&invites[1], "Ann");
        ann.at_site("/members/");
        ann.browser.wait("document.title === 'for members'");
        ann.at_site("/hostile");
        ann.browser
            .wait("typeof told === 'object' && 'frame' in told");
        let told = ann.browser.value("told");
        let tries = told.as_object().unwrap();
        assert_eq!(tries.len(), 9);
        for (name, came) in tries {
            // A request that nothing is told of, without the cookies of the portal, may go out.
            assert_eq!(came, &Value::from("failed"), "{name} {more}");
        }
        // Nobody was signed out by it.
        ann.at_portal("/account");
        ann.wait_for("/account");
        assert!(ann.text().contains("Ann"), "{more}");
    }
}
