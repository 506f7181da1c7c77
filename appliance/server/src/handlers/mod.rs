//! Handlers of the web side. Each takes its `Permit` and serves what the permit carries (law 1).

mod condition;
mod encoding;
mod entry;
pub mod fuzz;
mod multipart;
mod page;
mod portal;
mod prepared;
mod range;
mod report;

pub(crate) use page::{Page, page};
pub(crate) use portal::{health, script, status, style};
pub(crate) use prepared::Prepared;
pub(crate) use report::{Reports, report};
