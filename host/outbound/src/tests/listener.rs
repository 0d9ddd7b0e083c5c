use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::{Authorities, Network, Options, Patience, Place, Resolve, Sender};

/// How long a test waits for what does not come.
pub(super) const SHORT: Patience = Patience {
    connect: Duration::from_secs(5),
    first_byte: Duration::from_millis(300),
    between_bytes: Duration::from_millis(300),
};

/// Somebody who counts who comes, and talks to nobody.
pub(super) struct Canary {
    pub(super) port: u16,
    seen: Arc<AtomicUsize>,
}

impl Canary {
    /// On this address, at the port that the others have, or at any.
    pub(super) async fn on(address: &str, port: u16) -> Option<Self> {
        let address: IpAddr = address.parse().unwrap();
        let listener = TcpListener::bind(SocketAddr::new(address, port)).await.ok()?;
        let (seen, port) = (Arc::new(AtomicUsize::new(0)), listener.local_addr().unwrap().port());
        let counted = seen.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::SeqCst);
                drop(stream);
            }
        });
        Some(Self { port, seen })
    }

    pub(super) fn seen(&self) -> usize {
        self.seen.load(Ordering::SeqCst)
    }
}

/// What one connection of an endpoint is answered: bytes, and then the end of it or silence.
#[derive(Clone)]
pub(super) enum Script {
    /// These bytes, and the end.
    Says(Vec<u8>),
    /// These bytes, and nothing more.
    Stalls(Vec<u8>),
    /// The first ones, and then the others again and again.
    Repeats(Vec<u8>, Vec<u8>),
}

/// An endpoint over TLS, with a certificate for `api.example.com` of an authority of its own.
pub(super) struct Endpoint {
    pub(super) address: SocketAddr,
    pub(super) authorities: Authorities,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Endpoint {
    pub(super) async fn start(script: Script) -> Self {
        Self::start_for("api.example.com", script).await
    }

    /// With a certificate for another name.
    pub(super) async fn start_for(name: &str, script: Script) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, format!("the authority of {name}"));
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&key, &authority).unwrap();
        let config = ServerConfig::builder_with_provider(rustls::crypto::ring::default_provider().into());
        let config = config.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let config = config.with_single_cert(vec![certificate.der().clone()], key).unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let telling = heard.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, script, heard) = (acceptor.clone(), script.clone(), telling.clone());
                tokio::spawn(async move {
                    let Ok(mut stream) = acceptor.accept(stream).await else { return };
                    let mut request = Vec::new();
                    while !is_whole(&request) {
                        let mut buffer = vec![0; 64 << 10];
                        match stream.read(&mut buffer).await {
                            Ok(0) | Err(_) => break,
                            Ok(count) => request.extend_from_slice(&buffer[..count]),
                        }
                    }
                    heard.lock().unwrap().push(String::from_utf8_lossy(&request).into_owned());
                    match script {
                        Script::Says(bytes) => {
                            let _ = stream.write_all(&bytes).await;
                            let _ = stream.shutdown().await;
                        }
                        Script::Stalls(bytes) => {
                            let _ = stream.write_all(&bytes).await;
                            let _ = stream.flush().await;
                            std::future::pending::<()>().await;
                        }
                        Script::Repeats(first, bytes) => {
                            let _ = stream.write_all(&first).await;
                            while stream.write_all(&bytes).await.is_ok() {}
                        }
                    }
                });
            }
        });
        let authorities = Authorities::parse(authority.pem().as_bytes()).unwrap();
        Self { address, authorities, heard }
    }

    /// A sender that takes `api.example.com` for this endpoint.
    pub(super) fn sender(&self) -> Sender {
        let place = Place { address: self.address.ip(), port: Some(self.address.port()) };
        let hosts = HashMap::from([("api.example.com".to_owned(), place)]);
        let authorities = Some(self.authorities.clone());
        Sender::new(Options { authorities, hosts, patience: SHORT, ..Options::default() }).unwrap()
    }

    /// The requests that came, as they came.
    pub(super) fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }
}

/// Its head, and as much of a body as it announces.
fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let head = head.to_ascii_lowercase();
    let length = head.split("\r\ncontent-length: ").nth(1).and_then(|rest| rest.split("\r\n").next());
    if head.contains("transfer-encoding: chunked") {
        return body.ends_with("0\r\n\r\n");
    }
    body.len() >= length.map_or(0, |length| length.parse().unwrap())
}

/// Says of every name the same, or one thing after another.
#[derive(Debug)]
pub(super) struct Says {
    answers: Mutex<Vec<Vec<IpAddr>>>,
}

impl Says {
    /// The last one stays.
    pub(super) fn in_turn(answers: &[&[&str]]) -> Arc<Self> {
        let parsed = |answer: &&[&str]| answer.iter().map(|it| it.parse().unwrap()).collect();
        Arc::new(Self { answers: Mutex::new(answers.iter().rev().map(parsed).collect()) })
    }
}

#[async_trait]
impl Resolve for Says {
    async fn resolve(&self, _: &str) -> io::Result<Vec<IpAddr>> {
        let mut answers = self.answers.lock().unwrap();
        if answers.len() > 1 { Ok(answers.pop().unwrap()) } else { Ok(answers[0].clone()) }
    }
}

/// A sender that is told this of each name.
pub(super) fn told(resolver: Arc<dyn Resolve>, private_networks: Vec<Network>) -> Sender {
    Sender::new(Options { resolver, private_networks, patience: SHORT, ..Options::default() }).unwrap()
}
