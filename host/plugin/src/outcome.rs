use std::time::Duration;

/// What came of one attempt to carry a task out. What is said in it is told to people, and never holds a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is done.
    Done,
    /// It is to be tried again.
    Again {
        /// Why: one sentence.
        reason: String,
        /// Not sooner than after this time; `None`: whenever the host's back-off says.
        after: Option<Duration>,
    },
    /// It can never be done: a person must look at it.
    Failed {
        /// Why: one sentence.
        reason: String,
    },
}
