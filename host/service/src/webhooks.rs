//! Signed webhooks (Standard Webhooks): what happened is told to a place that the tenant has named, and signed so that whoever is there can
//! believe it.
//!
//! Start with `carry.rs`: one attempt at one task. `payload.rs` is what is told, `key.rs` what it is signed with, `post.rs` the request and
//! what is made of its answer, `batch.rs` several events in one request. Who has which webhooks is in `admin/webhooks.rs`.

mod batch;
mod carry;
mod key;
mod payload;
mod post;

pub(crate) use key::{Signer, WebhookKey, is_live, open, place};
pub use payload::MAX_WEBHOOK_BODY_BYTES;
pub(crate) use payload::fields;
pub use post::{MAX_WEBHOOK_ANSWER_BYTES, MAX_WEBHOOK_ANSWER_TOLD, WEBHOOK_TIMEOUT};
pub(crate) use post::{Posting, line, line_without, retry_after};

use muster_model::{TenantRow, WebhookRow};

/// How many members of a group a thin event names; beyond, it only counts them.
pub const MAX_WEBHOOK_MEMBERS: usize = 100;

/// A tenant's webhook of this name.
pub(crate) fn webhook<'a>(row: &'a TenantRow, name: &str) -> Option<&'a WebhookRow> {
    row.delivery.webhooks.iter().find(|webhook| webhook.name.as_str() == name)
}
