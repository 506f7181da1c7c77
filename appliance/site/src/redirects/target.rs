//! Where a rule leads: a path of this site or an `https:` URL, with places for what was captured.

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use super::pattern::{Captures, SPLAT};
use crate::error::Fault;
use crate::path::decode_percent;

/// Most bytes of a `Location`. What captures make longer than this is no redirect.
const MAX_LOCATION: usize = 8192;

/// What cannot stand in a URL as an author wrote it (RFC 3986, section 2). `%` is left: authors write encoded text.
const WRITTEN: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'<')
    .add(b'>')
    .add(b'\\')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');
/// What a captured path may not bring into a URL; its slashes stay.
const SPLATTED: &AsciiSet = &WRITTEN.add(b'%').add(b'?').add(b'#').add(b'[').add(b']');
/// What a captured segment or query value may not bring.
const CAPTURED: &AsciiSet = &SPLATTED.add(b'/').add(b'&').add(b'=').add(b'+').add(b';');

/// Text with places for captures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Template(pub(super) Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Literal(String),
    Capture(String),
}

/// Where a rule leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    /// `https://authority`; none for a path of this site.
    pub(super) origin: Option<String>,
    pub(super) path: Template,
    /// Behind `?`.
    pub(super) query: Option<Template>,
    /// With `#`.
    fragment: Option<Template>,
}

impl Target {
    pub(super) fn parse<'a>(
        to: &str,
        names: impl Iterator<Item = &'a str> + Clone,
    ) -> Result<Self, Fault> {
        let (rest, fragment) = split(to, '#');
        let (rest, query) = split(rest, '?');
        let (origin, path) = if rest.starts_with('/') && !rest.starts_with("//") {
            (None, rest)
        } else if let Some(after) = rest.strip_prefix("https://") {
            let end = after.find('/').unwrap_or(after.len());
            let (authority, path) = after.split_at(end);
            check_authority(to, authority)?;
            (Some(format!("https://{authority}")), path)
        } else {
            return Err(Fault::new(
                format!("`{to}` is neither a path of this site nor an `https://` URL"),
                "begin it with `/` or with `https://`",
            ));
        };
        let template = |text| Template::parse(text, names.clone());
        let target = Self {
            origin,
            path: template(path)?,
            query: query.map(template).transpose()?,
            fragment: fragment.map(template).transpose()?,
        };
        let segments = path.strip_prefix('/').unwrap_or(path).split('/');
        if segments.clone().any(|s| matches!(s, "." | "..")) {
            return Err(Fault::new(
                format!("`{to}` has a segment `.` or `..`"),
                "write the path that is meant",
            ));
        }
        Ok(target)
    }

    /// The `Location` (RFC 9110, section 10.2.2), with the request's query where neither rule nor target has one.
    pub(super) fn location(&self, captures: &Captures, query: Option<&str>) -> Option<String> {
        let mut location = self.path.encoded(captures);
        if self.origin.is_none() {
            // Two slashes would begin a host: no capture may bring a visitor to another one.
            while location.contains("//") {
                location = location.replace("//", "/");
            }
        }
        if let Some(origin) = &self.origin {
            location.insert_str(0, origin);
        }
        let own = self.query.as_ref().map(|own| own.encoded(captures));
        let passed = || query.map(|text| utf8_percent_encode(text, WRITTEN).to_string());
        if let Some(query) = own.or_else(passed) {
            location.push('?');
            location.push_str(&query);
        }
        if let Some(fragment) = &self.fragment {
            location.push('#');
            location.push_str(&fragment.encoded(captures));
        }
        (location.len() <= MAX_LOCATION).then_some(location)
    }

    /// The path of this site that a rewrite serves, decoded, without a slash at its end.
    pub(super) fn page(&self, captures: &Captures) -> Option<String> {
        let mut path = String::new();
        for part in &self.path.0 {
            match part {
                Part::Literal(text) => path.push_str(&decode_percent(text).ok()?),
                Part::Capture(name) => path.push_str(value(captures, name)),
            }
        }
        Some(path.trim_end_matches('/').to_owned())
    }
}

impl Template {
    fn parse<'a>(text: &str, names: impl Iterator<Item = &'a str> + Clone) -> Result<Self, Fault> {
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once(':') {
            literal.push_str(before);
            let end = after
                .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
                .unwrap_or(after.len());
            let (name, behind) = after.split_at(end);
            if names.clone().any(|known| known == name) {
                if !literal.is_empty() {
                    parts.push(Part::Literal(std::mem::take(&mut literal)));
                }
                parts.push(Part::Capture(name.to_owned()));
                rest = behind;
                continue;
            }
            let meant = super::pattern::is_name(name)
                && (literal.is_empty() || literal.ends_with(['/', '=']));
            if meant {
                return Err(Fault::new(
                    format!("`:{name}` is captured nowhere in the rule"),
                    "capture it in the path (`/:name`, `/*` for `:splat`) or in a condition (`id=:id`); a colon that is \
                     meant as such is written `%3A`",
                ));
            }
            literal.push(':');
            rest = after;
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            parts.push(Part::Literal(literal));
        }
        Ok(Self(parts))
    }

    /// Whether it depends on nothing that is captured.
    pub(super) fn is_fixed(&self) -> bool {
        self.0.iter().all(|part| matches!(part, Part::Literal(_)))
    }

    fn encoded(&self, captures: &Captures) -> String {
        let mut text = String::new();
        for part in &self.0 {
            match part {
                Part::Literal(literal) => text.extend(utf8_percent_encode(literal, WRITTEN)),
                Part::Capture(name) => {
                    let set = if name == SPLAT { SPLATTED } else { CAPTURED };
                    text.extend(utf8_percent_encode(value(captures, name), set));
                }
            }
        }
        text
    }
}

fn value<'a>(captures: &'a Captures, name: &str) -> &'a str {
    let found = captures.iter().find(|(known, _)| known == name);
    found.map_or("", |(_, value)| value)
}

fn split(text: &str, at: char) -> (&str, Option<&str>) {
    match text.split_once(at) {
        Some((before, after)) => (before, Some(after)),
        None => (text, None),
    }
}

/// A host name or address and a port: no user, nothing captured.
fn check_authority(to: &str, authority: &str) -> Result<(), Fault> {
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !authority.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    };
    let address = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
    let host_is_one = match address {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => {
            !host.is_empty()
                && host
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-'))
        }
    };
    let port_is_one = port
        .is_none_or(|port| port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok());
    if host_is_one && port_is_one {
        return Ok(());
    }
    Err(Fault::new(
        format!("`{to}` does not name one host"),
        "write the host name in full, without user name, `*` or placeholder; international names as `xn--…`",
    ))
}
