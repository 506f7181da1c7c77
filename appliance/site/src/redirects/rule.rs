//! One rule: as it travels and is stored, and checked.

use serde::{Deserialize, Serialize};

use super::pattern::{Captures, Pattern, SPLAT, is_name};
use super::target::Target;
use crate::error::Fault;
use crate::path::RequestPath;

/// Most bytes of a rule's texts together.
pub(super) const MAX_RULE: usize = 2000;
/// Most query conditions of a rule.
const MAX_CONDITIONS: usize = 8;

/// A redirect as it travels and is stored; the parts of a line of `_redirects`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RedirectRule {
    /// The path that it matches, such as `/blog/:year/*`.
    pub from: String,
    /// Query parameters that must be there: name, and value or `:placeholder`.
    #[serde(default)]
    pub query: Vec<(String, String)>,
    /// Where it leads, such as `/news/:year/:splat` or `https://example.org/`.
    pub to: String,
    /// 301, 302, 303, 307, 308: redirect; 200: serve the page at `to` instead; 404, 410: serve it with that status.
    pub status: u16,
    /// Whether it applies even where there is a page (`!`).
    #[serde(default)]
    pub force: bool,
}

/// A checked rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rule {
    pub(super) wire: RedirectRule,
    pub(super) pattern: Pattern,
    pub(super) conditions: Vec<(String, Wanted)>,
    pub(super) target: Target,
}

/// What a query parameter must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    Value(String),
    /// Anything but empty, captured under this name.
    Captured(String),
}

impl Rule {
    pub(super) fn check(wire: RedirectRule) -> Result<Self, Fault> {
        let length = wire.query.iter().fold(
            wire.from.len().saturating_add(wire.to.len()),
            |sum, (name, value)| sum.saturating_add(name.len()).saturating_add(value.len()),
        );
        if length > MAX_RULE || wire.query.len() > MAX_CONDITIONS {
            return Err(Fault::new(
                "the rule has more than 2000 bytes or 8 conditions",
                "make it shorter",
            ));
        }
        if !matches!(wire.status, 200 | 301 | 302 | 303 | 307 | 308 | 404 | 410) {
            return Err(Fault::new(
                format!("the status {} is none that a rule can give", wire.status),
                "use 301, 302, 303, 307, 308 (redirect), 200 (serve another page), 404 or 410",
            ));
        }
        let pattern = Pattern::parse(&wire.from)?;
        let mut conditions = Vec::new();
        for (name, value) in &wire.query {
            conditions.push(condition(&pattern, &conditions, name, value)?);
        }
        let captured = conditions.iter().filter_map(|(_, wanted)| match wanted {
            Wanted::Captured(name) => Some(name.as_str()),
            Wanted::Value(_) => None,
        });
        let names: Vec<&str> = pattern.names().chain(captured).collect();
        let target = Target::parse(&wire.to, names.iter().copied())?;
        let rule = Self {
            pattern,
            conditions: conditions.clone(),
            target,
            wire,
        };
        rule.check_page()?;
        Ok(rule)
    }

    /// Whether the visitor is sent elsewhere, and not answered here.
    pub(super) fn is_redirect(&self) -> bool {
        (300..400).contains(&self.wire.status)
    }

    /// A rule that serves a page serves one of this site.
    fn check_page(&self) -> Result<(), Fault> {
        if self.is_redirect() {
            return Ok(());
        }
        if self.target.origin.is_some() {
            return Err(Fault::new(
                format!(
                    "`{}` is on another host, and status {} serves a page of this one",
                    self.wire.to, self.wire.status
                ),
                "use 301 or 302 to send visitors there; Holdfast fetches nothing from other hosts",
            ));
        }
        if self.wire.to.contains(['?', '#']) {
            return Err(Fault::new(
                format!("`{}` holds a query or a fragment", self.wire.to),
                "name a page of the site; pages are files and see no query",
            ));
        }
        if self.target.path.is_fixed() && RequestPath::decode(&self.wire.to).is_err() {
            return Err(Fault::new(
                format!("`{}` cannot be the path of a page", self.wire.to),
                "name a page of the site, such as `/404.html`",
            ));
        }
        Ok(())
    }

    /// What it captures of a request, if it matches.
    pub(super) fn matches(&self, request: &RequestPath, query: Option<&str>) -> Option<Captures> {
        let mut captures = self.pattern.matches(request)?;
        for (name, wanted) in &self.conditions {
            let value = parameter(query?, name)?;
            match wanted {
                Wanted::Value(value_wanted) if *value_wanted != value => return None,
                Wanted::Value(_) => {}
                // An empty value could make `//` of a target, and means nothing.
                Wanted::Captured(_) if value.is_empty() => return None,
                Wanted::Captured(name) => captures.push((name.clone(), value)),
            }
        }
        Some(captures)
    }
}

fn condition(
    pattern: &Pattern,
    known: &[(String, Wanted)],
    name: &str,
    value: &str,
) -> Result<(String, Wanted), Fault> {
    let twice = || {
        Fault::new(
            format!("`{name}={value}` names what the rule names already"),
            "give each condition and placeholder a name of its own",
        )
    };
    if name.is_empty() || known.iter().any(|(other, _)| other == name) {
        return Err(twice());
    }
    let Some(captured) = value.strip_prefix(':') else {
        return Ok((name.to_owned(), Wanted::Value(decode_form(value))));
    };
    if !is_name(captured) || captured == SPLAT {
        return Err(Fault::new(
            format!("`{value}` is no name for a placeholder"),
            "use a letter, then letters, digits and `_`",
        ));
    }
    let captured = captured.to_owned();
    let taken = known
        .iter()
        .any(|(_, w)| *w == Wanted::Captured(captured.clone()));
    if taken || pattern.names().any(|other| other == captured) {
        return Err(twice());
    }
    Ok((name.to_owned(), Wanted::Captured(captured)))
}

/// The first value of a query parameter.
fn parameter(query: &str, name: &str) -> Option<String> {
    query.split('&').find_map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decode_form(key) == name).then(|| decode_form(value))
    })
}

/// As forms encode (WHATWG URL, section 5.1); what is not UTF-8 becomes a replacement mark, which equals nothing.
pub(super) fn decode_form(text: &str) -> String {
    let spaced = text.replace('+', " ");
    percent_encoding::percent_decode_str(&spaced)
        .decode_utf8_lossy()
        .into_owned()
}
