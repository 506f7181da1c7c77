//! A site: a folder of pages, pushed as versions that name content-addressed blobs.
//!
//! On the workstation [`scan()`] finds the files, [`prepare()`] hashes and precompresses them into a [`Manifest`]. On the
//! appliance [`Site`] keeps blobs and versions in the store, [`resolve()`] finds the page of a [`RequestPath`].
//! Nothing here knows HTTP beyond names. [`pages`] holds the pages that Holdfast itself shows.

mod blobs;
mod cache;
mod collect;
mod decoding;
mod digest;
mod encoding;
mod error;
#[doc(hidden)]
pub mod fuzz;
mod header_rules;
mod inline;
mod loose;
mod manifest;
mod media;
pub mod pages;
mod path;
mod prepare;
mod redirects;
mod resolve;
mod scan;
mod source;
mod upload;
mod versions;

pub use blobs::Reader;
pub use collect::Garbage;
pub use digest::{BlobRef, Digest};
pub use encoding::Encoding;
pub use error::{Error, Fault};
pub use header_rules::{
    HeaderClass, HeaderRule, HeaderRules, ParsedHeaders, header_class, parse as parse_headers,
};
pub use manifest::{Entry, Manifest, WireEntry, WireManifest};
pub use path::{PagePath, PathError, RequestPath};
pub use prepare::{Known, Options, Prepared, prepare, prepare_with};
pub use redirects::{RedirectRule, Redirects, parse as parse_redirects};
pub use resolve::{Resolved, location, resolve};
pub use scan::{Found, MAX_FILE, Scan, scan};
pub use source::Source;
pub use upload::Upload;
pub use versions::{Commit, Live, Site, Version};
