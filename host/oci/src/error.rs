/// Why an artifact was not pushed or pulled. Each is one sentence that says what and where; a registry's own words stand in none but
/// [`OciError::Refused`], shortened.
#[derive(Debug, thiserror::Error)]
pub enum OciError {
    /// It names no artifact.
    #[error("{0}")]
    Reference(String),
    /// The registry cannot be reached, or has stopped in the middle.
    #[error("{host}: {why}")]
    Unreachable {
        /// Which.
        host: String,
        /// What the connection says.
        why: String,
    },
    /// It takes too long.
    #[error("{host} has not answered within {seconds} s")]
    Late {
        /// Which.
        host: String,
        /// How long was waited.
        seconds: u64,
    },
    /// It has answered something else than what was asked for.
    #[error("{host} refuses {what}: {status}{why}")]
    Refused {
        /// Which.
        host: String,
        /// What was asked for.
        what: String,
        /// The status.
        status: u16,
        /// Its own words, behind a colon; empty: none.
        why: String,
    },
    /// There is no such artifact.
    #[error("{host} does not have {what}")]
    Missing {
        /// Which registry.
        host: String,
        /// What.
        what: String,
    },
    /// It answers more than can be.
    #[error("{what} from {host} is larger than {limit} bytes")]
    TooLarge {
        /// Which registry.
        host: String,
        /// What.
        what: String,
        /// How much is read.
        limit: u64,
    },
    /// What came is not what it should be.
    #[error("{what} from {host} is not what its digest says: it should be sha256:{expected}, and is sha256:{found}")]
    OtherBytes {
        /// Which registry.
        host: String,
        /// What.
        what: String,
        /// What was asked for.
        expected: String,
        /// What came.
        found: String,
    },
    /// It has another size than the manifest says.
    #[error("{what} from {host} has {found} bytes, and its manifest says {expected}")]
    OtherSize {
        /// Which registry.
        host: String,
        /// What.
        what: String,
        /// What the manifest says.
        expected: u64,
        /// What came.
        found: u64,
    },
    /// It sends whoever asks elsewhere, where nobody goes.
    #[error("{host} sends {what} to {to}, {why}")]
    Elsewhere {
        /// Which registry.
        host: String,
        /// What was asked for.
        what: String,
        /// Where to, without path and query.
        to: String,
        /// Why nobody goes there.
        why: &'static str,
    },
    /// The tag has been given to something else.
    #[error("{reference} is there already, and names {names}")]
    Taken {
        /// Which.
        reference: String,
        /// What it names.
        names: String,
    },
    /// Its certificate does not count.
    #[error("{host}: its certificate is refused: {why}")]
    Certificate {
        /// Which registry.
        host: String,
        /// What is wrong with it.
        why: String,
    },
    /// The certificates that are to count cannot be used.
    #[error("{0}")]
    Authorities(String),
    /// The artifact is something else than a component.
    #[error("{reference} is no component: {why}")]
    NotAComponent {
        /// Which.
        reference: String,
        /// What it is.
        why: String,
    },
    /// What would authenticate cannot be used.
    #[error("{0}")]
    Credentials(String),
}
