use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use ring::digest;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::mpsc::UnboundedSender;
use tokio_rustls::TlsAcceptor;
use webhook_receiver::{Certificate, listen};

use crate::{Came, Trust};

/// How long a token is that is read, in bytes.
const MAX_TOKEN_BYTES: usize = 1 << 20;

/// A receiver that tokens are sent to, which serves until it is dropped.
#[derive(Debug)]
pub struct Pushed {
    /// Where it listens.
    pub address: SocketAddr,
    serving: tokio::task::JoinHandle<()>,
}

struct Shared {
    trust: Trust,
    /// What the `Authorization` header is to say, if anything.
    authorization: Option<String>,
    came: UnboundedSender<Came>,
}

impl Pushed {
    /// Serves on this port of 127.0.0.1 (0: any), by https; `came` hears what comes.
    pub async fn start(
        port: u16,
        trust: Trust,
        authorization: Option<String>,
        certificate: &Certificate,
        came: UnboundedSender<Came>,
    ) -> io::Result<Self> {
        let listener = listen(port).await?;
        let address = listener.local_addr()?;
        let acceptor = certificate.acceptor()?;
        let shared = Arc::new(Shared { trust, authorization, came });
        Ok(Self { address, serving: tokio::spawn(serve(listener, acceptor, shared)) })
    }
}

impl Drop for Pushed {
    fn drop(&mut self) {
        self.serving.abort();
    }
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
                async move { Ok::<_, Infallible>(shared.answer(request).await) }
            });
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await;
        });
    }
}

impl Shared {
    /// RFC 8935 §2.2 to §2.4.
    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        if request.method() != Method::POST {
            return refused(StatusCode::METHOD_NOT_ALLOWED, "invalid_request", "a token is sent by POST");
        }
        let header = |name| request.headers().get(name).and_then(|value: &HeaderValue| value.to_str().ok());
        if let Some(expected) = &self.authorization
            && !is_same(expected, header(header::AUTHORIZATION).unwrap_or_default())
        {
            return refused(
                StatusCode::UNAUTHORIZED,
                "authentication_failed",
                "the Authorization header is not the one",
            );
        }
        if header(header::CONTENT_TYPE) != Some("application/secevent+jwt") {
            let says = "Content-Type must be application/secevent+jwt";
            return refused(StatusCode::UNSUPPORTED_MEDIA_TYPE, "invalid_request", says);
        }
        let Ok(body) = Limited::new(request.into_body(), MAX_TOKEN_BYTES).collect().await else {
            return refused(StatusCode::PAYLOAD_TOO_LARGE, "invalid_request", "the token is too long, or ended early");
        };
        let body = body.to_bytes();
        let came = self.trust.take(&String::from_utf8_lossy(&body)).await;
        let Ok(came) = came else {
            // Nothing is wrong with the token: it is to come again.
            return refused(StatusCode::SERVICE_UNAVAILABLE, "invalid_key", "the keys cannot be read");
        };
        let answer = match &came {
            // What is acknowledged must not be lost: whoever keeps events keeps this one before it says so.
            Came::Event(_) | Came::Again(_) => {
                let mut accepted = Response::new(Full::default());
                *accepted.status_mut() = StatusCode::ACCEPTED;
                accepted
            }
            Came::Refused(why) => refused(StatusCode::BAD_REQUEST, why.code(), why.says()),
        };
        // Nobody listens any more where the program ends.
        let _ = self.came.send(came);
        answer
    }
}

/// Compared by their hashes, so that the time it takes says nothing of what is expected.
fn is_same(one: &str, other: &str) -> bool {
    let hash = |text: &str| digest::digest(&digest::SHA256, text.as_bytes());
    hash(one).as_ref() == hash(other).as_ref()
}

fn refused(status: StatusCode, err: &str, description: &str) -> Response<Full<Bytes>> {
    let body = json!({ "err": err, "description": description }).to_string();
    let mut response = Response::new(Full::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CONTENT_LANGUAGE, HeaderValue::from_static("en"));
    response
}
