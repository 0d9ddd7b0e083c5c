use std::io;

use muster_model::{TenantId, Timestamp};
use muster_store::request_log::{Kept, RequestHead, RequestPage, RequestQuery};
use serde::Deserialize;

use crate::shared::Shared;

/// Bytes of entries that one read looks at; the page says where to go on.
const MAX_SCANNED_BYTES: u64 = 32 << 20;

/// A line, as far as it is searched.
#[derive(Debug, Deserialize)]
struct Head {
    seq: u64,
    item: HeadItem,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum HeadItem {
    Request(RequestHead),
    Lost { at: Timestamp },
}

impl Head {
    const fn at(&self) -> Timestamp {
        match &self.item {
            HeadItem::Request(head) => head.at,
            HeadItem::Lost { at } => *at,
        }
    }

    fn is_asked_for(&self, query: &RequestQuery) -> bool {
        match &self.item {
            HeadItem::Request(head) => query.matches(head),
            HeadItem::Lost { at } => query.wants_lost(*at),
        }
    }
}

/// The newest entries that match.
pub(crate) fn read(shared: &Shared, tenant: &TenantId, query: &RequestQuery) -> io::Result<RequestPage> {
    let (folder, too_old) = (shared.of_tenant(tenant), shared.too_old(tenant));
    let mut page = RequestPage::default();
    let mut before = query.before.unwrap_or(u64::MAX);
    let mut scanned = 0;
    for segment in shared.segments(tenant).iter().rev() {
        let from = query.from.map_or(too_old, |from| from.max(too_old));
        if segment.first >= before || !segment.may_hold(from, query.to) {
            continue;
        }
        if scanned > 0 && scanned + segment.bytes > MAX_SCANNED_BYTES {
            page.next = Some(before);
            return Ok(page);
        }
        scanned += segment.bytes;
        let Some(bytes) = segment.read(&folder)? else { continue };
        for line in bytes.split(|byte| *byte == b'\n').rev().filter(|line| !line.is_empty()) {
            let Ok(head) = serde_json::from_slice::<Head>(line) else {
                page.unreadable += 1;
                continue;
            };
            if head.seq >= before || head.at() < too_old {
                continue;
            }
            if page.found.len() == query.limit {
                page.next = Some(before);
                return Ok(page);
            }
            before = head.seq;
            if !head.is_asked_for(query) {
                continue;
            }
            match serde_json::from_slice::<Kept>(line) {
                Ok(kept) => page.found.push(kept),
                Err(_) => page.unreadable += 1,
            }
        }
    }
    Ok(page)
}
