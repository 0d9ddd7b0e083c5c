//! Every limit, with its unit.

use std::time::Duration;

/// Bytes of the body of a request.
pub const MAX_REQUEST_BYTES: usize = 1 << 20;
/// Bytes of the body of an answer.
pub const MAX_ANSWER_BYTES: usize = 1 << 20;
/// Bytes of the headers of a request, and of an answer with its status line: names and values together.
pub const MAX_HEADER_BYTES: usize = 32 << 10;
/// Headers of a request, and of an answer.
pub const MAX_HEADERS: usize = 100;
/// Bytes of a path and query.
pub const MAX_TARGET_BYTES: usize = 8 << 10;
/// Addresses of one host: all are checked, and these many are tried.
pub const MAX_ADDRESSES: usize = 4;

/// How long is waited for what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// For each of the steps before the request leaves: the look-up, the connection, the handshake.
    pub connect: Duration,
    /// From then until the head of the answer is there.
    pub first_byte: Duration,
    /// For more of the answer, each time.
    pub between_bytes: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(2),
            first_byte: Duration::from_secs(5),
            between_bytes: Duration::from_secs(5),
        }
    }
}
