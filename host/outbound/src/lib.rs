//! Requests that leave for places which somebody else has named: a plugin, a tenant's administrator.
//!
//! Start with [`Sender::send`]. A request's way: `destination` (https, and a host that is named) -> `resolve` (once) -> `address` (each address
//! that the name has is checked, and one of the checked ones is connected to) -> `connect` (TCP, TLS, a certificate for that name) -> the
//! request -> `answer` (as long as it is not too long, and does not stand still). Nothing is followed, kept or repeated: no redirects, no
//! cookies, no proxies, no connections that wait for the next request.
//!
//! Whether a place may be called at all is for the caller to know; that it is no place within the operator's own network is told here.

#![deny(missing_docs)]

mod address;
mod answer;
mod connect;
mod destination;
mod error;
mod limits;
mod resolve;
mod sender;
mod trust;

#[cfg(test)]
mod tests;

pub use address::{InvalidNetwork, InvalidPlace, Network, Place};
pub use answer::Answer;
pub use destination::Destination;
pub use error::SendError;
pub use limits::{
    MAX_ADDRESSES, MAX_ANSWER_BYTES, MAX_HEADER_BYTES, MAX_HEADERS, MAX_REQUEST_BYTES, MAX_TARGET_BYTES, Patience,
};
pub use resolve::{Resolve, SystemResolver};
pub use sender::{Options, Sender};
pub use trust::{Authorities, InvalidAuthorities};
