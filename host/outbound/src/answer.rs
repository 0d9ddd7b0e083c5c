use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::task::JoinHandle;
use tokio::time::{Instant, Sleep, sleep};

use crate::SendError;
use crate::limits::MAX_ANSWER_BYTES;

/// The body of an answer, as it comes: bounded in its length, and in how long it may stand still. Trailers are left out.
pub struct Answer {
    body: Incoming,
    host: String,
    left: usize,
    patience: Duration,
    pause: Pin<Box<Sleep>>,
    _connection: Ending,
}

/// A connection that ends when nobody reads from it any more.
pub(crate) struct Ending(JoinHandle<()>);

impl Ending {
    pub(crate) const fn new(connection: JoinHandle<()>) -> Self {
        Self(connection)
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Answer {
    pub(crate) fn new(body: Incoming, host: String, patience: Duration, connection: Ending) -> Self {
        let pause = Box::pin(sleep(patience));
        Self { body, host, left: MAX_ANSWER_BYTES, patience, pause, _connection: connection }
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = SendError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, SendError>>> {
        loop {
            let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) else {
                ready!(self.pause.as_mut().poll(cx));
                let (host, limit_ms) = (self.host.clone(), self.patience.as_millis());
                return Poll::Ready(Some(Err(SendError::Late { host, what: "go on with its answer", limit_ms })));
            };
            let until = Instant::now() + self.patience;
            self.pause.as_mut().reset(until);
            let Some(frame) = frame else { return Poll::Ready(None) };
            let Ok(frame) = frame else {
                return Poll::Ready(Some(Err(SendError::Broken { host: self.host.clone() })));
            };
            let Ok(data) = frame.into_data() else { continue };
            let Some(left) = self.left.checked_sub(data.len()) else {
                let host = self.host.clone();
                return Poll::Ready(Some(Err(SendError::TooMuch { host, what: "bytes", limit: MAX_ANSWER_BYTES })));
            };
            self.left = left;
            return Poll::Ready(Some(Ok(Frame::data(data))));
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer").field("host", &self.host).field("left", &self.left).finish_non_exhaustive()
    }
}
