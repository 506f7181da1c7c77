//! A real browser, driven over its own protocol (Chrome DevTools Protocol 1.3, by pipe), in front of the real process.

use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(60);
/// The protocol's pipe is on the descriptors 3 and 4.
const PIPE: &str = "exec \"$0\" \"$@\" 3<&0 4>&1 1>&2";
/// The binding by which a page tells of a violation.
const VIOLATED: &str = "violated";

/// A browser with one page.
pub struct Browser {
    process: Child,
    to: ChildStdin,
    from: Receiver<Value>,
    session: Option<String>,
    number: u64,
    /// What the pages told of violations of their policies.
    pub violations: VecDeque<String>,
    _profile: tempfile::TempDir,
}

impl Browser {
    /// One that takes any certificate. The program is what `HOLDFAST_CHROMIUM` names.
    pub fn start() -> Self {
        Self::start_with("--ignore-certificate-errors")
    }

    /// One for which the certificate of this key (base64 of the SHA-256 of its `SubjectPublicKeyInfo`) is a good one, and
    /// any other is judged as usual: passkeys are refused where a certificate is bad.
    pub fn start_trusting(key: &str) -> Self {
        Self::start_with(&format!("--ignore-certificate-errors-spki-list={key}"))
    }

    fn start_with(certificates: &str) -> Self {
        let program = std::env::var("HOLDFAST_CHROMIUM").unwrap_or_else(|_| "chromium".to_owned());
        let profile = tempfile::tempdir().unwrap();
        let mut process = Command::new("sh")
            .args([
                "-c",
                PIPE,
                &program,
                "--headless",
                "--remote-debugging-pipe",
            ])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            // The certificate is self-made; a root user's browser has no sandbox; reports are sent at once.
            .args([certificates, "--no-sandbox"])
            .args(["--short-reporting-delay", "--disable-gpu"])
            .args(["--disable-background-networking", "--no-first-run"])
            .arg("about:blank")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let to = process.stdin.take().unwrap();
        let stdout = process.stdout.take().unwrap();
        let (send, from) = channel();
        std::thread::spawn(move || {
            for message in BufReader::new(stdout).split(0).map_while(Result::ok) {
                let Ok(message) = serde_json::from_slice(&message) else {
                    continue;
                };
                if send.send(message).is_err() {
                    break;
                }
            }
        });
        let mut browser = Self {
            process,
            to,
            from,
            session: None,
            number: 0,
            violations: VecDeque::new(),
            _profile: profile,
        };
        browser.open_page();
        browser
    }

    fn open_page(&mut self) {
        let blank = json!({ "url": "about:blank" });
        let target = self.call("Target.createTarget", &blank)["targetId"].clone();
        let attach = json!({ "targetId": target, "flatten": true });
        let session = &self.call("Target.attachToTarget", &attach)["sessionId"];
        self.session = Some(session.as_str().unwrap().to_owned());
        self.call("Page.enable", &json!({}));
        self.call("Runtime.enable", &json!({}));
        self.call("Runtime.addBinding", &json!({ "name": VIOLATED }));
        // Before any script of a page.
        let listen = format!(
            "addEventListener('securitypolicyviolation', (e) => {VIOLATED}(e.documentURI + ' ' + e.effectiveDirective + ' ' + e.blockedURI))"
        );
        let source = json!({ "source": listen });
        self.call("Page.addScriptToEvaluateOnNewDocument", &source);
    }

    /// Calls a method; what comes before its answer is looked through.
    pub fn call(&mut self, method: &str, parameters: &Value) -> Value {
        self.number += 1;
        let mut message = json!({ "id": self.number, "method": method, "params": parameters });
        if let Some(session) = &self.session {
            message["sessionId"] = session.as_str().into();
        }
        let mut bytes = serde_json::to_vec(&message).unwrap();
        bytes.push(0);
        self.to.write_all(&bytes).unwrap();
        loop {
            let answer = self.from.recv_timeout(PATIENCE);
            let answer = answer.unwrap_or_else(|_| panic!("the browser does not answer {method}"));
            if answer["method"] == "Runtime.bindingCalled" {
                let told = answer["params"]["payload"].as_str().unwrap();
                self.violations.push_back(told.to_owned());
            }
            if answer["id"] == self.number {
                assert!(answer["error"].is_null(), "{method}: {answer}");
                return answer["result"].clone();
            }
        }
    }

    /// Goes to a URL.
    pub fn go(&mut self, url: &str) {
        let gone = self.call("Page.navigate", &json!({ "url": url }));
        assert!(gone["errorText"].is_null(), "{url}: {gone}");
        self.wait("document.readyState === 'complete'");
    }

    /// The value of an expression in the page.
    pub fn value(&mut self, expression: &str) -> Value {
        let parameters = json!({ "expression": expression, "returnByValue": true });
        let answer = self.call("Runtime.evaluate", &parameters);
        assert!(answer["exceptionDetails"].is_null(), "{answer}");
        answer["result"]["value"].clone()
    }

    /// Waits until an expression is true in the page.
    pub fn wait(&mut self, expression: &str) {
        let start = Instant::now();
        while self.value(expression) != true {
            if start.elapsed() > PATIENCE {
                let page = "location.href.split('#')[0] + '\\n' + document.body.innerText";
                let page = self.value(page);
                panic!("never: {expression}\n{}", page.as_str().unwrap_or_default());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Clicks into the middle of an element.
    pub fn click(&mut self, selector: &str) {
        let selector = json!(selector);
        let place = self.value(&format!(
            "(() => {{ const e = document.querySelector({selector}); e.scrollIntoView({{ block: 'center' }}); \
             const r = e.getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2]; }})()"
        ));
        for kind in ["mousePressed", "mouseReleased"] {
            let event = json!({ "type": kind, "x": place[0], "y": place[1], "button": "left", "clickCount": 1 });
            self.call("Input.dispatchMouseEvent", &event);
        }
    }

    /// Types into what has the focus.
    pub fn keys(&mut self, text: &str) {
        for letter in text.chars() {
            let letter = letter.to_string();
            let down = json!({ "type": "keyDown", "text": letter, "key": letter });
            self.call("Input.dispatchKeyEvent", &down);
            let up = json!({ "type": "keyUp", "key": letter });
            self.call("Input.dispatchKeyEvent", &up);
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let mut message = json!({ "id": 0, "method": "Browser.close" }).to_string();
        message.push('\0');
        let _ = self.to.write_all(message.as_bytes());
        let start = Instant::now();
        while matches!(self.process.try_wait(), Ok(None)) {
            if start.elapsed() > Duration::from_secs(10) {
                let _ = self.process.kill();
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}
