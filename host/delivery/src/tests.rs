//! Stories of the dispatcher, with outboxes in memory and a carrier that does as it is told.

mod memory;
mod stories;
