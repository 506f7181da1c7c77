//! What stops the machine's own commands, and what to do about it.

use std::io;
use std::path::Path;

use thiserror::Error;

use crate::config::ConfigError;

/// A refusal of set-up. Its text is shown on the console.
#[derive(Debug, Error)]
pub enum MachineError {
    /// The configuration or a secret.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Credentials that came from outside cannot be taken as they are.
    #[error("{problem}\n  fix: {fix}")]
    Source {
        /// What is wrong.
        problem: String,
        /// The way out.
        fix: &'static str,
    },
    /// No partition can be taken or made.
    #[error("{problem}\n  fix: {fix}")]
    Data {
        /// What is wrong.
        problem: String,
        /// The way out.
        fix: &'static str,
    },
    /// The key file, as what was typed on the console is tried at it.
    #[error(transparent)]
    Keys(#[from] holdfast_secrets::Error),
    /// Nobody can type what opens the data.
    #[error("{problem}\n  fix: {fix}")]
    Console {
        /// What is wrong.
        problem: String,
        /// The way out.
        fix: &'static str,
    },
    /// The machine failed at something that should work.
    #[error("{what}: {source}\n  fix: check the disk and the host, then start the machine again")]
    Io {
        /// What was tried.
        what: String,
        /// How it failed.
        source: io::Error,
    },
    /// A program of the image failed.
    #[error("{program} failed: {output}\n  fix: check the disk, then start the machine again")]
    Program {
        /// Which one.
        program: &'static str,
        /// Its last words.
        output: String,
    },
}

impl MachineError {
    pub(super) fn data(problem: String, fix: &'static str) -> Self {
        Self::Data { problem, fix }
    }

    pub(super) fn source(problem: String, fix: &'static str) -> Self {
        Self::Source { problem, fix }
    }

    /// For `map_err`: what was tried, on which path.
    pub(super) fn io<E: Into<io::Error>>(what: &str, path: &Path) -> impl FnOnce(E) -> Self {
        let what = format!("cannot {what} {}", path.display());
        move |e| Self::Io {
            what,
            source: e.into(),
        }
    }
}
