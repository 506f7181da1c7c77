//! How the runs before this one ended: by what `holdfast record-exit` kept, and by what the audit knows already.

use std::path::Path;

use holdfast_audit::{Event, Kind, Timestamp};
use holdfast_server::protocol::LastExit;
use holdfast_server::{Last, Runs};
use holdfast_store::Store;

use crate::Failure;
use crate::record_exit;

/// How many events of runs are read; more than one start and the ends before it can write.
const NEWEST: usize = 64;

/// What is known of the runs before this one.
pub struct Before {
    /// How the last one ended.
    pub last: Option<LastExit>,
    /// The ends that no event tells of yet, oldest first.
    pub ended: Vec<LastExit>,
    /// The names of all runs whose end is known.
    pub told: Vec<String>,
}

/// How the last run ended, and the ends that no event tells of yet, oldest first.
///
/// A run without a record, such as one that a power cut ended, shows by a start without a stop behind it.
pub fn before_this_run(data: &Path, store: &Store) -> Result<Before, Failure> {
    let runs = match Runs::find(store)? {
        Some(runs) => runs,
        None => of_events(store)?,
    };
    let read = record_exit::read(data);
    // What cannot be read now may be read at the next start, and must not be told a second time then.
    let told_before = if read.is_err() {
        runs.told.clone()
    } else {
        Vec::new()
    };
    let kept = read.unwrap_or_else(|error| {
        eprintln!(
            "holdfast: how the last run ended cannot be read ({error}); it counts as not recorded"
        );
        Vec::new()
    });
    let mut ended: Vec<_> = kept
        .iter()
        .filter(|exit| !runs.told.iter().any(|told| told == exit.run()))
        .map(record_exit::Exit::told)
        .collect();
    let last = match runs.last {
        _ if !ended.is_empty() => ended.last().cloned(),
        Some(Last::Started) => {
            ended.push(LastExit {
                how: "not recorded: a power cut, a reset, or no service manager".to_owned(),
                clean: false,
                time: None,
                run: None,
            });
            ended.last().cloned()
        }
        // It stopped as asked, and nobody recorded more.
        Some(Last::Stopped(time)) => Some(LastExit {
            how: "clean stop".to_owned(),
            clean: true,
            time: Timestamp::from_unix_millis(time).ok(),
            run: None,
        }),
        None => kept.last().map(record_exit::Exit::told),
    };
    Ok(Before {
        last,
        ended,
        told: kept
            .iter()
            .map(|exit| exit.run().to_owned())
            .chain(told_before)
            .collect(),
    })
}

/// The same from the audit, for the first start of a store of before there was a record of runs.
fn of_events(store: &Store) -> Result<Runs, Failure> {
    let events: Vec<Event> = holdfast_audit::list(&store.snapshot()?, ..)?
        .rev()
        .map(|found| found.map(|(_, event)| event))
        .filter(|found| found.as_ref().map_or(true, |event| of_runs(&event)))
        .take(NEWEST)
        .collect::<Result<_, _>>()?;
    let last = events.first().and_then(|event| match event.kind {
        Kind::Started => Some(Last::Started),
        Kind::Stopped => Some(Last::Stopped(event.time.unix_millis())),
        _ => None,
    });
    let told = events.iter().filter(|event| event.kind == Kind::RunEnded);
    let told = told.filter_map(|event| event.resource.rsplit_once(", run "));
    Ok(Runs {
        last,
        told: told.map(|(_, run)| run.to_owned()).collect(),
    })
}

fn of_runs(event: &&Event) -> bool {
    matches!(event.kind, Kind::Started | Kind::Stopped | Kind::RunEnded)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use holdfast_audit::{Actor, Outcome};
    use holdfast_secrets::{KeyRing, RootKey, Suite};
    use holdfast_store::Batch;

    use super::*;

    /// A store that holds these events, each some time after the one before, and many others behind them.
    fn store(dir: &Path, events: &[(Kind, &str)]) -> Store {
        let root = RootKey::from_bytes(&[7; 32]).unwrap();
        let store =
            Store::open(dir.join("store.redb"), KeyRing::new(root, Suite::Aes256Gcm)).unwrap();
        let others = std::iter::repeat_n((Kind::SiteStored, "1"), 300);
        let mut batch = Batch::new();
        for (number, (kind, resource)) in events.iter().copied().chain(others).enumerate() {
            let event = Event {
                time: Timestamp::from_unix_millis(i64::try_from(number).unwrap()).unwrap(),
                kind,
                actor: Actor::Machine,
                resource: resource.to_owned(),
                outcome: Outcome::Done,
                request: None,
            };
            holdfast_audit::append(&mut batch, &event).unwrap();
        }
        store.commit_blocking(batch).unwrap();
        store
    }

    #[test]
    fn store_without_a_record_of_runs_is_asked_once_for_its_events() {
        let dir = tempfile::tempdir().unwrap();
        let told = "signal SEGV, 2026-11-22T00:00:00.000Z, run 0123456789abcdef0123456789abcdef";
        let store = store(dir.path(), &[(Kind::RunEnded, told), (Kind::Started, "")]);
        let runs = of_events(&store).unwrap();
        assert_eq!(runs.last, Some(Last::Started));
        assert_eq!(runs.told, ["0123456789abcdef0123456789abcdef"]);
        // Nothing was recorded of the run that began there: a power cut, say.
        let before = before_this_run(dir.path(), &store).unwrap();
        assert!(before.last.is_some_and(|last| !last.clean));
        assert_eq!(before.ended.len(), 1);
    }
}
