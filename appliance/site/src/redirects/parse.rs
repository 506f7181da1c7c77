//! The text of `_redirects`: one rule a line, `from [name=value …] to [status][!]`.

use super::rule::{MAX_RULE, RedirectRule};
use crate::error::{Error, Fault};

/// Its name.
pub(crate) const FILE: &str = "_redirects";
/// The status of a line that names none, as Netlify has it.
const DEFAULT_STATUS: u16 = 301;

/// Reads the rules with their lines (from 1). Each is checked by itself later; here only the shape of the line is.
///
/// # Errors
/// The first line that is no rule.
pub fn parse(text: &str) -> Result<Vec<(usize, RedirectRule)>, Error> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut rules = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let rule = parse_line(line).map_err(|fault| Error::Line {
            file: FILE,
            line: number,
            fault,
        })?;
        rules.extend(rule.map(|rule| (number, rule)));
    }
    Ok(rules)
}

fn parse_line(line: &str) -> Result<Option<RedirectRule>, Fault> {
    // A comment begins a line or follows a blank; `#` inside a target is a fragment.
    let mut words = line
        .split_whitespace()
        .take_while(|word| !word.starts_with('#'));
    let Some(from) = words.next() else {
        return Ok(None);
    };
    if line.len() > MAX_RULE {
        return Err(Fault::new(
            "the line has more than 2000 bytes",
            "make it shorter",
        ));
    }
    let mut query = Vec::new();
    let to = loop {
        let word = words.next().ok_or_else(|| {
            Fault::new(
                format!("`{from}` leads nowhere"),
                "write where it leads behind it: `/old /new`",
            )
        })?;
        if is_target(word) {
            break word;
        }
        let (name, value) = word.split_once('=').ok_or_else(|| {
            Fault::new(
                format!("`{word}` is neither a target nor a condition"),
                "write `from to status`, with conditions on the query such as `id=:id` between from and to",
            )
        })?;
        query.push((super::rule::decode_form(name), value.to_owned()));
    };
    let (status, force) = match words.next() {
        None => (DEFAULT_STATUS, false),
        Some(word) if word.contains('=') => return Err(condition(word)),
        Some(word) => parse_status(word)?,
    };
    if let Some(word) = words.next() {
        return Err(condition(word));
    }
    Ok(Some(RedirectRule {
        from: from.to_owned(),
        query,
        to: to.to_owned(),
        status,
        force,
    }))
}

fn is_target(word: &str) -> bool {
    // A condition may hold a path: `next=/a`. A URL may hold `=` only behind its `?`.
    let path = word.split(['?', '#']).next().unwrap_or(word);
    word.starts_with('/') || path.contains("://") && !path.contains('=')
}

fn parse_status(word: &str) -> Result<(u16, bool), Fault> {
    let (digits, force) = match word.strip_suffix('!') {
        Some(digits) => (digits, true),
        None => (word, false),
    };
    let three = digits.len() == 3 && digits.bytes().all(|byte| byte.is_ascii_digit());
    let status = digits.parse().ok().filter(|_| three).ok_or_else(|| {
        Fault::new(
            format!("`{word}` is no status"),
            "write three digits, such as 301, and `!` behind them to win over an existing page",
        )
    })?;
    Ok((status, force))
}

fn condition(word: &str) -> Fault {
    let name = word.split('=').next().unwrap_or(word);
    let reason = format!("`{word}` stands behind the target");
    match name.to_ascii_lowercase().as_str() {
        "country" | "language" | "role" | "cookie" | "host" | "domain" | "signed" => Fault::new(
            format!("`{name}=` is a condition that Holdfast does not know"),
            "take the rule out, or link to the other pages; an answer here never depends on place, language or cookie",
        ),
        _ => Fault::new(
            reason,
            "write `from to status`; conditions on the query stand before the target",
        ),
    }
}
