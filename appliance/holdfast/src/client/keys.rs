//! `holdfast key …`.

use std::io::{BufRead as _, IsTerminal as _};
use std::path::Path;
use std::time::Duration;

use data_encoding::HEXLOWER;
use holdfast_server::protocol::{
    DestructionAnswer, DestructionRequest, KeysAnswer, RecoveryAnswer, RotationRequest,
    StatusAnswer,
};
use zeroize::Zeroizing;

use super::connect::Connection;
use super::progress::Progress;
use super::text::plain;
use crate::Failure;
use crate::cli::{ClientArgs, KeyCommand, RotateArgs};

/// Time between two questions how far it has come.
const EVERY: Duration = Duration::from_millis(300);

/// Carries the command out.
pub fn run(command: &KeyCommand) -> Result<(), Failure> {
    match command {
        KeyCommand::Status(args) => status(args),
        KeyCommand::Rotate(args) if args.root => root(args),
        KeyCommand::Rotate(args) => rotate(args),
        KeyCommand::Recovery(args) => recovery(args),
        KeyCommand::Destroy(args) => destroy(args),
    }
}

fn keys(args: &ClientArgs) -> Result<KeysAnswer, Failure> {
    super::block_on(async { super::connect(args).await?.get("/v1/keys").await })
}

fn status(args: &ClientArgs) -> Result<(), Failure> {
    let keys = keys(args)?;
    if args.json {
        println!("{}", serde_json::to_string(&keys)?);
    } else {
        show(&keys);
    }
    Ok(())
}

fn show(keys: &KeysAnswer) {
    println!("What opens the store:");
    for way in &keys.ways {
        let passed = match way.passed {
            true => "passed at this start",
            false => "not passed at this start",
        };
        println!("  {:>3}  {:<14}{passed}", way.number, plain(&way.kind));
    }
    if keys.master_due {
        println!(
            "  A way was taken away, and the master key that it wrapped is still in use, since another way was not passed. \
             Start once with all of them passed."
        );
    }
    println!("Tables, and the epoch of their keys:");
    for table in &keys.tables {
        let epochs: Vec<_> = table.epochs.iter().map(ToString::to_string).collect();
        println!("  {:<24}{}", plain(&table.table), epochs.join(", "));
    }
    if let Some(rotation) = &keys.rotation {
        println!(
            "Sealing anew: {}, {} of {} records",
            plain(&rotation.table),
            rotation.records,
            rotation.of
        );
    }
    for failure in &keys.failed {
        println!(
            "FAILED  {}: {}",
            plain(&failure.table),
            plain(&failure.reason)
        );
    }
}

fn rotate(args: &RotateArgs) -> Result<(), Failure> {
    let request = RotationRequest {
        table: args.table.clone(),
    };
    let keys = super::block_on(async {
        let mut connection = super::connect(&args.client).await?;
        let keys: KeysAnswer = connection.post("/v1/keys/rotations", &request).await?;
        if args.no_wait {
            return Ok(keys);
        }
        wait(&mut connection, keys).await
    })?;
    if args.client.json {
        println!("{}", serde_json::to_string(&keys)?);
    } else if args.no_wait {
        println!("Begun. `holdfast key status` shows how far it has come.");
    } else {
        show(&keys);
    }
    match keys.failed.last() {
        Some(failure) => Err(format!(
            "the keys of table {} were not replaced: {}",
            plain(&failure.table),
            plain(&failure.reason)
        )
        .into()),
        None => Ok(()),
    }
}

async fn wait(connection: &mut Connection, mut keys: KeysAnswer) -> Result<KeysAnswer, Failure> {
    let tables = u64::try_from(keys.waiting.len().saturating_add(1)).unwrap_or(u64::MAX);
    let progress = Progress::new("tables with new keys", tables);
    while keys.rotation.is_some() || !keys.waiting.is_empty() {
        let left = keys.waiting.len().saturating_add(1);
        progress.at(tables.saturating_sub(u64::try_from(left).unwrap_or(u64::MAX)));
        tokio::time::sleep(EVERY).await;
        keys = connection.get("/v1/keys").await?;
    }
    Ok(keys)
}

/// Where the change of the root key stands, and the next step.
fn root(args: &RotateArgs) -> Result<(), Failure> {
    let keys = keys(&args.client)?;
    let roots: Vec<_> = keys
        .ways
        .iter()
        .filter(|way| way.kind == "root-key")
        .collect();
    if args.client.json {
        println!("{}", serde_json::to_string(&keys.ways)?);
        return Ok(());
    }
    if roots.len() > 1 {
        println!(
            "Two root keys open the store; the newest is number {}.",
            roots.last().map_or(0, |way| way.number)
        );
        println!(
            "Next: pass the new key as holdfast.root-key and leave holdfast.root-key.next out, then run `holdfast reboot`. At that \
             start the older key is destroyed."
        );
        return Ok(());
    }
    println!(
        "One root key opens the store: number {}.",
        roots.last().map_or(0, |way| way.number)
    );
    match &args.dir {
        None => println!(
            "To change it: `holdfast key rotate --root --dir DIR` makes the next one as DIR/holdfast.root-key.next, where DIR is the \
             folder of credentials that `holdfast config new` made (or run `openssl rand -hex 32` yourself). Pass it beside \
             holdfast.root-key, and run `holdfast reboot`; then run this again."
        ),
        Some(dir) => {
            make_next(dir)?;
            println!(
                "Made {}. KEEP A COPY, as of the first.\nNext: pass it to the machine beside holdfast.root-key, the same way as \
                 that, and run `holdfast reboot`. From that start on both open the store; then run `holdfast key rotate --root`.",
                dir.join("holdfast.root-key.next").display()
            );
        }
    }
    Ok(())
}

fn make_next(dir: &Path) -> Result<(), Failure> {
    let mut key = Zeroizing::new([0; 32]);
    getrandom::fill(&mut *key)
        .map_err(|error| format!("the kernel gave no random bytes ({error}); try again"))?;
    let text = Zeroizing::new(format!("{}\n", HEXLOWER.encode(&*key)));
    crate::keys::write_new(&dir.join("holdfast.root-key.next"), &text)
}

fn recovery(args: &ClientArgs) -> Result<(), Failure> {
    let answer: RecoveryAnswer = super::block_on(async {
        let mut connection = super::connect(args).await?;
        connection.post("/v1/keys/recovery", &()).await
    })?;
    let key = plain(answer.recovery_key.expose());
    if args.json {
        println!("{}", serde_json::json!({ "recovery_key": &*key }));
        return Ok(());
    }
    println!("{key}");
    eprintln!(
        "This opens everything that is stored. Print it, lock it away, and do not keep it on a disk; it is not shown again, and a \
         recovery key made before opens nothing any more."
    );
    Ok(())
}

fn destroy(args: &ClientArgs) -> Result<(), Failure> {
    let answer: DestructionAnswer = super::block_on(async {
        let mut connection = super::connect(args).await?;
        let status: StatusAnswer = connection.get("/v1/status").await?;
        let site = typed(&status)?;
        connection
            .post("/v1/keys/destruction", &DestructionRequest { site })
            .await
    })?;
    if args.json {
        println!("{}", serde_json::to_string(&answer)?);
    } else {
        println!(
            "The keys of {} are destroyed, and the appliance stops serving. What is on its data disk is noise from now on. Copies of the \
             disk made before, with the root key, still open: destroy those too.",
            plain(&answer.destroyed)
        );
    }
    Ok(())
}

/// What the person types; the appliance compares it.
fn typed(status: &StatusAnswer) -> Result<String, Failure> {
    let stdin = std::io::stdin();
    if stdin.is_terminal() {
        eprint!(
            "This destroys every page, account, device and record of {} for ever: {} files, {} devices.\nType the site's host name to do \
             it: ",
            plain(&status.site),
            status.pages,
            status.devices
        );
    }
    let mut line = String::new();
    stdin.lock().read_line(&mut line)?;
    Ok(line.trim().to_owned())
}
