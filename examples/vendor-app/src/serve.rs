//! The two listeners, both on loopback: the page by http, and by https what Muster calls.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt as _;

use crate::{Shared, calls, hooks, page, settings};

/// How many connections are served at a time, by each listener.
const MAX_CONNECTIONS: usize = 256;

/// How long whoever has connected may take until the head of a request is there.
const HEAD_PATIENCE: Duration = Duration::from_secs(10);

pub(crate) async fn page(listener: TcpListener, shared: Arc<Shared>) {
    let router = Router::new()
        .route("/", get(page::show))
        .route("/style.css", get(page::style))
        .route("/again.js", get(page::again))
        .route("/{product}/{id}/{what}", post(page::click))
        .merge(settings::routes(&shared))
        .layer(axum::middleware::from_fn(page::without_key))
        .route(settings::MEMBERS, get(settings::members))
        .layer(axum::middleware::from_fn(page::guard))
        .with_state(shared);
    let room = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let Ok(place) = room.clone().acquire_owned().await else { return };
        let Ok((stream, _)) = listener.accept().await else { continue };
        let router = router.clone();
        tokio::spawn(async move {
            let _place = place;
            serve(stream, router, || false).await;
        });
    }
}

pub(crate) async fn api(listener: TcpListener, acceptor: TlsAcceptor, shared: Arc<Shared>) {
    let router = api_routes(shared.clone());
    let room = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let Ok(place) = room.clone().acquire_owned().await else { return };
        let Ok((stream, _)) = listener.accept().await else { continue };
        let (acceptor, router, shared) = (acceptor.clone(), router.clone(), shared.clone());
        tokio::spawn(async move {
            let _place = place;
            // Who does not like the certificate says so by going away.
            let Ok(Ok(stream)) = tokio::time::timeout(HEAD_PATIENCE, acceptor.accept(stream)).await else { return };
            serve(stream, router, || shared.loses()).await;
        });
    }
}

/// What Muster meets.
pub(crate) fn api_routes(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/webhooks/{product}", post(hooks::take))
        .fallback(calls::take)
        .layer(DefaultBodyLimit::max(calls::MAX_BODY_BYTES))
        .with_state(shared)
}

/// One connection. An answer that is lost ends it.
async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin, router: Router, loses: impl Fn() -> bool) {
    let loses = &loses;
    let answer = service_fn(|request: hyper::Request<Incoming>| {
        let router = router.clone();
        async move {
            let Ok(answer) = router.oneshot(request).await;
            if loses() { Err(io::Error::other("the answer is lost")) } else { Ok(answer) }
        }
    });
    let mut server = http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(HEAD_PATIENCE);
    // Who breaks off hears nothing more.
    let _ = server.serve_connection(TokioIo::new(stream), answer).await;
}
