//! Checked rules, and the one that answers a request.

use std::collections::HashMap;

use super::rule::{RedirectRule, Rule};
use crate::error::Fault;
use crate::path::RequestPath;

/// Most rules of a site.
pub const MAX_RULES: usize = 10_000;
/// Most of them that have a placeholder or `*`; each may be looked at for one request.
pub const MAX_PATTERNS: usize = 500;

/// The rules of a version, in their order; the first that matches wins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Redirects {
    pub(super) rules: Vec<Rule>,
    /// Rules for one path, by that path without a slash at its end.
    pub(super) exact: HashMap<String, Vec<usize>>,
    /// The others.
    pub(super) patterns: Vec<usize>,
    /// Those of the others that apply where there is a page.
    forced: Vec<usize>,
}

/// What a rule says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome<'a> {
    /// Send the visitor to this `Location`.
    Redirect {
        /// 301, 302, 303, 307 or 308.
        status: u16,
        /// The URL, encoded.
        location: String,
        /// The rule's pattern.
        rule: &'a str,
    },
    /// Serve what stands at this path of the site.
    Page {
        /// 200, 404 or 410.
        status: u16,
        /// The path, decoded, without a slash at its end.
        path: String,
    },
}

impl Redirects {
    /// Checks rules, each by itself.
    ///
    /// # Errors
    /// The number (from 0) of the first that cannot be kept, and why.
    pub fn build(rules: Vec<RedirectRule>) -> Result<Self, (usize, Fault)> {
        let mut table = Self::default();
        for (number, wire) in rules.into_iter().enumerate() {
            if number >= MAX_RULES {
                let fault = Fault::new(
                    "there are more than 10000 rules",
                    "join rules by placeholders or `*`",
                );
                return Err((number, fault));
            }
            let rule = Rule::check(wire).map_err(|fault| (number, fault))?;
            match rule.pattern.exact() {
                Some(path) => table.exact.entry(path).or_default().push(number),
                None if table.patterns.len() >= MAX_PATTERNS => {
                    let fault = Fault::new(
                        "there are more than 500 rules with placeholders or `*`",
                        "write rules for single paths without them, or join some",
                    );
                    return Err((number, fault));
                }
                None => {
                    table.patterns.push(number);
                    if rule.wire.force {
                        table.forced.push(number);
                    }
                }
            }
            table.rules.push(rule);
        }
        Ok(table)
    }

    /// The rules as they travel, in their order.
    pub fn rules(&self) -> impl ExactSizeIterator<Item = &RedirectRule> {
        self.rules.iter().map(|rule| &rule.wire)
    }

    /// What the first rule that matches says. Where there is a page, only those count that were written with `!`.
    #[must_use]
    pub fn find(
        &self,
        request: &RequestPath,
        query: Option<&str>,
        is_page: bool,
    ) -> Option<Outcome<'_>> {
        let exact = self
            .exact
            .get(request.stem())
            .map_or(&[][..], Vec::as_slice);
        let patterns = if is_page {
            &self.forced
        } else {
            &self.patterns
        };
        let mut exact = exact.iter().peekable();
        let mut patterns = patterns.iter().peekable();
        // Both lists are in the order of the file.
        loop {
            let number = match (exact.peek(), patterns.peek()) {
                (Some(a), Some(b)) if a < b => exact.next(),
                (_, Some(_)) => patterns.next(),
                (_, None) => exact.next(),
            }?;
            let Some(rule) = self.rules.get(*number) else {
                continue;
            };
            if is_page && !rule.wire.force {
                continue;
            }
            if let Some(captures) = rule.matches(request, query) {
                return rule.outcome(&captures, query);
            }
        }
    }
}

impl Rule {
    fn outcome(
        &self,
        captures: &super::pattern::Captures,
        query: Option<&str>,
    ) -> Option<Outcome<'_>> {
        let status = self.wire.status;
        if !self.is_redirect() {
            let path = self.target.page(captures)?;
            return Some(Outcome::Page { status, path });
        }
        let passed = query.filter(|_| self.conditions.is_empty());
        Some(Outcome::Redirect {
            status,
            location: self.target.location(captures, passed)?,
            rule: &self.wire.from,
        })
    }
}
