//! What is done to the appliance, by the command line as people do it, and what is known of it afterwards.
//!
//! Each kind runs in a thread of its own, one operation after the other, until one gets no answer. What later versions can do
//! becomes another [`Operations`].

use std::process::Output;

use serde_json::Value;

use super::random::Random;
use crate::appliance::{Appliance, write_site};

/// A kind of operations.
pub trait Operations {
    /// Does the next one; `false` when it was not answered.
    fn next(&mut self, appliance: &Appliance, random: &mut Random) -> bool;
    /// How many were answered.
    fn answered(&self) -> usize;
}

/// Pages, whose content follows from their number.
pub fn content(number: u64) -> Vec<(String, Vec<u8>)> {
    let mut random = Random::new(number ^ 0x5eed);
    let mut files = vec![(
        "index.html".to_owned(),
        format!("content {number}").into_bytes(),
    )];
    for file in 0..random.below(4) {
        let length = random.below(60_000);
        files.push((format!("{file}.bin"), random.bytes(length)));
    }
    files
}

/// What is live, and what was before it: each the number of a version and of its content.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Live {
    pub now: Option<(u64, u64)>,
    pub before: Option<(u64, u64)>,
}

/// Pushes versions and changes which one is live; the appliance removes old ones meanwhile.
pub struct Publisher {
    /// As the last answer left it.
    pub live: Live,
    /// As an operation without an answer may have left it; a version's number is 0 until it is known.
    pub perhaps: Option<Live>,
    /// Versions that were answered or found, with their content; also those that were removed since.
    pub stored: Vec<(u64, u64)>,
    /// How many of the newest versions the appliance keeps, beside the live one and the one before.
    keep: usize,
    contents: u64,
    answered: usize,
}

impl Operations for Publisher {
    fn next(&mut self, appliance: &Appliance, random: &mut Random) -> bool {
        let to = match random.below(4) {
            0 => random.pick(&self.kept()).copied(),
            1 => self.live.before,
            _ => None,
        };
        let (then, done) = match to {
            None => self.push(appliance),
            Some(to) if Some(to) == self.live.before && random.below(2) == 0 => {
                (self.then(to), accepted(appliance, &["site", "rollback"]))
            }
            Some(to) => {
                let number = to.0.to_string();
                (
                    self.then(to),
                    accepted(appliance, &["site", "activate", &number]),
                )
            }
        };
        if done {
            self.live = then;
            self.answered += 1;
        } else {
            self.perhaps = Some(then);
        }
        done
    }

    fn answered(&self) -> usize {
        self.answered
    }
}

impl Publisher {
    /// Of an appliance that keeps so many of the newest versions.
    pub fn keeping(keep: usize) -> Self {
        Self {
            live: Live::default(),
            perhaps: None,
            stored: Vec::new(),
            keep,
            contents: 0,
            answered: 0,
        }
    }

    /// Versions that must be there: the newest, the live one and the one before.
    pub fn kept(&self) -> Vec<(u64, u64)> {
        let mut newest = self.stored.clone();
        newest.sort_unstable();
        let old = newest.len().saturating_sub(self.keep);
        let held = |one: &(u64, u64)| [self.live.now, self.live.before].contains(&Some(*one));
        let (older, newer) = newest.split_at(old);
        let older = older.iter().filter(|one| held(one));
        older.chain(newer).copied().collect()
    }

    fn then(&self, to: (u64, u64)) -> Live {
        if Some(to) == self.live.now {
            return self.live;
        }
        Live {
            now: Some(to),
            before: self.live.now,
        }
    }

    fn push(&mut self, appliance: &Appliance) -> (Live, bool) {
        self.contents += 1;
        let content_number = self.contents;
        let site = appliance.path("pushed");
        let files = content(content_number);
        let files = files
            .iter()
            .map(|(name, bytes)| (name.as_str(), bytes.as_slice()));
        write_site(&site, &files.collect::<Vec<_>>());
        let output = appliance.holdfast(&["site", "push", site.to_str().unwrap(), "--json"]);
        let told: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        let version = told["version"].as_u64().unwrap_or(0);
        let done = answered(&output) && version > 0;
        if done {
            self.stored.push((version, content_number));
        }
        (self.then((version, content_number)), done)
    }
}

/// Enrols devices and revokes them.
#[derive(Default)]
pub struct Devices {
    /// Folders of state of devices that were enrolled and not revoked.
    pub enrolled: Vec<String>,
    /// Those that were revoked.
    pub revoked: Vec<String>,
    /// One whose revocation was not answered, until the judge has seen whether it holds.
    pub perhaps_revoked: Option<String>,
    /// One whose enrolment was not answered, until the judge has seen whether it is there.
    pub perhaps_enrolled: Option<String>,
    /// Those that were found enrolled without an answer, and revoked by the judge.
    pub unknown_revoked: Vec<String>,
    next: usize,
    answered: usize,
}

impl Operations for Devices {
    fn next(&mut self, appliance: &Appliance, random: &mut Random) -> bool {
        let done = match random.pick(&self.enrolled).cloned() {
            Some(state) if random.below(2) == 0 => {
                self.enrolled.retain(|other| *other != state);
                let done = accepted(appliance, &["device", "revoke", &state]);
                if done {
                    self.revoked.push(state);
                } else {
                    self.perhaps_revoked = Some(state);
                }
                done
            }
            _ => self.enrol(appliance),
        };
        self.answered += usize::from(done);
        done
    }

    fn answered(&self) -> usize {
        self.answered
    }
}

impl Devices {
    fn enrol(&mut self, appliance: &Appliance) -> bool {
        let output = appliance.holdfast(&["device", "add", "--json"]);
        let told: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        let (true, Some(code)) = (answered(&output), told["code"].as_str()) else {
            return false;
        };
        let state = format!("device-{}", self.next);
        self.next += 1;
        let address = appliance.authority();
        let enrol = [
            "enroll",
            "--address",
            &address,
            "--code",
            code,
            "--name",
            &state,
        ];
        let done = answered(&appliance.holdfast_as(&state, &enrol));
        match done {
            true => self.enrolled.push(state),
            false => self.perhaps_enrolled = Some(state),
        }
        done
    }
}

/// Gives tables new keys, and makes recovery keys.
#[derive(Default)]
pub struct Keys {
    /// Recovery keys that were shown so far.
    pub recovery_keys: usize,
    answered: usize,
}

impl Operations for Keys {
    fn next(&mut self, appliance: &Appliance, random: &mut Random) -> bool {
        // The first is something that a judge can miss.
        let recovery = self.answered == 0 || random.below(4) == 0;
        let done = if recovery {
            let done = accepted(appliance, &["key", "recovery"]);
            self.recovery_keys += usize::from(done);
            done
        } else {
            accepted(appliance, &["key", "rotate", "--no-wait"])
        };
        self.answered += usize::from(done);
        std::thread::sleep(std::time::Duration::from_millis(random.below(300)));
        done
    }

    fn answered(&self) -> usize {
        self.answered
    }
}

/// Verifies the store while it is written to, and has its file made smaller at the next start.
#[derive(Default)]
pub struct Upkeep {
    /// What a verification found altered, where nobody has altered anything.
    pub altered: Option<String>,
    answered: usize,
}

impl Operations for Upkeep {
    fn next(&mut self, appliance: &Appliance, random: &mut Random) -> bool {
        std::thread::sleep(std::time::Duration::from_millis(random.below(400)));
        let done = if random.below(3) == 0 {
            accepted(appliance, &["store", "compact"])
        } else {
            let output = appliance.holdfast(&["store", "verify"]);
            if output.status.code() == Some(ALTERED) {
                self.altered = Some(String::from_utf8_lossy(&output.stderr).into_owned());
            }
            answered(&output)
        };
        self.answered += usize::from(done);
        done
    }

    fn answered(&self) -> usize {
        self.answered
    }
}

/// Exit code of the command line: what is stored is not what was committed.
const ALTERED: i32 = 5;
/// Exit code: the appliance refused.
const REFUSED: i32 = 4;

/// Whether the appliance did it.
fn accepted(appliance: &Appliance, arguments: &[&str]) -> bool {
    answered(&appliance.holdfast(arguments))
}

/// Whether this was answered by a deed. A refusal is told, since it is not what an appliance that dies does.
fn answered(output: &Output) -> bool {
    if output.status.code() == Some(REFUSED) {
        println!(
            "refused: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    output.status.success()
}
