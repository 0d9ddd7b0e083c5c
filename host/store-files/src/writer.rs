use std::collections::HashMap;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use muster_model::{TenantId, Timestamp};
use muster_store::request_log::{Draft, Item, Kept};

use crate::segment::{self, SEGMENTS, Segment};
use crate::shared::{Reason, Shared};

/// Requests that are taken out of the queue before they are written.
const BATCH_ENTRIES: usize = 256;

/// Bytes that are written at once, and that a segment may be larger than it should.
const CHUNK_BYTES: usize = 256 << 10;

/// Bytes of a segment, whatever a tenant's bound: readers take segments whole.
const SEGMENT_BYTES: std::ops::RangeInclusive<u64> = 64 << 10..=4 << 20;

/// Bytes of one entry; a larger one is lost.
const MAX_ENTRY_BYTES: usize = 128 << 10;

/// How often the writer looks at the clock when no request comes.
const TICK: Duration = Duration::from_millis(250);

/// Milliseconds of the time that is believed, between two looks for what is too old.
const SWEEP_EVERY_MS: u64 = 60_000;

/// After a failure a tenant's entries are lost for so long, before its files are tried again.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// How often a failure is told in the server's log.
const WARN_EVERY: Duration = Duration::from_mins(1);

/// What the thread that writes is told.
#[derive(Debug)]
pub(crate) enum Message {
    /// One request.
    Entry {
        /// Whose.
        tenant: TenantId,
        /// What its entry is made of.
        draft: Draft,
    },
    /// Look whether it is time to stop.
    Wake,
}

/// The one thread that touches the files of the log.
#[derive(Debug)]
pub(crate) struct Writer {
    shared: Arc<Shared>,
    queue: Receiver<Message>,
    total_bytes: u64,
    tenants: HashMap<TenantId, State>,
    /// From when it was last looked for what is too old, and the generation of the bounds then.
    swept: Option<(Timestamp, u64)>,
    warned: Option<Instant>,
}

/// What the writer knows of one tenant beside its segments.
#[derive(Debug)]
struct State {
    next: u64,
    retry_at: Option<Instant>,
}

impl Default for State {
    fn default() -> Self {
        Self { next: 1, retry_at: None }
    }
}

impl Writer {
    pub(crate) fn new(shared: Arc<Shared>, queue: Receiver<Message>, total_bytes: u64) -> Self {
        Self { shared, queue, total_bytes, tenants: HashMap::new(), swept: None, warned: None }
    }

    /// Writes until the log is closed.
    pub(crate) fn run(mut self) {
        self.look_around();
        self.shared.ready();
        loop {
            let first = match self.queue.recv_timeout(TICK) {
                Ok(message) => Some(message),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => break,
            };
            let is_idle = !matches!(first, Some(Message::Entry { .. }));
            self.take(first);
            self.sweep_if_due();
            if is_idle && self.shared.is_stopping() {
                break;
            }
        }
        self.shared.ended();
    }

    /// Finds what an earlier process left.
    fn look_around(&mut self) {
        let tenants = segment::tenants(&self.shared.folder()).unwrap_or_else(|error| {
            self.warn(&error, None);
            Vec::new()
        });
        for tenant in tenants {
            match segment::find(&self.shared.of_tenant(&tenant)) {
                Ok(found) => {
                    if found.torn > 0 {
                        tracing::warn!(tenant.id = %tenant, bytes = found.torn, "the last entry of a tenant's request log was cut off, and is skipped");
                    }
                    self.shared.change_segments(&tenant, |segments| *segments = found.segments);
                    self.tenants.insert(tenant, State { next: found.next, ..State::default() });
                }
                Err(error) => self.warn(&error, Some(&tenant)),
            }
        }
    }

    /// Makes entries of what waits, and writes them.
    fn take(&mut self, first: Option<Message>) {
        let mut items: HashMap<TenantId, Vec<Item>> = HashMap::new();
        let mut taken = 0;
        for message in first.into_iter().chain(self.queue.try_iter()).take(BATCH_ENTRIES) {
            let Message::Entry { tenant, draft } = message else { continue };
            taken += 1;
            let bytes = draft.bytes;
            // A mistake in making one entry must not end the log.
            match catch_unwind(AssertUnwindSafe(draft.entry)) {
                Ok(entry) => items.entry(tenant).or_default().push(Item::Request(Box::new(entry))),
                Err(_) => self.shared.lose(&tenant, 1, Reason::Entry),
            }
            self.shared.let_go(bytes);
        }
        for tenant in self.shared.losers() {
            items.entry(tenant).or_default();
        }
        for (tenant, items) in items {
            self.write(&tenant, items);
        }
        if taken > 0 {
            self.shared.done(taken);
        }
    }

    /// Writes a tenant's entries, and how many before them were lost.
    fn write(&mut self, tenant: &TenantId, items: Vec<Item>) {
        let bounds = self.shared.bounds(tenant);
        if bounds.days == 0 || bounds.bytes == 0 {
            // It is not to be kept, so that nothing is missing.
            self.shared.take_lost(tenant);
            return;
        }
        let requests = items.len() as u64;
        let mut items = items.into_iter();
        if self.tenants.get(tenant).and_then(|state| state.retry_at).is_some_and(|at| Instant::now() < at) {
            self.shared.lose(tenant, requests, Reason::Disk);
            return;
        }
        let mut chunk = Chunk::default();
        let mut failure = None;
        let mut lost = 0;
        loop {
            let item = match items.next() {
                Some(item) => item,
                // Last, so that what is lost of these is among them.
                None if lost == 0 => {
                    lost = self.shared.take_lost(tenant);
                    if lost == 0 {
                        break;
                    }
                    Item::Lost { at: self.shared.now(), count: lost }
                }
                None => break,
            };
            let seq = self.next(tenant);
            let (at, stands_for) = match &item {
                Item::Request(entry) => (entry.at, 1),
                Item::Lost { at, .. } => (*at, 0),
            };
            let line = serde_json::to_vec(&Kept { seq, item }).ok().filter(|line| line.len() <= MAX_ENTRY_BYTES);
            let Some(line) = line else {
                self.shared.lose(tenant, stands_for, Reason::Entry);
                continue;
            };
            if !chunk.has_room_for(&line) {
                let full = std::mem::take(&mut chunk);
                failure = failure.or(self.append(tenant, &full).err());
            }
            chunk.push(seq, at, stands_for, &line);
        }
        failure = failure.or(self.append(tenant, &chunk).err());
        if let Some(error) = failure {
            self.warn(&error, Some(tenant));
            if let Some(state) = self.tenants.get_mut(tenant) {
                state.retry_at = Some(Instant::now() + RETRY_AFTER);
            }
            self.shared.lose_again(tenant, lost);
        } else if let Some(state) = self.tenants.get_mut(tenant) {
            state.retry_at = None;
        }
    }

    /// The next `seq` of a tenant. Those of entries that are lost are not given again.
    fn next(&mut self, tenant: &TenantId) -> u64 {
        let state = match self.tenants.get_mut(tenant) {
            Some(state) => state,
            None => self.tenants.entry(tenant.clone()).or_default(),
        };
        let seq = state.next;
        state.next += 1;
        seq
    }

    /// Appends lines to the newest segment or a new one, and makes room for them before.
    fn append(&mut self, tenant: &TenantId, chunk: &Chunk) -> io::Result<()> {
        if chunk.lines.is_empty() {
            return Ok(());
        }
        let (folder, bounds) = (self.shared.of_tenant(tenant), self.shared.bounds(tenant));
        let bytes = chunk.lines.len() as u64;
        self.make_room(tenant, bounds.bytes.saturating_sub(bytes));
        let room = bounds.bytes.min(self.total_bytes);
        let large = (room / u64::from(SEGMENTS)).clamp(*SEGMENT_BYTES.start(), *SEGMENT_BYTES.end());
        let newest = self.shared.segments(tenant).pop();
        let takes = |segment: &Segment| {
            segment.takes(chunk.began, bounds.days) && segment.takes(chunk.ended, bounds.days) && segment.bytes < large
        };
        let mut segment = newest.filter(takes).unwrap_or_else(|| Segment::new(chunk.first, chunk.began));
        let mut appended = segment.append(&folder, &chunk.lines);
        if matches!(&appended, Err(error) if error.kind() == io::ErrorKind::NotFound) {
            // Somebody has removed the folder, or files of it.
            self.shared.change_segments(tenant, |segments| {
                segments.retain(|segment| segment.path(&folder).exists());
            });
            segment = Segment::new(chunk.first, chunk.began);
            appended = segment.append(&folder, &chunk.lines);
        }
        let (first, is_closed) = (segment.first, appended.is_err());
        self.shared.change_segments(tenant, |segments| match segments.last_mut().filter(|last| last.first == first) {
            Some(last) if is_closed => last.is_closed = true,
            Some(last) => {
                last.bytes += bytes;
                last.ended = last.ended.max(chunk.ended);
            }
            None if is_closed => {}
            None => segments.push(Segment { bytes, ended: chunk.ended, ..segment }),
        });
        match &appended {
            Ok(()) => metrics::counter!("muster_request_log_kept_total").increment(chunk.requests),
            Err(_) => self.shared.lose(tenant, chunk.requests, Reason::Disk),
        }
        self.make_room_for_all();
        appended
    }

    /// Lets a tenant's oldest segments go until no more than so many bytes are left.
    fn make_room(&mut self, tenant: &TenantId, at_most: u64) {
        let mut segments = self.shared.segments(tenant);
        let mut bytes: u64 = segments.iter().map(|segment| segment.bytes).sum();
        segments.reverse();
        while bytes > at_most
            && let Some(oldest) = segments.pop()
        {
            bytes -= oldest.bytes;
            self.remove(tenant, &oldest);
        }
    }

    /// The same for all tenants together.
    fn make_room_for_all(&mut self) {
        while self.shared.bytes() > self.total_bytes
            && let Some((tenant, oldest)) = self.shared.oldest()
        {
            self.remove(&tenant, &oldest);
        }
    }

    /// Removes a segment. One that cannot be removed is not looked at any more by this process, and tried again by the next.
    fn remove(&mut self, tenant: &TenantId, segment: &Segment) {
        self.shared.change_segments(tenant, |segments| segments.retain(|it| it.first != segment.first));
        if let Err(error) = segment.remove(&self.shared.of_tenant(tenant)) {
            self.warn(&error, Some(tenant));
        }
    }

    /// Lets go of what is too old or too much, now and then, and when the bounds have changed.
    fn sweep_if_due(&mut self) {
        let (now, generation) = (self.shared.believed(), self.shared.bounds_generation());
        let is_due = self
            .swept
            .is_none_or(|(at, then)| generation != then || now.as_millis().abs_diff(at.as_millis()) >= SWEEP_EVERY_MS);
        if !is_due {
            return;
        }
        self.swept = Some((now, generation));
        for tenant in self.shared.tenants() {
            let (bounds, too_old) = (self.shared.bounds(&tenant), self.shared.too_old(&tenant));
            for segment in self.shared.segments(&tenant) {
                if segment.ended < too_old {
                    self.remove(&tenant, &segment);
                }
            }
            let at_most = if bounds.days == 0 { 0 } else { bounds.bytes };
            self.make_room(&tenant, at_most);
        }
        self.make_room_for_all();
    }

    fn warn(&mut self, error: &io::Error, tenant: Option<&TenantId>) {
        metrics::counter!("muster_request_log_failures_total").increment(1);
        if self.warned.is_some_and(|at| at.elapsed() < WARN_EVERY) {
            return;
        }
        self.warned = Some(Instant::now());
        let tenant = tenant.map(tracing::field::display);
        tracing::warn!(tenant.id = tenant, %error, "the request log cannot be written; requests are answered as ever, and not kept (told once a minute)");
    }
}

/// Lines that are written at once.
#[derive(Debug, Default)]
struct Chunk {
    lines: Vec<u8>,
    requests: u64,
    /// The `seq` of the first line.
    first: u64,
    /// The earliest and the latest time of the lines.
    began: Timestamp,
    ended: Timestamp,
}

impl Chunk {
    fn has_room_for(&self, line: &[u8]) -> bool {
        self.lines.is_empty() || self.lines.len() + line.len() < CHUNK_BYTES
    }

    fn push(&mut self, seq: u64, at: Timestamp, requests: u64, line: &[u8]) {
        if self.lines.is_empty() {
            (self.first, self.began, self.ended) = (seq, at, at);
        }
        (self.began, self.ended) = (self.began.min(at), self.ended.max(at));
        self.requests += requests;
        self.lines.extend_from_slice(line);
        self.lines.push(b'\n');
    }
}
