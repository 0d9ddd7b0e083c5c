//! Places where tests let something fail, as a disk would: see `tests/faults.rs`. Without the feature `failpoints` there is nothing of them in the program.

use std::io;
use std::path::Path;

/// Fails if a test said so of this store's folder and this place.
#[cfg(feature = "failpoints")]
pub(crate) fn point(folder: &Path, place: &str) -> io::Result<()> {
    fail::fail_point!(&name(folder, place), |_| Err(io::Error::other(format!("a fault at `{place}`"))));
    Ok(())
}

/// Fails if a test said so.
#[cfg(not(feature = "failpoints"))]
#[inline]
#[expect(clippy::unnecessary_wraps, reason = "with the feature it can fail")]
pub(crate) const fn point(_: &Path, _: &str) -> io::Result<()> {
    Ok(())
}

/// What a test calls it.
#[cfg(feature = "failpoints")]
pub(crate) fn name(folder: &Path, place: &str) -> String {
    format!("{}: {place}", folder.display())
}
