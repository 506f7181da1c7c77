//! What a machine does whose disk somebody has changed, seen from its console.

use crate::{
    Machine, Spec,
    esp::{BOOT_FILE, Esp},
    limit,
    machine::SERVING,
    spec::Net,
    uki,
};
use std::path::Path;

/// What EDK II prints when a signature is missing or wrong.
pub const REFUSALS: [&str; 2] = ["Access Denied", "Security Violation"];
/// What EDK II prints when it finds nothing that it could start.
const NOTHING: [&str; 2] = ["Not Found", "No bootable option"];
/// How the kernel ends when the root or its hash tree is not what the signed command line says.
const STOPS: [&str; 3] = ["is corrupted", "Kernel panic", "Unable to mount root"];
/// What the machine says of its configuration or data.
const REFUSED: &str = "holdfast: refused";
/// The kernel waits for the partitions that the signed command line names.
const WAITING: &str = "waiting for device";

/// How a boot ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The firmware started nothing: the signature.
    Unsigned,
    /// The firmware started nothing: there was nothing to start.
    Nothing,
    /// The kernel waits for a partition that never comes.
    Waits,
    /// The kernel stopped: this line says why.
    Stopped(String),
    /// The machine refused: this line says what.
    Refused(String),
    /// It serves; the root hash that it shows.
    Serves(String),
}

/// The root hash on the signed command line: what a machine with this disk may serve from, and nothing else.
///
/// # Panics
/// When the disk has no UKI, or its command line no hash.
pub fn signed_root(disk: &Path) -> String {
    let line = uki::command_line(&Esp::of(disk).read(BOOT_FILE));
    let mut words = line.split(' ').skip_while(|word| *word != "sha256");
    words
        .nth(1)
        .expect("the command line names a root hash")
        .to_owned()
}

/// Boots without a network card, for what does not come as far as the network.
pub fn boot_offline(spec: &Spec) -> Outcome {
    let mut spec = spec.clone();
    spec.net = Net::None;
    boot(&spec).0
}

/// Boots until it is clear how that ends; the machine still runs.
///
/// # Panics
/// With the end of the console, when nothing is clear within the limits.
pub fn boot(spec: &Spec) -> (Outcome, Machine) {
    let mut spec = spec.clone();
    spec.stop_on_reset = true;
    let machine = spec.start();
    let ends = [
        &REFUSALS[..],
        &NOTHING[..],
        &STOPS[..],
        &SERVING[..],
        &[REFUSED, WAITING],
    ]
    .concat();
    let mut line = machine.console.wait(&ends, limit(300)).text;
    if line.contains(WAITING) {
        // Said before every start of the root; what follows tells whether the partitions are there.
        let after = [&STOPS[..], &SERVING[..], &[REFUSED, "Run /"]].concat();
        match machine.console.find(&after, limit(60)) {
            None => return (Outcome::Waits, machine),
            Some(_) => {
                let last = [&STOPS[..], &SERVING[..], &[REFUSED]].concat();
                line = machine.console.wait(&last, limit(300)).text;
            }
        }
    }
    let has = |texts: &[&str]| texts.iter().any(|text| line.contains(text));
    let outcome = if has(&SERVING) {
        let hash = machine.console.wait_field("root hash", &[], limit(60));
        Outcome::Serves(hash)
    } else if has(&[REFUSED]) {
        Outcome::Refused(line)
    } else if has(&STOPS) {
        Outcome::Stopped(line)
    } else {
        // The firmware says it, and then has nothing else to try.
        let started = machine.console.find(&["Linux version"], limit(5));
        assert!(
            started.is_none(),
            "it started all the same:\n{}",
            machine.console.tail(60)
        );
        if has(&REFUSALS) {
            Outcome::Unsigned
        } else {
            Outcome::Nothing
        }
    };
    if !matches!(outcome, Outcome::Serves(_)) {
        let served = machine.console.find(&SERVING, limit(5));
        assert!(
            served.is_none(),
            "{outcome:?}, and it serves all the same:\n{}",
            machine.console.tail(60)
        );
    }
    (outcome, machine)
}
