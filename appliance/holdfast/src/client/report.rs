//! `holdfast site versions`.

use holdfast_server::protocol::VersionItem;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::text::plain;
use crate::Failure;
use crate::cli::ClientArgs;

/// Lists the versions that the appliance holds.
pub fn versions(args: &ClientArgs) -> Result<(), Failure> {
    let versions: Vec<VersionItem> =
        super::block_on(async { super::connect(args).await?.get("/v1/site/versions").await })?;
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
        let mark = if item.live { "live" } else { "" };
        println!(
            "{:>6}  {mark:<4}  {time}  {} files  by {}",
            item.version,
            item.pages,
            plain(&item.author)
        );
    }
    Ok(())
}
