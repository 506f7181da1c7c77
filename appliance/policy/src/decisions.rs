//! Decisions that were made already.
//!
//! A decision is a function of the question alone: the policies never change within one [`crate::Policy`], and all that
//! they may look into is part of the question. So an answer may be kept, as long as the whole question is compared, and
//! not only its hash. What is kept is bounded in number and size; the lately asked stay.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::{Channel, Principal, Proof};

/// Most decisions of one generation; two are kept.
const MOST: usize = 2048;
/// Longest name of a resource, and longest principal with its roles, that is kept, in bytes.
const LONGEST: usize = 256;

/// All that a decision depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Question<'a> {
    pub(crate) action: &'static str,
    pub(crate) principal: &'a Principal,
    pub(crate) resource_type: &'static str,
    pub(crate) resource_id: &'a str,
    pub(crate) channel: Channel,
    pub(crate) proof: Proof,
}

/// Answers by question. Those of the old generation that nobody asks for again are dropped when the young one is full.
pub(crate) struct Decisions {
    hasher: RandomState,
    most: usize,
    generations: Mutex<Generations>,
}

#[derive(Default)]
struct Generations {
    young: HashMap<u64, Kept>,
    old: HashMap<u64, Kept>,
}

struct Kept {
    action: &'static str,
    principal: Principal,
    resource_type: &'static str,
    resource_id: Box<str>,
    channel: Channel,
    proof: Proof,
    permitted: bool,
}

impl Kept {
    fn question(&self) -> Question<'_> {
        Question {
            action: self.action,
            principal: &self.principal,
            resource_type: self.resource_type,
            resource_id: &self.resource_id,
            channel: self.channel,
            proof: self.proof,
        }
    }

    /// The answer, if it is to this question and not to another one of the same hash.
    fn answer(&self, question: &Question<'_>) -> Option<bool> {
        (self.question() == *question).then_some(self.permitted)
    }
}

impl Decisions {
    pub(crate) fn new() -> Self {
        Self::with_bound(MOST)
    }

    fn with_bound(most: usize) -> Self {
        Self {
            hasher: RandomState::new(),
            most,
            generations: Mutex::default(),
        }
    }

    /// Whether it was permitted when it was asked before.
    pub(crate) fn find(&self, question: &Question<'_>) -> Option<bool> {
        let hash = self.hasher.hash_one(question);
        let mut generations = self.generations();
        if let Some(kept) = generations.young.get(&hash) {
            return kept.answer(question);
        }
        let answer = generations.old.get(&hash)?.answer(question)?;
        if let Some(kept) = generations.old.remove(&hash) {
            generations.keep(hash, kept, self.most);
        }
        Some(answer)
    }

    /// Keeps the outcome of an evaluation that did not fail.
    pub(crate) fn keep(&self, question: &Question<'_>, permitted: bool) {
        let name = match question.principal {
            Principal::Visitor => 0,
            Principal::Person { id, roles } => roles
                .iter()
                .map(String::len)
                .fold(id.len(), usize::saturating_add),
            Principal::Device { fingerprint, .. } => fingerprint.len(),
        };
        if question.resource_id.len() > LONGEST || name > LONGEST {
            return;
        }
        let kept = Kept {
            action: question.action,
            principal: question.principal.clone(),
            resource_type: question.resource_type,
            resource_id: question.resource_id.into(),
            channel: question.channel,
            proof: question.proof,
            permitted,
        };
        let hash = self.hasher.hash_one(question);
        self.generations().keep(hash, kept, self.most);
    }

    fn generations(&self) -> MutexGuard<'_, Generations> {
        self.generations
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Generations {
    fn keep(&mut self, hash: u64, kept: Kept, most: usize) {
        if self.young.len() >= most {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(hash, kept);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::arithmetic_side_effects)]
mod tests {
    use super::*;

    fn page(id: &str) -> Question<'_> {
        Question {
            action: "view",
            principal: &Principal::Visitor,
            resource_type: "Page",
            resource_id: id,
            channel: Channel::Web,
            proof: Proof::NONE,
        }
    }

    impl Decisions {
        fn held(&self) -> usize {
            let generations = self.generations();
            generations.young.len() + generations.old.len()
        }
    }

    #[test]
    fn the_whole_question_is_compared_and_nothing_else() {
        let decisions = Decisions::new();
        let device = |enrolled| Principal::Device {
            fingerprint: "SHA256:x".to_owned(),
            enrolled,
        };
        let (known, revoked) = (device(true), device(false));
        let asked = Question {
            principal: &known,
            ..page("/a")
        };
        decisions.keep(&asked, true);
        assert_eq!(decisions.find(&asked), Some(true));
        for other in [
            page("/a"),
            Question {
                principal: &revoked,
                ..asked
            },
            Question {
                action: "publish",
                ..asked
            },
            Question {
                resource_type: "Site",
                ..asked
            },
            Question {
                resource_id: "/b",
                ..asked
            },
            Question {
                channel: Channel::Device,
                ..asked
            },
            Question {
                proof: Proof::new(&["passkey"], std::time::Duration::ZERO),
                ..asked
            },
        ] {
            assert_eq!(decisions.find(&other), None, "{other:?}");
        }
    }

    #[test]
    fn an_answer_to_another_question_of_the_same_hash_is_not_taken() {
        let decisions = Decisions::new();
        decisions.keep(&page("/a"), true);
        let mut generations = decisions.generations();
        let (_, kept) = generations.young.drain().next().unwrap();
        let hash = decisions.hasher.hash_one(page("/b"));
        generations.young.insert(hash, kept);
        drop(generations);
        assert_eq!(decisions.find(&page("/b")), None);
    }

    #[test]
    fn decisions_keep_their_bound_and_the_lately_asked() {
        let decisions = Decisions::with_bound(8);
        decisions.keep(&page("/often"), true);
        for n in 0..1000 {
            decisions.keep(&page(&format!("/{n}")), false);
            assert_eq!(decisions.find(&page("/often")), Some(true), "{n}");
            assert!(decisions.held() <= 16);
        }
        assert_eq!(decisions.find(&page("/0")), None);
        let long = "x".repeat(LONGEST + 1);
        decisions.keep(&page(&long), true);
        assert_eq!(decisions.find(&page(&long)), None);
    }
}
