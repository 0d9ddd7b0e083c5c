//! The host's log, with tenant, plugin and request. Operators read it: write no user data.

/// How much it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Every step.
    Trace,
    /// For the author.
    Debug,
    /// For the operator, when curious.
    Info,
    /// For the operator, soon.
    Warn,
    /// For the operator, now.
    Error,
}

/// Whether such a line would be kept: ask before making an expensive one. Natively: no.
pub fn enabled(level: Level) -> bool {
    #[cfg(target_family = "wasm")]
    return crate::glue::log_enabled(level);
    #[cfg(not(target_family = "wasm"))]
    {
        let _ = level;
        false
    }
}

/// Writes a line; at most 64 lines of 4 KiB a call are kept. Natively it goes nowhere.
pub fn write(level: Level, message: &str) {
    #[cfg(target_family = "wasm")]
    crate::glue::log_write(level, message);
    #[cfg(not(target_family = "wasm"))]
    let _ = (level, message);
}

/// For the author.
pub fn debug(message: &str) {
    write(Level::Debug, message);
}

/// For the operator, when curious.
pub fn info(message: &str) {
    write(Level::Info, message);
}

/// For the operator, soon.
pub fn warn(message: &str) {
    write(Level::Warn, message);
}

/// For the operator, now.
pub fn error(message: &str) {
    write(Level::Error, message);
}
