//! SCIM, one verb a file. Users and groups are data: the path's first segment says which kind it is.

pub(crate) mod asynchronous;
pub(crate) mod bulk;
pub(crate) mod create;
pub(crate) mod delete;
pub(crate) mod discovery;
pub(crate) mod get;
pub(crate) mod list;
pub(crate) mod me;
pub(crate) mod patch;
pub(crate) mod replace;
pub(crate) mod search;
