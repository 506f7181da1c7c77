//! `GET /v1/logs`: the machine's log, line by line (`application/x-ndjson`), to its end or as it goes on.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use holdfast_policy::{Appliance, Channel, Context, Permit, Principal, ReadLogs};
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Response, Uri};
use tokio::sync::{OwnedSemaphorePermit, mpsc};

use crate::body::Body;
use crate::device;
use crate::enrolment::proof::Binding;
use crate::machine::{Answer, Ask, From, LONGEST_UNIT, LogPage, LogsAsk, MOST_LINES, Unavailable};
use crate::protocol::LogItem;
use crate::rejection::Rejection;
use crate::server::Shared;

/// How often new lines are asked for.
const POLL: Duration = Duration::from_millis(500);
/// Polls without a line after which an empty one is sent, so that both sides know that the connection holds.
const QUIET_POLLS: u32 = 20;
/// Time for a client to take a page of the log.
const TAKEN: Duration = Duration::from_secs(30);
/// How long one answer follows the log; the command line asks again from where it ended.
const FOLLOWED: Duration = Duration::from_secs(600);
/// Lines where the request names no number.
const USUAL_LINES: u32 = 100;

/// What the request asks for.
#[derive(Debug, PartialEq, Eq)]
struct Query {
    from: From,
    unit: Option<String>,
    follow: bool,
}

/// Sends the log.
pub(crate) async fn logs(
    permit: Permit<ReadLogs>,
    shared: &Arc<Shared>,
    binding: &Binding,
    uri: &Uri,
) -> Result<Response<Body>, Rejection> {
    let Appliance = permit.into_resource();
    let query = Query::parse(uri.query().unwrap_or_default()).ok_or_else(|| {
        Rejection::Body(format!(
            "The query is not one of this route. Use `lines` (1 to {MOST_LINES}) or `after`, `unit`, `follow=1`."
        ))
    })?;
    let place = Arc::clone(&shared.followers)
        .try_acquire_owned()
        .map_err(|_| Rejection::Busy)?;
    // The first page comes before the answer begins, so that a machine that cannot tell is a problem and no short answer.
    let page = page(shared, query.from, &query.unit).await?;
    let (lines, body) = mpsc::channel(4);
    let reading = Reading {
        shared: Arc::clone(shared),
        binding: binding.clone(),
        unit: query.unit,
        lines,
        _place: place,
    };
    tokio::spawn(reading.send(page, query.follow));
    let mut response = Response::new(Body::Stream(body));
    response.headers_mut().insert(
        CONTENT_TYPE,
        HeaderValue::from_static("application/x-ndjson"),
    );
    Ok(response)
}

/// An answer that is being sent.
struct Reading {
    shared: Arc<Shared>,
    binding: Binding,
    unit: Option<String>,
    lines: mpsc::Sender<Bytes>,
    _place: OwnedSemaphorePermit,
}

impl Reading {
    async fn send(self, first: LogPage, follow: bool) {
        let start = self.shared.clock.monotonic();
        let mut page = first;
        let mut quiet = 0_u32;
        loop {
            let more = page.more;
            let next = page.next;
            if !page.lines.is_empty() {
                quiet = 0;
                // Who does not read must not keep a place, nor outlast its rights.
                let sending = self.lines.send(encode(page.lines));
                if !matches!(tokio::time::timeout(TAKEN, sending).await, Ok(Ok(()))) {
                    return;
                }
            }
            let elapsed = self
                .shared
                .clock
                .monotonic()
                .saturating_duration_since(start);
            if elapsed > FOLLOWED || self.shared.ending.load(Ordering::Relaxed) {
                return;
            }
            if !more {
                if !follow {
                    return;
                }
                quiet = quiet.saturating_add(1);
                if quiet.is_multiple_of(QUIET_POLLS)
                    && self.lines.send(Bytes::from_static(b"\n")).await.is_err()
                {
                    return;
                }
                tokio::select! {
                    () = tokio::time::sleep(POLL) => {}
                    () = self.lines.closed() => return,
                }
            }
            if !self.still_permitted() {
                let why = "This device was revoked.".to_owned();
                return self.fail(why).await;
            }
            page = match self::page(&self.shared, From::After(next), &self.unit).await {
                Ok(page) => page,
                Err(_) => return self.fail(Unavailable::Silent.to_string()).await,
            };
        }
    }

    /// The decision is made anew, since this answer may last longer than the device's rights.
    fn still_permitted(&self) -> bool {
        let enrolled = self
            .shared
            .store
            .snapshot()
            .and_then(|snapshot| device::is_enrolled(&snapshot, &self.binding.client));
        let who = Principal::Device {
            fingerprint: self.binding.client.to_string(),
            enrolled: enrolled.unwrap_or(false),
        };
        let channel = Context::of(Channel::Device);
        let policy = &self.shared.policy;
        policy.decide::<ReadLogs>(&who, Appliance, &channel).is_ok()
    }

    async fn fail(self, why: String) {
        let line = serde_json::to_vec(&LogItem::Problem(why)).unwrap_or_default();
        // Who is gone, or does not read, needs no reason.
        let line = [&line, &b"\n"[..]].concat().into();
        let _ = tokio::time::timeout(TAKEN, self.lines.send(line)).await;
    }
}

async fn page(shared: &Shared, from: From, unit: &Option<String>) -> Result<LogPage, Rejection> {
    let ask = Ask::Logs(LogsAsk {
        from,
        unit: unit.clone(),
    });
    match shared.machine.ask(ask).await {
        Ok(Answer::Logs(page)) => Ok(page),
        Ok(Answer::Failed(why)) => Err(Rejection::Conflict(why)),
        Ok(_) => Err(Rejection::Unavailable(Unavailable::Silent)),
        Err(unavailable) => Err(Rejection::Unavailable(unavailable)),
    }
}

fn encode(lines: Vec<crate::machine::LogLine>) -> Bytes {
    let mut text = Vec::new();
    for line in lines {
        // INVARIANT: numbers and text always become JSON.
        if serde_json::to_writer(&mut text, &LogItem::Line(line)).is_ok() {
            text.push(b'\n');
        }
    }
    text.into()
}

impl Query {
    /// Nothing in it needs percent-encoding, so nothing is decoded.
    fn parse(query: &str) -> Option<Self> {
        let mut read = Self {
            from: From::Last(USUAL_LINES),
            unit: None,
            follow: false,
        };
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            match pair.split_once('=')? {
                ("lines", text) => {
                    let lines = text.parse().ok().filter(|n| (1..=MOST_LINES).contains(n))?;
                    read.from = From::Last(lines);
                }
                ("after", text) => read.from = From::After(text.parse().ok()?),
                ("follow", "1") => read.follow = true,
                ("unit", unit) => {
                    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"@._:-".contains(&byte);
                    let fits = (1..=LONGEST_UNIT).contains(&unit.len());
                    read.unit = Some(unit.to_owned()).filter(|_| fits && unit.bytes().all(plain));
                    read.unit.as_ref()?;
                }
                _ => return None,
            }
        }
        Some(read)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn query_is_read_strictly() {
        let read = Query::parse("lines=5&unit=holdfast.service&follow=1").unwrap();
        assert_eq!(read.from, From::Last(5));
        assert_eq!(read.unit.as_deref(), Some("holdfast.service"));
        assert!(read.follow);
        assert_eq!(Query::parse("").unwrap().from, From::Last(USUAL_LINES));
        assert_eq!(Query::parse("after=7").unwrap().from, From::After(7));
        for bad in [
            "lines=0",
            "lines=10001",
            "lines=-1",
            "unit=",
            "unit=a/b",
            "unit=%41",
            "follow=yes",
            "x=1",
            "lines",
        ] {
            assert!(Query::parse(bad).is_none(), "{bad}");
        }
        assert!(Query::parse(&format!("unit={}", "a".repeat(LONGEST_UNIT + 1))).is_none());
    }
}
