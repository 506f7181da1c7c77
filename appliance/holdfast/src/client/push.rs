//! `holdfast site push`.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use bytes::Bytes;
use holdfast_server::protocol::{CommitRequest, Committed, Digests, StatusAnswer, Stored};
use holdfast_site::{BlobRef, Digest, Manifest, Prepared, Source, prepare, scan};
use http_body_util::BodyExt as _;

use super::connect::Connection;
use super::progress::Progress;
use super::text::plain;
use super::upload::Upload;
use crate::Failure;
use crate::cli::PushArgs;

/// Names asked for in one request.
const ASK: usize = 20_000;
/// Bytes and blobs of one upload: what a broken connection can cost.
const UPLOAD_BYTES: u64 = 64 * 1024 * 1024;
const UPLOAD_BLOBS: usize = 4096;
/// Most bytes of the manifest as it travels: the bound of `POST /v1/site/versions`.
const MAX_MANIFEST: usize = 64 * 1024 * 1024;
/// Left-out files that are listed by name.
const LISTED: usize = 20;

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
        let hidden = found.left_out.len();
        if hidden > 0 {
            println!(
                "{hidden} left out (reserved names, and names that begin with a dot; never served):"
            );
        }
        for path in found.left_out.iter().take(LISTED) {
            println!("  {path}");
        }
        if hidden > LISTED {
            println!("  … and {} more", hidden.saturating_sub(LISTED));
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
    // Before anything travels: nothing of the site would go live.
    let request = encode(&prepared.manifest, MAX_MANIFEST)?;
    super::block_on(push(args, prepared, request, &found.left_out))
}

/// The request that makes the version.
fn encode(manifest: &Manifest, most: usize) -> Result<Bytes, Failure> {
    let request = CommitRequest {
        entries: manifest.to_wire().entries,
        activate: true,
    };
    let bytes = serde_json::to_vec(&request)?;
    if bytes.len() > most {
        return Err(format!(
            "the list of the site's {} files takes {}, and an appliance takes at most {}; push fewer files, or give \
             them shorter paths and fewer inline scripts",
            manifest.len(),
            size(bytes.len() as u64),
            size(most as u64),
        )
        .into());
    }
    Ok(bytes.into())
}

async fn push(
    args: &PushArgs,
    prepared: Prepared,
    request: Bytes,
    left_out: &[String],
) -> Result<(), Failure> {
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
                serde_json::json!({ "dry_run": true, "blobs": blobs, "bytes": bytes, "left_out": left_out })
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
    let Committed { version } = connection
        .post_encoded("/v1/site/versions", request)
        .await?;
    let status: StatusAnswer = connection.get("/v1/status").await?;
    if args.client.json {
        println!(
            "{}",
            serde_json::json!({ "version": version, "files": manifest.len(), "blobs": blobs, "bytes": bytes, "site": status.site, "left_out": left_out })
        );
    } else {
        println!("Sent {blobs} of {} blobs, {}.", names.len(), size(bytes));
        println!("Version {version} is live at {}/", plain(&status.site));
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
        let _: Stored = connection.upload("/v1/site/blobs", body).await?;
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn manifest_that_the_appliance_would_refuse_is_refused_before_anything_travels() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("index.html"), "text").unwrap();
        let prepared = prepare(&scan(dir.path()).unwrap(), 1, &|_| {}).unwrap();
        let encoded = encode(&prepared.manifest, MAX_MANIFEST).unwrap();
        assert!(encode(&prepared.manifest, encoded.len()).is_ok());
        let why = encode(&prepared.manifest, encoded.len().saturating_sub(1)).unwrap_err();
        assert!(why.to_string().contains("push fewer files"), "{why}");
    }
}
