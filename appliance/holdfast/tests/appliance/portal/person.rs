//! A person with a browser and a passkey.

use serde_json::{Value, json};

use super::authenticator::{Authenticator, Wrong};
use super::client::Client;
use crate::appliance::Appliance;
use crate::web::Answer;

/// A person at one browser.
pub struct Person {
    pub client: Client,
    pub passkey: Authenticator,
    pub wrong: Wrong,
    pub name: String,
}

impl Person {
    /// Someone with a new browser and an empty authenticator.
    pub fn new(appliance: &Appliance, name: &str) -> Self {
        Self {
            client: Client::new(appliance),
            passkey: Authenticator::new(format!("the passkey of {name}").as_bytes()),
            wrong: Wrong {
                // Lives as long as the test.
                origin: format!("https://portal.localhost:{}", appliance.port).leak(),
                rp_id: "portal.localhost",
                ..Wrong::default()
            },
            name: name.to_owned(),
        }
    }

    /// Someone who has joined by this invite, and is signed in at the portal.
    pub fn joined(appliance: &Appliance, name: &str, code: &str) -> Self {
        let mut person = Self::new(appliance, name);
        let answer = person.join(code);
        assert_eq!(answer.status, 200, "{}", answer.text());
        let answer: Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(answer["next"], "/account?welcome");
        person
    }

    /// Joins; the last answer.
    pub fn join(&mut self, code: &str) -> Answer {
        let asked = json!({ "code": code, "name": self.name });
        let begun = self.client.script("/join/begin", &asked);
        if begun.status != 200 {
            return begun;
        }
        let begun: Value = serde_json::from_slice(&begun.body).unwrap();
        let answer = self.passkey.create(&begun["options"], &self.wrong);
        let answer: Value = serde_json::from_slice(&answer).unwrap();
        let body = json!({ "id": begun["id"], "answer": answer, "label": "My laptop", "next": "/account" });
        self.client.script("/join/finish", &body)
    }

    /// Signs in as this way begins; the last answer.
    pub fn prove(&mut self, how: &Value, next: &str) -> Answer {
        let begun = self.client.script("/sign-in/begin", how);
        if begun.status != 200 {
            return begun;
        }
        let begun: Value = serde_json::from_slice(&begun.body).unwrap();
        let body = self.answer(&begun, how["name"].as_str().unwrap_or_default(), next);
        self.client.script("/sign-in/finish", &body)
    }

    /// What the script sends at the end of a sign-in.
    pub fn answer(&mut self, begun: &Value, name: &str, next: &str) -> Value {
        let answer = self.passkey.get(&begun["options"], &self.wrong);
        let answer: Value = serde_json::from_slice(&answer).unwrap();
        json!({ "id": begun["id"], "answer": answer, "name": name, "label": "", "next": next })
    }

    /// Signs in by the button; where it leads.
    pub fn sign_in(&mut self, next: &str) -> String {
        next_of(&self.prove(&json!({ "how": "button" }), next))
    }

    /// Signs in anew at another browser, by the same passkey.
    pub fn at_another_browser(&mut self, appliance: &Appliance) -> Client {
        let first = std::mem::replace(&mut self.client, Client::new(appliance));
        self.sign_in("/account");
        std::mem::replace(&mut self.client, first)
    }

    /// Signs out.
    pub fn sign_out(&mut self) -> Answer {
        self.client.form("/sign-out", &[])
    }

    /// The account's page.
    pub fn account(&mut self) -> Answer {
        let url = self.client.portal("/account");
        self.client.go(&url)
    }
}

/// Where a sign-in leads.
pub fn next_of(answer: &Answer) -> String {
    assert_eq!(answer.status, 200, "{}", answer.text());
    let answer: Value = serde_json::from_slice(&answer.body).unwrap();
    answer["next"].as_str().unwrap().to_owned()
}
