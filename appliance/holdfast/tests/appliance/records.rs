//! Access records.

use std::io::Write as _;

use crate::appliance::{Appliance, ok};
use crate::web::{browser, connect, read_to_end};

#[test]
fn access_records_hold_no_query_and_no_code() {
    let appliance = Appliance::start();
    let code = appliance.code();
    appliance.get("/page?token=secret");
    ok(&appliance.enrol_as("state", &code));
    let log = appliance.log_with("/v1/enroll");
    let records: Vec<_> = log.lines().filter(|line| line.starts_with('{')).collect();
    let page = records
        .iter()
        .find(|line| line.contains("\"path\":\"/page\""))
        .unwrap();
    let record: serde_json::Value = serde_json::from_str(page).unwrap();
    let fields: Vec<_> = record
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    let expected = [
        "bytes",
        "channel",
        "host",
        "kind",
        "method",
        "micros",
        "path",
        "peer",
        "principal",
        "protocol",
        "request",
        "status",
        "time",
    ];
    let mut fields = fields;
    fields.sort_unstable();
    assert_eq!(fields, expected);
    assert_eq!(record["peer"], "127.0.0.1");
    assert_eq!(record["protocol"], "HTTP/1.1");
    assert!(
        !records
            .iter()
            .any(|line| line.contains("secret") || line.contains(&code))
    );
}

#[test]
fn every_request_is_recorded_once_and_the_last_ones_at_the_stop() {
    let mut appliance = Appliance::start().enrolled();
    appliance.push(&[("index.html", b"a page")]);
    let count = 2000;
    let host = appliance.authority();
    let mut requests = String::new();
    for n in 0..count {
        let end = if n + 1 == count {
            "Connection: close\r\n"
        } else {
            ""
        };
        requests.push_str(&format!(
            "GET /?{n} HTTP/1.1\r\nHost: {host}\r\nX-N: {n}\r\n{end}\r\n"
        ));
    }
    let mut stream = connect(appliance.address(), browser(&[b"http/1.1"]));
    stream.write_all(requests.as_bytes()).unwrap();
    let answers = read_to_end(&mut stream);
    let answered = answers
        .windows(12)
        .filter(|some| some == b"HTTP/1.1 200")
        .count();
    assert_eq!(answered, count);
    appliance.stop();
    let log = appliance.log();
    let records = log
        .lines()
        .filter(|line| line.contains("\"kind\":\"access\"") && line.contains("\"path\":\"/\""));
    let mut ids: Vec<_> = records
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["request"].to_string())
        .collect();
    let all = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!((all, ids.len()), (count, count));
}
