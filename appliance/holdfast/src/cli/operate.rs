//! The commands that operate a machine over an enrolled device.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::ClientArgs;

/// `holdfast logs`
#[derive(Debug, Args)]
pub struct LogsArgs {
    /// How many of the newest lines
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub lines: u32,
    /// Only lines of this unit, such as holdfast.service, or kernel
    #[arg(long, value_name = "UNIT")]
    pub unit: Option<String>,
    /// Go on with new lines as they come, until interrupted
    #[arg(long, short)]
    pub follow: bool,
    /// The appliance.
    #[command(flatten)]
    pub client: ClientArgs,
}

/// `holdfast tls …`
#[derive(Debug, Subcommand)]
pub enum TlsCommand {
    /// Install a certificate and its key
    ///
    /// The appliance checks that the key is the certificate's, that both host names are in it, that it is in force, and
    /// that the chain is in order. It keeps both sealed and shows the certificate from the next handshake on; no
    /// connection is dropped. It goes before a certificate of the configuration, over restarts too.
    Install(TlsInstallArgs),
    /// Show which certificate browsers get, and its dates
    Show(ClientArgs),
    /// Remove the installed certificate: back to the configuration's, or to the self-made one
    Remove(ClientArgs),
}

/// `holdfast tls install`
#[derive(Debug, Args)]
pub struct TlsInstallArgs {
    /// The certificate and its intermediates in PEM, the server's own first (often called fullchain.pem)
    pub chain: PathBuf,
    /// Its private key in PEM, without a passphrase (often called privkey.pem)
    pub key: PathBuf,
    /// The appliance.
    #[command(flatten)]
    pub client: ClientArgs,
}

/// `holdfast device …`
#[derive(Debug, Subcommand)]
pub enum DeviceCommand {
    /// List the devices, revoked ones too
    List(ClientArgs),
    /// Ask for a one-time code by which one more device can enrol
    ///
    /// The code is good for 15 minutes and for one device. It comes over this device's pinned connection; the new device and
    /// the appliance then prove to each other that they know it, and it does not travel again.
    Add(ClientArgs),
    /// Take a device's rights away, from its next request on
    Revoke(RevokeArgs),
}

/// `holdfast device revoke`
#[derive(Debug, Args)]
pub struct RevokeArgs {
    /// Its name, or its fingerprint SHA256:… as `holdfast device list` shows it
    pub device: String,
    /// Revoke even the last device: afterwards only the operator's key or a `holdfast.recover` credential lets one in
    #[arg(long)]
    pub force: bool,
    /// The appliance.
    #[command(flatten)]
    pub client: ClientArgs,
}

/// `holdfast reboot` and `holdfast poweroff`
#[derive(Debug, Args)]
pub struct PowerArgs {
    /// Do not ask first
    #[arg(long)]
    pub yes: bool,
    /// The appliance.
    #[command(flatten)]
    pub client: ClientArgs,
}
