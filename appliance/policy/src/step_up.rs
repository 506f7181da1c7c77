//! What a person could prove so that a refusal would be a permission (RFC 9470): found by asking the policies again with
//! the proofs that the portal can bring about, the easiest first. Nothing is read out of the policies, so it holds for any.

use std::time::Duration;

use crate::decisions::Question;
use crate::{Channel, Principal, Proof, StepUp};

/// A passkey, then a passkey and a one-time password.
const WAYS: [(bool, &[&str]); 2] = [(false, &["passkey"]), (true, &["passkey", "totp"])];
/// Ages that are tried, in seconds; the oldest that is good is told.
const AGES: [u32; 5] = [86_400, 3600, 900, 300, 60];
/// The youngest that people can be asked for.
const YOUNGEST: u32 = 30;

/// Asks for someone who is signed in by the web; nobody else can step up. At most twelve questions, all of which are kept.
pub(crate) fn find(question: &Question<'_>, ask: impl Fn(&Question<'_>) -> bool) -> Option<StepUp> {
    if question.channel != Channel::Web || !matches!(question.principal, Principal::Person { .. }) {
        return None;
    }
    let good = |methods, age: u32| {
        let proof = Proof::new(methods, Duration::from_secs(age.into()));
        ask(&Question { proof, ..*question })
    };
    let (totp, methods) = WAYS.into_iter().find(|(_, methods)| good(methods, 0))?;
    let oldest = AGES.into_iter().find(|age| good(methods, *age));
    Some(StepUp {
        totp,
        max_age: oldest.unwrap_or(YOUNGEST),
    })
}
