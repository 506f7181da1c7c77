//! The newest lines of the log, in memory and bounded.

use std::collections::VecDeque;

use holdfast_server::machine::{From, LogLine, LogPage, LogsAsk, MOST_LINES};

use super::journal::Entry;

/// Most bytes that the lines may take, with what each costs beside its text.
const BYTES: usize = 4 * 1024 * 1024;
/// What a line costs beside its text.
const COST: usize = 128;
/// Most bytes of text in a page. As JSON it grows six-fold at the worst, which is still below what the server reads.
const PAGE: usize = 96 * 1024;

/// The lines, oldest first.
#[derive(Debug, Default)]
pub struct Ring {
    lines: VecDeque<LogLine>,
    bytes: usize,
    /// Number of the newest line.
    newest: u64,
}

impl Ring {
    /// Takes a line; the oldest make room for it.
    pub fn push(&mut self, entry: Entry) {
        self.newest = self.newest.saturating_add(1);
        let line = LogLine {
            number: self.newest,
            time_us: entry.time_us,
            unit: entry.unit,
            priority: entry.priority,
            message: entry.message,
        };
        self.bytes = self.bytes.saturating_add(cost(&line));
        self.lines.push_back(line);
        while self.bytes > BYTES
            && let Some(oldest) = self.lines.pop_front()
        {
            self.bytes = self.bytes.saturating_sub(cost(&oldest));
        }
    }

    /// A page of it. A number from before the unit's last start is higher than any of its lines: then it begins anew.
    #[must_use]
    pub fn page(&self, ask: &LogsAsk) -> LogPage {
        let wanted = |line: &&LogLine| ask.unit.as_ref().is_none_or(|unit| *unit == line.unit);
        let after = match ask.from {
            From::After(number) if number <= self.newest => number,
            From::After(_) => 0,
            From::Last(count) => {
                let count = usize::try_from(count.clamp(1, MOST_LINES)).unwrap_or(1);
                let first = self.lines.iter().rev().filter(wanted).take(count).last();
                first.map_or(self.newest, |line| line.number.saturating_sub(1))
            }
        };
        let mut page = LogPage {
            next: self.newest,
            ..LogPage::default()
        };
        let mut bytes = 0_usize;
        let later = self.lines.iter().skip_while(|line| line.number <= after);
        for line in later.filter(wanted) {
            if bytes > PAGE {
                // INVARIANT: a line came before, else no byte was counted.
                page.next = page
                    .lines
                    .last()
                    .map_or(after, |last: &LogLine| last.number);
                page.more = true;
                break;
            }
            bytes = bytes.saturating_add(cost(line));
            page.lines.push(line.clone());
        }
        page
    }
}

fn cost(line: &LogLine) -> usize {
    line.message
        .len()
        .saturating_add(line.unit.len())
        .saturating_add(COST)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;

    fn entry(unit: &str, message: String) -> Entry {
        Entry {
            unit: unit.into(),
            message,
            ..Entry::default()
        }
    }

    fn ask(from: From, unit: Option<&str>) -> LogsAsk {
        LogsAsk {
            from,
            unit: unit.map(str::to_owned),
        }
    }

    fn numbers(page: &LogPage) -> Vec<u64> {
        page.lines.iter().map(|line| line.number).collect()
    }

    #[test]
    fn pages_follow_one_another() {
        let mut ring = Ring::default();
        assert_eq!(ring.page(&ask(From::Last(5), None)), LogPage::default());
        for number in 1..=10 {
            let unit = if number % 2 == 0 { "even" } else { "odd" };
            ring.push(entry(unit, number.to_string()));
        }
        assert_eq!(numbers(&ring.page(&ask(From::Last(3), None))), [8, 9, 10]);
        let even = ring.page(&ask(From::Last(2), Some("even")));
        assert_eq!(
            (numbers(&even), even.next, even.more),
            (vec![8, 10], 10, false)
        );
        assert!(
            ring.page(&ask(From::Last(2), Some("none")))
                .lines
                .is_empty()
        );
        assert_eq!(numbers(&ring.page(&ask(From::After(9), None))), [10]);
        assert!(ring.page(&ask(From::After(10), None)).lines.is_empty());
        // The unit was started again since.
        assert_eq!(ring.page(&ask(From::After(99), None)).lines.len(), 10);
    }

    #[test]
    fn memory_and_pages_are_bounded_and_lose_nothing_in_between() {
        let mut ring = Ring::default();
        for number in 1..=3000 {
            ring.push(entry("u", format!("{number} {}", "x".repeat(4000))));
        }
        assert!(ring.bytes <= BYTES);
        let kept = ring.lines.len();
        let mut read = Vec::new();
        let mut from = From::Last(MOST_LINES);
        loop {
            let page = ring.page(&ask(from, None));
            let text: usize = page.lines.iter().map(|line| line.message.len()).sum();
            assert!(text < PAGE + 8192);
            read.extend(numbers(&page));
            from = From::After(page.next);
            if !page.more {
                break;
            }
        }
        assert_eq!(read.len(), kept);
        assert_eq!(read.last(), Some(&3000));
        assert!(read.windows(2).all(|pair| pair[0] + 1 == pair[1]));
    }
}
