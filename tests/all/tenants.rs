//! There is always exactly one tenant: the one whose token it is. What a token opens, and that nothing of another tenant shows.

mod isolation;
mod restart;
mod tokens;

/// An id as the server makes them, which it did not make.
const UNKNOWN: &str = "019a4a5e-0000-7000-8000-000000000000";
