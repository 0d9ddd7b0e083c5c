//! How a router is served: our own accept loop, because a server that faces the internet needs time-outs where the default has none.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use http::Request;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tower::ServiceExt;

/// Limits of a listener, each with its unit.
#[derive(Debug, Clone)]
pub struct ListenLimits {
    /// Connections at once; one more waits in the system's backlog.
    pub connections: usize,
    /// How long a client may take to send a request's head, from its first byte.
    pub header_timeout: Duration,
    /// How long a connection may stand without a request.
    pub idle_timeout: Duration,
    /// Bytes of a request's head.
    pub head_bytes: usize,
    /// Headers of a request.
    pub headers: usize,
    /// HTTP/2 requests at once on one connection.
    pub streams: u32,
    /// How long requests in flight may take to finish when the server stops.
    pub drain_timeout: Duration,
}

impl Default for ListenLimits {
    fn default() -> Self {
        Self {
            connections: 4096,
            header_timeout: Duration::from_secs(5),
            idle_timeout: Duration::from_mins(1),
            head_bytes: 64 << 10,
            headers: 100,
            streams: 128,
            drain_timeout: Duration::from_secs(30),
        }
    }
}

/// Serves until `stop` is done, then finishes what is in flight.
pub async fn serve(listener: TcpListener, router: Router, limits: ListenLimits, stop: impl Future<Output = ()>) {
    let room = Arc::new(Semaphore::new(limits.connections));
    let open = GracefulShutdown::new();
    tokio::pin!(stop);
    loop {
        // A place first: connections over the cap stay in the backlog instead of costing memory.
        let place = tokio::select! {
            () = &mut stop => break,
            place = room.clone().acquire_owned() => place,
        };
        let Ok(place) = place else { break };
        let accepted = tokio::select! {
            () = &mut stop => break,
            accepted = listener.accept() => accepted,
        };
        let (stream, _) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of file descriptors, or a connection that was reset before it was taken: neither ends the server.
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection keeps its delay");
        }
        let connection = connection(stream, router.clone(), &limits, &open);
        tokio::spawn(async move {
            connection.await;
            drop(place);
        });
    }
    drop(listener);
    if tokio::time::timeout(limits.drain_timeout, open.shutdown()).await.is_err() {
        tracing::warn!(
            limit_s = limits.drain_timeout.as_secs(),
            "requests were still in flight when the time to drain was over"
        );
    }
}

fn connection(
    stream: TcpStream,
    router: Router,
    limits: &ListenLimits,
    open: &GracefulShutdown,
) -> impl Future<Output = ()> + 'static {
    let head = Arc::new(HeadWatch::new());
    let seen = head.clone();
    let service = hyper::service::service_fn(move |request: Request<Incoming>| {
        seen.complete();
        let (router, seen) = (router.clone(), seen.clone());
        async move {
            let answer = router.oneshot(request.map(Body::new)).await;
            seen.idle();
            answer
        }
    });
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        // Hyper's timer runs from the end of the last request, so it is the idle limit; the head's own limit is `HeadWatch`.
        .header_read_timeout(limits.idle_timeout)
        .max_buf_size(limits.head_bytes)
        .max_headers(limits.headers);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.streams)
        .max_header_list_size(u32::try_from(limits.head_bytes).unwrap_or(u32::MAX))
        .keep_alive_interval(limits.idle_timeout)
        .keep_alive_timeout(limits.header_timeout);
    let io = TokioIo::new(Watched { stream, head: head.clone() });
    let served = open.watch(builder.serve_connection(io, service).into_owned());
    let header_timeout = limits.header_timeout;
    async move {
        tokio::select! {
            done = served => {
                if let Err(error) = done {
                    tracing::debug!(error = %error, "a connection ended early");
                }
            }
            () = head.expires(header_timeout) => tracing::debug!("a request's head did not arrive in time"),
        }
    }
}

/// Knows since when a connection has been sending a request's head (slowloris).
#[derive(Debug)]
struct HeadWatch {
    opened: Instant,
    /// Milliseconds after `opened` at which the head began; `u64::MAX`: none is being sent.
    since: AtomicU64,
    /// A request is being answered: what arrives is its body.
    busy: AtomicBool,
    /// HTTP/2 has limits of its own, and frames that are no heads.
    http2: AtomicBool,
}

const NO_HEAD: u64 = u64::MAX;

impl HeadWatch {
    fn new() -> Self {
        // A new connection owes its first head at once.
        Self {
            opened: Instant::now(),
            since: AtomicU64::new(0),
            busy: AtomicBool::new(false),
            http2: AtomicBool::new(false),
        }
    }

    fn arrived(&self, bytes: &[u8]) {
        if self.since.load(Ordering::Relaxed) == 0 && bytes.starts_with(b"PRI") {
            self.http2.store(true, Ordering::Relaxed);
        }
        if !self.busy.load(Ordering::Relaxed) {
            let now = u64::try_from(self.opened.elapsed().as_millis()).unwrap_or(NO_HEAD - 1);
            // Only the first byte of a head sets the time.
            let _ = self.since.compare_exchange(NO_HEAD, now, Ordering::Relaxed, Ordering::Relaxed);
        }
    }

    fn complete(&self) {
        self.busy.store(true, Ordering::Relaxed);
        self.since.store(NO_HEAD, Ordering::Relaxed);
    }

    fn idle(&self) {
        self.busy.store(false, Ordering::Relaxed);
    }

    async fn expires(&self, limit: Duration) {
        let tick = (limit / 4).max(Duration::from_millis(10));
        loop {
            tokio::time::sleep(tick).await;
            let since = self.since.load(Ordering::Relaxed);
            let late = || self.opened.elapsed() > Duration::from_millis(since) + limit;
            if since != NO_HEAD && !self.http2.load(Ordering::Relaxed) && late() {
                return;
            }
        }
    }
}

/// A stream that tells when bytes arrive.
#[derive(Debug)]
struct Watched {
    stream: TcpStream,
    head: Arc<HeadWatch>,
}

impl AsyncRead for Watched {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        if buf.filled().len() > before {
            self.head.arrived(&buf.filled()[before..]);
        }
        read
    }
}

impl AsyncWrite for Watched {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
