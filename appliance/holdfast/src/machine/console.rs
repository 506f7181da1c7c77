//! The page on the serial console.

use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::net::IpAddr;
use std::os::unix::fs::OpenOptionsExt;

use rustix::fs::OFlags;

use super::setup::Outcome;
use super::show::Show;

/// The console: what the kernel was told last on its command line, the first serial port.
pub const PATH: &str = "/dev/console";

/// Writes to the console; where there is none, nobody reads it.
pub fn print(text: &str) {
    let flags = (OFlags::NOCTTY | OFlags::CLOEXEC).bits();
    let opened = OpenOptions::new()
        .write(true)
        .custom_flags(i32::try_from(flags).unwrap_or_default())
        .open(PATH);
    if let Ok(mut console) = opened {
        // The kernel's console driver turns a line feed into both characters by itself (ONLCR); one write keeps kernel
        // messages from coming between the lines.
        let _ = console.write_all(text.as_bytes());
    }
}

/// Everything that the page shows.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Page {
    /// Root hash of the verified root.
    pub root_hash: Option<String>,
    /// What set-up found; `None` while it runs.
    pub outcome: Option<Outcome>,
    /// What the server last said; `None` while it is not connected.
    pub show: Option<Show>,
    /// Why the server cannot start, in its own words.
    pub server_refused: Option<String>,
    /// The machine's own addresses.
    pub addresses: Vec<IpAddr>,
    /// Whether the server was ever connected.
    pub was_connected: bool,
}

impl Page {
    /// One phrase for the whole machine.
    #[must_use]
    pub fn state(&self) -> String {
        let state = match (&self.outcome, &self.show) {
            (Some(outcome), _) if outcome.refused.is_some() => "refused",
            (
                Some(Outcome {
                    waiting: Some(waiting),
                    ..
                }),
                None,
            ) => waiting,
            (_, Some(show)) => &show.state,
            (_, None) if self.server_refused.is_some() => "refused",
            (_, None) if self.was_connected => "not serving",
            _ => "starting",
        };
        plain(state)
    }

    /// The page as text, each line ended.
    #[must_use]
    pub fn text(&self) -> String {
        let show = self.show.clone().unwrap_or_default();
        let outcome = self.outcome.clone().unwrap_or_default();
        let version = show.version.as_deref().unwrap_or(env!("CARGO_PKG_VERSION"));
        let mut out = format!("\nHoldfast {}\n", plain(version));
        let mut line = |name: &str, value: Option<&str>| {
            if let Some(value) = value {
                let _ = writeln!(out, "  {name:<12} {}", plain(value));
            }
        };
        let addresses: Vec<_> = self.addresses.iter().map(ToString::to_string).collect();
        let addresses = match addresses.as_slice() {
            [] => "none yet".to_owned(),
            list => list.join(", "),
        };
        let code = show.code.as_ref().map(|code| {
            let minutes = show.code_expires_s.unwrap_or(0).div_ceil(60);
            format!("{code}  (valid {minutes} minutes)")
        });
        let devices = show.devices.map(|n| n.to_string());
        let ignored = (outcome.ignored > 0).then(|| {
            format!(
                "{} credentials whose name does not begin with holdfast.",
                outcome.ignored
            )
        });
        line(
            "root hash",
            Some(self.root_hash.as_deref().unwrap_or("unverified")),
        );
        // Known when set-up has ended, however it ended.
        let secure_boot = self.outcome.as_ref().map(|found| found.secure_boot.told());
        line("secure boot", secure_boot);
        line("state", Some(&self.state()));
        line("site", show.site.as_deref().or(outcome.site.as_deref()));
        line(
            "portal",
            show.portal.as_deref().or(outcome.portal.as_deref()),
        );
        line("addresses", Some(&addresses));
        line("identity", show.identity.as_deref());
        line("certificate", show.certificate.as_deref());
        line("devices", devices.as_deref());
        line("code", code.as_deref());
        line("note", show.note.as_deref());
        line("data id", outcome.data_id.as_deref());
        line("ignored", ignored.as_deref());
        let refused = outcome.refused.iter().chain(&self.server_refused);
        for (i, text) in refused.flat_map(|r| r.lines()).enumerate() {
            line(if i == 0 { "refused" } else { "" }, Some(text));
        }
        out
    }
}

/// What others said must not steer the terminal.
fn plain(text: &str) -> String {
    let shown = text.chars().filter(|c| !c.is_control()).take(200);
    shown.collect()
}

#[cfg(test)]
mod tests {
    use holdfast_server::machine::SecureBoot;

    use super::*;

    /// Told at each boot, also of one that was refused; an old or a silent set-up counts as not knowing.
    #[test]
    fn secure_boot_that_is_not_in_force_is_told_on_the_page() {
        let told = |secure_boot| {
            let outcome = Some(Outcome {
                refused: Some("no holdfast.toml".into()),
                secure_boot,
                ..Outcome::default()
            });
            let page = Page {
                outcome,
                ..Page::default()
            };
            let text = page.text();
            let line = text
                .lines()
                .find_map(|line| line.strip_prefix("  secure boot  "));
            line.map(str::to_owned).unwrap_or_default()
        };
        assert_eq!(told(SecureBoot::On), "on");
        for (state, begin) in [
            (SecureBoot::Off, "OFF: "),
            (SecureBoot::SetupMode, "OFF (setup mode): "),
            (SecureBoot::NoEfi, "NONE: "),
            (SecureBoot::default(), "UNKNOWN: "),
        ] {
            let line = told(state);
            assert!(line.starts_with(begin), "{line}");
            assert_eq!(line, state.told(), "nothing is cut off");
        }
        let starting = Page::default().text();
        assert!(!starting.contains("secure boot"), "{starting}");
    }

    #[test]
    fn page_has_the_documented_shape() {
        let show = Show {
            state: "waiting for enrolment".into(),
            identity: Some("SHA256:aa".into()),
            certificate: Some("SHA256:bb".into()),
            code: Some("ABCDE-FGHJK".into()),
            code_expires_s: Some(900),
            site: Some("https://localhost:8443".into()),
            portal: Some("https://portal.localhost:8443".into()),
            version: Some("0.1.0\u{1b}[2J".into()),
            devices: None,
            note: Some("take it out".into()),
        };
        let page = Page {
            root_hash: Some("ab".repeat(32)),
            outcome: Some(Outcome {
                data_id: Some("7f1c2f1e-2b1a-4d7c-9b60-2f9a3b1c5d7e".into()),
                secure_boot: SecureBoot::On,
                ..Outcome::default()
            }),
            show: Some(show),
            server_refused: None,
            addresses: vec![IpAddr::from([10, 0, 2, 15])],
            was_connected: true,
        };
        let expected = format!(
            "\nHoldfast 0.1.0[2J\n  root hash    {}\n  secure boot  on\n  state        waiting for enrolment\n  \
             site         https://localhost:8443\n  portal       https://portal.localhost:8443\n  \
             addresses    10.0.2.15\n  identity     SHA256:aa\n  certificate  SHA256:bb\n  \
             code         ABCDE-FGHJK  (valid 15 minutes)\n  note         take it out\n  data id      7f1c2f1e-2b1a-4d7c-9b60-2f9a3b1c5d7e\n",
            "ab".repeat(32)
        );
        assert_eq!(page.text(), expected);
    }

    #[test]
    fn page_says_that_somebody_must_type() {
        let waiting = |refused: Option<&str>| Page {
            outcome: Some(Outcome {
                waiting: Some("waiting for the passphrase".into()),
                refused: refused.map(str::to_owned),
                site: Some("https://www.example.org".into()),
                ..Outcome::default()
            }),
            ..Page::default()
        };
        let text = waiting(None).text();
        assert!(text.contains("  state        waiting for the passphrase\n"));
        assert!(text.contains("  site         https://www.example.org\n"));
        assert_eq!(waiting(Some("the console went away")).state(), "refused");
    }

    #[test]
    fn refusal_stays_on_the_page() {
        let page = Page {
            outcome: Some(Outcome {
                refused: Some("holdfast.toml, line 2\n  fix: write it".into()),
                ..Outcome::default()
            }),
            ..Page::default()
        };
        assert_eq!(page.state(), "refused");
        assert!(
            page.text()
                .contains("  refused      holdfast.toml, line 2\n")
        );
        assert!(page.text().contains("fix: write it\n"));
    }
}
