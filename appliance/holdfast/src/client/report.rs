//! `holdfast status`.

use holdfast_server::protocol::StatusAnswer;

use super::text::plain;
use crate::Failure;
use crate::cli::ClientArgs;

/// Shows what the appliance runs and serves.
pub fn status(args: &ClientArgs) -> Result<(), Failure> {
    let status: StatusAnswer =
        super::block_on(async { super::connect(args).await?.get("/v1/status").await })?;
    if args.json {
        println!("{}", serde_json::to_string(&status)?);
        return Ok(());
    }
    println!("site         {}", plain(&status.site));
    match status.live {
        Some(version) => println!("live         version {version}, {} files", status.pages),
        None => println!("live         nothing yet; push with `holdfast site push DIR`"),
    }
    println!("portal       {}", plain(&status.portal));
    println!("holdfast     {}", plain(&status.version));
    println!(
        "root hash    {}",
        plain(
            status
                .root_hash
                .as_deref()
                .unwrap_or("not running from a sealed image")
        )
    );
    println!("identity     {}", status.identity);
    println!("certificate  {}", plain(&status.certificate));
    println!("devices      {}", status.devices);
    Ok(())
}
