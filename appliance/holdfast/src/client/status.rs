//! `holdfast status`.

use holdfast_server::machine::MachineStatus;
use holdfast_server::protocol::StatusAnswer;

use super::text::{date, duration, plain, size};
use super::tls;
use crate::Failure;
use crate::cli::ClientArgs;

/// Shows what the appliance runs and serves, and how it is.
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
    if let Some(store) = &status.store {
        println!(
            "store        {}, {} left on the data partition",
            size(store.bytes),
            size(store.room)
        );
    }
    Ok(())
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
    let [one, five, fifteen] = machine.load;
    println!("load         {one:.2} {five:.2} {fifteen:.2}");
    println!(
        "memory       {} of {} available",
        size(machine.memory_available),
        size(machine.memory)
    );
}
