//! Connections: the share of an address, and who gives way when there are no more.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Resource, Rlimit, prlimit};
use rustls::ClientConnection;
use rustls::pki_types::ServerName;

use super::{connect_from, descriptors, ends, get_from, until};
use crate::appliance::Appliance;
use crate::web::{Stream, browser};

#[test]
fn one_address_does_not_get_all_connections() {
    let appliance = Appliance::start_with("[limits]\nhandshakes_each = 1000\n");
    let mut held = Vec::new();
    for _ in 0..256 {
        held.push(TcpStream::connect(appliance.address()).unwrap());
    }
    let mut more = TcpStream::connect(appliance.address()).unwrap();
    more.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    assert!(!matches!(more.read(&mut [0]), Ok(1..)));
    assert_eq!(held.len(), 256);
    drop(held);
    until("no connection was given back", || {
        TcpStream::connect(appliance.address()).is_ok_and(|mut stream| {
            stream
                .set_read_timeout(Some(Duration::from_millis(200)))
                .unwrap();
            // An open connection waits for the hello.
            stream.read(&mut [0]).is_err_and(|error| {
                matches!(
                    error.kind(),
                    std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut
                )
            })
        })
    });
    assert_eq!(appliance.get("/").status, 200);
}

#[test]
fn the_connection_that_is_idle_longest_gives_way() {
    let appliance = Appliance::start_with("[limits]\nconnections = 16\n");
    let host = appliance.authority();
    let mut held: Vec<_> = (0..16).map(|_| connect_from(&appliance, 2)).collect();
    std::thread::sleep(Duration::from_millis(1200));
    let start = Instant::now();
    assert_eq!(get_from(&appliance, 3, &host, "/").unwrap().status, 200);
    println!(
        "figure: a place after {:?} with all places taken",
        start.elapsed()
    );
    let ended = held
        .iter_mut()
        .filter_map(|stream| ends(stream, Duration::from_millis(20)).then_some(()));
    let ended = ended.count();
    assert!((1..16).contains(&ended), "{ended} of 16 gave way");
}

#[test]
fn without_descriptors_idle_connections_give_way() {
    let appliance = Appliance::start();
    let host = appliance.authority();
    assert_eq!(appliance.get("/").status, 200);
    let id = Pid::from_raw(i32::try_from(appliance.id()).unwrap());
    // As many as it has open now, and a few: accept(2) fails with EMFILE above that.
    let open = descriptors(&appliance) as u64;
    let limit = Rlimit {
        current: Some(open + 8),
        maximum: Some(open + 8),
    };
    prlimit(id, Resource::Nofile, limit).unwrap();
    let held: Vec<_> = (0..30).map(|_| connect_from(&appliance, 2)).collect();
    let start = Instant::now();
    assert_eq!(get_from(&appliance, 3, &host, "/").unwrap().status, 200);
    println!(
        "figure: an answer after {:?} with all descriptors taken",
        start.elapsed()
    );
    drop(held);
    assert_eq!(appliance.get("/").status, 200);
}

#[test]
fn one_that_keeps_all_places_busy_does_not_shut_others_out() {
    let appliance = Appliance::start_with("[limits]\nconnections = 16\n");
    let host = appliance.authority();
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..24 {
            scope.spawn(|| {
                // Asks on and on, so that no connection is ever idle; comes again when it is ended.
                while !over.load(Ordering::Relaxed) {
                    let name = ServerName::try_from("localhost").unwrap();
                    let client =
                        ClientConnection::new(Arc::new(browser(&[b"http/1.1"])), name).unwrap();
                    let mut stream = Stream::new(client, connect_from(&appliance, 2));
                    let request = format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n");
                    while !over.load(Ordering::Relaxed)
                        && stream.write_all(request.as_bytes()).is_ok()
                    {
                        if !matches!(stream.read(&mut [0; 16_384]), Ok(1..)) {
                            break;
                        }
                        std::thread::sleep(Duration::from_millis(300));
                    }
                }
            });
        }
        std::thread::sleep(Duration::from_secs(1));
        let slowest = (0..5).map(|_| {
            let start = Instant::now();
            let answer = get_from(&appliance, 3, &host, "/");
            (start.elapsed(), answer.map(|answer| answer.status))
        });
        let slowest: Vec<_> = slowest.collect();
        over.store(true, Ordering::Relaxed);
        println!("figure: answers with all places busy: {slowest:?}");
        assert!(slowest.iter().all(|(_, status)| *status == Some(200)));
    });
}
