#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::panic
)]

use std::fs;

use super::{Config, ConfigError, Credentials, Origin};

const SMALLEST: &str = r#"[origin]
site = "https://localhost:8443"
portal = "https://portal.localhost:8443"
"#;
const ROOT_KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n";

fn line_and_fix(text: &str) -> (usize, usize, String) {
    match Config::parse(text).expect_err("is refused") {
        ConfigError::Text {
            line,
            column,
            problem,
            fix,
            ..
        } => {
            assert!(!fix.is_empty());
            (line, column, problem)
        }
        other => panic!("{other}"),
    }
}

#[test]
fn smallest_configuration_is_read() {
    let config = Config::parse(SMALLEST).unwrap();
    assert_eq!(config.origin.site.to_string(), "https://localhost:8443");
    assert_eq!(config.origin.portal.authority(), "portal.localhost:8443");
    assert!(config.operator.is_none() && config.data_id.is_none());
}

#[test]
fn every_key_is_read() {
    let text = format!(
        "{SMALLEST}[operator]\nkey = \"ed25519:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\"\n\
         [data]\nid = \"7f1c2f1e-2b1a-4d7c-9b60-2f9a3b1c5d7e\"\n\
         [network]\nmac = \"52:54:00:12:34:56\"\naddress = [\"192.0.2.10/24\", \"2001:db8::10/64\"]\n\
         gateway = [\"192.0.2.1\", \"fe80::1\"]\ndns = [\"192.0.2.53\"]\n\
         [time]\nservers = [\"ntp.example.org\"]\n"
    );
    let config = Config::parse(&text).unwrap();
    assert_eq!(config.operator.unwrap().key[31], 31);
    assert_eq!(config.network.mac.unwrap().to_string(), "52:54:00:12:34:56");
    assert_eq!(config.network.address[1].to_string(), "2001:db8::10/64");
    assert_eq!(config.time_servers, ["ntp.example.org"]);
}

#[test]
fn one_name_for_both_is_a_mode_and_two_ports_of_one_name_are_not() {
    let origin = |portal: &str, more: &str| {
        format!("[origin]\nsite = \"https://a.example\"\nportal = \"https://{portal}\"\n{more}\n")
    };
    let one = Config::parse(&origin("a.example", "")).unwrap().origin;
    assert!(one.site == one.portal && !one.publishers_are_admins);
    let one = Config::parse(&origin("A.example:443", "publishers_are_admins = true")).unwrap();
    assert!(one.origin.publishers_are_admins);
    let ports = line_and_fix(&origin("a.example:8443", ""));
    assert_eq!((ports.0, ports.1), (3, 10));
    for value in ["true", "false"] {
        let two = line_and_fix(&origin(
            "b.example",
            &format!("publishers_are_admins = {value}"),
        ));
        assert_eq!(two.0, 4);
    }
}

#[test]
fn loosening_of_headers_is_the_operators_to_allow() {
    let parse = |text: &str| Config::parse(&format!("{SMALLEST}{text}")).unwrap();
    assert!(!parse("").headers_may_loosen && !parse("[site]\n").headers_may_loosen);
    assert!(parse("[site]\nheaders_may_loosen = true\n").headers_may_loosen);
    assert!(!parse("").passwords && !parse("[sign_in]\n").passwords);
    assert!(parse("[sign_in]\npasswords = true\n").passwords);
    assert_eq!(
        line_and_fix(&format!("{SMALLEST}[site]\nheaders = true")).0,
        5
    );
}

#[test]
fn unknown_key_is_refused_with_its_line() {
    let (line, column, problem) = line_and_fix(&format!("{SMALLEST}sit = 1\n"));
    assert_eq!((line, column), (4, 1));
    assert!(problem.contains("`sit`"), "{problem}");
    assert_eq!(line_and_fix(&format!("{SMALLEST}\n[oprator]\n")).0, 5);
}

#[test]
fn bad_value_is_refused_with_its_place() {
    let bad = [
        (
            "[origin]\nsite = \"http://a.example\"\nportal = \"https://b.example\"",
            (2, 8),
        ),
        (
            "[origin]\nsite = \"https://a.example/\"\nportal = \"https://b.example\"",
            (2, 8),
        ),
        (
            "[origin]\nsite = \"https://192.0.2.1\"\nportal = \"https://b.example\"",
            (2, 8),
        ),
        (
            "[origin]\nsite = \"https://a.example:0\"\nportal = \"https://b.example\"",
            (2, 8),
        ),
        (
            "[origin]\nsite = \"https://A.example\"\nportal = \"https://a.example:8\"",
            (3, 10),
        ),
    ];
    for (text, place) in bad {
        let (line, column, problem) = line_and_fix(text);
        assert_eq!((line, column), place, "{problem}");
    }
    for tail in [
        "[operator]\nkey = \"ed25519:AAAA\"",
        "[data]\nid = \"no\"",
        "[data]\nunlock = \"Console\"",
        "[data]\nunlock = \"\"",
        "[data]\nunlock = true",
        "[data]\nlock = \"console\"",
        "[network]\naddress = [\"192.0.2.10\"]",
        "[network]\naddress = [\"192.0.2.10/33\"]",
        "[network]\ngateway = [\"192.0.2.1\"]",
        "[network]\nmac = \"01:00:5e:00:00:01\"",
        "[time]\nservers = [\"a b\"]",
    ] {
        assert_eq!(line_and_fix(&format!("{SMALLEST}{tail}")).0, 5, "{tail}");
    }
}

#[test]
fn message_points_at_the_line_and_says_the_way_out() {
    let error =
        Config::parse("[origin]\nsite = \"x\"\nportal = \"https://b.example\"").unwrap_err();
    assert_eq!(
        error.to_string(),
        "holdfast.toml, line 2, column 8: the origin does not begin with https://\n    site = \"x\"\n  \
         fix: write it as \"https://host.name\" or \"https://host.name:port\""
    );
}

#[test]
fn console_is_not_steered_by_the_file() {
    let error = Config::parse("\u{1b}[2J = 1").unwrap_err().to_string();
    assert!(!error.contains('\u{1b}'), "{error:?}");
}

#[test]
fn origin_is_canonical() {
    assert_eq!(
        Origin::parse("https://Example.ORG:443")
            .unwrap()
            .to_string(),
        "https://example.org"
    );
}

fn directory(files: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(dir.path().join(name), text).unwrap();
    }
    dir
}

fn refused(files: &[(&str, &str)]) -> String {
    let dir = directory(files);
    match Credentials::read(dir.path()) {
        Ok(_) => panic!("accepted"),
        Err(e) => e.to_string(),
    }
}

#[test]
fn credentials_are_read() {
    let base64 = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    for key in [ROOT_KEY, base64] {
        let dir = directory(&[
            ("holdfast.toml", SMALLEST),
            ("holdfast.root-key", key),
            ("other", "x"),
        ]);
        let read = Credentials::read(dir.path()).unwrap();
        assert!(read.identity_key.is_none() && read.tls.is_none() && read.recover.is_none());
        assert_eq!(
            read.settings["origin.site"], "\"https://localhost:8443\"",
            "{:?}",
            read.settings
        );
        assert_eq!(read.settings.len(), 2);
        assert_eq!(read.passed.len(), 2);
    }
}

#[test]
fn missing_surplus_and_bad_secrets_are_refused() {
    let base = [("holdfast.toml", SMALLEST), ("holdfast.root-key", ROOT_KEY)];
    let zeros = "0".repeat(64);
    assert!(refused(&base[..1]).starts_with("credential holdfast.root-key: missing"));
    assert!(refused(&base[1..]).starts_with("credential holdfast.toml: missing"));
    let with = |name, text| refused(&[base[0], base[1], (name, text)]);
    assert!(with("holdfast.typo", "").contains("holdfast.typo: no credential of this name"));
    assert!(with("holdfast.recover", "abc").contains("holdfast.recover: not 32 bytes"));
    assert!(with("holdfast.recover", &zeros).contains("a placeholder"));
    assert!(with("holdfast.tls-cert", "").contains("holdfast.tls-key: missing"));
    assert!(with("holdfast.identity-key", "x").contains("not an Ed25519 private key"));
    for bad in ["", "00", zeros.as_str(), &ROOT_KEY.to_uppercase()] {
        assert!(refused(&[base[0], ("holdfast.root-key", bad)]).contains("holdfast.root-key"));
    }
}

#[test]
fn keys_and_certificates_are_checked_against_each_other() {
    let base = [("holdfast.toml", SMALLEST), ("holdfast.root-key", ROOT_KEY)];
    let key = rcgen::KeyPair::generate().unwrap();
    let other = rcgen::KeyPair::generate().unwrap().serialize_pem();
    let cert = rcgen::CertificateParams::new(vec!["localhost".into()])
        .unwrap()
        .self_signed(&key)
        .unwrap()
        .pem();
    let ed25519 = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519)
        .unwrap()
        .serialize_pem();
    let key = key.serialize_pem();
    let files = |k| {
        [
            base[0],
            base[1],
            ("holdfast.tls-cert", cert.as_str()),
            ("holdfast.tls-key", k),
        ]
    };
    let dir = directory(&files(&key));
    assert!(Credentials::read(dir.path()).unwrap().tls.is_some());
    assert!(refused(&files(&other)).contains("not the key of holdfast.tls-cert"));
    let dir = directory(&[base[0], base[1], ("holdfast.identity-key", &ed25519)]);
    assert!(
        Credentials::read(dir.path())
            .unwrap()
            .identity_key
            .is_some()
    );
    assert!(refused(&[base[0], base[1], ("holdfast.identity-key", &key)]).contains("Ed25519"));
}

#[test]
fn number_of_kept_versions_is_bounded_and_10_without_the_key() {
    let read = |site: &str| {
        let origin = "[origin]\nsite = \"https://www.example.org\"\nportal = \"https://portal.example.org\"\n";
        Config::parse(&format!("{origin}{site}")).map(|config| config.keep_versions)
    };
    assert_eq!(read("").unwrap(), 10);
    assert_eq!(read("[site]\n").unwrap(), 10);
    assert_eq!(read("[site]\nkeep_versions = 1\n").unwrap(), 1);
    for wrong in ["0", "-1", "1001"] {
        let why = read(&format!("[site]\nkeep_versions = {wrong}\n")).unwrap_err();
        assert!(why.to_string().contains("from 1 to 1000"), "{why}");
    }
}

#[test]
fn typing_is_asked_for_by_the_configuration_alone_and_a_credential_goes_before_it() {
    let console = format!("{SMALLEST}[data]\nunlock = \"console\"\n");
    let recovery = holdfast_secrets::RecoveryKey::generate().unwrap().text();
    let read = |files: &[(&str, &str)]| {
        let dir = directory(files);
        Credentials::read(dir.path()).map(|read| read.is_locked())
    };
    let toml = ("holdfast.toml", console.as_str());
    assert_eq!(read(&[toml]), Ok(true));
    for way in [
        ("holdfast.root-key", ROOT_KEY),
        ("holdfast.passphrase", "six words that nobody would guess"),
        ("holdfast.recovery-key", &recovery),
    ] {
        assert_eq!(read(&[toml, way]), Ok(false), "{way:?}");
        assert_eq!(read(&[("holdfast.toml", SMALLEST), way]), Ok(false));
    }
    let why = |files: &[(&str, &str)]| read(files).unwrap_err().to_string();
    let none = why(&[("holdfast.toml", SMALLEST)]);
    assert!(
        none.starts_with("credential holdfast.root-key: missing")
            && none.contains("unlock = \"console\"")
    );
    assert!(why(&[toml, ("holdfast.passphrase", "short")]).contains("fewer than 12"));
    assert!(why(&[toml, ("holdfast.root-key.next", ROOT_KEY)]).contains("that it is to follow"));
    // The server itself is never started without: nobody can type there.
    let dir = directory(&[toml]);
    let server = Credentials::read_with(dir.path(), &holdfast_server::Limits::default());
    let server = server.map(|_| ()).unwrap_err().to_string();
    assert!(
        server.starts_with("credential holdfast.root-key: missing"),
        "{server}"
    );
    let fix = Config::parse(&console.replace("\"console\"", "\"tpm\"")).unwrap_err();
    assert!(fix.to_string().contains("fix: write \"console\""), "{fix}");
}
