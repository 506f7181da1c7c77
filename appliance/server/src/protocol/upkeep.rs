//! What travels about the keys and the store as a whole.

use serde::{Deserialize, Serialize};

use super::Secret;

/// `GET /v1/keys` and `POST /v1/keys/rotations`, the answer. It holds no key.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct KeysAnswer {
    /// The ways to the keys, from the oldest.
    pub ways: Vec<KeyWay>,
    /// The tables, by name.
    pub tables: Vec<TableKeysItem>,
    /// A way was taken away, but the master key could not be replaced yet, since a way that stays was not passed.
    pub master_due: bool,
    /// The rotation under way.
    pub rotation: Option<RotationProgress>,
    /// Tables that wait for theirs.
    pub waiting: Vec<String>,
    /// Rotations that failed since the server started, newest last.
    pub failed: Vec<RotationFailure>,
}

/// What opens the key file.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct KeyWay {
    /// Its number; never used again.
    pub number: u32,
    /// `root-key`, `passphrase`, `recovery-key`, or `unknown` to this version.
    pub kind: String,
    /// Whether this run was given what opens it.
    pub passed: bool,
}

/// A table's keys.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TableKeysItem {
    /// The table.
    pub table: String,
    /// Epochs of its keys, from the oldest; more than one until all values are under the newest.
    pub epochs: Vec<u32>,
}

/// How far a rotation has come.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RotationProgress {
    /// The table.
    pub table: String,
    /// Records that were looked at.
    pub records: u64,
    /// Records in the table when it began.
    pub of: u64,
}

/// A rotation that failed: the older keys stand.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RotationFailure {
    /// The table.
    pub table: String,
    /// Why, with the way out.
    pub reason: String,
}

/// `POST /v1/keys/rotations`, the request.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RotationRequest {
    /// The table; all of them if absent.
    pub table: Option<String>,
}

/// `POST /v1/keys/recovery`, the answer: the only copy.
#[derive(Debug, Serialize, Deserialize)]
pub struct RecoveryAnswer {
    /// The recovery key, as it is to be printed.
    pub recovery_key: Secret,
}

/// `POST /v1/keys/destruction`, the request.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DestructionRequest {
    /// The site's host name, typed by the person who wants it.
    pub site: String,
}

/// `POST /v1/keys/destruction`, the answer: the keys are gone.
#[derive(Debug, Serialize, Deserialize)]
pub struct DestructionAnswer {
    /// The site's host name.
    pub destroyed: String,
}

/// `POST /v1/store/compaction`, the answer: it is done at the next start.
#[derive(Debug, Serialize, Deserialize)]
pub struct CompactionAnswer {
    /// What the store takes now, in bytes.
    pub bytes: u64,
}

/// `GET /v1/store/checkpoint`, the answer: names the store's whole content, and reveals nothing of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckpointAnswer {
    /// Number of the last commit.
    pub commit: u64,
    /// Keyed digest over the number, the openings and the sums of all tables, in hex.
    pub digest: String,
    /// The newest openings of the store that were followed by a commit, oldest first.
    pub openings: Vec<OpeningItem>,
}

/// One opening of the store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpeningItem {
    /// Number of the last commit before it.
    pub commit: u64,
    /// Random, in hex.
    pub id: String,
}

/// `GET` and `POST /v1/store/verification`, the answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct VerificationAnswer {
    /// The one under way.
    pub running: Option<VerificationProgress>,
    /// How many have ended since the server started.
    pub ended: u64,
    /// What the last one found.
    pub last: Option<VerificationVerdict>,
}

/// How far a verification has come.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct VerificationProgress {
    /// Records that were read.
    pub records: u64,
    /// Records that the store counts.
    pub of: u64,
}

/// What a verification found.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct VerificationVerdict {
    /// When it ended, seconds since 1970.
    pub time: i64,
    /// Number of the last commit then.
    pub commit: u64,
    /// Records that were read.
    pub records: u64,
    /// Bytes of stored values that were read.
    pub bytes: u64,
    /// Tables that hold other records than were committed. The appliance stops serving then.
    pub altered: Vec<String>,
    /// Number of records that do not open.
    pub unopened_records: u64,
    /// The first hundred of them.
    pub unopened: Vec<UnopenedItem>,
    /// Why there is no verdict, if the store could not be read.
    pub failed: Option<String>,
}

/// A record that does not open. It is never served.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct UnopenedItem {
    /// Its table.
    pub table: String,
    /// Its stored key in hex.
    pub key: String,
    /// Why.
    pub reason: String,
}
