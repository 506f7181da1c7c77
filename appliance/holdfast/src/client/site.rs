//! `holdfast site versions`, `activate` and `rollback`.

use holdfast_server::protocol::{ActivateRequest, Activated, StatusAnswer, VersionItem};
use holdfast_site::Manifest;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::connect::Connection;
use super::text::plain;
use crate::Failure;
use crate::cli::{ActivateArgs, ClientArgs};

/// Most bytes of a stored manifest that is fetched; as JSON it had at most 64 MiB.
const MAX_MANIFEST: usize = 64 * 1024 * 1024;

/// Lists the versions that the appliance holds.
pub fn versions(args: &ClientArgs) -> Result<(), Failure> {
    let versions = super::block_on(async { list(&mut super::connect(args).await?).await })?;
    if args.json {
        println!("{}", serde_json::to_string(&versions)?);
        return Ok(());
    }
    if versions.is_empty() {
        println!("There is no version yet; push with `holdfast site push DIR`.");
    }
    for item in versions {
        let time = OffsetDateTime::from_unix_timestamp(item.created).ok();
        let time = time
            .and_then(|time| time.format(&Rfc3339).ok())
            .unwrap_or_default();
        let mark = match (item.live, item.before) {
            (true, _) => "live",
            (_, true) => "before",
            _ => "",
        };
        println!(
            "{:>6}  {mark:<6}  {time}  {} files  by {}",
            item.version,
            item.pages,
            plain(&item.author)
        );
    }
    Ok(())
}

/// Makes a version live.
pub fn activate(args: &ActivateArgs) -> Result<(), Failure> {
    super::block_on(async {
        let mut connection = super::connect(&args.client).await?;
        go_live(&mut connection, args.number, None, args.client.json).await
    })
}

/// Makes the version live that was live before.
pub fn rollback(args: &ClientArgs) -> Result<(), Failure> {
    super::block_on(async {
        let mut connection = super::connect(args).await?;
        let versions = list(&mut connection).await?;
        let number = |is: fn(&VersionItem) -> bool| {
            let found = versions.iter().find(|item| is(item));
            found.map(|item| item.version)
        };
        let before = number(|item| item.before).ok_or(
            "no version was live before this one; choose one from `holdfast site versions` and make it live with \
             `holdfast site activate V`",
        )?;
        // Were the answer lost and this asked again, or someone else quicker, a second step back would be one too many.
        go_live(&mut connection, before, number(|item| item.live), args.json).await
    })
}

async fn go_live(
    connection: &mut Connection,
    version: u64,
    instead_of: Option<u64>,
    json: bool,
) -> Result<(), Failure> {
    let request = ActivateRequest {
        version,
        instead_of,
    };
    let done: Activated = connection.post("/v1/site/active", &request).await?;
    let status: StatusAnswer = connection.get("/v1/status").await?;
    if json {
        let told = serde_json::json!({ "version": done.version, "before": done.before, "site": status.site });
        println!("{told}");
        return Ok(());
    }
    println!(
        "Version {} is live at {}/",
        done.version,
        plain(&status.site)
    );
    if let Some(before) = done.before {
        println!("Version {before} was live before; `holdfast site rollback` goes back to it.");
    }
    Ok(())
}

/// All versions of the appliance.
pub async fn list(connection: &mut Connection) -> Result<Vec<VersionItem>, Failure> {
    connection.get("/v1/site/versions").await
}

/// What a version serves.
pub async fn manifest(
    connection: &mut Connection,
    item: &VersionItem,
) -> Result<Manifest, Failure> {
    let path = format!("/v1/site/versions/{}", item.version);
    let stored = connection.get_bytes(&path, MAX_MANIFEST).await?;
    Ok(Manifest::from_stored(item.format, &stored)?)
}
