//! The one writer: a thread that takes all waiting batches and commits them together.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};

use crate::Error;
use crate::batch::Receipt;
use crate::engine::{Engine, SealedBatch};

/// Most bytes in one transaction, above which the rest waits for the next: bounds the engine's memory and the time that
/// the first of them waits.
const GROUP_BYTES: usize = 8 << 20;
/// Most batches in one transaction.
const GROUP_BATCHES: usize = 1024;

/// A batch that waits, and where its answer goes.
pub(crate) struct Job {
    pub(crate) batch: SealedBatch,
    pub(crate) answer: oneshot::Sender<Result<Receipt, Error>>,
    /// Its share of the queue's memory, given back when it is done.
    pub(crate) room: OwnedSemaphorePermit,
}

/// Works until every sender is gone and the queue is empty.
pub(crate) fn run(engine: &Arc<Engine>, mut queue: mpsc::UnboundedReceiver<Job>) {
    while let Some(first) = queue.blocking_recv() {
        let mut bytes = first.batch.size();
        let mut group = vec![first];
        while bytes < GROUP_BYTES && group.len() < GROUP_BATCHES {
            let Ok(job) = queue.try_recv() else { break };
            bytes = bytes.saturating_add(job.batch.size());
            group.push(job);
        }
        commit(engine, group);
    }
}

fn commit(engine: &Engine, group: Vec<Job>) {
    let mut batches = Vec::with_capacity(group.len());
    let mut answers = Vec::with_capacity(group.len());
    for Job {
        batch,
        answer,
        room,
    } in group
    {
        batches.push(batch);
        answers.push((answer, room));
    }
    let outcomes = engine.apply(&batches);
    for ((answer, _room), outcome) in answers.into_iter().zip(outcomes) {
        // Nobody may wait any more, when a client has gone away; the batch is committed all the same.
        let _ = answer.send(outcome);
    }
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::panic
)]
mod tests {
    use std::sync::atomic::Ordering;

    use holdfast_secrets::{KeyRing, RootKey, Suite};
    use tokio::sync::Semaphore;

    use super::*;
    use crate::{Batch, Table, opening};

    const BLOBS: Table = Table::plain("blobs");

    #[test]
    fn waiting_batches_share_one_durable_transaction() {
        let folder = tempfile::tempdir().unwrap();
        let root = RootKey::from_bytes(&[7; 32]).unwrap();
        let ring = KeyRing::new(root, Suite::Aes256Gcm);
        let engine =
            Arc::new(opening::open(&folder.path().join("store.redb"), ring, &mut |_| ()).unwrap());
        let (queue, waiting) = mpsc::unbounded_channel();
        let room = Arc::new(Semaphore::new(100));
        let outcomes: Vec<_> = (0..100_u32)
            .map(|n| {
                let mut batch = Batch::new();
                batch.put_bytes(BLOBS, n.to_be_bytes(), vec![1]);
                if n == 50 {
                    batch.expect_present(BLOBS, b"never");
                }
                let batch = batch.seal(&engine.ring).unwrap();
                let (answer, outcome) = oneshot::channel();
                let room = Arc::clone(&room).try_acquire_owned().unwrap();
                assert!(
                    queue
                        .send(Job {
                            batch,
                            answer,
                            room
                        })
                        .is_ok()
                );
                outcome
            })
            .collect();
        drop(queue);
        run(&engine, waiting);
        for (n, outcome) in outcomes.into_iter().enumerate() {
            assert_eq!(outcome.blocking_recv().unwrap().is_ok(), n != 50);
        }
        assert_eq!(engine.transactions.load(Ordering::Relaxed), 1);
        assert_eq!(
            room.available_permits(),
            100,
            "the queue's room is given back"
        );
    }
}
