//! The last checkpoint that this workstation saw of each appliance, by which it notices a store that was put back.
//!
//! The appliance cannot know by itself that its whole disk is an older one. A checkpoint has the number of the last
//! commit; the newest openings of the store, each with a random name; and a keyed digest over all. A later one of the same
//! history has a number that is not lower, the same digest at the same number, and all openings of before, as far back as it
//! tells any.

use holdfast_server::Pin;
use holdfast_server::protocol::CheckpointAnswer;
use http::StatusCode;

use super::connect::Connection;
use super::failure::Refused;
use super::state::State;
use crate::Failure;

/// Asks for the checkpoint, compares it with the remembered one, and remembers it if it goes on from there, or `accept`.
/// Returns what is wrong with it, and the checkpoint.
pub async fn look(
    connection: &mut Connection,
    state: &State,
    identity: &Pin,
    accept: bool,
) -> Result<(Option<String>, Option<CheckpointAnswer>), Failure> {
    let answer = connection.get::<CheckpointAnswer>("/v1/store/checkpoint");
    let now = match answer.await {
        Ok(now) => now,
        // An older version, or a device that may not know it.
        Err(error) => match error.downcast_ref::<Refused>() {
            Some(refused)
                if [StatusCode::NOT_FOUND, StatusCode::FORBIDDEN].contains(&refused.status) =>
            {
                return Ok((None, None));
            }
            _ => return Err(error),
        },
    };
    let before = state.checkpoint(identity)?;
    let wrong = before.and_then(|before| differs(&before, &now));
    if wrong.is_none() || accept {
        state.remember_checkpoint(identity, &now)?;
    }
    Ok((wrong.filter(|_| !accept), Some(now)))
}

/// Why `now` does not go on from `before`.
fn differs(before: &CheckpointAnswer, now: &CheckpointAnswer) -> Option<String> {
    if now.commit < before.commit {
        return Some(format!(
            "the store was put back: it is at commit {}, and this workstation has seen commit {}",
            now.commit, before.commit
        ));
    }
    if now.commit == before.commit {
        return (now.digest != before.digest).then(|| {
            format!(
                "the store has another history: at commit {} it is not what this workstation has seen",
                now.commit
            )
        });
    }
    // Openings older than the first that it tells were dropped for newer ones.
    let first = now
        .openings
        .first()
        .map_or(u64::MAX, |opening| opening.commit);
    let gone = before
        .openings
        .iter()
        .filter(|opening| opening.commit >= first)
        .find(|opening| !now.openings.contains(opening));
    gone.map(|opening| {
        format!(
            "the store has another history: it was put back to before commit {}, and went on from there",
            opening.commit.saturating_add(1)
        )
    })
}

#[cfg(test)]
mod tests {
    use holdfast_server::protocol::OpeningItem;

    use super::*;

    fn at(commit: u64, digest: &str, openings: &[(u64, &str)]) -> CheckpointAnswer {
        let openings = openings.iter().map(|(commit, id)| OpeningItem {
            commit: *commit,
            id: (*id).to_owned(),
        });
        CheckpointAnswer {
            commit,
            digest: digest.to_owned(),
            openings: openings.collect(),
        }
    }

    #[test]
    fn what_goes_on_is_taken_and_what_was_put_back_or_forked_is_told() {
        let before = at(20, "d", &[(0, "a"), (10, "b")]);
        let fine = [
            at(20, "d", &[(0, "a"), (10, "b")]),
            at(21, "e", &[(0, "a"), (10, "b")]),
            at(90, "e", &[(10, "b"), (40, "c")]),
            at(900, "e", &[(500, "y"), (600, "z")]),
        ];
        for now in fine {
            assert_eq!(differs(&before, &now), None, "{now:?}");
        }
        let wrong = [
            (at(19, "d", &[(0, "a"), (10, "b")]), "put back"),
            (at(20, "x", &[(0, "a"), (10, "b")]), "another history"),
            (at(30, "x", &[(0, "a"), (9, "q")]), "another history"),
            (at(30, "x", &[(0, "a"), (10, "q")]), "another history"),
            (at(30, "x", &[(0, "q")]), "another history"),
        ];
        for (now, told) in wrong {
            let found = differs(&before, &now).unwrap_or_default();
            assert!(found.contains(told), "{now:?}: {found}");
        }
    }
}
