//! Handlers of the web side. Each takes its `Permit` and serves what the permit carries (law 1).

pub mod fuzz;
mod page;
mod portal;
mod range;

pub(crate) use page::{Page, page};
pub(crate) use portal::portal;
