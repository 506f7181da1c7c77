//! `_redirects`: from the text of the file to the rule that answers a request.
//!
//! [`parse`] reads the file as Netlify and Cloudflare write it, [`Redirects`] holds checked rules and finds the one that
//! applies, `chains` refuses rules that would send a browser round for ever. The same checks run on the workstation,
//! where a fault names its line, and on the appliance, which believes no manifest.

mod chains;
mod parse;
mod pattern;
mod rule;
mod table;
mod target;

pub(crate) use parse::FILE;
pub use parse::parse;
pub use rule::RedirectRule;
pub use table::{Outcome, Redirects};

#[cfg(test)]
mod tests;
