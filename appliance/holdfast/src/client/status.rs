//! `holdfast status`.

use holdfast_server::machine::MachineStatus;
use holdfast_server::protocol::StatusAnswer;
use serde_json::Value;

use super::text::{date, duration, plain, size};
use super::tls;
use crate::Failure;
use crate::cli::ClientArgs;

/// Shows what the appliance runs and serves, and how it is.
pub fn status(args: &ClientArgs) -> Result<(), Failure> {
    let answer: Value =
        super::block_on(async { super::connect(args).await?.get("/v1/status").await })?;
    if args.json {
        println!("{answer}");
        return Ok(());
    }
    let last_run = last_run(&answer);
    let status: StatusAnswer = serde_json::from_value(answer)
        .map_err(|_| "the appliance answered in another form; use the `holdfast` of its version")?;
    println!("site         {}", plain(&status.site));
    match status.live {
        Some(version) => println!("live         version {version}, {} files", status.pages),
        None => println!("live         nothing yet; push with `holdfast site push DIR`"),
    }
    println!("portal       {}", plain(&status.portal));
    println!("holdfast     {}", plain(&status.version));
    let root_hash = status.root_hash.as_deref();
    println!(
        "root hash    {}",
        plain(root_hash.unwrap_or("not running from a sealed image"))
    );
    println!("identity     {}", status.identity);
    println!("certificate  {}", plain(&status.certificate));
    println!("             {}", tls::dates(&status.web, status.time));
    println!("devices      {}", status.devices);
    println!(
        "serving      for {}, since {}",
        duration(status.serving_s),
        date(status.time.saturating_sub_unsigned(status.serving_s))
    );
    match &status.machine {
        Some(machine) => show_machine(machine),
        None => {
            println!("machine      none, or it does not answer: addresses and clock are not known")
        }
    }
    if let Some(last_run) = last_run {
        println!("last run     {last_run}");
    }
    if let Some(store) = &status.store {
        println!(
            "store        {}, {} left on the data partition",
            size(store.bytes),
            size(store.room)
        );
    }
    Ok(())
}

/// How the run before this one ended, where the appliance tells it.
fn last_run(answer: &Value) -> Option<String> {
    let last = answer.get("last_exit")?;
    let how = plain(last.get("how")?.as_str()?);
    Some(match last.get("time").and_then(Value::as_str) {
        Some(time) => format!("{how}, {}", plain(time)),
        None => how,
    })
}

fn show_machine(machine: &MachineStatus) {
    let addresses: Vec<_> = machine.addresses.iter().map(ToString::to_string).collect();
    println!(
        "addresses    {}",
        if addresses.is_empty() {
            "none".to_owned()
        } else {
            addresses.join(", ")
        }
    );
    println!("uptime       {}", duration(machine.uptime_s));
    println!(
        "clock        {}",
        if machine.clock_synchronised {
            "set by a time server"
        } else {
            "not set by a time server since the start"
        }
    );
    println!("secure boot  {}", machine.secure_boot.told());
    let [one, five, fifteen] = machine.load;
    println!("load         {one:.2} {five:.2} {fifteen:.2}");
    println!(
        "memory       {} of {} available",
        size(machine.memory_available),
        size(machine.memory)
    );
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_end_of_the_last_run_is_told_where_it_is_known() {
        let exit = json!({ "last_exit": { "how": "clean stop\u{1b}", "clean": true, "time": "2026-11-01T00:00:00.000Z" } });
        let told = last_run(&exit);
        assert_eq!(
            told.as_deref(),
            Some("clean stop, 2026-11-01T00:00:00.000Z")
        );
        let told = last_run(&json!({ "last_exit": { "how": "signal SYS", "time": null } }));
        assert_eq!(told.as_deref(), Some("signal SYS"));
        assert_eq!(last_run(&json!({ "last_exit": null })), None);
        assert_eq!(last_run(&json!({})), None);
    }
}
