//! Everything has a limit, and each is reached here over the wire: what is just allowed, and what is told to whoever wants more.
//!
//! Not reached: how many records a filter may search (200,000 of them: the store's contract tests it with a smaller bound), and how
//! many commits may wait for the disk at once. The limits of plugins are reached in `guests`, and what operators may send in `admin`.

mod connections;
mod load;
mod messages;
mod paths;
mod raw;
mod size;
