//! Ways into the operator's own network, each tried; and what endpoints do that mean no good, or nothing at all.

mod attempts;
mod endpoints;
mod listener;
