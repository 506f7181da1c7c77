//! The commands about keys and the store as a whole.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::ClientArgs;

/// `holdfast key …`
#[derive(Debug, Subcommand)]
pub enum KeyCommand {
    /// Show what opens the store, and the keys of each table (no key itself)
    Status(ClientArgs),
    /// Give the store new keys while it serves
    ///
    /// Without options: every table gets a new key, all its values are sealed under it in the background, and the older
    /// key is destroyed. Interrupted by a restart, it goes on by itself.
    ///
    /// With --root: says where the change of the root key stands, and what to do next. A root key is changed in two
    /// restarts, and nothing that is stored needs to be sealed anew for it.
    Rotate(RotateArgs),
    /// Make a recovery key: text to be printed and locked away, which opens the store when the root key is lost
    ///
    /// It is shown once. One made before opens nothing any more. To use it, pass it as the credential
    /// holdfast.recovery-key, beside a new holdfast.root-key, and start the machine.
    Recovery(ClientArgs),
    /// Destroy every key: nothing that is stored can be read again, by anyone
    ///
    /// Asks for the site's name. The appliance overwrites its key file, stops, and does not serve again until it gets an
    /// empty data disk. There is no way back but a backup of the whole data partition with its key file.
    Destroy(ClientArgs),
}

/// `holdfast key rotate`
#[derive(Debug, Args)]
pub struct RotateArgs {
    /// Only this table, as `holdfast key status` names it
    #[arg(long, value_name = "T", conflicts_with = "root")]
    pub table: Option<String>,
    /// Change the root key
    #[arg(long)]
    pub root: bool,
    /// With --root: make the next root key here, in the folder of credentials, as holdfast.root-key.next
    #[arg(long, value_name = "DIR", requires = "root")]
    pub dir: Option<PathBuf>,
    /// Do not wait for the end
    #[arg(long, conflicts_with = "root")]
    pub no_wait: bool,
    /// The appliance.
    #[command(flatten)]
    pub client: ClientArgs,
}

/// `holdfast store …`
#[derive(Debug, Subcommand)]
pub enum StoreCommand {
    /// Read every record, open it, and hold all of them against what was committed
    ///
    /// Finds what was altered, put back, removed or added on the disk behind the appliance's back, and compares the
    /// store's checkpoint with the last one that this workstation saw, which tells whether the whole store was put back
    /// to an earlier state. Serving goes on meanwhile. Ends with 5 if anything is found.
    Verify(VerifyArgs),
    /// Have the store's file made smaller at the next start
    ///
    /// After much was removed the file has many free pages, which are used again first; only this gives them back to the disk. The
    /// next start does it before it serves, which takes about as long as copying the store; the log tells how long it took.
    Compact(ClientArgs),
}

/// `holdfast store verify`
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// Take the checkpoint as it is now for the right one, such as after a backup was restored on purpose
    #[arg(long)]
    pub accept: bool,
    /// The appliance.
    #[command(flatten)]
    pub client: ClientArgs,
}
