/// Why there is no answer: one sentence each, for the operator. It names the host, and nothing of what was sent or answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The URL leads nowhere that anybody may go.
    #[error("the URL cannot be called: {0}")]
    Destination(String),
    /// The request is none that is sent.
    #[error("the request cannot be sent: {0}")]
    Request(String),
    /// The name has no address, or nobody says which.
    #[error("no address of {host} was found")]
    Unresolved {
        /// The host.
        host: String,
    },
    /// One of its addresses is not a public one, so none of them is called.
    #[error("{host} has the address {address}, which is that of {whose} and not a public one")]
    NotPublic {
        /// The host.
        host: String,
        /// The address.
        address: std::net::IpAddr,
        /// Whose it is, in a word.
        whose: &'static str,
    },
    /// Nobody is there, or nobody who answers in time.
    #[error("{host} could not be connected to: {why}")]
    Unconnected {
        /// The host.
        host: String,
        /// Why.
        why: String,
    },
    /// Whoever is there does not show that it is who it should be.
    #[error("the certificate of {host} is refused: {why}")]
    Certificate {
        /// The host.
        host: String,
        /// Why.
        why: String,
    },
    /// It takes too long.
    #[error("{host} did not {what} within {limit_ms} ms")]
    Late {
        /// The host.
        host: String,
        /// What it should have done.
        what: &'static str,
        /// The limit.
        limit_ms: u128,
    },
    /// It is more than is read.
    #[error("the answer of {host} has more than {limit} {what}")]
    TooMuch {
        /// The host.
        host: String,
        /// Of what.
        what: &'static str,
        /// How much there can be.
        limit: usize,
    },
    /// What came is no answer, or not the whole of one.
    #[error("{host} did not answer as HTTP demands, or not to the end")]
    Broken {
        /// The host.
        host: String,
    },
}
