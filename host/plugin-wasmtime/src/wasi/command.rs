use wasmtime::component::Resource;
use wasmtime::{Result, bail};
use wasmtime_wasi::p2::bindings::{cli, clocks};
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream, DynPollable};

use super::Nowhere;

impl cli::environment::Host for Nowhere {
    fn get_environment(&mut self) -> Result<Vec<(String, String)>> {
        Ok(Vec::new())
    }

    fn get_arguments(&mut self) -> Result<Vec<String>> {
        Ok(Vec::new())
    }

    fn initial_cwd(&mut self) -> Result<Option<String>> {
        Ok(None)
    }
}

impl cli::exit::Host for Nowhere {
    fn exit(&mut self, _: std::result::Result<(), ()>) -> Result<()> {
        bail!("the plugin called exit")
    }

    fn exit_with_code(&mut self, _: u8) -> Result<()> {
        bail!("the plugin called exit")
    }
}

impl cli::stdin::Host for Nowhere {
    fn get_stdin(&mut self) -> Result<Resource<DynInputStream>> {
        Ok(Resource::new_own(0))
    }
}

impl cli::stdout::Host for Nowhere {
    fn get_stdout(&mut self) -> Result<Resource<DynOutputStream>> {
        Ok(Resource::new_own(0))
    }
}

impl cli::stderr::Host for Nowhere {
    fn get_stderr(&mut self) -> Result<Resource<DynOutputStream>> {
        Ok(Resource::new_own(0))
    }
}

impl cli::terminal_input::Host for Nowhere {}

impl cli::terminal_input::HostTerminalInput for Nowhere {
    fn drop(&mut self, _: Resource<cli::terminal_input::TerminalInput>) -> Result<()> {
        Ok(())
    }
}

impl cli::terminal_output::Host for Nowhere {}

impl cli::terminal_output::HostTerminalOutput for Nowhere {
    fn drop(&mut self, _: Resource<cli::terminal_output::TerminalOutput>) -> Result<()> {
        Ok(())
    }
}

impl cli::terminal_stdin::Host for Nowhere {
    fn get_terminal_stdin(&mut self) -> Result<Option<Resource<cli::terminal_input::TerminalInput>>> {
        Ok(None)
    }
}

impl cli::terminal_stdout::Host for Nowhere {
    fn get_terminal_stdout(&mut self) -> Result<Option<Resource<cli::terminal_output::TerminalOutput>>> {
        Ok(None)
    }
}

impl cli::terminal_stderr::Host for Nowhere {
    fn get_terminal_stderr(&mut self) -> Result<Option<Resource<cli::terminal_output::TerminalOutput>>> {
        Ok(None)
    }
}

impl clocks::wall_clock::Host for Nowhere {
    fn now(&mut self) -> Result<clocks::wall_clock::Datetime> {
        let nanoseconds = u32::try_from(self.now_ms % 1_000)? * 1_000_000;
        Ok(clocks::wall_clock::Datetime { seconds: self.now_ms / 1_000, nanoseconds })
    }

    fn resolution(&mut self) -> Result<clocks::wall_clock::Datetime> {
        Ok(clocks::wall_clock::Datetime { seconds: 0, nanoseconds: 1_000_000 })
    }
}

impl clocks::monotonic_clock::Host for Nowhere {
    fn now(&mut self) -> Result<u64> {
        Ok(self.now_ms.saturating_mul(1_000_000))
    }

    fn resolution(&mut self) -> Result<u64> {
        Ok(1_000_000)
    }

    fn subscribe_instant(&mut self, _: u64) -> Result<Resource<DynPollable>> {
        bail!("waiting is for delivery only: the clock of the pure roles stands still")
    }

    fn subscribe_duration(&mut self, _: u64) -> Result<Resource<DynPollable>> {
        bail!("waiting is for delivery only: the clock of the pure roles stands still")
    }
}
