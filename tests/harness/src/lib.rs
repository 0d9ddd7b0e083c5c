//! A whole server for a test: the real store in a temporary folder, real components, real HTTP on loopback, and a clock that stands.
//!
//! [`TestApp::start`] is the server, [`TestApp::tenant`] a tenant with a client that speaks as an identity provider does.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "an expectation that fails is a test that fails"
)]

mod app;
mod client;
pub mod messages;
mod process;
pub mod wasm;

pub use app::{ADMIN_KEY, DIRECTORY_KEY, TestApp, TestAppBuilder};
pub use client::{Answer, TenantClient, field};
pub use process::{ServeProcess, ServerProcess};

/// `urn:ietf:params:scim:schemas:core:2.0:User`
pub const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
/// `urn:ietf:params:scim:schemas:core:2.0:Group`
pub const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
/// `urn:ietf:params:scim:schemas:extension:enterprise:2.0:User`
pub const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
/// `urn:ietf:params:scim:api:messages:2.0:PatchOp`
pub const PATCH_OP: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";
