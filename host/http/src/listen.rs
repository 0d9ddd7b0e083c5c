//! How a router is served: our own accept loop, because a server that faces the internet needs time-outs where the default has none.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
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
    /// How long a connection may stand without a request, and a client may take none of an answer.
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
    let activity = Arc::new(Activity::new());
    let seen = activity.clone();
    let service = hyper::service::service_fn(move |request: Request<Incoming>| {
        let flight = Flight::begin(seen.clone());
        let router = router.clone();
        async move {
            let answer = router.oneshot(request.map(Body::new)).await;
            drop(flight);
            answer
        }
    });
    let mut builder = Builder::new(TokioExecutor::new());
    // Hyper's own timers know only parts of HTTP/1; `Activity` watches both protocols.
    builder.http1().timer(TokioTimer::new()).max_buf_size(limits.head_bytes).max_headers(limits.headers);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.streams)
        .max_header_list_size(u32::try_from(limits.head_bytes).unwrap_or(u32::MAX));
    let io = TokioIo::new(Watched { stream, activity: activity.clone() });
    let served = open.watch(builder.serve_connection(io, service).into_owned());
    let (header_timeout, idle_timeout) = (limits.header_timeout, limits.idle_timeout);
    async move {
        tokio::select! {
            // A request that arrived in the last moment of an idle connection is read before anybody looks at the time.
            biased;
            done = served => {
                if let Err(error) = done {
                    tracing::debug!(error = %error, "a connection ended early");
                }
            }
            why = activity.ends(header_timeout, idle_timeout) => tracing::debug!(why, "a connection was closed"),
        }
    }
}

/// What a client opens an HTTP/2 connection with (RFC 9113 §3.4).
const HTTP2_PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// What a connection is doing, so that nobody holds one without using it: by sending a head byte by byte, by sending nothing, or by
/// not reading the answer. Times are milliseconds after `opened`; [`NEVER`] is none.
#[derive(Debug)]
struct Activity {
    opened: Instant,
    /// Since when a head is being sent, on HTTP/1. A new connection owes its first head at once.
    head_since: AtomicU64,
    /// Since when there is neither a request being answered nor an answer being written.
    quiet_since: AtomicU64,
    /// Since when the client has not taken what is written to it.
    blocked_since: AtomicU64,
    in_flight: AtomicUsize,
    /// How much of the preface has come; all of it: this is HTTP/2. [`NO_PREFACE`]: something else has come.
    preface: AtomicUsize,
}

const NEVER: u64 = u64::MAX;
const NO_PREFACE: usize = usize::MAX;

impl Activity {
    fn new() -> Self {
        Self {
            opened: Instant::now(),
            head_since: AtomicU64::new(0),
            quiet_since: AtomicU64::new(0),
            blocked_since: AtomicU64::new(NEVER),
            in_flight: AtomicUsize::new(0),
            preface: AtomicUsize::new(0),
        }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.opened.elapsed().as_millis()).unwrap_or(NEVER - 1)
    }

    fn is_http2(&self) -> bool {
        self.preface.load(Ordering::Relaxed) == HTTP2_PREFACE.len()
    }

    fn arrived(&self, bytes: &[u8]) {
        let have = self.preface.load(Ordering::Relaxed);
        if have < HTTP2_PREFACE.len() {
            let rest = &HTTP2_PREFACE[have..];
            let count = rest.len().min(bytes.len());
            if rest[..count] == bytes[..count] {
                self.preface.store(have + count, Ordering::Relaxed);
            } else {
                self.preface.store(NO_PREFACE, Ordering::Relaxed);
            }
        }
        if self.is_http2() {
            // Its frames are no heads; a connection that sends no request is idle, whatever else it sends.
            self.head_since.store(NEVER, Ordering::Relaxed);
        } else if self.in_flight.load(Ordering::Relaxed) == 0 {
            // Only the first byte of a head sets the time.
            let _ = self.head_since.compare_exchange(NEVER, self.now(), Ordering::Relaxed, Ordering::Relaxed);
        }
    }

    fn written(&self, taken: bool) {
        if !taken {
            let _ = self.blocked_since.compare_exchange(NEVER, self.now(), Ordering::Relaxed, Ordering::Relaxed);
            return;
        }
        self.blocked_since.store(NEVER, Ordering::Relaxed);
        // On HTTP/2 an answer to a ping is written as well, and is no use of the connection.
        if !self.is_http2() {
            self.quiet_since.store(self.now(), Ordering::Relaxed);
        }
    }

    /// Done when the connection is not to be held any longer; says why.
    async fn ends(&self, header_timeout: Duration, idle_timeout: Duration) -> &'static str {
        let tick = (header_timeout.min(idle_timeout) / 4).clamp(Duration::from_millis(10), Duration::from_secs(1));
        let longer = |since: &AtomicU64, limit: Duration| {
            let since = since.load(Ordering::Relaxed);
            since != NEVER && u128::from(self.now().saturating_sub(since)) > limit.as_millis()
        };
        loop {
            tokio::time::sleep(tick).await;
            let waits = self.in_flight.load(Ordering::Relaxed) == 0;
            if waits && longer(&self.head_since, header_timeout) {
                return "a request's head did not arrive in time";
            }
            if waits && longer(&self.quiet_since, idle_timeout) {
                return "it stood idle";
            }
            if longer(&self.blocked_since, idle_timeout) {
                return "the client did not read its answer";
            }
        }
    }
}

/// A request that is being answered. It ends when it is dropped, also when the client resets it.
#[derive(Debug)]
struct Flight(Arc<Activity>);

impl Flight {
    fn begin(activity: Arc<Activity>) -> Self {
        activity.in_flight.fetch_add(1, Ordering::Relaxed);
        activity.head_since.store(NEVER, Ordering::Relaxed);
        Self(activity)
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.0.quiet_since.store(self.0.now(), Ordering::Relaxed);
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A stream that tells when bytes arrive.
#[derive(Debug)]
struct Watched {
    stream: TcpStream,
    activity: Arc<Activity>,
}

impl AsyncRead for Watched {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        if buf.filled().len() > before {
            self.activity.arrived(&buf.filled()[before..]);
        }
        read
    }
}

impl AsyncWrite for Watched {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.activity.written(written.is_ready());
        written
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
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.activity.written(written.is_ready());
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
