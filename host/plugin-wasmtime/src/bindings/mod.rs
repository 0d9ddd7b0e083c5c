//! The contract as Rust, made from `wit/`: a module a version.

pub(crate) mod v1;
pub(crate) mod v2;
