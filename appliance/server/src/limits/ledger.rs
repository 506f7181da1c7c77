//! What a client's HTTP/2 frames cost us against what it lets us do.
//!
//! Frames that ask for nothing cost; requests that arrive and answers that are taken earn. A browser earns far more than
//! it spends. A flood of resets, PINGs, SETTINGS, priorities or window updates spends all it has, and is ended.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::frames::{Head, kind};

/// Where a connection begins, and the most that it can save.
const MOST: u64 = 2_000;
/// What comes back each second by itself.
const EACH_SECOND: u64 = 20;
/// What a request earns: its own HEADERS, and a few frames beside it.
const REQUEST: u64 = 8;
/// Bytes of an answer that earn one.
const TAKEN: u64 = 1024;
/// A read that brings less than this costs one: such small TLS records are more work than content.
const CRUMB: usize = 16;

/// Requests that have reached us, counted where they do.
#[derive(Default)]
pub(crate) struct Earned {
    requests: AtomicU32,
    /// Bytes that the client was sent.
    written: AtomicU64,
}

/// The account of a connection.
pub(super) struct Ledger {
    credit: u64,
    refilled: Instant,
    /// Bytes that went out and have earned nothing yet.
    taken: u64,
    earned: Arc<Earned>,
}

/// The account is overdrawn.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Overdrawn;

impl Earned {
    pub(crate) fn request(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts bytes that went out.
    pub(crate) fn wrote(&self, bytes: usize) {
        self.written.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Bytes that went out so far.
    pub(crate) fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }
}

impl Ledger {
    pub(super) fn new(earned: Arc<Earned>, now: Instant) -> Self {
        Self {
            credit: MOST,
            refilled: now,
            taken: 0,
            earned,
        }
    }

    /// Books a frame from the client.
    pub(super) fn frame(&mut self, head: Head, now: impl Fn() -> Instant) -> Result<(), Overdrawn> {
        self.spend(cost(head), now)
    }

    /// Books a read.
    pub(super) fn read(
        &mut self,
        bytes: usize,
        now: impl Fn() -> Instant,
    ) -> Result<(), Overdrawn> {
        if bytes >= CRUMB {
            return Ok(());
        }
        self.spend(1, now)
    }

    /// Books bytes to the client.
    pub(super) fn taken(&mut self, bytes: usize) {
        self.earned.wrote(bytes);
        self.taken = self.taken.saturating_add(bytes as u64);
        let whole = self.taken.checked_div(TAKEN).unwrap_or_default();
        self.taken = self.taken.checked_rem(TAKEN).unwrap_or_default();
        self.earn(whole);
    }

    fn earn(&mut self, credit: u64) {
        self.credit = self.credit.saturating_add(credit).min(MOST);
    }

    fn spend(&mut self, cost: u64, now: impl Fn() -> Instant) -> Result<(), Overdrawn> {
        if cost > self.credit {
            let requests = u64::from(self.earned.requests.swap(0, Ordering::Relaxed));
            self.earn(requests.saturating_mul(REQUEST));
            let now = now();
            let passed = now.saturating_duration_since(self.refilled);
            let each = Duration::from_secs(1).as_millis();
            let back = passed.as_millis().saturating_mul(u128::from(EACH_SECOND));
            let back = back.checked_div(each).unwrap_or_default();
            if back > 0 {
                self.refilled = now;
                self.earn(u64::try_from(back).unwrap_or(u64::MAX));
            }
        }
        self.credit = self.credit.checked_sub(cost).ok_or(Overdrawn)?;
        Ok(())
    }
}

/// What a frame costs. DATA has bounds of its own in h2, and the windows.
fn cost(head: Head) -> u64 {
    let each = match head.kind {
        kind::DATA => return u64::from(head.length == 0 && head.flags & 1 == 0).saturating_mul(8),
        kind::HEADERS => return 4,
        kind::PRIORITY => 2,
        kind::SETTINGS if head.flags & 1 == 0 => 20,
        kind::SETTINGS | kind::WINDOW_UPDATE => 1,
        kind::RST_STREAM | kind::PING | kind::CONTINUATION => 10,
        kind::GOAWAY => 50,
        // Unknown types, which are ignored (RFC 9113, section 5.5).
        _ => 4,
    };
    // Payloads that ask for nothing: a parameter of SETTINGS is six bytes.
    let per = if head.kind == kind::SETTINGS { 6 } else { 64 };
    u64::from(head.length.checked_div(per).unwrap_or_default()).saturating_add(each)
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects)]
mod tests {
    use super::*;

    fn head(kind: u8, length: u32) -> Head {
        Head {
            kind,
            length,
            ..Head::default()
        }
    }

    /// How many of these frames pass before the account is empty, at most `most`.
    fn passed(frames: &[Head], most: usize, each: impl Fn(&mut Ledger, &Earned)) -> usize {
        let (earned, now) = (Arc::new(Earned::default()), Instant::now());
        let mut ledger = Ledger::new(Arc::clone(&earned), now);
        (0..most)
            .take_while(|_| {
                each(&mut ledger, &earned);
                frames
                    .iter()
                    .all(|head| ledger.frame(*head, || now).is_ok())
            })
            .count()
    }

    #[test]
    fn floods_come_to_an_end() {
        let nothing = |_: &mut Ledger, _: &Earned| {};
        assert_eq!(passed(&[head(kind::PING, 8)], 10_000, nothing), 200);
        assert_eq!(passed(&[head(kind::SETTINGS, 6)], 10_000, nothing), 95);
        assert_eq!(passed(&[head(kind::SETTINGS, 16_380)], 10_000, nothing), 0);
        assert_eq!(passed(&[head(kind::PRIORITY, 5)], 10_000, nothing), 1_000);
        assert_eq!(passed(&[head(kind::RST_STREAM, 4)], 10_000, nothing), 200);
        assert_eq!(passed(&[head(99, 16_384)], 10_000, nothing), 7);
        assert_eq!(passed(&[head(kind::DATA, 0)], 10_000, nothing), 250);
        // Windows opened by one byte at a time.
        let byte = |ledger: &mut Ledger, _: &Earned| ledger.taken(10);
        let crumbs = passed(&[head(kind::WINDOW_UPDATE, 4)], 10_000, byte);
        assert!(crumbs < 2_050, "{crumbs}");
        // Each request is reset at once (CVE-2023-44487).
        let reset = [head(kind::HEADERS, 40), head(kind::RST_STREAM, 4)];
        let resets = passed(&reset, 10_000, |_, earned| earned.request());
        assert!((300..400).contains(&resets), "{resets}");
    }

    #[test]
    fn reads_of_single_bytes_come_to_an_end() {
        let now = Instant::now();
        let mut ledger = Ledger::new(Arc::default(), now);
        assert!((0..10_000).all(|_| ledger.read(CRUMB, || now).is_ok()));
        let passed = (0..10_000).take_while(|_| ledger.read(1, || now).is_ok());
        assert_eq!(passed.count(), 2_000);
    }

    #[test]
    fn honest_work_never_ends() {
        let request = [
            head(kind::HEADERS, 40),
            head(kind::WINDOW_UPDATE, 4),
            head(kind::PRIORITY, 5),
        ];
        assert_eq!(
            passed(&request, 10_000, |_, earned| earned.request()),
            10_000
        );
        // A download whose client gives back both windows every 4 KiB, more often than any that we know.
        let windows = [head(kind::WINDOW_UPDATE, 4); 2];
        let taken = |ledger: &mut Ledger, _: &Earned| ledger.taken(4096);
        assert_eq!(passed(&windows, 10_000, taken), 10_000);
    }

    #[test]
    fn credit_comes_back_with_time() {
        let start = Instant::now();
        let mut ledger = Ledger::new(Arc::default(), start);
        while ledger.frame(head(kind::PING, 8), || start).is_ok() {}
        let later = start + Duration::from_secs(1);
        assert!(ledger.frame(head(kind::PING, 8), || later).is_ok());
        assert!(ledger.frame(head(kind::PING, 8), || later).is_ok());
        assert_eq!(ledger.frame(head(kind::PING, 8), || later), Err(Overdrawn));
    }
}
