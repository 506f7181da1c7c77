//! The buffer of records and the thread that writes it out.

use std::fs::File;
use std::io::Write;
use std::os::fd::AsFd as _;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, TryLockError};
use std::thread;
use std::time::Duration;

use holdfast_audit::Timestamp;
use serde::Serialize;

/// Most bytes that wait to be written.
const BOUND: usize = 1024 * 1024;
/// From so many bytes on they are written at once.
const BATCH: usize = 256 * 1024;
/// Longest time for which a line waits.
const LATEST: Duration = Duration::from_millis(250);
/// How long a stop waits for the last lines; their reader may have stalled.
const PATIENCE: Duration = Duration::from_secs(1);
/// Enough stack to write bytes.
const STACK: usize = 128 * 1024;

/// The records on their way to standard error.
pub(crate) struct Records {
    state: Mutex<State>,
    /// Told when there is a first line, a batch, or an end.
    more: Condvar,
    /// Told when everything was written.
    done: Condvar,
    /// A descriptor of its own: the lock of `std::io::stderr` may be held by who waits for its reader.
    output: Option<File>,
}

#[derive(Default)]
struct State {
    text: Vec<u8>,
    /// Lines that found no room.
    lost: u64,
    /// The time of the last line, and its text: many lines share a millisecond.
    stamp: (Option<Timestamp>, String),
    writing: bool,
    closed: bool,
}

/// Lines that were not written.
#[derive(Serialize)]
struct Dropped {
    kind: &'static str,
    lines: u64,
}

impl Records {
    /// Makes the buffer. Takes a descriptor, so it belongs before the sandbox.
    pub(crate) fn open() -> Arc<Self> {
        let output = std::io::stderr().as_fd().try_clone_to_owned();
        Self::to(output.ok().map(File::from))
    }

    fn to(output: Option<File>) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::default(),
            more: Condvar::new(),
            done: Condvar::new(),
            output,
        })
    }

    /// Starts the thread. It belongs after the sandbox, so that it is bound by it.
    ///
    /// # Errors
    /// The system has no thread to give.
    pub(crate) fn start(self: &Arc<Self>) -> std::io::Result<()> {
        let records = Arc::clone(self);
        let thread = thread::Builder::new()
            .name("records".to_owned())
            .stack_size(STACK);
        thread.spawn(move || records.write_out())?;
        Ok(())
    }

    /// Adds a line that `write` makes; it is given the time as text. Costs neither a wait nor a system call, but for the
    /// first line after a quiet time.
    pub(super) fn push(&self, time: Timestamp, write: impl FnOnce(&str, &mut Vec<u8>)) {
        let mut guard = self.state();
        let state = &mut *guard;
        let before = state.text.len();
        if before >= BOUND || self.output.is_none() {
            state.lost = state.lost.saturating_add(1);
            return;
        }
        let (last, text) = &mut state.stamp;
        if *last != Some(time) {
            *text = time.to_string();
            *last = Some(time);
        }
        write(text, &mut state.text);
        let now = state.text.len();
        drop(guard);
        if before == 0 || before < BATCH && now >= BATCH {
            self.more.notify_one();
        }
    }

    /// Adds one of the rarer lines.
    pub(crate) fn note(&self, line: &impl Serialize) {
        let Ok(line) = serde_json::to_vec(line) else {
            return;
        };
        let mut state = self.state();
        if state.text.len() >= BOUND || self.output.is_none() {
            state.lost = state.lost.saturating_add(1);
            return;
        }
        state.text.extend_from_slice(&line);
        state.text.push(b'\n');
        drop(state);
        self.more.notify_one();
    }

    /// Has everything written that waits, and ends the thread. Waits for a second at most.
    pub(crate) fn finish(&self) {
        let mut state = self.state();
        state.closed = true;
        self.more.notify_one();
        let unfinished = |state: &mut State| state.writing || !state.text.is_empty();
        let waited = self.done.wait_timeout_while(state, PATIENCE, unfinished);
        drop(waited);
    }

    /// Writes what waits, from a thread that is about to end the process. Does not wait for anybody's lock.
    pub(crate) fn flush_at_panic(&self) {
        let state = match self.state.try_lock() {
            Ok(state) => state,
            Err(TryLockError::Poisoned(state)) => state.into_inner(),
            Err(TryLockError::WouldBlock) => return,
        };
        if let Some(mut output) = self.output.as_ref() {
            let _ = output.write_all(&state.text);
        }
    }

    fn write_out(&self) {
        let Some(mut output) = self.output.as_ref() else {
            return;
        };
        let mut batch = Vec::new();
        loop {
            let state = self.state();
            let quiet = |state: &mut State| state.text.is_empty() && !state.closed;
            let state = self.more.wait_while(state, quiet);
            let state = state.unwrap_or_else(PoisonError::into_inner);
            let filling = |state: &mut State| state.text.len() < BATCH && !state.closed;
            let waited = self.more.wait_timeout_while(state, LATEST, filling);
            let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
            std::mem::swap(&mut state.text, &mut batch);
            let lost = std::mem::take(&mut state.lost);
            let closed = state.closed;
            state.writing = true;
            drop(state);
            if lost > 0 {
                batch.extend(dropped(lost));
            }
            let written = output.write_all(&batch);
            // Where nobody takes the lines any more, there is nowhere left to say so but in a later count.
            let failed = written.map_or_else(|_| lines(&batch), |()| 0);
            batch.clear();
            batch.shrink_to(BATCH);
            let mut state = self.state();
            state.lost = state.lost.saturating_add(failed);
            state.writing = false;
            let end = closed && state.text.is_empty();
            drop(state);
            self.done.notify_all();
            if end {
                return;
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn dropped(lines: u64) -> Vec<u8> {
    let line = Dropped {
        kind: "records-dropped",
        lines,
    };
    let mut line = serde_json::to_vec(&line).unwrap_or_default();
    line.push(b'\n');
    line
}

fn lines(text: &[u8]) -> u64 {
    let ends = text.iter().filter(|byte| **byte == b'\n').count();
    u64::try_from(ends).unwrap_or(u64::MAX)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::arithmetic_side_effects)]
mod tests {
    use super::*;
    use std::io::{BufRead as _, BufReader};
    use std::time::Instant;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_unix_millis(millis).unwrap()
    }

    fn piped() -> (Arc<Records>, std::io::PipeReader) {
        let (reader, writer) = std::io::pipe().unwrap();
        let records = Records::to(Some(File::from(std::os::fd::OwnedFd::from(writer))));
        records.start().unwrap();
        (records, reader)
    }

    fn line(records: &Records, n: usize) {
        records.push(at(0), |time, text| {
            text.extend(format!("{{\"time\":\"{time}\",\"n\":{n:0>200}}}\n").into_bytes());
        });
    }

    #[test]
    fn a_line_is_written_soon_and_the_last_ones_at_the_stop() {
        let (records, reader) = piped();
        let mut lines = BufReader::new(reader).lines();
        let start = Instant::now();
        line(&records, 1);
        let first = lines.next().unwrap().unwrap();
        assert!(first.contains("1970-01-01T00:00:00.000Z"), "{first}");
        println!("figure: a record was written after {:?}", start.elapsed());
        line(&records, 2);
        records.finish();
        drop(records);
        assert_eq!(lines.map(Result::unwrap).count(), 1);
    }

    #[test]
    fn a_reader_that_stalls_holds_up_nobody_and_what_it_missed_is_counted() {
        let (records, reader) = piped();
        let all = 40_000;
        for n in 0..all {
            line(&records, n);
            let state = records.state();
            assert!(state.text.len() < BOUND + 1024);
        }
        let missed = records.state().lost;
        assert!(missed > 0, "the bound was never reached");
        let reading = thread::spawn(move || {
            let (mut seen, mut told) = (0_u64, 0_u64);
            for line in BufReader::new(reader).lines().map(Result::unwrap) {
                let line: serde_json::Value = match serde_json::from_str(&line) {
                    Ok(line) => line,
                    // Numbers with leading zeros are no JSON, but lines of this test.
                    Err(_) => serde_json::json!({}),
                };
                match line.get("kind") {
                    Some(_) => {
                        told += line
                            .get("lines")
                            .and_then(serde_json::Value::as_u64)
                            .unwrap()
                    }
                    None => seen += 1,
                }
            }
            (seen, told)
        });
        line(&records, all);
        records.finish();
        // The writer's end closes with the last owner.
        while Arc::strong_count(&records) > 1 {
            thread::sleep(Duration::from_millis(5));
        }
        drop(records);
        let (seen, told) = reading.join().unwrap();
        assert_eq!(seen + told, u64::try_from(all).unwrap() + 1);
        assert!(told >= missed);
    }

    #[test]
    fn the_time_of_a_line_is_its_own() {
        let records = Records::to(Some(tempfile::tempfile().unwrap()));
        for millis in [0, 0, 1, 1_000, 1] {
            records.push(at(millis), |time, text| {
                text.extend(format!("{time}\n").into_bytes())
            });
        }
        let text = String::from_utf8(records.state().text.clone()).unwrap();
        let expected = [0, 0, 1, 1_000, 1].map(|millis| format!("{}\n", at(millis)));
        assert_eq!(text, expected.concat());
    }
}
