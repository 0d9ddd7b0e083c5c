//! See the library of this crate.

use std::process::ExitCode;

use muster_server::cli::{Cli, Misread, ReaderGone};

/// Requests are made of small allocations, on many threads.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What a command line that cannot be read ends with.
const MISREAD: u8 = 2;

/// What a command ends with whose reader has gone: as any other that SIGPIPE ends (128 + 13).
const READER_GONE: u8 = 141;

fn main() -> ExitCode {
    let cli = match Cli::read(std::env::args_os()) {
        Ok(cli) => cli,
        Err(Misread::Shown(shown)) => shown.exit(),
        #[expect(clippy::print_stderr, reason = "as the last word of a command")]
        Err(Misread::Wrong(told)) => {
            eprintln!("muster: {told}");
            return ExitCode::from(MISREAD);
        }
    };
    match cli.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.is::<ReaderGone>() => ExitCode::from(READER_GONE),
        #[expect(clippy::print_stderr, reason = "the last word of a command goes to the terminal")]
        Err(error) => {
            eprintln!("muster: {error:#}");
            ExitCode::FAILURE
        }
    }
}
