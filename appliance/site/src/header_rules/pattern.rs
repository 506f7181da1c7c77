//! Which pages a rule is for.

use super::MAX_LINE;
use crate::error::Fault;

/// Text and single-segment holes, then perhaps `*` and the text behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pattern {
    /// Texts between placeholders; a placeholder is between each two of them.
    texts: Vec<String>,
    /// Behind a `*`, which stands for any text.
    behind: Option<String>,
}

impl Pattern {
    pub(super) fn parse(path: &str) -> Result<Self, Fault> {
        if !path.starts_with('/') || path.contains(['?', '#']) {
            return Err(Fault::new(
                format!("`{path}` is no path of this site"),
                "begin the line with `/`, without host name and query; fields below it are indented",
            ));
        }
        if path.len() > MAX_LINE {
            return Err(Fault::new(
                "the path has more than 2000 bytes",
                "make it shorter",
            ));
        }
        let (before, behind) = match path.split_once('*') {
            Some((before, behind)) => (before, Some(behind)),
            None => (path, None),
        };
        if behind.is_some_and(|behind| behind.contains('*') || behind.contains("/:")) {
            return Err(Fault::new(
                format!("`{path}` has a `*` or a placeholder behind a `*`"),
                "use one `*`, and placeholders before it",
            ));
        }
        let mut texts = vec![String::new()];
        for (number, segment) in before.split('/').enumerate() {
            if number > 0 {
                push(&mut texts, "/");
            }
            if segment
                .strip_prefix(':')
                .is_some_and(|name| !name.is_empty())
            {
                texts.push(String::new());
            } else {
                push(&mut texts, &decoded(segment)?);
            }
        }
        let behind = behind.map(decoded).transpose()?;
        Ok(Self { texts, behind })
    }

    pub(super) fn exact(&self) -> Option<&str> {
        match (self.texts.as_slice(), &self.behind) {
            ([text], None) => Some(text),
            _ => None,
        }
    }

    pub(super) fn matches(&self, path: &str) -> bool {
        let mut rest = path;
        for (number, text) in self.texts.iter().enumerate() {
            if number > 0 {
                let end = rest.find('/').unwrap_or(rest.len());
                if end == 0 {
                    return false;
                }
                rest = rest.get(end..).unwrap_or_default();
            }
            match rest.strip_prefix(text.as_str()) {
                Some(after) => rest = after,
                None => return false,
            }
        }
        match &self.behind {
            Some(behind) => rest.ends_with(behind.as_str()),
            None => rest.is_empty(),
        }
    }
}

fn push(texts: &mut [String], text: &str) {
    if let Some(last) = texts.last_mut() {
        last.push_str(text);
    }
}

fn decoded(text: &str) -> Result<String, Fault> {
    let wrong = |_| {
        Fault::new(
            format!("`{text}` has a wrong percent-encoding"),
            "write the path as a browser's address line shows it",
        )
    };
    crate::path::decode_percent(text).map_err(wrong)
}
