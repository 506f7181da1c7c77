//! A large site: pushed, changed by one file, rolled back and restarted with; every file compared byte for byte each time.

use std::path::Path;
use std::time::Instant;

use serde_json::Value;

use crate::Failure;
use crate::appliance::Appliance;
use crate::certificate::Certificate;
use crate::fetch::{Client, Version, block_on};
use crate::rows::{Row, Rows};
use crate::running::Running;
use crate::target::Group;
use crate::tree::{Tree, encoded};

/// HTTP/1.1 connections, and HTTP/2 streams, that compare at once.
const AT_ONCE: usize = 16;
/// The most blobs that one changed file is: itself, and its three encodings.
const OF_ONE_FILE: u64 = 4;

/// Measures with the first `files` of a tree.
pub fn measure(from: &Path, files: usize, holdfast: &Path, rows: &mut Rows) -> Result<(), Failure> {
    let dir = tempfile::tempdir()?;
    println!("copying {files} files of {}", from.display());
    let tree = Tree::copy(from, files, &dir.path().join("site"))?;
    let certificate = Certificate::make(dir.path())?;
    let appliance = Appliance::prepare(holdfast, &dir.path().join("holdfast"), &certificate)?;
    let page = tree.some_page()?.to_owned();
    let (running, _) = appliance.boot(None, "/")?;
    appliance.enrol()?;

    let start = Instant::now();
    let pushed = appliance.push(&tree.dir)?;
    let took = start.elapsed().as_secs_f64();
    expect(&pushed, "files", tree.files.len() as u64)?;
    println!(
        "pushed {} files, {} bytes, {} blobs in {took:.1} s",
        tree.files.len(),
        tree.bytes,
        number(&pushed, "blobs")
    );
    rows.add(Row::alone(
        &format!("push of {files} files, files/s"),
        tree.files.len() as f64 / took,
    ))?;
    rows.add(Row::alone(
        &format!("push of {files} files, MB/s"),
        tree.bytes as f64 / 1e6 / took,
    ))?;
    compare(&running, &tree, "first version")?;

    let original = tree.read(&page)?;
    let mut changed = original.clone();
    changed.extend_from_slice(b"<!-- changed -->\n");
    std::fs::write(tree.dir.join(&page), &changed)?;
    let start = Instant::now();
    let pushed = appliance.push(&tree.dir)?;
    let took = start.elapsed().as_secs_f64();
    let blobs = number(&pushed, "blobs");
    if !(1..=OF_ONE_FILE).contains(&blobs) {
        return Err(format!("a changed file made {blobs} blobs travel instead of 1 to {OF_ONE_FILE}; this is a fault of the push").into());
    }
    println!("changed /{page}: {blobs} blobs travelled (the file and its encodings)");
    rows.add(Row::alone(
        &format!("push of 1 changed file of {files}, s"),
        took,
    ))?;
    compare(&running, &tree, "changed version")?;

    let start = Instant::now();
    appliance.site(&["rollback"])?;
    rows.add(Row::alone(
        &format!("roll-back of {files} files, s"),
        start.elapsed().as_secs_f64(),
    ))?;
    std::fs::write(tree.dir.join(&page), &original)?;
    compare(&running, &tree, "after the roll-back")?;

    running.stop()?;
    let (running, took) = appliance.boot(None, &encoded(&page))?;
    rows.add(Row::alone(
        &format!("start to first answer, {files} files, s"),
        took.as_secs_f64(),
    ))?;
    compare(&running, &tree, "after a restart")?;
    running.stop()
}

fn number(answer: &Value, name: &str) -> u64 {
    answer.get(name).and_then(Value::as_u64).unwrap_or_default()
}

fn expect(answer: &Value, name: &str, expected: u64) -> Result<(), Failure> {
    let told = number(answer, name);
    if told == expected {
        Ok(())
    } else {
        Err(format!(
            "the push told {told} {name} instead of {expected}; this is a fault of the push"
        )
        .into())
    }
}

/// Fetches every file over HTTP/1.1 and over HTTP/2 and compares it.
fn compare(running: &Running, tree: &Tree, what: &str) -> Result<(), Failure> {
    let start = Instant::now();
    for version in [Version::Http1, Version::Http2] {
        block_on(async {
            let mut clients = Vec::new();
            let first = Client::connect(&running.target, Group::X25519MLKEM768, version).await?;
            for _ in 1..AT_ONCE {
                clients.push(match first.share() {
                    Some(shared) => shared,
                    None => {
                        Client::connect(&running.target, Group::X25519MLKEM768, version).await?
                    }
                });
            }
            clients.push(first);
            let mut work = tokio::task::JoinSet::new();
            for (at, client) in clients.into_iter().enumerate() {
                let files: Vec<_> = tree
                    .files
                    .iter()
                    .skip(at)
                    .step_by(AT_ONCE)
                    .map(|path| (path.clone(), tree.dir.join(path)))
                    .collect();
                work.spawn(compare_some(client, files));
            }
            while let Some(done) = work.join_next().await {
                done??;
            }
            Ok(())
        })?;
    }
    println!(
        "{what}: {} files compared over HTTP/1.1 and HTTP/2, all alike ({:.1} s)",
        tree.files.len(),
        start.elapsed().as_secs_f64()
    );
    Ok(())
}

async fn compare_some(
    mut client: Client,
    files: Vec<(String, std::path::PathBuf)>,
) -> Result<(), Failure> {
    for (path, file) in files {
        let mut answer = client.get(&encoded(&path)).await?;
        // The page may have a cleaner URL than its file's path.
        if answer.status.is_redirection()
            && let Some(location) = answer.location.take()
        {
            answer = client.get(&location).await?;
        }
        if answer.status != 200 {
            return Err(format!(
                "/{path} was answered with {}; this is a fault of the server",
                answer.status
            )
            .into());
        }
        if answer.body != std::fs::read(&file)? {
            return Err(format!(
                "/{path} came back with other bytes; this is a fault of the server"
            )
            .into());
        }
    }
    Ok(())
}
