//! The model: what was asked of the machine, when it answered, and what it must show from then on.

use super::Cut;
use crate::site::Page;
use serde_json::Value;
use std::collections::BTreeMap;

/// A stretch of the log with a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Phase {
    /// What the machine does in it.
    pub name: String,
    /// The number of entries at its begin.
    pub begun: usize,
}

/// What a machine shows of its state.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Shown {
    /// `device list --json`; null before the first is enrolled.
    pub devices: Value,
    /// `site versions --json`; null before the first device.
    pub versions: Value,
}

impl Shown {
    /// The number of the live version.
    pub fn live(&self) -> Option<u64> {
        let versions = self.versions.as_array()?;
        let live = versions.iter().find(|version| version["live"] == true)?;
        live["version"].as_u64()
    }
}

/// An operation.
#[derive(Debug, Clone)]
pub struct Step {
    /// What was asked for.
    pub name: String,
    /// The number of entries of the log when it was asked for.
    pub begun: usize,
    /// That number when it had been answered.
    pub answered: usize,
    /// What the machine shows then.
    pub shown: Shown,
}

/// All operations of a recording, one after the other.
#[derive(Debug, Clone, Default)]
pub struct Steps {
    /// What the machine shows before the first.
    pub first: Shown,
    /// In order.
    pub list: Vec<Step>,
    /// What each version holds.
    pub pages: BTreeMap<u64, Vec<Page>>,
}

impl Steps {
    /// How many operations the disk of this cut must hold at least, and how many at most.
    pub fn expected(&self, cut: &Cut) -> (usize, usize) {
        let answered = self.list.iter().filter(|step| step.answered <= cut.end);
        let begun = self.list.iter().filter(|step| step.begun < cut.reach());
        let least = answered.count();
        (least, begun.count().max(least))
    }

    /// What a machine shows after this many operations.
    pub fn after(&self, count: usize) -> &Shown {
        match count.checked_sub(1) {
            None => &self.first,
            Some(last) => &self.list[last].shown,
        }
    }

    /// Judges what a machine shows whose disk comes from this cut; says how many operations it holds.
    ///
    /// # Errors
    /// When an answered operation is lost, or one is there that is no whole one.
    pub fn judge(&self, cut: &Cut, shown: &Shown) -> Result<usize, String> {
        let (least, most) = self.expected(cut);
        if let Some(count) = (least..=most)
            .rev()
            .find(|count| self.after(*count) == shown)
        {
            return Ok(count);
        }
        let name = |count: usize| match count.checked_sub(1) {
            None => "nothing",
            Some(last) => self.list[last].name.as_str(),
        };
        let known = (0..=self.list.len()).find(|count| self.after(*count) == shown);
        Err(match known {
            Some(count) if count < least => {
                format!(
                    "LOST: `{}` was answered, and only `{}` is there",
                    name(least),
                    name(count)
                )
            }
            Some(count) => format!("`{}` is there before it was begun", name(count)),
            None => format!(
                "HALF: it shows no state between `{}` and `{}`: {shown:?}",
                name(least),
                name(most)
            ),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{super::Kind, *};
    use serde_json::json;

    fn steps() -> Steps {
        let step = |name: &str, begun, answered, live| Step {
            name: name.into(),
            begun,
            answered,
            shown: Shown {
                devices: json!(["one"]),
                versions: json!([{ "version": live, "live": true }]),
            },
        };
        let list = vec![step("first", 10, 20, 1), step("second", 20, 30, 2)];
        Steps {
            list,
            ..Steps::default()
        }
    }

    fn cut(durable: usize, end: usize) -> Cut {
        Cut {
            kind: Kind::Dropped,
            phase: String::new(),
            seed: 0,
            durable,
            end,
            rest: Vec::new(),
        }
    }

    #[test]
    fn answered_step_must_be_there_and_one_under_way_may_be() {
        let steps = steps();
        assert_eq!(steps.expected(&cut(5, 9)), (0, 0));
        assert_eq!(steps.expected(&cut(15, 18)), (0, 1));
        assert_eq!(steps.expected(&cut(18, 24)), (1, 1));
        let mut later = cut(18, 24);
        later.rest = vec![(21, vec![0])];
        assert_eq!(steps.expected(&later), (1, 2));
    }

    #[test]
    fn lost_half_and_early_steps_are_told() {
        let steps = steps();
        let (none, one, two) = (steps.after(0), steps.after(1), steps.after(2));
        assert_eq!(steps.judge(&cut(25, 29), one), Ok(1));
        assert_eq!(steps.judge(&cut(25, 29), two), Ok(2));
        let error = steps.judge(&cut(25, 29), none).unwrap_err();
        assert!(error.starts_with("LOST: `first`"), "{error}");
        let error = steps.judge(&cut(15, 18), two).unwrap_err();
        assert!(error.contains("before it was begun"), "{error}");
        let half = Shown {
            versions: json!([]),
            ..one.clone()
        };
        let error = steps.judge(&cut(25, 29), &half).unwrap_err();
        assert!(error.starts_with("HALF"), "{error}");
    }
}
