//! The text of `_headers`.

use super::MAX_LINE;
use super::names::{check_field, check_name};
use super::pattern::Pattern;
use super::table::HeaderRule;
use crate::error::{Error, Fault};

/// Its name.
pub(crate) const FILE: &str = "_headers";

/// What [`parse`] found.
#[derive(Debug, Default)]
pub struct ParsedHeaders {
    /// The rules with their lines (from 1).
    pub rules: Vec<(usize, HeaderRule)>,
    /// `Content-Type` of files, which becomes part of their entries.
    pub types: Types,
}

/// Types that `_headers` gives to files.
#[derive(Debug, Default)]
pub struct Types(Vec<(Pattern, String)>);

impl Types {
    /// The type for a file, if a line names one; the last wins.
    #[must_use]
    pub fn find(&self, path: &str) -> Option<&str> {
        let mut matching = self
            .0
            .iter()
            .rev()
            .filter(|(pattern, _)| pattern.matches(path));
        matching.next().map(|(_, kind)| kind.as_str())
    }
}

/// Reads `_headers`: a path on a line of its own, below it indented `Name: value` or `! Name`.
///
/// # Errors
/// The first line that cannot be kept.
pub fn parse(text: &str) -> Result<ParsedHeaders, Error> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut parsed = ParsedHeaders::default();
    let mut open: Option<(usize, HeaderRule)> = None;
    for (number, line) in (1..).zip(text.lines()) {
        let failed = |fault| Error::Line {
            file: FILE,
            line: number,
            fault,
        };
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with('#') {
            continue;
        }
        if line.len() > MAX_LINE {
            let fault = Fault::new("the line has more than 2000 bytes", "make it shorter");
            return Err(failed(fault));
        }
        if line.starts_with([' ', '\t']) {
            let (_, rule) = open.as_mut().ok_or_else(|| {
                failed(Fault::new(
                    "a field stands before any path",
                    "write the path that it is for on a line before it, such as `/*`",
                ))
            })?;
            parse_field(trimmed, rule, &mut parsed.types).map_err(failed)?;
        } else {
            Pattern::parse(trimmed).map_err(failed)?;
            finish(&mut parsed, open.take());
            let rule = HeaderRule {
                path: trimmed.to_owned(),
                set: Vec::new(),
                remove: Vec::new(),
            };
            open = Some((number, rule));
        }
    }
    finish(&mut parsed, open);
    Ok(parsed)
}

fn finish(parsed: &mut ParsedHeaders, rule: Option<(usize, HeaderRule)>) {
    let told = |rule: &HeaderRule| !rule.set.is_empty() || !rule.remove.is_empty();
    parsed.rules.extend(rule.filter(|(_, rule)| told(rule)));
}

fn parse_field(text: &str, rule: &mut HeaderRule, types: &mut Types) -> Result<(), Fault> {
    if let Some(name) = text.strip_prefix('!') {
        let name = name.trim().to_ascii_lowercase();
        check_name(&name)?;
        rule.remove.push(name);
        return Ok(());
    }
    let (name, value) = text.split_once(':').ok_or_else(|| {
        Fault::new(
            format!("`{text}` is no field"),
            "write `Name: value`, or `! Name` to take away what an earlier rule set",
        )
    })?;
    let (name, value) = (name.trim().to_ascii_lowercase(), value.trim().to_owned());
    if name == "content-type" {
        types
            .0
            .push((Pattern::parse(&rule.path)?, checked_type(&value)?));
        return Ok(());
    }
    check_field(&name, &value)?;
    rule.set.push((name, value));
    Ok(())
}

fn checked_type(value: &str) -> Result<String, Fault> {
    if crate::manifest::is_content_type(value) {
        return Ok(value.to_owned());
    }
    Err(Fault::new(
        format!("`{value}` is no content type"),
        "write one such as `application/json`",
    ))
}
