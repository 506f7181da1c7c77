//! Secrets that passed through the serving process are nowhere in its memory once they were erased.
//!
//! The memory of the process is read from outside, as root can, and as whoever takes a picture of the machine's memory does. A
//! key that a device sends passes through the buffers of TLS, HTTP and JSON, which are not ours to wipe: the allocator is.

use std::fs::File;
use std::io::{BufRead as _, BufReader, ErrorKind};
use std::os::unix::fs::FileExt as _;
use std::time::{Duration, Instant};

use data_encoding::HEXLOWER;
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject as _;

use crate::appliance::{Appliance, ok};
use crate::operates_tls::{NAMES, install, write};
use crate::web::{browser, connect};

/// How long connections that have ended may hold what they had.
const PATIENCE: Duration = Duration::from_secs(20);

/// The memory of a process that is not dumpable is root's; `None` to others.
pub(crate) fn memory(id: u32) -> Option<File> {
    match File::open(format!("/proc/{id}/mem")) {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => None,
        opened => Some(opened.unwrap()),
    }
}

/// Searches until none of these is there any more, or for as long as connections that have ended may hold what they had.
pub(crate) fn is_forgotten(id: u32, secrets: &[(&str, Vec<u8>)]) {
    let begun = Instant::now();
    loop {
        let left = found(id, secrets);
        if left.is_empty() {
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "still in memory: {left:?}");
        std::thread::sleep(Duration::from_millis(500));
    }
}

/// Which of these are in the memory that the process can write.
pub(crate) fn found<'n>(id: u32, secrets: &[(&'n str, Vec<u8>)]) -> Vec<&'n str> {
    let memory = memory(id).unwrap();
    let maps = BufReader::new(File::open(format!("/proc/{id}/maps")).unwrap());
    let (mut found, mut searched) = (Vec::new(), 0);
    for line in maps.lines().map(Result::unwrap) {
        let mut fields = line.split_whitespace();
        let (range, rights) = (fields.next().unwrap(), fields.next().unwrap());
        if !rights.starts_with("rw") {
            continue;
        }
        let (start, end) = range.split_once('-').unwrap();
        let number = |text| u64::from_str_radix(text, 16).unwrap();
        let (start, end) = (number(start), number(end));
        let mut bytes = vec![0; (end - start) as usize];
        // Memory that was never touched may not be read; there is nothing in it.
        let Ok(read) = memory.read_at(&mut bytes, start) else {
            continue;
        };
        searched += read;
        for (name, secret) in secrets {
            let there = bytes[..read]
                .windows(secret.len())
                .any(|part| part == secret);
            if there && !found.contains(name) {
                found.push(*name);
            }
        }
    }
    assert!(searched > 1 << 20, "only {searched} bytes were read");
    found
}

#[test]
fn erased_secrets_are_nowhere_in_the_memory_of_the_serving_process() {
    let appliance = Appliance::start();
    if memory(appliance.id()).is_none() {
        println!("not tried: only root may read the memory of a process that is not dumpable");
        return;
    }
    let code = appliance.code();
    let appliance = appliance.enrolled();
    appliance.push(&[("index.html", b"a page of which every byte may be known")]);
    write(appliance.dir.path(), &NAMES, 90);
    ok(&install(&appliance));
    drop(connect(appliance.address(), browser(&[b"http/1.1"])));
    ok(&appliance.holdfast(&["tls", "remove"]));
    drop(connect(appliance.address(), browser(&[b"http/1.1"])));

    let file = |name| std::fs::read_to_string(appliance.path(name)).unwrap();
    let root = file("secrets/holdfast.root-key");
    let pem = file("key.pem");
    let der = PrivatePkcs8KeyDer::from_pem_slice(pem.as_bytes()).unwrap();
    let secrets = [
        // The second half: a free block's first 16 bytes are the allocator's own.
        (
            "root key",
            HEXLOWER.decode(&root.as_bytes()[32..64]).unwrap(),
        ),
        ("root key as text", root.as_bytes()[32..64].to_vec()),
        // Without its hyphens it is kept to its end, so that a device whose answer was lost may ask again.
        ("used code in groups", code.as_bytes()[12..].to_vec()),
        // The second line is of the middle of the key.
        (
            "key of a certificate as text",
            pem.lines().nth(1).unwrap().into(),
        ),
        // RFC 5958 and RFC 5915: behind 36 bytes of headers, the private key of P-256.
        (
            "key of a certificate",
            der.secret_pkcs8_der()[36..68].to_vec(),
        ),
    ];
    is_forgotten(appliance.id(), &secrets);
    // The search finds what is there.
    let pin = [("authority", appliance.authority().into_bytes())];
    assert_eq!(found(appliance.id(), &pin), ["authority"]);
}
