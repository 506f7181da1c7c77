//! Static files and handshakes: who answers more on one core.

use std::time::Duration;

use crate::Failure;
use crate::cli::VersusArgs;
use crate::load::Kind;
use crate::measure::{self, Rounds};
use crate::process;
use crate::rows::{Better, Row, Rows};
use crate::versus::{LARGE, SMALL, Versus};

/// A row: its name, the protocol, the file, connections, requests at once on each.
type Race = (&'static str, Kind, (&'static str, usize), usize, usize);

/// The rows, in the order of their appearance.
const RACES: [Race; 6] = [
    (
        "1 KiB, HTTP/1.1 keep-alive, requests/s",
        Kind::Http1,
        SMALL,
        64,
        1,
    ),
    (
        "1 KiB, HTTP/1.1 pipelined, requests/s",
        Kind::Http1,
        SMALL,
        32,
        16,
    ),
    ("1 KiB, HTTP/2, requests/s", Kind::Http2, SMALL, 16, 32),
    (
        "100 KiB, HTTP/1.1 keep-alive, requests/s",
        Kind::Http1,
        LARGE,
        32,
        1,
    ),
    ("100 KiB, HTTP/2, requests/s", Kind::Http2, LARGE, 8, 8),
    ("full TLS handshakes/s", Kind::Handshake, SMALL, 32, 1),
];

/// Milliseconds before each measurement.
const WARM: u64 = 300;

/// Measures all of them, and the memory meanwhile.
pub fn measure(args: &VersusArgs, rows: &mut Rows) -> Result<(), Failure> {
    let versus = Versus::start(args)?;
    let targets = [&versus.ours.target, &versus.theirs.target];
    std::thread::sleep(Duration::from_millis(500));
    let [ours, theirs] = targets.map(|target| process::memory(&target.processes));
    let idle = Row::versus("memory, idle, MiB", None, ours?, theirs?, Better::Lower);
    rows.add(idle)?;
    let mut most = [0.0_f64; 2];
    for (name, kind, file, connections, depth) in RACES {
        if args
            .only
            .as_ref()
            .is_some_and(|only| !name.contains(only.as_str()))
        {
            continue;
        }
        let mut rounds = [Rounds::default(), Rounds::default()];
        for round in 1..=args.rounds {
            for (side, target) in targets.into_iter().enumerate() {
                let mut spec = versus.spec(target, kind, file, connections, depth);
                spec.warm = WARM;
                spec.measure = Duration::from_secs_f64(args.seconds)
                    .as_millis()
                    .try_into()?;
                let (report, memory) = measure::load(versus.load_cpu, &spec)?;
                let who = if side == 0 { "ours " } else { "nginx" };
                eprintln!(
                    "{name}: round {round} of {}, {who} {:.0}",
                    args.rounds,
                    report.done as f64 / report.seconds
                );
                if let (Some(rounds), Some(most)) = (rounds.get_mut(side), most.get_mut(side)) {
                    rounds.push(report);
                    *most = most.max(memory);
                }
            }
        }
        let [ours, theirs] = rounds;
        rows.add(row(name, &versus.peer, &ours, &theirs))?;
    }
    let [ours, theirs] = most;
    rows.add(Row::versus(
        "memory, most under load, MiB",
        None,
        ours,
        theirs,
        Better::Lower,
    ))
}

/// The row, after a line that tells what the figures rest on.
fn row(name: &str, peer: &str, ours: &Rounds, theirs: &Rounds) -> Row {
    let own = ours.saturated() && theirs.saturated();
    for (who, rounds) in [("ours", ours), (peer, theirs)] {
        println!(
            "  {who}: {:.0}/s, {:.1} µs of CPU each, busy for {:.0} % of the time",
            rounds.rate(),
            rounds.micros(),
            rounds.share() * 100.0,
        );
    }
    let (ours, theirs) = if own {
        (ours.rate(), theirs.rate())
    } else {
        println!(
            "  The load's side or other work on this machine bounded this row: the figures are per second of the server's CPU time."
        );
        (ours.rate_of_cpu(), theirs.rate_of_cpu())
    };
    Row::versus(name, Some(peer.to_owned()), ours, theirs, Better::Higher)
}
