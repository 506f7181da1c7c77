//! What networkd and timesyncd read.

use super::super::network::{network_file, time_file};
use crate::config::Config;

#[test]
fn network_files_say_what_the_configuration_says() {
    let origin = "[origin]\nsite = \"https://a.example\"\nportal = \"https://b.example\"\n";
    let dhcp = network_file(&Config::parse(origin).unwrap(), None);
    assert!(dhcp.contains("DHCP=ipv4\n") && dhcp.contains("ClientIdentifier=mac\n"));
    assert!(!dhcp.contains("MACAddress="));
    let fixed = format!(
        "{origin}[network]\nmac = \"52:54:00:12:34:56\"\naddress = [\"192.0.2.10/24\"]\n\
         gateway = [\"192.0.2.1\"]\ndns = [\"192.0.2.53\"]\n[time]\nservers = [\"ntp.example.org\"]\n"
    );
    let fixed = Config::parse(&fixed).unwrap();
    let text = network_file(&fixed, None);
    for line in [
        "MACAddress=52:54:00:12:34:56",
        "DHCP=no",
        "Address=192.0.2.10/24",
        "Gateway=192.0.2.1",
        "DNS=192.0.2.53",
    ] {
        assert!(text.lines().any(|l| l == line), "{line}");
    }
    let time = time_file(&fixed).unwrap();
    assert_eq!(time, "[Time]\nNTP=ntp.example.org\n");
}
