//! What the fuzz targets (`appliance/fuzz`) reach into; nothing else may use it.

pub use crate::inline::{MAX_SCRIPTS, script_hashes};
pub use crate::redirects::Outcome;
