#![allow(missing_docs, clippy::unwrap_used)]
mod common;
use common::{BLOBS, Named, Numbered, open, path};
use holdfast_store::Batch;
#[test]
fn make() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    let mut batch = Batch::new();
    batch
        .put(
            b"name",
            &Named {
                text: "kept".into(),
            },
        )
        .unwrap();
    batch.put_bytes(BLOBS, b"k", b"kept".to_vec());
    batch.append(&Numbered { value: 1 }).unwrap();
    batch.append(&Numbered { value: 2 }).unwrap();
    store.commit_blocking(batch).unwrap();
    drop(store);
    let mut d = redb::Database::open(path(&folder)).unwrap();
    d.compact().unwrap();
    drop(d);
    println!("size {}", std::fs::metadata(path(&folder)).unwrap().len());
    std::fs::copy(path(&folder), std::env::var("FIXTURE").unwrap()).unwrap();
}
#[test]
#[ignore]
fn speed() {
    let folder = tempfile::tempdir_in(std::env::var("SPEEDDIR").unwrap()).unwrap();
    let store = open(&folder);
    store.start_writer().unwrap();
    for round in 0..3 {
        let start = std::time::Instant::now();
        for n in 0..400_u32 {
            let mut batch = Batch::new();
            batch.put(n.to_be_bytes(), &Numbered { value: n }).unwrap();
            store.commit_blocking(batch).unwrap();
        }
        println!(
            "single round {round}: {:.1}/s",
            400.0 / start.elapsed().as_secs_f64()
        );
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let start = std::time::Instant::now();
        runtime.block_on(async {
            let mut all = Vec::new();
            for n in 0..20000_u32 {
                let store = store.clone();
                all.push(async move {
                    let mut batch = Batch::new();
                    batch
                        .put((n % 5000).to_be_bytes(), &Numbered { value: n })
                        .unwrap();
                    store.commit(batch).await.unwrap();
                });
            }
            // all polled together
            let mut set: Vec<_> = all.into_iter().map(Box::pin).collect();
            std::future::poll_fn(|cx| {
                set.retain_mut(|f| std::future::Future::poll(f.as_mut(), cx).is_pending());
                if set.is_empty() {
                    std::task::Poll::Ready(())
                } else {
                    std::task::Poll::Pending
                }
            })
            .await;
        });
        println!(
            "group round {round}: {:.0}/s in {} transactions",
            20000.0 / start.elapsed().as_secs_f64(),
            store.transactions()
        );
    }
}
