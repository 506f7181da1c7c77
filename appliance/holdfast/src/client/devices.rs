//! `holdfast device …`.

use holdfast_server::Pin;
use holdfast_server::protocol::{DeviceItem, Invitation, RevocationRequest, Revoked};

use super::connect::Connection;
use super::state::State;
use super::text::{date, plain};
use crate::Failure;
use crate::cli::{ClientArgs, DeviceCommand, RevokeArgs};

/// Lists, adds or revokes.
pub fn run(command: &DeviceCommand) -> Result<(), Failure> {
    match command {
        DeviceCommand::List(args) => list(args),
        DeviceCommand::Add(args) => add(args),
        DeviceCommand::Revoke(args) => revoke(args),
    }
}

fn list(args: &ClientArgs) -> Result<(), Failure> {
    let devices: Vec<DeviceItem> =
        super::block_on(async { super::connect(args).await?.get("/v1/devices").await })?;
    if args.json {
        println!("{}", serde_json::to_string(&devices)?);
        return Ok(());
    }
    for item in devices {
        let state = match (item.active, item.this) {
            (true, true) => "active, this one",
            (true, false) => "active",
            (false, _) => "revoked",
        };
        println!(
            "{}  {}  {state:<16}  {}",
            item.device,
            date(item.enrolled),
            plain(&item.name)
        );
    }
    Ok(())
}

fn add(args: &ClientArgs) -> Result<(), Failure> {
    let state = State::open(args.state.as_deref())?;
    let (address, identity) = state.server(args.address.as_deref())?;
    let invitation: Invitation = super::block_on(async {
        let mut connection = Connection::open(&address, &state.key()?, Some(identity)).await?;
        connection.post("/v1/devices/invitations", &()).await
    })?;
    if args.json {
        println!(
            "{}",
            serde_json::json!({
                "code": invitation.code,
                "expires_s": invitation.expires_s,
                "identity": identity,
                "address": address.to_string(),
            })
        );
        return Ok(());
    }
    println!("Code: {}", plain(invitation.code.expose()));
    println!(
        "It is good for {} minutes and one device. On that device, run this and type the code:",
        invitation.expires_s.div_ceil(60)
    );
    println!("  holdfast enroll --address {address} --identity {identity} --name NAME");
    Ok(())
}

fn revoke(args: &RevokeArgs) -> Result<(), Failure> {
    let (device, revoked) = super::block_on(async {
        let mut connection = super::connect(&args.client).await?;
        let device = match args.device.parse::<Pin>() {
            Ok(pin) => pin,
            Err(_) => named(
                &connection.get::<Vec<_>>("/v1/devices").await?,
                &args.device,
            )?,
        };
        let request = RevocationRequest {
            device,
            force: args.force,
        };
        let revoked: Revoked = connection.post("/v1/devices/revocations", &request).await?;
        Ok((device, revoked))
    })?;
    if args.client.json {
        println!(
            "{}",
            serde_json::json!({ "device": device, "devices": revoked.devices })
        );
    } else {
        println!(
            "Revoked {device}. Devices that may act now: {}",
            revoked.devices
        );
    }
    Ok(())
}

/// The one active device of this name.
fn named(devices: &[DeviceItem], name: &str) -> Result<Pin, Failure> {
    let mut fitting = devices
        .iter()
        .filter(|item| item.active && item.name == name);
    match (fitting.next(), fitting.next()) {
        (Some(one), None) => Ok(one.device),
        (None, _) => Err(format!(
            "no active device is called `{name}`; `holdfast device list` shows all, with their fingerprints"
        )
        .into()),
        (Some(_), Some(_)) => Err(format!(
            "several active devices are called `{name}`; say the fingerprint of the one that is meant, as `holdfast device \
             list` shows it"
        )
        .into()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_name_means_one_active_device() {
        let item = |seed: &[u8], name: &str, active| DeviceItem {
            device: Pin::of_spki(seed),
            name: name.to_owned(),
            enrolled: 0,
            active,
            this: false,
        };
        let devices = [
            item(b"1", "laptop", false),
            item(b"2", "laptop", true),
            item(b"3", "twin", true),
            item(b"4", "twin", true),
        ];
        assert_eq!(named(&devices, "laptop").unwrap(), Pin::of_spki(b"2"));
        let why = named(&devices, "twin").unwrap_err().to_string();
        assert!(why.contains("several"), "{why}");
        let why = named(&devices, "other").unwrap_err().to_string();
        assert!(why.contains("device list"), "{why}");
    }
}
