//! A receiver of webhooks, on loopback: it verifies them, and knows each of their events once.
//!
//! `verify.rs` is what a receiver of one's own needs; here is the server around it.

mod certificate;
mod verify;

use std::collections::{HashSet, VecDeque};
use std::convert::Infallible;
use std::fmt::Display;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
pub use certificate::{Certificate, authority_key};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::mpsc::UnboundedSender;
use tokio_rustls::TlsAcceptor;
pub use verify::{TOLERANCE_S, is_believed};

/// How long a webhook is that is read, in bytes.
const MAX_BODY_BYTES: usize = 1 << 20;

/// How many events are remembered, so that one that comes again is not taken for another.
const MAX_REMEMBERED: usize = 10_000;

/// What came.
#[derive(Debug, Clone, PartialEq)]
pub enum Came {
    /// An event that is believed, for the first time.
    Event(Value),
    /// One that was here before: an answer of ours was lost.
    Again(String),
    /// Something that is not believed.
    Refused,
}

/// A receiver that serves until it is dropped.
#[derive(Debug)]
pub struct Receiver {
    /// Where it listens.
    pub address: SocketAddr,
    serving: tokio::task::JoinHandle<()>,
}

struct Shared {
    key: String,
    now_s: Box<dyn Fn() -> i64 + Send + Sync>,
    seen: Mutex<Seen>,
    came: UnboundedSender<Came>,
}

#[derive(Default)]
struct Seen {
    ids: HashSet<String>,
    order: VecDeque<String>,
}

impl Seen {
    /// Whether it is here for the first time.
    fn take(&mut self, id: &str) -> bool {
        if !self.ids.insert(id.to_owned()) {
            return false;
        }
        self.order.push_back(id.to_owned());
        if self.order.len() > MAX_REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.ids.remove(&oldest);
        }
        true
    }
}

impl Receiver {
    /// Serves on this port of 127.0.0.1 (0: any), by https; `came` hears what comes. It believes the machine's clock.
    pub async fn start(
        port: u16,
        key: &str,
        certificate: &Certificate,
        came: UnboundedSender<Came>,
    ) -> io::Result<Self> {
        Self::start_at(port, key, certificate, came, Box::new(now_s)).await
    }

    /// As [`Receiver::start`], with another clock: seconds since 1970.
    pub async fn start_at(
        port: u16,
        key: &str,
        certificate: &Certificate,
        came: UnboundedSender<Came>,
        now_s: Box<dyn Fn() -> i64 + Send + Sync>,
    ) -> io::Result<Self> {
        let listener = listen(port).await?;
        let address = listener.local_addr()?;
        let acceptor = certificate.acceptor()?;
        let shared = Arc::new(Shared { key: key.to_owned(), now_s, seen: Mutex::default(), came });
        Ok(Self { address, serving: tokio::spawn(serve(listener, acceptor, shared)) })
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// Listens on a port of 127.0.0.1 (0: any); what is wrong with it is told with its number.
pub async fn listen(port: u16) -> io::Result<TcpListener> {
    let bound = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await;
    bound.map_err(|error| of(format_args!("port {port} of 127.0.0.1"), &error))
}

/// What is wrong, and with what: a program says it in one line.
pub fn of(what: impl Display, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{what}: {error}"))
}

#[expect(clippy::disallowed_methods, reason = "a program by itself, which has no other clock")]
fn now_s() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

async fn serve(listener: TcpListener, acceptor: TlsAcceptor, shared: Arc<Shared>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        let (acceptor, shared) = (acceptor.clone(), shared.clone());
        tokio::spawn(async move {
            // Who does not like the certificate says so by going away.
            let Ok(stream) = acceptor.accept(stream).await else { return };
            let answer = service_fn(|request: Request<Incoming>| {
                let shared = shared.clone();
                async move {
                    let mut response = Response::new(Empty::<Bytes>::new());
                    *response.status_mut() = shared.take(request).await;
                    Ok::<_, Infallible>(response)
                }
            });
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await;
        });
    }
}

impl Shared {
    /// What is answered to one request.
    async fn take(&self, request: Request<Incoming>) -> StatusCode {
        let (head, body) = request.into_parts();
        let Ok(body) = Limited::new(body, MAX_BODY_BYTES).collect().await else { return StatusCode::PAYLOAD_TOO_LARGE };
        let body = body.to_bytes();
        let header = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let (id, timestamp, signatures) =
            (header("webhook-id"), header("webhook-timestamp"), header("webhook-signature"));
        if !is_believed(&self.key, id, timestamp, signatures, &body, (self.now_s)()) {
            self.tell(Came::Refused);
            return StatusCode::UNAUTHORIZED;
        }
        // Whoever has signed it writes JSON.
        let Ok(event) = serde_json::from_slice::<Value>(&body) else { return StatusCode::BAD_REQUEST };
        // A batch has several, each with an id of its own: the id of an event is the same however it comes.
        let events =
            if event["type"] == "batch" { event["data"].as_array().cloned().unwrap_or_default() } else { vec![event] };
        for event in events {
            let id = event["id"].as_str().unwrap_or_default();
            let is_new = self.seen.lock().unwrap_or_else(PoisonError::into_inner).take(id);
            self.tell(if is_new { Came::Event(event) } else { Came::Again(id.to_owned()) });
        }
        StatusCode::NO_CONTENT
    }

    fn tell(&self, came: Came) {
        // Nobody listens any more where the program ends.
        let _ = self.came.send(came);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_port_that_is_taken_is_told_by_its_number() {
        let taken = listen(0).await.unwrap().local_addr().unwrap();
        let first = listen(taken.port()).await.unwrap();
        let refused = listen(taken.port()).await.unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::AddrInUse);
        assert!(refused.to_string().starts_with(&format!("port {} of 127.0.0.1: ", taken.port())), "{refused}");
        drop(first);
    }

    #[test]
    fn an_event_is_known_again_until_so_many_others_have_come() {
        let mut seen = Seen::default();
        assert!(seen.take("first") && !seen.take("first"));
        for number in 0..MAX_REMEMBERED {
            assert!(seen.take(&number.to_string()));
        }
        assert!(seen.take("first"), "that was long ago");
        assert_eq!((seen.ids.len(), seen.order.len()), (MAX_REMEMBERED, MAX_REMEMBERED));
    }
}
