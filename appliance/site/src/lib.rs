//! A site: a folder of pages, pushed as versions that name content-addressed blobs.
//!
//! On the workstation [`scan()`] finds the files, [`prepare()`] hashes and precompresses them into a [`Manifest`]. On the
//! appliance [`Site`] keeps blobs and versions in the store, [`resolve()`] finds the page of a [`RequestPath`].
//! Nothing here knows HTTP beyond names. [`pages`] holds the pages that Holdfast itself shows.

mod blobs;
mod cache;
mod digest;
mod encoding;
mod error;
mod inline;
mod manifest;
mod media;
pub mod pages;
mod path;
mod prepare;
mod resolve;
mod scan;
mod upload;
mod versions;

pub use blobs::Reader;
pub use digest::{BlobRef, Digest};
pub use encoding::Encoding;
pub use error::Error;
pub use manifest::{Entry, Manifest, WireEntry, WireManifest};
pub use path::{PagePath, PathError, RequestPath};
pub use prepare::{Prepared, Source, prepare};
pub use resolve::{Resolved, location, resolve};
pub use scan::{Found, MAX_FILE, Scan, scan};
pub use upload::Upload;
pub use versions::{Live, Site, Version};
