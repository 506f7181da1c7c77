//! `holdfast store verify`.

use std::time::Duration;

use holdfast_server::protocol::{CompactionAnswer, VerificationAnswer, VerificationVerdict};

use super::checkpoint;
use super::connect::Connection;
use super::failure::Altered;
use super::progress::Progress;
use super::state::State;
use super::text::{plain, size};
use crate::Failure;
use crate::cli::{ClientArgs, VerifyArgs};

/// Time between two questions how far it has come.
const EVERY: Duration = Duration::from_millis(300);

/// Verifies, and compares the checkpoint.
pub fn verify(args: &VerifyArgs) -> Result<(), Failure> {
    let client = &args.client;
    let state = State::open(client.state.as_deref())?;
    let (address, identity) = state.server(client.address.as_deref())?;
    let (wrong, checkpoint, verdict) = super::block_on(async {
        let mut connection = Connection::open(&address, &state.key()?, Some(identity)).await?;
        let (wrong, now) =
            checkpoint::look(&mut connection, &state, &identity, args.accept).await?;
        Ok((wrong, now, wait(&mut connection).await?))
    })?;
    if client.json {
        let told = serde_json::json!({
            "checkpoint": checkpoint, "checkpoint_wrong": wrong, "verification": verdict,
        });
        println!("{told}");
    } else {
        println!(
            "read         {} records, {}",
            verdict.records,
            size(verdict.bytes)
        );
        for table in &verdict.altered {
            println!("ALTERED      table {}", plain(table));
        }
        for record in &verdict.unopened {
            println!(
                "UNREADABLE   table {}, record {}: {}",
                plain(&record.table),
                plain(&record.key),
                plain(&record.reason)
            );
        }
        if let Some(checkpoint) = &checkpoint {
            let short = checkpoint.digest.get(..16).unwrap_or_default();
            println!(
                "checkpoint   commit {}, {}…",
                checkpoint.commit,
                plain(short)
            );
        }
    }
    judge(&verdict, wrong)?;
    if !client.json {
        println!("Every record is what was committed.");
    }
    Ok(())
}

async fn wait(connection: &mut Connection) -> Result<VerificationVerdict, Failure> {
    let route = "/v1/store/verification";
    let mut answer: VerificationAnswer = connection.post(route, &()).await?;
    let before = answer.ended;
    let mut progress = None;
    while answer.ended == before {
        let Some(running) = &answer.running else {
            return Err(
                "the verification ended without a verdict, since the appliance stops; try again"
                    .into(),
            );
        };
        progress
            .get_or_insert_with(|| Progress::new("verified", running.of))
            .at(running.records);
        tokio::time::sleep(EVERY).await;
        answer = connection.get(route).await?;
    }
    answer
        .last
        .ok_or_else(|| "the appliance has no verdict; use the `holdfast` of its version".into())
}

fn judge(verdict: &VerificationVerdict, wrong: Option<String>) -> Result<(), Failure> {
    if !verdict.altered.is_empty() {
        return Err(Altered(format!(
            "the store was altered behind the appliance's back ({}); it stops serving. Find out who could write to its disk, \
             then restore the whole data partition from a backup, or begin with an empty one",
            verdict.altered.join(", ")
        ))
        .into());
    }
    if let Some(reason) = &verdict.failed {
        return Err(format!("the store could not be verified: {}", plain(reason)).into());
    }
    if verdict.unopened_records > 0 {
        return Err(Altered(format!(
            "{} records cannot be opened: the disk has damaged them, or someone has; they are not served. Restore them from a \
             backup, or push again what they belong to",
            verdict.unopened_records
        ))
        .into());
    }
    match wrong {
        Some(wrong) => Err(Altered(format!(
            "{wrong}. If a backup was restored on purpose, say so with --accept; else someone has put an older disk or snapshot \
             in: what was revoked since may be valid again"
        ))
        .into()),
        None => Ok(()),
    }
}

/// Has the file made smaller at the next start.
pub fn compact(args: &ClientArgs) -> Result<(), Failure> {
    let answer: CompactionAnswer = super::block_on(async {
        let mut connection = super::connect(args).await?;
        connection.post("/v1/store/compaction", &()).await
    })?;
    if args.json {
        println!("{}", serde_json::to_string(&answer)?);
    } else {
        println!(
            "The next start makes the store smaller, which takes {} now. When the pause suits you, run `holdfast reboot`.",
            size(answer.bytes)
        );
    }
    Ok(())
}
