//! Identity providers simulated: what Okta and Entra send, in their shapes and in their order.
//!
//! [`okta`] and [`entra`] make requests as values; [`sync`] plays a whole cycle of either against a server.

mod client;
pub mod entra;
pub mod okta;
mod people;
pub mod sync;

pub use client::{Client, Reply, Request, SendError};
pub use people::{Group, Person, sample};
