//! Someone's browser and passkeys, in front of an appliance that may die at any moment.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::appliance::Appliance;
use crate::portal::authenticator::{Authenticator, Wrong};
use crate::portal::client::{self, Client, GOES};
use crate::web::Answer;

/// How long one waits who asks too often.
const PATIENCE: Duration = Duration::from_secs(30);
/// Where and by what a browser is signed in.
const SESSION: (&str, &str) = ("portal.localhost", "__Host-holdfast-portal");

/// Why something is not known to be done.
#[derive(Debug)]
pub enum Not {
    /// No answer came, or not all of it.
    Answered,
    /// It was refused, by this status.
    Refused(u16, String),
}

/// What was answered.
pub type Did<T> = Result<T, Not>;

/// One browser. Its clones are the same one, as it was.
#[derive(Clone)]
pub struct Browser {
    client: Client,
    /// What its forms carry, in that run of the appliance.
    token: Arc<Mutex<Option<(u32, String)>>>,
}

impl Browser {
    pub fn new(appliance: &Appliance) -> Self {
        Self {
            client: Client::new(appliance),
            token: Arc::default(),
        }
    }

    /// Asks as programs do.
    pub fn ask(
        &mut self,
        appliance: &Appliance,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> Did<Value> {
        let token = self.token(appliance)?;
        let mut head = format!(
            "Origin: {}\r\nX-Holdfast-Token: {token}\r\n",
            self.client.portal("")
        );
        if body.is_some() {
            head.push_str("Content-Type: application/json\r\n");
        }
        let body = body.map(Value::to_string).unwrap_or_default();
        let answer = self.exchange(method, path, &head, body.as_bytes())?;
        Ok(serde_json::from_slice(&answer.body).unwrap_or_default())
    }

    /// Sends JSON as the portal's script does.
    pub fn script(&mut self, appliance: &Appliance, path: &str, body: &Value) -> Did<Value> {
        let token = self.token(appliance)?;
        let head = self.client.script_of(&token);
        let answer = self.exchange("POST", path, &head, body.to_string().as_bytes())?;
        Ok(serde_json::from_slice(&answer.body).unwrap_or_default())
    }

    /// Sends a form.
    pub fn form(
        &mut self,
        appliance: &Appliance,
        path: &str,
        fields: &[(&str, &str)],
    ) -> Did<Answer> {
        let token = self.token(appliance)?;
        let (head, body) = self.client.form_of(&token, fields);
        self.exchange("POST", path, &head, body.as_bytes())
    }

    /// Joins by an invite, with a first passkey.
    pub fn join(&mut self, appliance: &Appliance, code: &str, name: &str, key: &Key) -> Did<()> {
        let asked = json!({ "code": code, "name": name });
        let begun = self.script(appliance, "/join/begin", &asked)?;
        let body = json!({ "id": begun["id"], "answer": key.create(&begun["options"]), "label": key.label,
            "next": "/account" });
        self.script(appliance, "/join/finish", &body).map(drop)
    }

    /// Signs in by a passkey, or proves who is signed in once more.
    pub fn sign_in(&mut self, appliance: &Appliance, key: &Key) -> Did<()> {
        let begun = self.script(appliance, "/sign-in/begin", &json!({ "how": "button" }))?;
        let body = json!({ "id": begun["id"], "answer": key.get(&begun["options"]), "name": "", "label": "",
            "next": "/account" });
        self.script(appliance, "/sign-in/finish", &body).map(drop)
    }

    /// Signs in by a recovery code.
    pub fn recover(&mut self, appliance: &Appliance, name: &str, code: &str) -> Did<()> {
        let fields = [("name", name), ("code", code), ("next", "/account")];
        self.form(appliance, "/recover", &fields).map(drop)
    }

    /// What the appliance says of this session, if it lives. The cookie stays, as with a thief.
    pub fn session(&self) -> Did<Option<Value>> {
        match self.clone().exchange("GET", "/api/v1/session", "", b"") {
            Ok(answer) => Ok(Some(serde_json::from_slice(&answer.body).unwrap())),
            Err(Not::Refused(401, _)) => Ok(None),
            Err(other) => Err(other),
        }
    }

    /// The secret of its session.
    pub fn cookie(&self) -> Option<&str> {
        self.client.cookie(SESSION.0, SESSION.1)
    }

    fn token(&mut self, appliance: &Appliance) -> Did<String> {
        let cell = Arc::clone(&self.token);
        let mut cell = cell.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((run, token)) = &*cell
            && *run == appliance.id()
        {
            return Ok(token.clone());
        }
        let token = client::token(&self.exchange("GET", "/join", GOES, b"")?);
        *cell = Some((appliance.id(), token.clone()));
        Ok(token)
    }

    fn exchange(&mut self, method: &str, path: &str, head: &str, body: &[u8]) -> Did<Answer> {
        let (url, start) = (self.client.portal(path), Instant::now());
        loop {
            let answer = self.client.try_send(method, &url, head, body);
            let answer = answer.ok_or(Not::Answered)?;
            match answer.status {
                200..400 => return Ok(answer),
                429 if start.elapsed() < PATIENCE => {
                    std::thread::sleep(Duration::from_millis(200));
                }
                status => return Err(Not::Refused(status, answer.text())),
            }
        }
    }
}

/// A passkey, wherever it may be registered.
pub struct Key {
    /// Its name at the portal, which no other one has.
    pub label: String,
    wrong: Wrong,
    device: Mutex<Authenticator>,
}

impl Key {
    pub fn new(appliance: &Appliance, label: String) -> Self {
        let wrong = Wrong {
            // Lives as long as the test.
            origin: format!("https://portal.localhost:{}", appliance.port).leak(),
            rp_id: "portal.localhost",
            ..Wrong::default()
        };
        Self {
            wrong,
            device: Mutex::new(Authenticator::new(label.as_bytes())),
            label,
        }
    }

    /// The number by which its owner is found.
    pub fn id(&self) -> &[u8] {
        self.label.as_bytes()
    }

    pub fn create(&self, options: &Value) -> Value {
        let mut device = self.device.lock().unwrap_or_else(PoisonError::into_inner);
        serde_json::from_slice(&device.create(options, &self.wrong)).unwrap()
    }

    fn get(&self, options: &Value) -> Value {
        let mut device = self.device.lock().unwrap_or_else(PoisonError::into_inner);
        serde_json::from_slice(&device.get(options, &self.wrong)).unwrap()
    }
}
