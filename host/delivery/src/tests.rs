//! Stories of the dispatcher, with outboxes in memory and a carrier that does as it is told.

mod gauges;
mod held;
mod memory;
mod stories;
