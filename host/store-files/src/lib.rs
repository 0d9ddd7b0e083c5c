//! The request log in files: `<folder>/<tenant>/<first>-<began>.ndjson`, one JSON object a line.
//!
//! [`FileRequestLog::offer`] puts a draft into a bounded queue and returns; one thread of its own (`writer.rs`) makes the entries, appends
//! them to the tenant's newest segment and lets the oldest segments go. Nothing is forced to disk: after a crash the last entries may be
//! missing, and the last line may be cut off, which `segment.rs` finds at the next start. Readers (`reader.rs`) see what the writer has
//! written whole.

mod reader;
mod segment;
mod shared;
#[cfg(test)]
mod tests;
mod writer;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::Duration;

use async_trait::async_trait;
use muster_model::{Clock, TenantId, Timestamp};
use muster_store::StoreError;
use muster_store::request_log::{Draft, RequestBounds, RequestLog, RequestPage, RequestQuery};

use crate::shared::{Reason, Shared};
use crate::writer::{Message, Writer};

/// How long a reader waits for what was offered before it asked to be written.
const READ_WAIT: Duration = Duration::from_secs(1);

/// How long [`RequestLog::close`] waits for the writer, which may hang on a disk that does.
const CLOSE_WAIT: Duration = Duration::from_secs(3);

/// Where the log is, and how much of everything.
#[derive(Debug, Clone)]
pub struct Options {
    /// The folder; made with its first entry.
    pub folder: PathBuf,
    /// What time it is, for when requests were lost; what is too old goes by [`RequestLog::believe`].
    pub clock: Arc<dyn Clock>,
    /// Bytes of all tenants' entries.
    pub total_bytes: u64,
    /// Requests that may wait to be written; one more is lost.
    pub queue_entries: usize,
    /// Bytes that they may hold on to, their bodies above all.
    pub queue_bytes: usize,
}

/// A request log in a folder.
#[derive(Debug)]
pub struct FileRequestLog {
    shared: Arc<Shared>,
    queue: SyncSender<Message>,
    queue_bytes: usize,
}

impl FileRequestLog {
    /// Starts the thread that writes. What is wrong with the folder is found there, and is no reason not to start.
    pub fn open(options: Options) -> std::io::Result<Self> {
        let shared = Arc::new(Shared::new(options.folder, options.clock));
        let (queue, waiting) = sync_channel(options.queue_entries);
        let writer = Writer::new(shared.clone(), waiting, options.total_bytes);
        std::thread::Builder::new().name("request-log".to_owned()).spawn(move || writer.run())?;
        Ok(Self { shared, queue, queue_bytes: options.queue_bytes })
    }
}

#[async_trait]
impl RequestLog for FileRequestLog {
    fn offer(&self, tenant: &TenantId, draft: Draft) {
        let bytes = draft.bytes;
        let fits = self.shared.hold(bytes) <= self.queue_bytes;
        if fits && self.queue.try_send(Message::Entry { tenant: tenant.clone(), draft }).is_ok() {
            self.shared.count_taken();
        } else {
            self.shared.let_go(bytes);
            self.shared.lose(tenant, 1, Reason::Queue);
        }
    }

    fn keep(&self, tenant: &TenantId, bounds: RequestBounds) {
        self.shared.set_bounds(tenant, bounds);
    }

    fn believe(&self, now: Timestamp) {
        self.shared.believe(now);
    }

    async fn read(&self, tenant: &TenantId, query: &RequestQuery) -> Result<RequestPage, StoreError> {
        let (shared, tenant, query) = (self.shared.clone(), tenant.clone(), query.clone());
        let reading = tokio::task::spawn_blocking(move || {
            shared.wait_until_written(READ_WAIT);
            reader::read(&shared, &tenant, &query)
        });
        match reading.await {
            Ok(page) => page.map_err(|error| StoreError::Unavailable(Box::new(error))),
            Err(ended) => Err(StoreError::Unavailable(Box::new(ended))),
        }
    }

    async fn close(&self) {
        self.shared.stop();
        // Only to wake it up: a queue that is full needs no waking.
        let _ = self.queue.try_send(Message::Wake);
        let shared = self.shared.clone();
        let ended = tokio::task::spawn_blocking(move || shared.wait_until_ended(CLOSE_WAIT)).await;
        if !matches!(ended, Ok(true)) {
            tracing::warn!("the request log did not finish in time; its last entries are lost");
        }
    }
}
