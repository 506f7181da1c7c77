//! How sessions end: at once, everywhere.

use std::io::{Read as _, Write as _};
use std::time::Instant;

use super::client::Client;
use super::person::Person;
use crate::appliance::Appliance;
use crate::web::{browser, connect};

/// Bytes of the file that is downloaded: more than all buffers between the two hold.
const LARGE: usize = 48 << 20;

fn goes_in(client: &mut Client, path: &str) {
    let url = client.site(path);
    let (at, page) = client.arrive(&url);
    assert_eq!((at, page.status), (url, 200), "{}", page.text());
}

fn status(client: &mut Client, url: &str) -> u16 {
    client.go(url).status
}

#[test]
fn a_sign_out_ends_the_sites_session_too() {
    let (appliance, codes) = super::appliance(&["member"]);
    let mut ann = Person::joined(&appliance, "Ann", &codes[0]);
    goes_in(&mut ann.client, "/members/");
    let portal = ann
        .client
        .cookie("portal.localhost", "__Host-holdfast-portal");
    let portal = portal.unwrap().to_owned();
    let page = ann.client.site("/members/");
    assert_eq!(status(&mut ann.client, &page), 200);
    let out = ann.sign_out();
    assert_eq!((out.status, out.header("location")), (303, Some("/")));
    assert_eq!(
        ann.client
            .cookie("portal.localhost", "__Host-holdfast-portal"),
        None
    );
    // The browser still has the site's cookie, and it opens nothing.
    assert!(
        ann.client
            .cookie("localhost", "__Host-holdfast-site")
            .is_some()
    );
    assert_eq!(status(&mut ann.client, &page), 303);
    // Nor does the portal's, for whoever has kept it.
    ann.client
        .set_cookie("portal.localhost", "__Host-holdfast-portal", &portal);
    let account = ann.client.portal("/account");
    assert_eq!(status(&mut ann.client, &account), 303);
}

/// The session of the portal that this browser has, by its device in the list that another one sees.
fn end(ann: &mut Person, which: &str) -> crate::web::Answer {
    ann.client
        .form("/account/sessions/end", &[("session", which)])
}

#[test]
fn an_act_whose_session_is_ended_while_its_body_comes_is_not_done() {
    let (appliance, codes) = super::appliance(&["member"]);
    let mut ann = Person::joined(&appliance, "Ann", &codes[0]);
    let token = ann.client.token();
    let (head, body) = ann.client.form_of(&token, &[]);
    let url = ann.client.portal("/account/codes");
    let request = ann.client.request("POST", &url, &head, body.as_bytes());
    let (most, last) = request.split_at(request.len() - 1);
    for ended in [false, true] {
        let mut held = connect(appliance.address(), browser(&[b"http/1.1"]));
        held.write_all(most).unwrap();
        held.flush().unwrap();
        std::thread::sleep(std::time::Duration::from_millis(300));
        if ended {
            assert_eq!(ann.sign_out().status, 303);
        }
        held.write_all(last).unwrap();
        let answer = crate::web::Answer::parse(&crate::web::read_to_end(&mut held));
        assert_eq!(
            answer.status,
            if ended { 401 } else { 200 },
            "{}",
            answer.text()
        );
    }
}

#[test]
fn a_session_that_is_ended_elsewhere_is_dead_at_the_next_request() {
    let (appliance, codes) = super::appliance(&["member", "member"]);
    let mut ann = Person::joined(&appliance, "Ann", &codes[0]);
    let mut bob = Person::joined(&appliance, "Bob", &codes[1]);
    let mut other = ann.at_another_browser(&appliance);
    goes_in(&mut other, "/members/");
    let page = ann.account().text();
    assert!(
        page.contains("Firefox on Linux") && page.contains("127.0.0.1"),
        "{page}"
    );
    let mark = "name=\"session\" value=\"";
    let listed: Vec<_> = page
        .split(mark)
        .skip(1)
        .map(|part| part.split('"').next().unwrap().to_owned())
        .collect();
    // The other browser's two, and the button for all others.
    assert_eq!(listed.len(), 3, "{page}");
    // Nobody ends another's, and what is no session is told.
    for which in &listed[..2] {
        end(&mut bob, which);
    }
    assert_eq!(end(&mut bob, "x").status, 409);
    let (members, account) = (other.site("/members/"), other.portal("/account"));
    assert_eq!(
        (status(&mut other, &members), status(&mut other, &account)),
        (200, 200)
    );
    // Its own person does.
    for which in &listed[..2] {
        assert_eq!(end(&mut ann, which).status, 200);
    }
    assert_eq!(
        (status(&mut other, &members), status(&mut other, &account)),
        (303, 303)
    );
    assert_eq!(ann.account().status, 200);
    // All others at once.
    let mut third = ann.at_another_browser(&appliance);
    goes_in(&mut third, "/members/");
    let ended = end(&mut ann, "others");
    assert!(ended.text().contains("All other sessions have ended."));
    assert_eq!(
        (status(&mut third, &members), status(&mut third, &account)),
        (303, 303)
    );
    assert_eq!((ann.account().status, bob.account().status), (200, 200));
}

fn with_large_file() -> (Appliance, Vec<String>) {
    let appliance = Appliance::start().enrolled();
    let mut large = vec![0; LARGE];
    getrandom::fill(&mut large).unwrap();
    appliance.push(&[
        ("index.html", b"<!doctype html><title>first</title>"),
        (
            "members/index.html",
            b"<!doctype html><title>for members</title>",
        ),
        ("members/large.bin", &large),
    ]);
    let codes = super::invite::make(&appliance, &["member"]);
    (appliance, codes)
}

#[test]
fn a_download_ends_with_its_session() {
    let (appliance, codes) = with_large_file();
    let mut ann = Person::joined(&appliance, "Ann", &codes[0]);
    let mut other = ann.at_another_browser(&appliance);
    goes_in(&mut other, "/members/");
    let mut stream = connect(appliance.address(), browser(&[b"http/1.1"]));
    let url = other.site("/members/large.bin");
    stream
        .write_all(&other.request("GET", &url, "", b""))
        .unwrap();
    let mut piece = vec![0; 1 << 20];
    stream.read_exact(&mut piece).unwrap();
    assert!(piece.starts_with(b"HTTP/1.1 200"));
    assert_eq!(end(&mut ann, "others").status, 200);
    let ended = Instant::now();
    let mut came = piece.len();
    // What was on its way before may still come, and then the end, which is none of a whole answer.
    let end = loop {
        match stream.read(&mut piece) {
            Ok(0) => break None,
            Ok(more) => came += more,
            Err(error) => break Some(error.kind()),
        }
    };
    assert!(came < LARGE, "all of it came");
    println!(
        "figure: a download of 48 MiB ended {} ms after its session, {} KiB behind its first MiB, by {end:?}",
        ended.elapsed().as_millis(),
        (came >> 10) - 1024
    );
    assert_eq!(status(&mut other, &url), 303);
}

#[test]
fn sessions_outlive_a_restart_and_a_kill() {
    let (mut appliance, codes) = super::appliance(&["member"]);
    let mut ann = Person::joined(&appliance, "Ann", &codes[0]);
    goes_in(&mut ann.client, "/members/");
    let page = ann.client.site("/members/");
    appliance.stop();
    appliance.boot_again();
    assert_eq!(
        (ann.account().status, status(&mut ann.client, &page)),
        (200, 200)
    );
    // Forms of before are out of date, and say so; those of now are taken.
    appliance.kill();
    appliance.boot_again();
    assert_eq!(
        (ann.account().status, status(&mut ann.client, &page)),
        (200, 200)
    );
    // What has ended stays so.
    ann.sign_out();
    appliance.kill();
    appliance.boot_again();
    assert_eq!(
        (ann.account().status, status(&mut ann.client, &page)),
        (303, 303)
    );
}
