//! `holdfast config show`.

use holdfast_server::protocol::ConfigurationAnswer;

use super::text::plain;
use crate::Failure;
use crate::cli::ClientArgs;

/// Shows the configuration in force.
pub fn show(args: &ClientArgs) -> Result<(), Failure> {
    let configuration: ConfigurationAnswer =
        super::block_on(async { super::connect(args).await?.get("/v1/configuration").await })?;
    if args.json {
        println!("{}", serde_json::to_string(&configuration)?);
        return Ok(());
    }
    println!("Keys of holdfast.toml (those that are not here have their defaults):");
    for (key, value) in &configuration.settings {
        println!("  {:<24} {}", plain(key), plain(value));
    }
    println!("Limits in force:");
    for (key, value) in &configuration.limits {
        println!("  {:<24} {}", plain(key), plain(value));
    }
    println!("Credentials:");
    for item in &configuration.credentials {
        let source = match &item.source {
            Some(source) => format!("from {}", plain(source)),
            None => "not passed".to_owned(),
        };
        println!("  {:<24} {source}", plain(&item.name));
    }
    println!(
        "SHA-256 of the configuration: {}",
        plain(&configuration.sha256)
    );
    Ok(())
}
