//! `_headers`: more header fields for pages, of names that a site may set.
//!
//! [`parse`] reads the file, [`HeaderRules`] holds checked rules and gives the fields of a page, [`header_class`] tells
//! what each field can do. The same checks run on the workstation and on the appliance.

mod names;
mod parse;
mod pattern;
mod table;

pub use names::{HeaderClass, header_class};
pub(crate) use parse::{FILE, Types};
pub use parse::{ParsedHeaders, parse};
pub use table::{HeaderRule, HeaderRules};

/// Most bytes of a line, a path or a value.
const MAX_LINE: usize = 2000;

#[cfg(test)]
mod tests;
