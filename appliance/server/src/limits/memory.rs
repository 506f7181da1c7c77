//! Defaults that fit the machine's memory.
//!
//! What clients can make the process hold at the worst is added up in `docs/limits.md`. Where the machine has less than that,
//! every number that costs memory becomes smaller by the same factor.

use super::settings::Limits;

const MIB: u64 = 1 << 20;
/// The rest of the machine: kernel, service manager, journal, the file system's pages.
const OTHERS: u64 = 72 * MIB;
/// The process without clients, with the states of all rates.
const ITSELF: u64 = 28 * MIB;
/// A connection at its worst.
const CONNECTION: u64 = 162 * 1024;
/// An answer on its way.
const ANSWER: u64 = 9 * 1024;
/// A large answer on its way: a chunk, and the piece that goes out.
const LARGE: u64 = 1024 * 1024 + 256 * 1024;
/// Parts of the whole that the factor is counted in.
const PARTS: u64 = 1000;
/// The smallest factor, at which a site can still be served.
const LEAST: u64 = 80;

impl Limits {
    /// The defaults for a machine with so many bytes of memory: those of [`Limits::default`] where they fit, else less.
    #[must_use]
    pub fn for_memory(bytes: u64) -> Self {
        let whole = Self::default();
        let room = bytes.saturating_sub(OTHERS).saturating_sub(ITSELF);
        let parts = room.saturating_mul(PARTS);
        let parts = parts.checked_div(whole.worst_case()).unwrap_or(PARTS);
        let part = |of: usize| {
            let part = widened(of).saturating_mul(parts.clamp(LEAST, PARTS));
            let part = part.checked_div(PARTS).unwrap_or_default();
            usize::try_from(part).unwrap_or(of)
        };
        let connections = part(whole.connections);
        let of_each = |each: usize, all: usize| each.min(all / 4);
        let answers = part(whole.answers);
        let large = part(whole.large).max(2);
        Self {
            connections,
            connections_each: of_each(whole.connections_each, connections),
            handshakes_each: of_each(whole.handshakes_each, connections),
            answers,
            answers_each: of_each(whole.answers_each, answers),
            large,
            large_each: whole.large_each.min(large / 2),
            // At least the largest blob that is read whole.
            small_bytes: whole_mib(part(whole.small_bytes)),
            cache_bytes: whole_mib(part(whole.cache_bytes)),
            ..whole
        }
    }

    /// Bytes of memory that a machine needs to have for the worst that clients can do.
    #[must_use]
    pub fn needs_memory(&self) -> u64 {
        let rest = OTHERS.saturating_add(ITSELF);
        self.worst_case().saturating_add(rest)
    }

    /// Bytes that all clients together can make the process hold, beside what it holds anyway.
    #[must_use]
    pub fn worst_case(&self) -> u64 {
        let parts = [
            widened(self.connections).saturating_mul(CONNECTION),
            widened(self.answers).saturating_mul(ANSWER),
            widened(self.large).saturating_mul(LARGE),
            widened(self.small_bytes),
            widened(self.cache_bytes),
        ];
        parts.into_iter().fold(0, u64::saturating_add)
    }
}

/// Whole MiB, one at least.
fn whole_mib(bytes: usize) -> usize {
    (bytes >> 20).max(1) << 20
}

fn widened(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_case_fits_the_memory() {
        for mib in [128, 160, 192, 256, 300, 384, 512, 1024, 4096] {
            let limits = Limits::for_memory(mib * MIB);
            let all = limits.needs_memory();
            println!(
                "figure: {mib} MiB: connections {} (each {}, handshakes {}), answers {} (each {}), large {} (each {}), \
                 small {} KiB, cache {} KiB; worst case {} MiB",
                limits.connections,
                limits.connections_each,
                limits.handshakes_each,
                limits.answers,
                limits.answers_each,
                limits.large,
                limits.large_each,
                limits.small_bytes >> 10,
                limits.cache_bytes >> 10,
                limits.worst_case() / MIB,
            );
            assert!(all <= mib * MIB, "{mib} MiB: {} MiB", all / MIB);
        }
    }

    #[test]
    fn enough_memory_changes_nothing_and_too_little_locks_nobody_out() {
        assert_eq!(Limits::for_memory(1 << 30), Limits::default());
        assert_eq!(Limits::for_memory(u64::MAX), Limits::default());
        let least = Limits::for_memory(0);
        // Then the log says so at start.
        assert!(least.needs_memory() > 96 * MIB);
        assert!(least.connections >= 64 && least.connections_each >= 16);
        assert!(least.large_each >= 1 && least.handshakes_each >= 16);
        assert!(least.answers_each >= 64);
    }
}
