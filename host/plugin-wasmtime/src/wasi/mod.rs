//! WASI that leads nowhere, for the roles that touch nothing: what standard libraries need to start, and no more.
//!
//! Not the implementation of `wasmtime-wasi`, because its streams and pollables block: a deadline does not reach a guest that waits in
//! the host, and on a worker of the server's runtime blocking panics. Only its bindings are used. No call here waits, and none
//! keeps anything: every stream is the same closed or bottomless one, so handles need no table.

mod command;
mod files;
mod streams;

use wasmtime::Result;
use wasmtime::component::{HasData, Linker};
use wasmtime_wasi::p2::bindings::sync::{filesystem as files_of_wasi, io as io_of_wasi};
use wasmtime_wasi::p2::bindings::{cli, clocks, filesystem, io, random};

use crate::instance::CallState;
use crate::limits::{LimitReached, MAX_RANDOM_BYTES};

/// The WASI side of one call: a clock that stands, and numbers that repeat.
#[derive(Debug)]
pub(crate) struct Nowhere {
    now_ms: u64,
    random: u64,
}

impl Nowhere {
    pub(crate) fn at(now_ms: u64) -> Self {
        Self { now_ms, random: 0 }
    }

    /// `SplitMix64`, from the same seed in every call: a mapping that iterates over a hash map answers the same each time.
    fn next_random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.random ^ (self.random >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn random_bytes(&mut self, len: u64) -> Result<Vec<u8>> {
        if len > MAX_RANDOM_BYTES {
            return Err(LimitReached("random bytes").into());
        }
        let len = usize::try_from(len)?;
        let mut bytes = Vec::with_capacity(len + 8);
        while bytes.len() < len {
            bytes.extend(self.next_random().to_le_bytes());
        }
        bytes.truncate(len);
        Ok(bytes)
    }
}

/// Tells the linker where the WASI side is.
struct Here;

impl HasData for Here {
    type Data<'a> = &'a mut Nowhere;
}

pub(crate) fn add_to_linker(linker: &mut Linker<CallState>) -> Result<()> {
    fn here(state: &mut CallState) -> &mut Nowhere {
        &mut state.wasi
    }
    let l = linker;
    cli::environment::add_to_linker::<_, Here>(l, here)?;
    cli::exit::add_to_linker::<_, Here>(l, here)?;
    cli::stdin::add_to_linker::<_, Here>(l, here)?;
    cli::stdout::add_to_linker::<_, Here>(l, here)?;
    cli::stderr::add_to_linker::<_, Here>(l, here)?;
    cli::terminal_input::add_to_linker::<_, Here>(l, here)?;
    cli::terminal_output::add_to_linker::<_, Here>(l, here)?;
    cli::terminal_stdin::add_to_linker::<_, Here>(l, here)?;
    cli::terminal_stdout::add_to_linker::<_, Here>(l, here)?;
    cli::terminal_stderr::add_to_linker::<_, Here>(l, here)?;
    clocks::monotonic_clock::add_to_linker::<_, Here>(l, here)?;
    clocks::wall_clock::add_to_linker::<_, Here>(l, here)?;
    filesystem::preopens::add_to_linker::<_, Here>(l, here)?;
    files_of_wasi::types::add_to_linker::<_, Here>(l, here)?;
    io::error::add_to_linker::<_, Here>(l, here)?;
    io_of_wasi::poll::add_to_linker::<_, Here>(l, here)?;
    io_of_wasi::streams::add_to_linker::<_, Here>(l, here)?;
    random::insecure::add_to_linker::<_, Here>(l, here)?;
    random::insecure_seed::add_to_linker::<_, Here>(l, here)?;
    random::random::add_to_linker::<_, Here>(l, here)
}

impl random::random::Host for Nowhere {
    fn get_random_bytes(&mut self, len: u64) -> Result<Vec<u8>> {
        self.random_bytes(len)
    }

    fn get_random_u64(&mut self) -> Result<u64> {
        Ok(self.next_random())
    }
}

impl random::insecure::Host for Nowhere {
    fn get_insecure_random_bytes(&mut self, len: u64) -> Result<Vec<u8>> {
        self.random_bytes(len)
    }

    fn get_insecure_random_u64(&mut self) -> Result<u64> {
        Ok(self.next_random())
    }
}

impl random::insecure_seed::Host for Nowhere {
    fn insecure_seed(&mut self) -> Result<(u64, u64)> {
        Ok((self.next_random(), self.next_random()))
    }
}

#[cfg(test)]
mod tests {
    use wasmtime_wasi::p2::bindings::random::random::Host;

    use super::*;

    #[test]
    fn random_numbers_repeat_and_have_their_limit() {
        let mut one = Nowhere::at(0);
        let mut other = Nowhere::at(1);
        let bytes = one.get_random_bytes(13).unwrap();
        assert_eq!(bytes.len(), 13);
        assert_eq!(bytes, other.get_random_bytes(13).unwrap());
        assert_ne!(one.get_random_u64().unwrap(), one.get_random_u64().unwrap());
        assert!(one.get_random_bytes(MAX_RANDOM_BYTES).is_ok());
        assert!(one.get_random_bytes(MAX_RANDOM_BYTES + 1).is_err());
    }
}
