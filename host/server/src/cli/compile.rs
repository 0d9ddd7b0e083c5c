use clap::Args;

use crate::app;

/// Compiles one plugin for the server that has started this, from standard input to standard output.
#[derive(Debug, Args)]
pub(super) struct CompilePlugin {
    /// Seconds of the processor that it may take
    processor_s: u64,
    /// MiB of memory that it may take
    memory_mib: u64,
}

impl CompilePlugin {
    pub(super) fn run(self) -> anyhow::Result<()> {
        app::compile_plugin(self.processor_s, self.memory_mib)
    }
}
