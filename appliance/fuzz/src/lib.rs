//! Fuzz targets of the parsers that take foreign bytes.
//!
//! A target takes any bytes and asserts what must hold for them: not only that nothing panics, but that what is accepted
//! comes back as it was, stays within its bounds, and means one thing. `cargo test` runs each on its corpus and on
//! bounded mutations of it; with the feature `libfuzzer` the binary hunts with libFuzzer (`nix run .#fuzz`).

mod attestation;
mod fields;
mod http1;
mod http2;
mod journal;
mod manifest;
mod path;
mod rules;
mod scripts;
mod sealed;
mod wire;

pub use journal::entries as journal_entries;

/// A parser under test.
#[derive(Clone, Copy)]
pub struct Target {
    /// Its name, which is also that of its folder in `corpus/`.
    pub name: &'static str,
    /// Asserts what must hold for these bytes.
    pub run: fn(&[u8]),
}

/// All of them.
pub const TARGETS: &[Target] = &[
    Target {
        name: "accept_encoding",
        run: fields::accept_encoding,
    },
    Target {
        name: "attestation",
        run: attestation::attestation,
    },
    Target {
        name: "authority",
        run: fields::authority,
    },
    Target {
        name: "headers",
        run: rules::headers,
    },
    Target {
        name: "http1_lines",
        run: http1::lines,
    },
    Target {
        name: "http2_frames",
        run: http2::frames,
    },
    Target {
        name: "inline_scripts",
        run: scripts::inline_scripts,
    },
    Target {
        name: "journal",
        run: journal::journal,
    },
    Target {
        name: "manifest_json",
        run: manifest::json,
    },
    Target {
        name: "manifest_postcard",
        run: manifest::postcard,
    },
    Target {
        name: "range",
        run: fields::range,
    },
    Target {
        name: "redirects",
        run: rules::redirects,
    },
    Target {
        name: "request_path",
        run: path::request_path,
    },
    Target {
        name: "sealed_value",
        run: sealed::sealed_value,
    },
    Target {
        name: "wire_messages",
        run: wire::messages,
    },
];

/// The target of this name.
#[must_use]
pub fn target(name: &str) -> Option<Target> {
    TARGETS.iter().find(|target| target.name == name).copied()
}
