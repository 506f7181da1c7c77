//! `holdfast reboot` and `holdfast poweroff`.

use std::io::{BufRead as _, IsTerminal as _};

use holdfast_server::protocol::PowerAnswer;

use super::connect::Connection;
use super::state::State;
use crate::Failure;
use crate::cli::PowerArgs;

/// Restarts the machine.
pub fn reboot(args: &PowerArgs) -> Result<(), Failure> {
    stop(
        args,
        "/v1/machine/reboot",
        "restart",
        "It restarts now. It is back when `holdfast status` answers.",
    )
}

/// Switches the machine off.
pub fn power_off(args: &PowerArgs) -> Result<(), Failure> {
    stop(
        args,
        "/v1/machine/power-off",
        "switch off",
        "It switches itself off now. Only its host or its power button starts it again.",
    )
}

fn stop(args: &PowerArgs, route: &str, what: &str, done: &str) -> Result<(), Failure> {
    let client = &args.client;
    let state = State::open(client.state.as_deref())?;
    let (address, identity) = state.server(client.address.as_deref())?;
    if !args.yes {
        confirm(&format!("{what} {address}"))?;
    }
    let answer: PowerAnswer = super::block_on(async {
        let key = state.key()?;
        let mut connection = Connection::open(&address, &key, Some(identity)).await?;
        connection.post(route, &()).await
    })?;
    if client.json {
        println!("{}", serde_json::to_string(&answer)?);
    } else {
        println!("{done}");
    }
    Ok(())
}

/// Asks the person, if there is one.
fn confirm(what: &str) -> Result<(), Failure> {
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        return Err(
            format!("nobody is there to confirm; say --yes to {what} without a question").into(),
        );
    }
    eprint!("Really {what}? Visitors see nothing meanwhile. Type `yes`: ");
    let mut line = String::new();
    stdin.lock().read_line(&mut line)?;
    if line.trim() == "yes" {
        Ok(())
    } else {
        Err("not confirmed; nothing was done".into())
    }
}
