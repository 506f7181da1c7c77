//! What is wrong with a configuration, where, and what to do next.

use std::ops::Range;

use thiserror::Error;

/// A refused configuration. Its text is shown on the serial console as it is.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum ConfigError {
    /// A place in `holdfast.toml`.
    #[error("holdfast.toml, line {line}, column {column}: {problem}\n    {excerpt}\n  fix: {fix}")]
    Text {
        /// Line, counted from one.
        line: usize,
        /// Column in characters, counted from one.
        column: usize,
        /// What is wrong.
        problem: String,
        /// The line as it stands in the file.
        excerpt: String,
        /// The way out.
        fix: String,
    },
    /// A credential as a whole: missing, surplus, or with bad content. Never quotes a secret.
    #[error("credential {name}: {problem}\n  fix: {fix}")]
    Credential {
        /// The credential's name.
        name: String,
        /// What is wrong.
        problem: String,
        /// The way out.
        fix: String,
    },
}

/// Longest excerpt of the file that an error shows, in characters.
const EXCERPT: usize = 120;

impl ConfigError {
    /// An error at the bytes `span` of `text`.
    pub(super) fn at(text: &str, span: Range<usize>, problem: &str, fix: &str) -> Self {
        let before = text.get(..span.start).unwrap_or(text);
        let line = before.matches('\n').count().saturating_add(1);
        let start = before.rfind('\n').map_or(0, |i| i.saturating_add(1));
        let column = before
            .get(start..)
            .unwrap_or("")
            .chars()
            .count()
            .saturating_add(1);
        let excerpt = text.get(start..).unwrap_or("").lines().next().unwrap_or("");
        Self::Text {
            line,
            column,
            problem: printable(problem),
            excerpt: printable(excerpt.trim_end()),
            fix: fix.to_owned(),
        }
    }

    pub(super) fn credential(name: &str, problem: impl Into<String>, fix: &str) -> Self {
        Self::Credential {
            name: printable(name),
            problem: problem.into(),
            fix: fix.to_owned(),
        }
    }
}

/// Foreign text must not steer the terminal that shows the console: one line, no control characters, bounded.
fn printable(text: &str) -> String {
    text.chars()
        .take(EXCERPT)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}
