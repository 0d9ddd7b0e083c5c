//! Panics of sled on what is damaged become errors. What is wrong is told once, in a sentence, and not by a panic's report before it.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Once;

/// The names of sled's own threads begin with this.
const THREADS: &str = "sled-";

thread_local! {
    /// How many of [`quietly`] this thread is inside.
    static INSIDE: Cell<usize> = const { Cell::new(0) };
}

/// Reads what may be damaged; an error if that panics.
pub(crate) fn quietly<T>(reads: impl FnOnce() -> T) -> Result<T, String> {
    report_no_panics_of_sled();
    INSIDE.set(INSIDE.get() + 1);
    let outcome = catch_unwind(AssertUnwindSafe(reads));
    INSIDE.set(INSIDE.get() - 1);
    outcome.map_err(|_| "reading it panicked".to_owned())
}

/// Every other panic is reported as before.
fn report_no_panics_of_sled() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let report = take_hook();
        set_hook(Box::new(move |panic| {
            let is_sleds = std::thread::current().name().is_some_and(|name| name.starts_with(THREADS));
            if INSIDE.get() == 0 && !is_sleds {
                report(panic);
            }
        }));
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_error_and_only_while_something_is_read() {
        assert_eq!(quietly(|| 1), Ok(1));
        assert_eq!(quietly(|| quietly(|| panic!("inside"))), Ok(Err::<(), _>("reading it panicked".to_owned())));
        assert_eq!(INSIDE.get(), 0);
    }
}
