//! `holdfast site push`.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use bytes::Bytes;
use holdfast_server::protocol::{CommitRequest, Committed, Digests, StatusAnswer, Stored};
use holdfast_site::{
    BlobRef, Digest, Known, Manifest, Options, Prepared, Scan, Source, WireManifest, prepare_with,
    scan,
};
use http::StatusCode;
use http_body_util::BodyExt as _;

use super::connect::Connection;
use super::failure::Refused;
use super::progress::Progress;
use super::site::{list, manifest};
use super::text::plain;
use super::upload::Upload;
use crate::Failure;
use crate::cli::{ClientArgs, PushArgs};

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
    if !args.client.json {
        tell(&found);
    }
    let held = super::block_on(held(&args.client))?;
    let again = match try_push(args, &found, &held.known, &held.site) {
        Err(error) if is_again(error.as_ref()) => error,
        outcome => return outcome,
    };
    // What the appliance held when it was asked is gone, or another push was first. Nothing of this one went live.
    eprintln!("holdfast: {again}\nPushing again now.");
    try_push(args, &found, &Known::default(), &held.site)
}

fn tell(found: &Scan) {
    let lengths = found.files.iter().map(|file| file.length);
    let bytes = lengths.fold(0_u64, u64::saturating_add);
    println!("{} files, {}", found.files.len(), size(bytes));
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

/// What the appliance holds before a push.
struct Held {
    /// Encodings of the live version, which are not made again.
    known: Known,
    /// The site's URL.
    site: String,
}

/// Asks on a connection of its own: compressing may take longer than an idle one lasts.
async fn held(args: &ClientArgs) -> Result<Held, Failure> {
    let mut connection = super::connect(args).await?;
    let status: StatusAnswer = connection.get("/v1/status").await?;
    let versions = list(&mut connection).await?;
    // Encodings of format 1 were never checked, and are made anew.
    let live = versions.iter().find(|item| item.live && item.format > 1);
    let known = match live {
        Some(item) => Known::of(&manifest(&mut connection, item).await?),
        None => Known::default(),
    };
    Ok(Held {
        known,
        site: status.site,
    })
}

/// Whether the whole push may succeed when it is repeated.
fn is_again(error: &(dyn std::error::Error + 'static)) -> bool {
    error.is::<Gone>()
        || error
            .downcast_ref::<Refused>()
            .is_some_and(|refused| refused.status == StatusCode::CONFLICT)
}

/// An encoding that the appliance was to hold is not there any more.
#[derive(Debug, thiserror::Error)]
#[error("the appliance no longer holds what its live version held; push again")]
struct Gone;

fn try_push(args: &PushArgs, found: &Scan, known: &Known, site: &str) -> Result<(), Failure> {
    let progress = Progress::new("Compressing files:", found.files.len() as u64);
    let options = Options {
        threads: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        compress: true,
        known,
        origin: Some(site),
        progress: &|done| progress.at(done as u64),
    };
    let prepared = prepare_with(found, &options)?;
    drop(progress);
    for warning in &prepared.warnings {
        eprintln!("warning: {warning}");
    }
    // Before anything travels: nothing of the site would go live.
    let request = encode(&prepared.manifest, !args.no_activate, MAX_MANIFEST)?;
    super::block_on(push(args, prepared, request, &found.left_out))
}

/// The request that makes the version.
fn encode(manifest: &Manifest, activate: bool, most: usize) -> Result<Bytes, Failure> {
    let WireManifest {
        entries,
        redirects,
        headers,
    } = manifest.to_wire();
    let request = CommitRequest {
        entries,
        redirects,
        headers,
        activate,
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
        warnings,
    } = prepared;
    let entries = manifest.entries().map(|(_, entry)| entry);
    let names: BTreeSet<Digest> = entries
        .flat_map(|entry| entry.blobs().map(|blob| blob.sha256))
        .collect();
    let names: Vec<Digest> = names.into_iter().collect();
    let mut missing = Vec::new();
    for some in names.chunks(ASK) {
        let lacking: Digests = connection.post("/v1/site/missing", &some).await?;
        for name in lacking {
            missing.push(sources.remove(&name).ok_or(Gone)?);
        }
    }
    let bytes = missing
        .iter()
        .fold(0_u64, |sum, (blob, _)| sum.saturating_add(blob.length));
    let blobs = missing.len();
    if args.dry_run {
        if args.client.json {
            println!(
                "{}",
                serde_json::json!({ "dry_run": true, "files": manifest.len(), "blobs": blobs, "bytes": bytes, "left_out": left_out, "warnings": warnings })
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
    let Committed { version } = connection.commit("/v1/site/versions", request).await?;
    let status: StatusAnswer = connection.get("/v1/status").await?;
    if args.client.json {
        println!(
            "{}",
            serde_json::json!({ "version": version, "live": !args.no_activate, "files": manifest.len(), "blobs": blobs, "bytes": bytes, "site": status.site, "left_out": left_out, "warnings": warnings })
        );
        return Ok(());
    }
    println!("Sent {blobs} of {} blobs, {}.", names.len(), size(bytes));
    if args.no_activate {
        println!(
            "Version {version} is stored and not live; `holdfast site activate {version}` makes it so."
        );
    } else {
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
    use holdfast_site::prepare;

    use super::*;

    #[test]
    fn manifest_that_the_appliance_would_refuse_is_refused_before_anything_travels() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("index.html"), "text").unwrap();
        let prepared = prepare(&scan(dir.path()).unwrap(), 1, &|_| {}).unwrap();
        let encoded = encode(&prepared.manifest, true, MAX_MANIFEST).unwrap();
        assert!(encode(&prepared.manifest, true, encoded.len()).is_ok());
        let why = encode(&prepared.manifest, true, encoded.len().saturating_sub(1)).unwrap_err();
        assert!(why.to_string().contains("push fewer files"), "{why}");
    }

    #[test]
    fn push_is_repeated_when_something_was_gone_and_not_when_it_is_wrong() {
        let refused = |status| {
            let error: Failure = Refused::new(status, "why".to_owned()).into();
            is_again(error.as_ref())
        };
        assert!(refused(StatusCode::CONFLICT));
        assert!(!refused(StatusCode::UNPROCESSABLE_ENTITY));
        assert!(!refused(StatusCode::FORBIDDEN));
        let gone: Failure = Gone.into();
        assert!(is_again(gone.as_ref()));
        let other: Failure = "other".into();
        assert!(!is_again(other.as_ref()));
    }
}
