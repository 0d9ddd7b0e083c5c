use wasmtime::Result;
use wasmtime::component::Resource;
use wasmtime_wasi::p2::bindings::io;
use wasmtime_wasi::p2::bindings::sync::io::{poll, streams};
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream, DynPollable, StreamError};

use super::Nowhere;

/// What an output stream says that it would take; it takes everything.
const WRITABLE_BYTES: u64 = 64 << 10;

impl io::error::Host for Nowhere {}

impl io::error::HostError for Nowhere {
    fn to_debug_string(&mut self, _: Resource<wasmtime::Error>) -> Result<String> {
        Ok(String::new())
    }

    fn drop(&mut self, _: Resource<wasmtime::Error>) -> Result<()> {
        Ok(())
    }
}

/// Only streams can be polled, and they are always ready.
impl poll::Host for Nowhere {
    fn poll(&mut self, pollables: Vec<Resource<DynPollable>>) -> Result<Vec<u32>> {
        Ok((0..).zip(pollables).map(|(index, _)| index).collect())
    }
}

impl poll::HostPollable for Nowhere {
    fn ready(&mut self, _: Resource<DynPollable>) -> Result<bool> {
        Ok(true)
    }

    fn block(&mut self, _: Resource<DynPollable>) -> Result<()> {
        Ok(())
    }

    fn drop(&mut self, _: Resource<DynPollable>) -> Result<()> {
        Ok(())
    }
}

impl streams::Host for Nowhere {
    fn convert_stream_error(&mut self, error: StreamError) -> Result<streams::StreamError> {
        match error {
            StreamError::Closed => Ok(streams::StreamError::Closed),
            StreamError::LastOperationFailed(error) | StreamError::Trap(error) => Err(error),
        }
    }
}

type Streamed<T> = std::result::Result<T, StreamError>;

impl streams::HostInputStream for Nowhere {
    fn read(&mut self, _: Resource<DynInputStream>, _: u64) -> Streamed<Vec<u8>> {
        Err(StreamError::Closed)
    }

    fn blocking_read(&mut self, _: Resource<DynInputStream>, _: u64) -> Streamed<Vec<u8>> {
        Err(StreamError::Closed)
    }

    fn skip(&mut self, _: Resource<DynInputStream>, _: u64) -> Streamed<u64> {
        Err(StreamError::Closed)
    }

    fn blocking_skip(&mut self, _: Resource<DynInputStream>, _: u64) -> Streamed<u64> {
        Err(StreamError::Closed)
    }

    fn subscribe(&mut self, _: Resource<DynInputStream>) -> Result<Resource<DynPollable>> {
        Ok(Resource::new_own(0))
    }

    fn drop(&mut self, _: Resource<DynInputStream>) -> Result<()> {
        Ok(())
    }
}

impl streams::HostOutputStream for Nowhere {
    fn check_write(&mut self, _: Resource<DynOutputStream>) -> Streamed<u64> {
        Ok(WRITABLE_BYTES)
    }

    fn write(&mut self, _: Resource<DynOutputStream>, _: Vec<u8>) -> Streamed<()> {
        Ok(())
    }

    fn blocking_write_and_flush(&mut self, _: Resource<DynOutputStream>, _: Vec<u8>) -> Streamed<()> {
        Ok(())
    }

    fn flush(&mut self, _: Resource<DynOutputStream>) -> Streamed<()> {
        Ok(())
    }

    fn blocking_flush(&mut self, _: Resource<DynOutputStream>) -> Streamed<()> {
        Ok(())
    }

    fn subscribe(&mut self, _: Resource<DynOutputStream>) -> Result<Resource<DynPollable>> {
        Ok(Resource::new_own(0))
    }

    fn write_zeroes(&mut self, _: Resource<DynOutputStream>, _: u64) -> Streamed<()> {
        Ok(())
    }

    fn blocking_write_zeroes_and_flush(&mut self, _: Resource<DynOutputStream>, _: u64) -> Streamed<()> {
        Ok(())
    }

    fn splice(&mut self, _: Resource<DynOutputStream>, _: Resource<DynInputStream>, _: u64) -> Streamed<u64> {
        Err(StreamError::Closed)
    }

    fn blocking_splice(&mut self, _: Resource<DynOutputStream>, _: Resource<DynInputStream>, _: u64) -> Streamed<u64> {
        Err(StreamError::Closed)
    }

    fn drop(&mut self, _: Resource<DynOutputStream>) -> Result<()> {
        Ok(())
    }
}
