//! Rates by address and route, and handshakes.

use std::io::Write as _;
use std::time::Duration;

use super::{connect_from, ends, get_from, until};
use crate::appliance::Appliance;
use crate::device::Device;
use crate::web::{browser, connect, read_to_end};

#[test]
fn requests_come_at_a_rate_by_address_and_route() {
    let appliance = Appliance::start_with(
        "[limits]\npage = { per_minute = 20, burst = 20 }\nportal = { per_minute = 1, burst = 3 }\n\
         enrol = { per_minute = 1, burst = 2 }\n",
    );
    let host = appliance.authority();
    let portal = format!("portal.{host}");
    // RFC 6585, section 4. One connection for all, as a client that does not listen would.
    let mut stream = connect(appliance.address(), browser(&[b"http/1.1"]));
    let request = format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n");
    stream.write_all(request.repeat(40).as_bytes()).unwrap();
    stream
        .write_all(
            request
                .replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n")
                .as_bytes(),
        )
        .unwrap();
    let text = String::from_utf8(read_to_end(&mut stream)).unwrap();
    let count = |status| text.matches(&format!("HTTP/1.1 {status}")).count();
    assert!(
        (20..41).contains(&count("200 OK")),
        "{} of 41 were answered",
        count("200 OK")
    );
    assert_eq!(count("200 OK") + count("429 Too Many Requests"), 41);
    let lower = text.to_ascii_lowercase();
    let wait = lower.split("retry-after: ").nth(1).unwrap();
    let wait: u64 = wait.split("\r\n").next().unwrap().parse().unwrap();
    assert!(
        (1..=3).contains(&wait),
        "three seconds for one more: {wait}"
    );
    assert!(
        text.contains("the operator can raise"),
        "a refusal names the way out"
    );
    // A request whose end is in doubt ends the connection even then (RFC 9112, section 6.3).
    let chunked = "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    let chunked = request.replace("\r\n\r\n", &format!("\r\n{chunked}"));
    let mut stream = connect(appliance.address(), browser(&[b"http/1.1"]));
    stream.write_all((chunked + &request).as_bytes()).unwrap();
    let text = String::from_utf8(read_to_end(&mut stream)).unwrap();
    assert!(text.starts_with("HTTP/1.1 411"), "{text}");
    assert_eq!(text.matches("HTTP/1.1 ").count(), 1, "{text}");
    // Another route and another address have shares of their own.
    assert_eq!(get_from(&appliance, 1, &portal, "/").unwrap().status, 200);
    assert_eq!(get_from(&appliance, 2, &host, "/").unwrap().status, 200);
    let statuses: Vec<_> = (0..4)
        .map(|_| get_from(&appliance, 2, &portal, "/").unwrap().status)
        .collect();
    assert_eq!(statuses, [200, 200, 200, 429]);
    // The device protocol says it as a problem (RFC 9457).
    let device = Device::unknown(&appliance);
    let tries: Vec<_> = (0..3).map(|_| device.post("/v1/enroll", b"{}")).collect();
    assert!(tries[..2].iter().all(|answer| answer.status != 429));
    assert_eq!(tries[2].status, 429);
    assert_eq!(
        tries[2].header("content-type"),
        Some("application/problem+json")
    );
    assert!(tries[2].header("retry-after").is_some());
    // Whoever goes on is sent away, and gets an answer again after a while.
    let mut deaf = connect(appliance.address(), browser(&[b"http/1.1"]));
    let _ = deaf.write_all(request.repeat(400).as_bytes());
    let text = String::from_utf8_lossy(&read_to_end(&mut deaf)).into_owned();
    assert!(
        text.matches("HTTP/1.1 ").count() < 400,
        "400 refusals on one connection"
    );
    until("no answer after a while", || {
        appliance.get("/").status == 200
    });
}

#[test]
fn one_address_does_not_get_all_handshakes() {
    let appliance = Appliance::start_with(
        "[limits]\nhandshakes_each = 8\nhandshake = { per_minute = 1, burst = 30 }\n",
    );
    let mut held: Vec<_> = (0..8).map(|_| connect_from(&appliance, 2)).collect();
    // The ninth at once is closed before a byte of TLS; another address is not concerned.
    assert!(ends(
        &mut connect_from(&appliance, 2),
        Duration::from_secs(5)
    ));
    assert!(
        held.iter_mut()
            .all(|stream| !ends(stream, Duration::from_millis(100)))
    );
    let host = appliance.authority();
    assert_eq!(get_from(&appliance, 3, &host, "/").unwrap().status, 200);
    drop(held);
    // And over time: a burst of 30, 8 of which are spent.
    until("no handshake was given back", || {
        get_from(&appliance, 2, &host, "/").is_some()
    });
    let taken = (0..40)
        .filter(|_| get_from(&appliance, 2, &host, "/").is_some())
        .count();
    assert!((10..=30).contains(&taken), "{taken} of 40 handshakes");
    assert_eq!(get_from(&appliance, 3, &host, "/").unwrap().status, 200);
}
