//! The workstation's side of the device protocol.

mod address;
mod checkpoint;
pub mod configuration;
mod connect;
pub mod devices;
pub mod enrol;
mod failure;
pub mod keys;
pub mod logs;
mod pinned;
pub mod power;
mod progress;
pub mod push;
mod requests;
pub mod site;
pub mod site_diff;
mod state;
pub mod status;
pub mod store;
mod text;
pub mod tls;
mod upload;
pub mod users;
mod watch;

pub use failure::exit_code;
pub use state::key_of_pem;

use crate::Failure;
use crate::cli::ClientArgs;
use connect::Connection;
use state::State;

/// Runs one command's conversation with the appliance.
fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(work)
}

/// Connects to an appliance that this device is enrolled with, and tells if its store was put back since the last time.
async fn connect(args: &ClientArgs) -> Result<Connection, Failure> {
    let state = State::open(args.state.as_deref())?;
    let (address, identity) = state.server(args.address.as_deref())?;
    let mut connection = Connection::open(&address, &state.key()?, Some(identity)).await?;
    let (wrong, _) = checkpoint::look(&mut connection, &state, &identity, false).await?;
    if let Some(wrong) = wrong {
        eprintln!("holdfast: WARNING: {wrong}. `holdfast store verify` says what to do.");
    }
    Ok(connection)
}
