//! A browser as far as the portal sees one: cookies for each host, `Origin` and `Sec-Fetch-*` as browsers send them. It
//! follows nothing by itself and runs no script.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::SocketAddr;

use serde_json::Value;

use crate::appliance::Appliance;
use crate::web::{Answer, browser, connect, read_to_end, try_connect};

/// The header fields of a browser that goes to an address by itself.
pub const GOES: &str = "Sec-Fetch-Site: none\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\n\
     Accept: text/html,application/xhtml+xml\r\n";

/// One browser.
#[derive(Clone)]
pub struct Client {
    address: SocketAddr,
    site: String,
    portal: String,
    /// What it says it is.
    pub agent: String,
    cookies: BTreeMap<(String, String), String>,
}

impl Client {
    /// One that was nowhere yet.
    pub fn new(appliance: &Appliance) -> Self {
        Self {
            address: appliance.address(),
            site: appliance.authority(),
            portal: format!("portal.{}", appliance.authority()),
            agent: "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
                .to_owned(),
            cookies: BTreeMap::new(),
        }
    }

    /// A URL of the portal.
    pub fn portal(&self, path: &str) -> String {
        format!("https://{}{path}", self.portal)
    }

    /// A URL of the site.
    pub fn site(&self, path: &str) -> String {
        format!("https://{}{path}", self.site)
    }

    /// Goes to a URL, as by the address line.
    pub fn go(&mut self, url: &str) -> Answer {
        self.send("GET", url, GOES, b"")
    }

    /// Goes where an answer leads.
    pub fn follow(&mut self, from: &str, answer: &Answer) -> (String, Answer) {
        assert_eq!(answer.status, 303, "{}\n{}", answer.head, answer.text());
        let to = answer.header("location").unwrap();
        let to = if to.starts_with('/') {
            let end = from[8..].find('/').map_or(from.len(), |at| at + 8);
            format!("{}{to}", &from[..end])
        } else {
            to.to_owned()
        };
        let answer = self.go(&to);
        (to, answer)
    }

    /// Goes to a URL and wherever that leads; tells where it ended.
    pub fn arrive(&mut self, url: &str) -> (String, Answer) {
        let answer = self.go(url);
        self.on(url, answer)
    }

    /// Goes on from an answer to its end.
    pub fn on(&mut self, url: &str, answer: Answer) -> (String, Answer) {
        let (mut url, mut answer) = (url.to_owned(), answer);
        for _ in 0..8 {
            if answer.status != 303 {
                return (url, answer);
            }
            (url, answer) = self.follow(&url, &answer);
        }
        panic!("no end: {url}");
    }

    /// Sends a form from a page of the portal; the token goes along.
    pub fn form(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let token = self.token();
        let (head, body) = self.form_of(&token, fields);
        let url = self.portal(path);
        self.send("POST", &url, &head, body.as_bytes())
    }

    /// The fields of a form's head, and its body.
    pub fn form_of(&self, token: &str, fields: &[(&str, &str)]) -> (String, String) {
        let body = format!("{}&{}", url(&[("token", token)]), url(fields));
        let head = format!(
            "{}{}",
            self.back_from_portal("navigate", "document"),
            "Content-Type: application/x-www-form-urlencoded\r\n"
        );
        (head, body)
    }

    /// Sends JSON as the portal's script does.
    pub fn script(&mut self, path: &str, body: &Value) -> Answer {
        let token = self.token();
        let url = self.portal(path);
        let fields = self.script_of(&token);
        self.send("POST", &url, &fields, body.to_string().as_bytes())
    }

    /// The fields of the head of what the script sends.
    pub fn script_of(&self, token: &str) -> String {
        format!(
            "{}Content-Type: application/json\r\nX-Holdfast-Token: {token}\r\n",
            self.back_from_portal("cors", "empty")
        )
    }

    /// What the script must be answered.
    pub fn scripted(&mut self, path: &str, body: &Value) -> Value {
        let answer = self.script(path, body);
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        serde_json::from_slice(&answer.body).unwrap()
    }

    /// The token of the portal's forms in this browser.
    pub fn token(&mut self) -> String {
        let url = self.portal("/join");
        token(&self.go(&url))
    }

    /// The fields of a request that a page of the portal makes.
    pub fn back_from_portal(&self, mode: &str, dest: &str) -> String {
        format!(
            "Origin: https://{}\r\nSec-Fetch-Site: same-origin\r\nSec-Fetch-Mode: {mode}\r\nSec-Fetch-Dest: {dest}\r\n",
            self.portal
        )
    }

    /// The value of a cookie.
    pub fn cookie(&self, host: &str, name: &str) -> Option<&str> {
        let key = (host.to_owned(), name.to_owned());
        self.cookies.get(&key).map(String::as_str)
    }

    /// Takes a cookie of this value, as a thief would.
    pub fn set_cookie(&mut self, host: &str, name: &str, value: &str) {
        let key = (host.to_owned(), name.to_owned());
        self.cookies.insert(key, value.to_owned());
    }

    /// Loses a cookie.
    pub fn lose_cookie(&mut self, host: &str, name: &str) {
        self.cookies.remove(&(host.to_owned(), name.to_owned()));
    }

    /// Sends a request with the cookies of its host, and takes those of the answer.
    pub fn send(&mut self, method: &str, url: &str, fields: &str, body: &[u8]) -> Answer {
        let mut stream = connect(self.address, browser(&[b"http/1.1"]));
        let request = self.request(method, url, fields, body);
        // A refusal may come before everything was sent.
        let _ = stream.write_all(&request);
        let answer = Answer::parse(&read_to_end(&mut stream));
        self.take(url, &answer);
        answer
    }

    /// The same to an appliance that may die meanwhile: an answer that came to its end, or none.
    pub fn try_send(
        &mut self,
        method: &str,
        url: &str,
        fields: &str,
        body: &[u8],
    ) -> Option<Answer> {
        let mut stream = try_connect(self.address, browser(&[b"http/1.1"])).ok()?;
        let request = self.request(method, url, fields, body);
        stream.write_all(&request).ok()?;
        let mut bytes = Vec::new();
        // Without the end of TLS it may be whole all the same.
        let _ = stream.read_to_end(&mut bytes);
        let answer = Answer::whole(&bytes)?;
        self.take(url, &answer);
        Some(answer)
    }

    /// The bytes of a request.
    pub fn request(&self, method: &str, url: &str, fields: &str, body: &[u8]) -> Vec<u8> {
        let (authority, path) = split(url);
        let length = match body.len() {
            0 if method != "POST" => String::new(),
            length => format!("Content-Length: {length}\r\n"),
        };
        let cookies = self.cookies_of(authority);
        let agent = &self.agent;
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {authority}\r\nUser-Agent: {agent}\r\n{cookies}{fields}{length}\
             Connection: close\r\n\r\n"
        );
        [head.as_bytes(), body].concat()
    }

    fn cookies_of(&self, authority: &str) -> String {
        let host = authority.split(':').next().unwrap();
        let own = self.cookies.iter().filter(|((of, _), _)| of == host);
        let all: Vec<_> = own
            .map(|((_, name), value)| format!("{name}={value}"))
            .collect();
        if all.is_empty() {
            return String::new();
        }
        format!("Cookie: {}\r\n", all.join("; "))
    }

    /// Keeps the cookies of an answer. Each must be one that no script, no other host and no plain connection gets.
    fn take(&mut self, url: &str, answer: &Answer) {
        let host = split(url).0.split(':').next().unwrap().to_owned();
        for cookie in answer.headers("set-cookie") {
            let mut parts = cookie.split("; ");
            let (name, value) = parts.next().unwrap().split_once('=').unwrap();
            assert!(name.starts_with("__Host-"), "{cookie}");
            let mut attributes: Vec<_> = parts.collect();
            let gone = attributes.iter().position(|one| *one == "Max-Age=0");
            if let Some(at) = gone {
                attributes.remove(at);
            }
            assert_eq!(
                attributes,
                ["Path=/", "Secure", "HttpOnly", "SameSite=Lax"],
                "{cookie}"
            );
            match gone {
                Some(_) => self.lose_cookie(&host, name),
                None => self.set_cookie(&host, name, value),
            }
        }
    }
}

/// The token that a page of the portal was given.
pub fn token(page: &Answer) -> String {
    let text = page.text();
    let marks = ["data-token=\"", "name=\"token\" value=\""];
    let found = marks.iter().find_map(|mark| text.split(mark).nth(1));
    let found = found.unwrap_or_else(|| panic!("no token: {}\n{text}", page.head));
    found.split('"').next().unwrap().to_owned()
}

/// Fields as a form sends them.
pub fn url(fields: &[(&str, &str)]) -> String {
    let encode = |text: &str| -> String {
        let encoded = text.bytes().map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => {
                char::from(byte).to_string()
            }
            other => format!("%{other:02X}"),
        });
        encoded.collect()
    };
    let pairs: Vec<_> = fields
        .iter()
        .map(|(name, value)| format!("{}={}", encode(name), encode(value)))
        .collect();
    pairs.join("&")
}

fn split(url: &str) -> (&str, &str) {
    let rest = url.strip_prefix("https://").unwrap();
    rest.split_at(rest.find('/').unwrap_or(rest.len()))
}
