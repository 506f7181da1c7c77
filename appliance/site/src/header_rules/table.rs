//! Checked rules, and the fields that they give a page.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::names::{Many, check_field, check_name, known};
use super::pattern::Pattern;
use crate::error::Fault;

/// Most rules of a site.
const MAX_RULES: usize = 2000;
/// Most of them that have a placeholder or `*`; each is looked at for a page.
const MAX_PATTERNS: usize = 200;
/// Most bytes of all names and values of a site together, so that no page's header can be large.
const MAX_BYTES: usize = 32 * 1024;

/// A rule as it travels and is stored; a path of `_headers` with its lines.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeaderRule {
    /// The pages that it is for, such as `/assets/*`.
    pub path: String,
    /// Names in lower case, and values, in their order.
    #[serde(default)]
    pub set: Vec<(String, String)>,
    /// Names that earlier rules set and this one takes away (`! Name`).
    #[serde(default)]
    pub remove: Vec<String>,
}

/// The rules of a version, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeaderRules {
    rules: Vec<Rule>,
    /// Rules for one path, by that path.
    exact: HashMap<String, Vec<usize>>,
    /// The others.
    patterns: Vec<usize>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Rule {
    wire: HeaderRule,
    pattern: Pattern,
}

impl HeaderRules {
    /// Checks rules.
    ///
    /// # Errors
    /// The number (from 0) of the first that cannot be kept, and why.
    pub fn build(rules: Vec<HeaderRule>) -> Result<Self, (usize, Fault)> {
        let mut all = Self::default();
        let mut bytes = 0_usize;
        for (number, wire) in rules.into_iter().enumerate() {
            let failed = |fault| (number, fault);
            let pattern = Pattern::parse(&wire.path).map_err(failed)?;
            for (name, value) in &wire.set {
                check_field(name, value).map_err(failed)?;
                bytes = bytes.saturating_add(name.len()).saturating_add(value.len());
            }
            for name in &wire.remove {
                check_name(name).map_err(failed)?;
                bytes = bytes.saturating_add(name.len());
            }
            let many = all.rules.len() >= MAX_RULES
                || pattern.exact().is_none() && all.patterns.len() >= MAX_PATTERNS;
            if many || bytes > MAX_BYTES {
                let fault = Fault::new(
                    "there are more than 2000 rules, 200 with `*` or placeholders, or 32 KiB of fields",
                    "join rules, or set fewer fields",
                );
                return Err((number, fault));
            }
            match pattern.exact() {
                Some(path) => all.exact.entry(path.to_owned()).or_default().push(number),
                None => all.patterns.push(number),
            }
            all.rules.push(Rule { wire, pattern });
        }
        Ok(all)
    }

    /// The rules as they travel, in their order.
    pub fn rules(&self) -> impl ExactSizeIterator<Item = &HeaderRule> {
        self.rules.iter().map(|rule| &rule.wire)
    }

    /// The fields for the page at a path of the manifest: names in lower case, in the order of the file.
    ///
    /// A rule is for a page when its pattern matches any spelling of the page's URL (`/a.html` and `/a`,
    /// `/b/index.html` and `/b/`), so that no spelling evades it.
    #[must_use]
    pub fn fields(&self, path: &str) -> Vec<(&str, &str)> {
        if self.rules.is_empty() {
            return Vec::new();
        }
        let spellings = spellings(path);
        let spellings = || spellings.iter().copied().flatten();
        let mut numbers: Vec<usize> = spellings()
            .filter_map(|path| self.exact.get(path))
            .flatten()
            .copied()
            .collect();
        let matching = self.patterns.iter().copied().filter(|number| {
            let rule = self.rules.get(*number);
            rule.is_some_and(|rule| spellings().any(|path| rule.pattern.matches(path)))
        });
        numbers.extend(matching);
        numbers.sort_unstable();
        numbers.dedup();
        let mut fields: Vec<(&str, &str)> = Vec::new();
        for rule in numbers.iter().filter_map(|number| self.rules.get(*number)) {
            fields.retain(|(name, _)| !rule.wire.remove.iter().any(|gone| gone == name));
            for (name, value) in &rule.wire.set {
                if known(name).is_some_and(|(_, many)| many == Many::Last) {
                    fields.retain(|(other, _)| other != name);
                }
                fields.push((name, value));
            }
        }
        fields
    }
}

/// The path of a file of the manifest, and the clean URLs that lead to it.
fn spellings(path: &str) -> [Option<&str>; 2] {
    let clean = match path.strip_suffix("index.html") {
        Some(folder) if folder.ends_with('/') => Some(folder),
        _ => path.strip_suffix(".html"),
    };
    [Some(path), clean]
}
