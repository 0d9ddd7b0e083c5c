use std::sync::{Arc, mpsc};
use std::time::Duration;

use crate::Options;
use crate::core::{Core, MAX_LONG_READS};

fn core(folder: &std::path::Path) -> Arc<Core> {
    let (opened, _) = crate::open::open(folder, &Options::default()).unwrap();
    Arc::new(Core::new(Arc::new(opened), 1000))
}

#[tokio::test]
async fn a_long_read_that_nobody_waits_for_ends_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let core = core(folder.path());
    let (began, has_begun) = tokio::sync::oneshot::channel();
    let (ended, has_ended) = mpsc::channel();
    let reading = {
        let core = core.clone();
        tokio::spawn(async move {
            let read = core.read_long(move |reader| {
                let _ = began.send(());
                while reader.check_wanted().is_ok() {
                    std::thread::yield_now();
                }
                let _ = ended.send(());
                reader.check_wanted()
            });
            read.await
        })
    };
    has_begun.await.unwrap();
    assert!(has_ended.try_recv().is_err(), "it is waited for");

    reading.abort();

    tokio::task::spawn_blocking(move || has_ended.recv_timeout(Duration::from_secs(10)).unwrap()).await.unwrap();
}

#[tokio::test]
async fn so_many_long_reads_run_at_a_time_and_one_more_waits() {
    let folder = tempfile::tempdir().unwrap();
    let core = core(folder.path());
    let gate = Arc::new(std::sync::Barrier::new(MAX_LONG_READS + 1));
    let held: Vec<_> = (0..MAX_LONG_READS)
        .map(|_| {
            let (core, gate) = (core.clone(), gate.clone());
            tokio::spawn(async move {
                core.read_long(move |_| {
                    gate.wait();
                    Ok(())
                })
                .await
            })
        })
        .collect();
    let waits = core.clone();
    let one_more = tokio::spawn(async move { waits.read_long(|_| Ok(())).await });
    // Everything that can run has had its turn.
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(!one_more.is_finished());

    tokio::task::spawn_blocking(move || gate.wait()).await.unwrap();

    for read in held {
        read.await.unwrap().unwrap();
    }
    one_more.await.unwrap().unwrap();
}
