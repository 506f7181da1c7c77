//! What people prove themselves by is nowhere in the memory of the serving process once it was used or taken back, and never
//! in the files as it is.

use data_encoding::{BASE32_NOPAD, BASE64URL_NOPAD};

use super::account::{between, password, step};
use super::person::Person;
use crate::forgets::{found, is_forgotten, memory};

/// The middle of a text: what stands before and after it may lie elsewhere.
fn middle(text: &str) -> Vec<u8> {
    let (from, end) = (text.len() / 4, text.len() - text.len() / 8);
    text.as_bytes()[from..end].to_vec()
}

#[test]
fn what_people_proved_themselves_by_is_forgotten() {
    let (appliance, codes) = super::appliance(&["member"]);
    if memory(appliance.id()).is_none() {
        println!("not tried: only root may read the memory of a process that is not dumpable");
        return;
    }
    let mut ann = Person::joined(&appliance, "Ann", &codes[0]);
    let cookie = |ann: &Person, host: &str, name: &str| {
        let name = format!("__Host-holdfast-{name}");
        ann.client.cookie(host, &name).unwrap().to_owned()
    };
    let joined = cookie(&ann, "portal.localhost", "portal");
    let shown = ann.client.form("/account/totp", &[]);
    let seed = between(&shown, "Secret: <code>", "</code>").remove(0);
    let bytes = BASE32_NOPAD.decode(seed.as_bytes()).unwrap();
    let first = password(&bytes, step());
    let done = ann
        .client
        .form("/account/totp/confirm", &[("code", &first)]);
    assert_eq!(done.status, 200, "{}", done.text());
    assert_eq!(ann.client.form("/account/totp/remove", &[]).status, 200);
    let shown = ann.client.form("/account/codes", &[]);
    let recovery = between(&shown, "<li><code>", "</code>");
    let page = ann.client.site("/members/");
    ann.client.arrive(&page);
    let site = cookie(&ann, "localhost", "site");
    ann.sign_out();
    // One is used, and new ones take the place of the others.
    let fields = [
        ("name", "Ann"),
        ("code", recovery[2].as_str()),
        ("next", "/account"),
    ];
    let back = ann.client.form("/recover", &fields);
    assert_eq!(back.status, 303, "{}", back.text());
    assert_eq!(ann.client.form("/account/codes", &[]).status, 200);
    ann.sign_out();

    let token = |text: &str| BASE64URL_NOPAD.decode(text.as_bytes()).unwrap();
    let secrets = [
        ("invite", middle(&codes[0])),
        ("invite without hyphens", middle(&codes[0].replace('-', ""))),
        ("seed as text", middle(&seed)),
        ("seed", bytes[4..].to_vec()),
        ("used recovery code", middle(&recovery[2])),
        (
            "the same without hyphens",
            middle(&recovery[2].replace('-', "")),
        ),
        ("replaced recovery code", middle(&recovery[7])),
        ("portal cookie", middle(&joined)),
        // Behind the first 16 bytes, which are the allocator's own in a free block.
        ("portal token", token(&joined)[16..].to_vec()),
        ("site cookie", middle(&site)),
        ("site token", token(&site)[16..].to_vec()),
    ];
    is_forgotten(appliance.id(), &secrets);
    // The search finds what is there.
    let host = [("authority", appliance.authority().into_bytes())];
    assert_eq!(found(appliance.id(), &host), ["authority"]);
    let store = std::fs::read(appliance.path("data/store.redb")).unwrap();
    for (name, secret) in &secrets {
        let there = store.windows(secret.len()).any(|part| part == secret);
        assert!(!there, "{name} is in the file");
    }
}
