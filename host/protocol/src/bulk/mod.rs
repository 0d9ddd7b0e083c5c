//! Bulk requests (RFC 7644 §3.7): [`parse`] reads the message, [`plan`] finds the order in which its operations refer backwards only, and
//! [`resolve`] puts the ids of created resources where `bulkId:` stood. Performing them is not done here.
//!
//! What a client may send is bounded before anything is built of it: [`MAX_BULK_OPERATIONS`] operations, and everything below walks each
//! operation and each reference once, without recursion but that over the depth that [`crate::json`] allows.

mod graph;
mod plan;
mod references;
mod request;
#[cfg(test)]
mod tests;

use serde_json::Value;

use crate::dialect::Rewrite;
use crate::error::Invalid;

pub use plan::{Step, plan};
pub use references::resolve;
pub use request::parse;

/// How many operations one bulk request may have; `bulk.maxOperations` announces it.
pub const MAX_BULK_OPERATIONS: usize = 1000;

/// A bulk request, read.
#[derive(Debug, Clone, PartialEq)]
pub struct BulkRequest {
    /// After how many errors the rest is left alone (RFC 7644 §3.7.3); never 0. `None`: after none.
    pub fail_on_errors: Option<usize>,
    /// In the order in which they were sent; never empty.
    pub operations: Vec<BulkOperation>,
    /// The leniencies that reading it needed.
    pub rewrites: Vec<Rewrite>,
}

/// One operation, and what the answer repeats of it.
#[derive(Debug, Clone, PartialEq)]
pub struct BulkOperation {
    /// The method, in upper case; `None`: it has none that could be repeated.
    pub method: Option<String>,
    /// The client's name for it, and, of a POST, for what it creates.
    pub bulk_id: Option<String>,
    /// What is asked for, or what is wrong with the asking: that fails this operation and no other.
    pub ask: Result<Ask, Invalid>,
}

/// What an operation asks for.
#[derive(Debug, Clone, PartialEq)]
pub struct Ask {
    /// The path's first segment: `Users`.
    pub endpoint: String,
    /// What shall happen there.
    pub action: Action,
    /// The version that the resource must have, as `If-Match` would say it.
    pub version: Option<String>,
    /// The body that the single request would have; `null` for a DELETE.
    pub data: Value,
}

/// What shall happen.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Action {
    /// POST
    Create,
    /// PUT
    Replace(Target),
    /// PATCH
    Patch(Target),
    /// DELETE
    Delete(Target),
}

/// Which resource.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Target {
    /// The one of this id.
    Id(String),
    /// The one that the operation of this `bulkId` creates.
    Created(String),
}

impl Action {
    /// The resource that must be there; a POST has none.
    pub const fn target(&self) -> Option<&Target> {
        match self {
            Self::Create => None,
            Self::Replace(target) | Self::Patch(target) | Self::Delete(target) => Some(target),
        }
    }
}

/// Why a bulk request is not performed at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unreadable {
    /// It is not what the message schema says.
    Invalid(Invalid),
    /// It has more than [`MAX_BULK_OPERATIONS`]: a 413 (RFC 7644 §3.7.4).
    TooManyOperations,
}

impl From<Invalid> for Unreadable {
    fn from(invalid: Invalid) -> Self {
        Self::Invalid(invalid)
    }
}
