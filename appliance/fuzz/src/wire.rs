//! Messages of the device protocol, both ways.

use holdfast_server::protocol::{
    CommitRequest, Committed, Digests, EnrolAnswer, EnrolRequest, Problem, StatusAnswer, Stored,
    VersionItem,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Each message that is read is written as it is read again.
pub(crate) fn messages(bytes: &[u8]) {
    message::<EnrolRequest>(bytes);
    message::<EnrolAnswer>(bytes);
    message::<StatusAnswer>(bytes);
    message::<Digests>(bytes);
    message::<Stored>(bytes);
    message::<CommitRequest>(bytes);
    message::<Committed>(bytes);
    message::<Vec<VersionItem>>(bytes);
    message::<Problem>(bytes);
}

fn message<T: Serialize + DeserializeOwned>(bytes: &[u8]) {
    let Ok(message) = serde_json::from_slice::<T>(bytes) else {
        return;
    };
    let written = serde_json::to_string(&message).ok();
    let again = written
        .as_deref()
        .and_then(|text| serde_json::from_str::<T>(text).ok());
    let again = again.and_then(|message| serde_json::to_string(&message).ok());
    assert!(
        written.is_some() && written == again,
        "{written:?} {again:?}"
    );
}
