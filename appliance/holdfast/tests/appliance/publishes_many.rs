//! A site of a thousand files: in, changed by one file, and rolled back, each compared byte for byte.

use std::collections::BTreeMap;
use std::io::Write as _;

use crate::appliance::{Appliance, ok, write_site};
use crate::web::{Answer, browser, connect, read_to_end};

const FILES: usize = 1000;

fn files() -> BTreeMap<String, Vec<u8>> {
    let file = |n: usize| {
        let folder = n % 37;
        match n % 4 {
            0 => {
                let text = format!(
                    "<!doctype html><title>{n}</title><p>Item {n} of folder {folder}.</p>\n"
                );
                (
                    format!("f{folder}/page {n}.html"),
                    text.repeat(1 + n % 60).into_bytes(),
                )
            }
            1 => (
                format!("f{folder}/{n}.js"),
                format!("export const n{n} = {n};\n")
                    .repeat(1 + n % 40)
                    .into_bytes(),
            ),
            2 => (
                format!("f{folder}/sub/{n}.svg"),
                format!("<svg><g id=\"{n}\"/></svg>\n")
                    .repeat(20)
                    .into_bytes(),
            ),
            _ => {
                let noise = (0..4000_u32)
                    .map(|i| (i.wrapping_mul(2_654_435_761).wrapping_add(n as u32) >> 13) as u8);
                (format!("f{folder}/{n}.png"), noise.collect())
            }
        }
    };
    (0..FILES).map(file).collect()
}

/// Fetches all files over one connection and compares them.
fn compare(appliance: &Appliance, files: &BTreeMap<String, Vec<u8>>) {
    let host = appliance.authority();
    let mut stream = connect(appliance.address(), browser(&[b"http/1.1"]));
    let mut bytes = Vec::new();
    // In groups: neither side holds all of it at once.
    let names: Vec<_> = files.keys().collect();
    for (number, group) in names.chunks(20).enumerate() {
        let last = (number + 1) * 20 >= names.len();
        let mut requests = String::new();
        for (at, name) in group.iter().enumerate() {
            let close = if last && at + 1 == group.len() {
                "Connection: close\r\n"
            } else {
                ""
            };
            let path = name.replace(' ', "%20");
            requests.push_str(&format!(
                "GET /{path} HTTP/1.1\r\nHost: {host}\r\n{close}\r\n"
            ));
        }
        stream.write_all(requests.as_bytes()).unwrap();
    }
    bytes.extend(read_to_end(&mut stream));
    let mut rest = &bytes[..];
    for (name, expected) in files {
        let answer = Answer::parse(rest);
        assert_eq!(answer.status, 200, "{name}");
        let length: usize = answer.header("content-length").unwrap().parse().unwrap();
        assert!(
            answer.body[..length] == **expected,
            "{name} came back otherwise"
        );
        rest = &rest[answer.head.len() + length..];
    }
    assert!(rest.is_empty());
}

#[test]
fn thousand_files_come_back_byte_for_byte_after_push_change_and_rollback() {
    // All files are asked for at once, from one address.
    let limits = "[limits]\npage = { per_minute = 1000000, burst = 1000000 }\n";
    let appliance = Appliance::start_with(limits).enrolled();
    let folder = appliance.path("site");
    let push = |files: &BTreeMap<String, Vec<u8>>| {
        let listed: Vec<_> = files
            .iter()
            .map(|(name, bytes)| (name.as_str(), bytes.as_slice()))
            .collect();
        write_site(&folder, &listed);
        let start = std::time::Instant::now();
        let text = ok(&appliance.holdfast(&["site", "push", folder.to_str().unwrap()]));
        (text, start.elapsed().as_millis())
    };
    let first = files();
    let (text, whole) = push(&first);
    assert!(text.contains("1000 files"), "{text}");
    compare(&appliance, &first);

    let mut second = first.clone();
    let name = second
        .keys()
        .find(|name| name.ends_with(".html"))
        .unwrap()
        .clone();
    second.insert(name, b"<!doctype html><title>changed</title>".to_vec());
    let (text, change) = push(&second);
    // The page is too small for all three encodings to be worth it.
    let sent: usize = text
        .split("Sent ")
        .nth(1)
        .unwrap()
        .split(' ')
        .next()
        .unwrap()
        .parse()
        .unwrap();
    assert!((1..=4).contains(&sent), "{text}");
    compare(&appliance, &second);

    ok(&appliance.holdfast(&["site", "rollback"]));
    compare(&appliance, &first);
    println!("figure: 1000 files pushed in {whole} ms, one changed in {change} ms");
}
