//! `holdfast site push`.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use holdfast_server::protocol::{CommitRequest, Committed, Digests, StatusAnswer, Stored};
use holdfast_site::{BlobRef, Digest, Prepared, Source, prepare, scan};
use http::Method;
use http_body_util::BodyExt as _;

use super::connect::Connection;
use super::progress::Progress;
use super::upload::Upload;
use crate::Failure;
use crate::cli::PushArgs;

/// Names asked for in one request.
const ASK: usize = 20_000;
/// Bytes and blobs of one upload: what a broken connection can cost.
const UPLOAD_BYTES: u64 = 64 * 1024 * 1024;
const UPLOAD_BLOBS: usize = 4096;

/// Pushes a folder and makes it live.
pub fn run(args: &PushArgs) -> Result<(), Failure> {
    let found = scan(&args.dir)?;
    let files = found.files.len();
    let bytes = found
        .files
        .iter()
        .fold(0_u64, |sum, file| sum.saturating_add(file.length));
    if !args.client.json {
        println!("{files} files, {}", size(bytes));
        for path in &found.left_out {
            println!("left out: {path} (a reserved name; never served)");
        }
    }
    let progress = Progress::new("Compressing files:", files as u64);
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let prepared = prepare(&found, threads, &|done| progress.at(done as u64))?;
    drop(progress);
    for path in &prepared.too_many_scripts {
        eprintln!(
            "{path}: more than 48 inline scripts; the rest will not run: move them into a file"
        );
    }
    super::block_on(push(args, prepared))
}

async fn push(args: &PushArgs, prepared: Prepared) -> Result<(), Failure> {
    let mut connection = super::connect(&args.client).await?;
    let Prepared {
        manifest,
        mut sources,
        ..
    } = prepared;
    let mut names: Vec<Digest> = sources.keys().copied().collect();
    names.sort_unstable();
    let mut missing = Vec::new();
    for some in names.chunks(ASK) {
        let lacking: Digests = connection.post("/v1/site/missing", &some).await?;
        missing.extend(lacking.iter().filter_map(|name| sources.remove(name)));
    }
    let bytes = missing
        .iter()
        .fold(0_u64, |sum, (blob, _)| sum.saturating_add(blob.length));
    let blobs = missing.len();
    if args.dry_run {
        if args.client.json {
            println!(
                "{}",
                serde_json::json!({ "dry_run": true, "blobs": blobs, "bytes": bytes })
            );
        } else {
            println!(
                "Would send {blobs} of {} blobs, {}. Nothing was changed.",
                names.len(),
                size(bytes)
            );
        }
        return Ok(());
    }
    upload(&mut connection, missing, bytes).await?;
    let request = CommitRequest {
        entries: manifest.to_wire().entries,
        activate: true,
    };
    let Committed { version } = connection.post("/v1/site/versions", &request).await?;
    let status: StatusAnswer = connection.get("/v1/status").await?;
    if args.client.json {
        println!(
            "{}",
            serde_json::json!({ "version": version, "files": manifest.len(), "blobs": blobs, "bytes": bytes, "site": status.site })
        );
    } else {
        println!("Sent {blobs} of {} blobs, {}.", names.len(), size(bytes));
        println!("Version {version} is live at {}/", status.site);
    }
    Ok(())
}

async fn upload(
    connection: &mut Connection,
    missing: Vec<(BlobRef, Source)>,
    bytes: u64,
) -> Result<(), Failure> {
    let progress = Arc::new(Progress::new("Sending bytes:", bytes));
    let sent = Arc::new(AtomicU64::new(0));
    let mut missing = missing.into_iter().peekable();
    while missing.peek().is_some() {
        let mut group = Vec::new();
        let mut size = 0_u64;
        while group.len() < UPLOAD_BLOBS && (size < UPLOAD_BYTES) {
            let Some((blob, source)) = missing.next() else {
                break;
            };
            size = size.saturating_add(blob.length);
            group.push((blob, source));
        }
        let body = Upload::new(group, Arc::clone(&sent), Arc::clone(&progress)).boxed();
        let _: Stored = connection
            .send(Method::POST, "/v1/site/blobs", body)
            .await?;
    }
    Ok(())
}

/// Bytes for people.
fn size(bytes: u64) -> String {
    match bytes {
        0..10_000 => format!("{bytes} bytes"),
        10_000..10_000_000 => format!("{} KiB", bytes / 1024),
        _ => format!("{} MiB", bytes / 1_048_576),
    }
}
