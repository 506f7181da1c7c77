//! What an open connection costs while nothing is asked on it.

use std::time::Duration;

use crate::Failure;
use crate::cli::VersusArgs;
use crate::load::Kind;
use crate::measure;
use crate::process;
use crate::rows::{Better, Row, Rows};
use crate::target::Target;
use crate::versus::{SMALL, Versus};

/// Connections that are open at once.
const CONNECTIONS: usize = 1000;

/// Measures the memory of an idle connection of both servers: 1000 that have asked once, and the memory that is more
/// than before. Each pair of figures is taken on servers that were just started, since memory once taken is kept.
pub fn measure(args: &VersusArgs, rows: &mut Rows) -> Result<(), Failure> {
    for (name, kind) in [
        ("memory of an idle HTTP/1.1 connection, KiB", Kind::Http1),
        ("memory of an idle HTTP/2 connection, KiB", Kind::Http2),
    ] {
        if args
            .only
            .as_ref()
            .is_some_and(|only| !name.contains(only.as_str()))
        {
            continue;
        }
        let versus = Versus::start(args)?;
        let ours = of_each(&versus, &versus.ours.target, kind)?;
        let theirs = of_each(&versus, &versus.theirs.target, kind)?;
        rows.add(Row::versus(name, None, ours, theirs, Better::Lower))?;
    }
    Ok(())
}

fn of_each(versus: &Versus, target: &Target, kind: Kind) -> Result<f64, Failure> {
    // What the first connection of a kind brings into memory is no connection's.
    drop(measure::hold(
        versus.load_cpu,
        &versus.spec(target, kind, SMALL, 10, 1),
    )?);
    std::thread::sleep(Duration::from_millis(300));
    let before = process::memory(&target.processes)?;
    let spec = versus.spec(target, kind, SMALL, CONNECTIONS, 1);
    let (_, _, held) = measure::hold(versus.load_cpu, &spec)?;
    std::thread::sleep(Duration::from_millis(300));
    let after = process::memory(&target.processes)?;
    drop(held);
    Ok((after - before) * 1024.0 / CONNECTIONS as f64)
}
