//! SCIM 2.0 without a wire and without a store: every function here is pure.
//!
//! Start with [`schema::ResourceTypeDef`], which says what a kind of resource looks like for one tenant; then follow a
//! write: [`json::parse`] -> [`normalise`] (dialects and rules become one canonical [`Document`]) or
//! [`patch::apply`]; and a read: [`filter::Filter::matches`] -> [`project`].

#![deny(missing_docs)]

pub mod bulk;
pub mod dialect;
mod document;
mod error;
pub mod filter;
pub mod json;
pub mod list;
pub mod normalise;
pub mod patch;
pub mod path;
pub mod project;
pub mod schema;
pub mod sort;
pub mod text;
pub mod time;
mod uri;

pub use document::{Document, MemberRef};
pub use error::{Invalid, ScimType};

/// `urn:ietf:params:scim:schemas:core:2.0:User`
pub const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
/// `urn:ietf:params:scim:schemas:core:2.0:Group`
pub const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
/// `urn:ietf:params:scim:schemas:extension:enterprise:2.0:User`
pub const ENTERPRISE_USER: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
/// The schema of an error answer (RFC 7644 §3.12).
pub const ERROR: &str = "urn:ietf:params:scim:api:messages:2.0:Error";
/// The schema of a list answer (RFC 7644 §3.4.2).
pub const LIST_RESPONSE: &str = "urn:ietf:params:scim:api:messages:2.0:ListResponse";
/// The schema of a bulk request (RFC 7644 §3.7).
pub const BULK_REQUEST: &str = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";
/// The schema of its answer.
pub const BULK_RESPONSE: &str = "urn:ietf:params:scim:api:messages:2.0:BulkResponse";
/// The schema of the body of a `/.search` (RFC 7644 §3.4.3).
pub const SEARCH_REQUEST: &str = "urn:ietf:params:scim:api:messages:2.0:SearchRequest";
/// The schema of a PATCH body (RFC 7644 §3.5.2).
pub const PATCH_OP: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";
