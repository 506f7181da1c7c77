//! Reading request bodies within bounds of size and time.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::Incoming;
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use crate::limits::Limits;
use crate::progress::Pace;
use crate::rejection::Rejection;

/// Time for a whole JSON body.
const TOTAL: Duration = Duration::from_secs(60);
/// Time between two pieces of a streamed body.
const IDLE: Duration = Duration::from_secs(30);

/// A bound on a body, in bytes and as people say it.
#[derive(Clone, Copy)]
pub(super) struct Bound {
    pub(super) bytes: usize,
    pub(super) text: &'static str,
}

/// Reads and parses a JSON body.
pub(super) async fn json<T: DeserializeOwned + Send + 'static>(
    body: Incoming,
    bound: Bound,
) -> Result<T, Rejection> {
    let whole = Limited::new(body, bound.bytes).collect();
    let whole = tokio::time::timeout(TOTAL, whole)
        .await
        .map_err(|_| Rejection::Slow)?;
    let bytes = whole
        .map_err(|error| {
            if error.is::<LengthLimitError>() {
                Rejection::TooLarge(bound.text)
            } else {
                Rejection::Body("The body ended too early. Send it again.".to_owned())
            }
        })?
        .to_bytes();
    let parse = move || serde_json::from_slice(&bytes);
    let parsed = blocking(parse).await?;
    parsed.map_err(|error| {
        Rejection::Body(format!("The body is not the JSON of this route: {error}. Use the `holdfast` of the appliance's version."))
    })
}

/// Runs work that would hold up the event loop.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Rejection> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| Rejection::Internal(error.to_string()))
}

/// A streamed body, read by exact lengths.
pub(super) struct Stream {
    body: Incoming,
    held: Bytes,
    pace: Pace,
    /// When the last piece was handed out: what is done with it until the next is asked for is not the client's time.
    handed: Instant,
}

impl Stream {
    /// A body that must come at the least pace of these limits.
    pub(super) fn new(body: Incoming, limits: &Limits) -> Self {
        Self {
            pace: Pace::new(limits, std::time::Instant::now()),
            body,
            held: Bytes::new(),
            handed: Instant::now(),
        }
    }

    /// Some bytes, at most `most`; none at the end.
    pub(super) async fn some(&mut self, most: usize) -> Result<Bytes, Rejection> {
        self.pace.leave_out(self.handed);
        let piece = self.next(most).await;
        self.handed = Instant::now();
        piece
    }

    async fn next(&mut self, most: usize) -> Result<Bytes, Rejection> {
        while self.held.is_empty() {
            let frame = tokio::time::timeout(IDLE, self.body.frame()).await;
            match frame.map_err(|_| Rejection::Slow)? {
                None => return Ok(Bytes::new()),
                Some(Ok(frame)) => {
                    self.held = frame.into_data().unwrap_or_default();
                    if !self.pace.keeps_up(self.held.len() as u64) {
                        return Err(Rejection::Slow);
                    }
                }
                Some(Err(_)) => return Err(cut()),
            }
        }
        let most = most.min(self.held.len());
        Ok(self.held.split_to(most))
    }

    /// Exactly `N` bytes, or `None` at the end of the body.
    pub(super) async fn exact<const N: usize>(&mut self) -> Result<Option<[u8; N]>, Rejection> {
        let mut gathered = Vec::with_capacity(N);
        while gathered.len() < N {
            let piece = self.some(N.saturating_sub(gathered.len())).await?;
            if piece.is_empty() {
                return if gathered.is_empty() {
                    Ok(None)
                } else {
                    Err(cut())
                };
            }
            gathered.extend_from_slice(&piece);
        }
        Ok(gathered.try_into().ok())
    }
}

pub(super) fn cut() -> Rejection {
    Rejection::Body("The body ended in the middle of a blob. Push again.".to_owned())
}
