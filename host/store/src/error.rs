/// Why a store did not do it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another resource of the tenant holds a name that must be unique; nothing was written.
    #[error("{attribute} is already in use")]
    Taken {
        /// The canonical path in lower case, as in [`muster_model::Key`].
        attribute: String,
    },
    /// Something that the commit relied on has changed, or is gone; nothing was written. Read again and decide again.
    #[error("what the write relied on has changed")]
    Stale,
    /// Answering would mean looking at more records than the bound allows, and no index helps.
    #[error("more than {limit} resources would have to be searched")]
    TooMany {
        /// The bound, in records.
        limit: u64,
    },
    /// There is no room for it on the disk; nothing was written. Reads go on, and so do writes as soon as there is room.
    #[error("there is no room left on the disk of the store")]
    Full,
    /// The store cannot answer now; for a commit: it is unknown whether it was made.
    #[error("the store is not available")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// What was read is not what was written.
    #[error("the store is damaged: {0}")]
    Damaged(String),
}
