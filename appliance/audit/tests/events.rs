//! Events: numbered without collision, there exactly when their act is.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::panic
)]

use holdfast_audit::{Actor, Event, Kind, Outcome, Timestamp, append, list};
use holdfast_secrets::{KeyRing, RootKey, Suite};
use holdfast_store::{Batch, Store, Table};

const ACTS: Table = Table::plain("acts");

fn open(folder: &tempfile::TempDir) -> Store {
    let root = RootKey::from_bytes(&[7; 32]).unwrap();
    let ring = KeyRing::new(root, Suite::Aes256Gcm);
    Store::open(folder.path().join("store.redb"), ring).unwrap()
}

fn event(resource: &str) -> Event {
    Event {
        time: Timestamp::from_unix_millis(1_748_779_200_123).unwrap(),
        kind: Kind::SiteActivated,
        actor: Actor::Device("SHA256:x".into()),
        resource: resource.into(),
        outcome: Outcome::Done,
        request: Some("r-1".into()),
    }
}

#[test]
fn events_are_listed_in_order_from_either_end() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    assert_eq!(list(&store.snapshot().unwrap(), ..).unwrap().count(), 0);
    for n in 1..=5 {
        let mut batch = Batch::new();
        append(&mut batch, &event(&n.to_string())).unwrap();
        assert_eq!(store.commit_blocking(batch).unwrap().sequences(), [n]);
    }
    let snapshot = store.snapshot().unwrap();
    let names = |rows: Vec<(u64, Event)>| {
        rows.into_iter()
            .map(|(n, event)| (n, event.resource))
            .collect::<Vec<_>>()
    };
    let middle = list(&snapshot, 2..4)
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    assert_eq!(names(middle), [(2, "2".into()), (3, "3".into())]);
    let newest = list(&snapshot, ..)
        .unwrap()
        .rev()
        .take(2)
        .collect::<Result<_, _>>()
        .unwrap();
    assert_eq!(names(newest), [(5, "5".into()), (4, "4".into())]);
    let (_, first) = list(&snapshot, ..).unwrap().next().unwrap().unwrap();
    assert_eq!(first, event("1"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn numbers_never_collide_and_have_no_gaps() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    store.start_writer().unwrap();
    let tasks: Vec<_> = (0..100)
        .map(|n: u32| {
            let store = store.clone();
            tokio::spawn(async move {
                let mut batch = Batch::new();
                // Every fourth is refused, and must use no number up.
                if n.is_multiple_of(4) {
                    batch.expect_present(ACTS, b"never");
                }
                batch.put_bytes(ACTS, n.to_be_bytes(), vec![]);
                append(&mut batch, &event(&n.to_string())).unwrap();
                append(&mut batch, &event(&n.to_string())).unwrap();
                store
                    .commit(batch)
                    .await
                    .map(|receipt| receipt.sequences().to_vec())
            })
        })
        .collect();
    let mut numbers = Vec::new();
    for (n, task) in tasks.into_iter().enumerate() {
        match task.await.unwrap() {
            Ok(sequences) => numbers.extend(sequences),
            Err(error) => assert!(error.is_conflict() && n.is_multiple_of(4), "{error}"),
        }
    }
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=150).collect::<Vec<u64>>());
    let snapshot = store.snapshot().unwrap();
    let stored = list(&snapshot, ..).unwrap().map(|row| row.unwrap());
    for (number, (found, event)) in (1..).zip(stored) {
        assert_eq!(number, found);
        // The act is there for each event, as they were one batch.
        let act: u32 = event.resource.parse().unwrap();
        assert!(snapshot.contains(ACTS, act.to_be_bytes()).unwrap());
    }
}

#[test]
fn refused_batch_leaves_neither_act_nor_event() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    let mut batch = Batch::new();
    batch
        .put_bytes(ACTS, b"act", vec![1])
        .expect_present(ACTS, b"missing");
    append(&mut batch, &event("act")).unwrap();
    assert!(store.commit_blocking(batch).unwrap_err().is_conflict());
    let snapshot = store.snapshot().unwrap();
    assert!(!snapshot.contains(ACTS, b"act").unwrap());
    assert_eq!(list(&snapshot, ..).unwrap().count(), 0);
}

#[test]
fn json_has_rfc_3339_times_in_utc_with_milliseconds() {
    let json = serde_json::to_value(event("v1")).unwrap();
    let expected = serde_json::json!({
        "time": "2025-06-01T12:00:00.123Z", "kind": "site-activated",
        "actor": { "device": "SHA256:x" }, "resource": "v1", "outcome": "done", "request": "r-1",
    });
    assert_eq!(json, expected);
    let back: Event = serde_json::from_value(json).unwrap();
    assert_eq!(back, event("v1"));
    let shifted: Timestamp = serde_json::from_str("\"2025-06-01T14:00:00.1239+02:00\"").unwrap();
    assert_eq!(shifted, event("").time);
    assert!(Timestamp::from_unix_millis(i64::MAX).is_err());
    assert!(Timestamp::from_unix_millis(i64::MIN).is_err());
    assert_eq!(
        Timestamp::from_unix_millis(0).unwrap().to_string(),
        "1970-01-01T00:00:00.000Z"
    );
}
