//! Instances that nobody calls: so that the benchmarks can tell how much of a call is its instance.

use muster_plugin::{Call, PluginError};

use crate::instance::{Function, Ready};

const NOTHING: Function = Function::of_requests("nothing");

/// Starts instances of a component.
pub struct Bare {
    ready: Ready,
}

impl Bare {
    pub(crate) fn new(ready: Ready) -> Self {
        Self { ready }
    }

    /// Starts one as the runtime does it, without limits or a log, and lets it go.
    pub fn instantiate(&self, call: &Call<'_>) -> Result<(), PluginError> {
        self.ready.instantiate(NOTHING, call)
    }

    /// Starts one as each call of the request path has it, and lets it go.
    pub fn start(&self, call: &Call<'_>) -> Result<(), PluginError> {
        self.ready.run(NOTHING, Some(call), |_, _| Ok(()))
    }
}

impl std::fmt::Debug for Bare {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bare").field("digest", &self.ready.digest).finish_non_exhaustive()
    }
}
