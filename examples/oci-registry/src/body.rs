use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body, Frame};

/// How a registry misbehaves.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Fault {
    /// It does not.
    #[default]
    None,
    /// Each blob is answered with its first byte changed.
    ChangedBlobs,
    /// Each blob is answered with bytes behind its end.
    LongerBlobs,
    /// Each blob is answered without its last byte.
    ShorterBlobs,
    /// Blobs never end.
    EndlessBlobs,
    /// Manifests never end.
    EndlessManifests,
    /// Manifests are answered with a space behind them: they say the same, and are others.
    ChangedManifests,
    /// Whoever asks for a blob is sent there.
    RedirectedBlobs(String),
    /// Nothing is answered.
    Silence,
    /// Tokens are answered with spaces behind them, so many bytes in all.
    LongTokens(usize),
    /// Manifests are refused, with a message of so many letters.
    Words(usize),
}

pub(crate) type Answered = BoxBody<Bytes, Infallible>;

pub(crate) fn whole(bytes: impl Into<Bytes>) -> Answered {
    Full::new(bytes.into()).boxed()
}

/// Bytes without an end.
#[derive(Debug)]
struct Endless;

static PIECE: [u8; 64 << 10] = [b' '; 64 << 10];

impl Body for Endless {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&PIECE)))))
    }
}

pub(crate) fn endless() -> Answered {
    Endless.boxed()
}
