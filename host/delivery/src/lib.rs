//! After the answer: what was planned with a change is carried out.
//!
//! Start with [`Dispatcher::run`]: it leases tasks from the outboxes ([`Outboxes`]), gives each to the [`Carrier`], and settles what came of
//! it. `turns.rs` says whose turn it is, `attempt.rs` is one attempt, `limits.rs` says how much and when again. Nothing here is remembered
//! that the store does not know as well: a process that is killed is followed by one that finds every task where it stood.

#![deny(missing_docs)]

mod attempt;
mod dispatch;
mod feed;
mod gauges;
mod limits;
mod of_store;
mod ports;
mod turns;

#[cfg(test)]
mod tests;

pub use dispatch::{Dispatcher, LOOK_AGAIN, Parts, STORE_PAUSE};
pub use feed::{Feeder, Feeds, MAX_ENTRIES_A_FEED, MAX_FED_WAITING, Ring};
pub use gauges::MAX_TENANTS_TOLD;
pub use limits::{DeliveryLimits, MAX_FAILURE_CHARS};
pub use of_store::OfStore;
pub use ports::{Brake, Carrier, Dice, Outboxes, Wake};
pub use turns::RESERVED;
