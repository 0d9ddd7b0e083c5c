//! Out of this deployment and into another: exports as files that are fetched, imports that are sent in pieces.

mod exports;
mod finish;
mod granted;
mod imports;
mod receivers;
mod trust;

use muster_store::StoreError;

pub(super) use exports::tidy;
pub use exports::{ExportView, MAX_EXPORTS, NewExport};
pub use imports::{ImportView, MAX_IMPORTS, MAX_ITEMS_A_LOAD, MAX_LOAD_BYTES, NewImport};

use crate::{AdminError, Service};

impl Service {
    /// Tells the key that tokens are recognised with from others, and nothing about it.
    pub(crate) fn token_key_fingerprint(&self) -> String {
        hex::encode(&self.parts.token_key.derive("muster export fingerprint 1")[..FINGERPRINT_BYTES])
    }
}

/// Enough to tell keys apart.
const FINGERPRINT_BYTES: usize = 16;

/// What a file could not be written or read for.
fn of_file(error: std::io::Error) -> AdminError {
    match error.kind() {
        std::io::ErrorKind::StorageFull => AdminError::Full,
        _ => AdminError::Unavailable(StoreError::Unavailable(Box::new(error))),
    }
}
