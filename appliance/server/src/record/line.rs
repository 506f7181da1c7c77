//! One line of JSON, written straight into the buffer.

use std::fmt::{Debug, Display};
use std::io::Write as _;

/// Most characters of a foreign text that are recorded.
const LONGEST: usize = 1024;

/// A line being written. Writing to memory does not fail, so that failures are not looked at.
pub(super) struct Line<'a>(&'a mut Vec<u8>);

impl<'a> Line<'a> {
    /// Begins an object whose first field is this one, a string that is open.
    pub(super) fn begin(text: &'a mut Vec<u8>, field: &str) -> Self {
        Self(text).raw("{\"").raw(field).raw("\":\"")
    }

    /// Text that is JSON already.
    pub(super) fn raw(self, text: &str) -> Self {
        self.0.extend_from_slice(text.as_bytes());
        self
    }

    /// Something of ours that needs no escape.
    pub(super) fn show(self, value: &impl Display) -> Self {
        let _ = write!(self.0, "{value}");
        self
    }

    pub(super) fn debug(self, value: &impl Debug) -> Self {
        let _ = write!(self.0, "{value:?}");
        self
    }

    /// Foreign text, as a string, cut off where it is too long.
    pub(super) fn text(self, text: &str) -> Self {
        let text = if text.len() > LONGEST {
            let end = text.char_indices().nth(LONGEST);
            end.and_then(|(end, _)| text.get(..end)).unwrap_or(text)
        } else {
            text
        };
        let _ = serde_json::to_writer(&mut *self.0, text);
        self
    }

    pub(super) fn end(self) {
        self.0.extend_from_slice(b"}\n");
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_is_escaped_and_cut_off() {
        let mut text = Vec::new();
        let long = "é".repeat(LONGEST + 9);
        Line::begin(&mut text, "time")
            .raw("now\",\"path\":")
            .text("a\"\n\u{1b}\\")
            .raw(",\"long\":")
            .text(&long)
            .raw(",\"n\":")
            .show(&7)
            .end();
        assert_eq!(text.iter().filter(|byte| **byte == b'\n').count(), 1);
        let value: serde_json::Value = serde_json::from_slice(&text).unwrap();
        assert_eq!(value["path"], "a\"\n\u{1b}\\");
        assert_eq!(value["long"].as_str().unwrap().chars().count(), LONGEST);
        assert_eq!(value["n"], 7);
    }
}
