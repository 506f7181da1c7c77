//! How the runs before this one ended: by what `holdfast record-exit` kept, and by what the audit knows already.

use std::path::Path;

use holdfast_audit::{Event, Kind};
use holdfast_server::protocol::LastExit;
use holdfast_store::Store;

use crate::Failure;
use crate::record_exit;

/// How many events of runs are read; more than one start and the ends before it can write.
const NEWEST: usize = 64;

/// How the last run ended, and the ends that no event tells of yet, oldest first.
///
/// A run without a record, such as one that a power cut ended, shows by a start without a stop behind it.
pub fn before_this_run(
    data: &Path,
    store: &Store,
) -> Result<(Option<LastExit>, Vec<LastExit>), Failure> {
    let kept = record_exit::read(data).unwrap_or_else(|error| {
        eprintln!(
            "holdfast: how the last run ended cannot be read ({error}); it counts as not recorded"
        );
        Vec::new()
    });
    let newest: Vec<Event> = holdfast_audit::list(&store.snapshot()?, ..)?
        .rev()
        .map(|found| found.map(|(_, event)| event))
        // Only what tells of runs counts: pushes and strangers' tries must not crowd it out.
        .filter(|found| found.as_ref().map_or(true, |event| of_runs(&event)))
        .take(NEWEST)
        .collect::<Result<_, _>>()?;
    let mut ended: Vec<_> = kept
        .iter()
        .filter(|exit| !is_told(&newest, exit.run()))
        .map(record_exit::Exit::told)
        .collect();
    let last = match newest.iter().find(of_runs) {
        _ if !ended.is_empty() => ended.last().cloned(),
        Some(event) if event.kind == Kind::Started => {
            ended.push(LastExit {
                how: "not recorded: a power cut, a reset, or no service manager".to_owned(),
                clean: false,
                time: None,
                run: None,
            });
            ended.last().cloned()
        }
        // It stopped as asked, and nobody recorded more.
        Some(event) if event.kind == Kind::Stopped => Some(LastExit {
            how: "clean stop".to_owned(),
            clean: true,
            time: Some(event.time),
            run: None,
        }),
        _ => kept.last().map(record_exit::Exit::told),
    };
    Ok((last, ended))
}

fn of_runs(event: &&Event) -> bool {
    matches!(event.kind, Kind::Started | Kind::Stopped | Kind::RunEnded)
}

fn is_told(events: &[Event], run: &str) -> bool {
    let told = |event: &Event| event.kind == Kind::RunEnded && event.resource.ends_with(run);
    events.iter().any(told)
}
