use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// The host that the guest `calls-out` is granted.
pub(crate) const HOST: &str = "api.granted.example";

/// What is answered to a request: its bytes, and whether there is silence behind them instead of the end.
pub(crate) type Answers = Arc<dyn Fn(&str) -> (Vec<u8>, bool) + Send + Sync>;

/// How it behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    Proper,
    /// Its certificate was valid once.
    Expired,
    /// Behind what is answered comes a byte now and then, without end.
    Trickling,
}

/// How long it is from one byte to the next: much less than is waited for one.
const TRICKLE: Duration = Duration::from_millis(500);

/// The vendor's product, over TLS.
pub(crate) struct Endpoint {
    pub(crate) address: SocketAddr,
    /// The certificate of the authority that signed for it.
    pub(crate) ca_file: PathBuf,
    heard: Arc<Mutex<Vec<String>>>,
    connections: Arc<AtomicUsize>,
    _folder: TempDir,
}

/// These bytes, and the end.
pub(crate) fn says(text: &str) -> Answers {
    let bytes = text.as_bytes().to_vec();
    Arc::new(move |_| (bytes.clone(), false))
}

impl Endpoint {
    /// With a certificate for a name, by which it need not be called.
    pub(crate) async fn start(name: &str, answers: Answers) -> Self {
        Self::start_as(name, answers, Manner::Proper).await
    }

    /// The same, in a manner of its own.
    pub(crate) async fn start_as(name: &str, answers: Answers, manner: Manner) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let mut certificate = CertificateParams::new(vec![name.to_owned()]).unwrap();
        if manner == Manner::Expired {
            certificate.not_after = date_time_ymd(2024, 5, 1);
        }
        let certificate = certificate.signed_by(&key, &authority).unwrap();
        let config = ServerConfig::builder_with_provider(rustls::crypto::ring::default_provider().into());
        let config = config.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let config = config.with_single_cert(vec![certificate.der().clone()], key).unwrap();

        let folder = tempfile::tempdir().unwrap();
        let ca_file = folder.path().join("ca.pem");
        std::fs::write(&ca_file, authority.pem()).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (heard, connections) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicUsize::new(0)));
        let (telling, counting) = (heard.clone(), connections.clone());
        let acceptor = TlsAcceptor::from(Arc::new(config));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                counting.fetch_add(1, Ordering::SeqCst);
                let (acceptor, answers, heard) = (acceptor.clone(), answers.clone(), telling.clone());
                tokio::spawn(async move {
                    let Ok(mut stream) = acceptor.accept(stream).await else { return };
                    let mut request = Vec::new();
                    while !is_whole(&request) {
                        let mut buffer = vec![0; 64 << 10];
                        match stream.read(&mut buffer).await {
                            Ok(0) | Err(_) => return,
                            Ok(count) => request.extend_from_slice(&buffer[..count]),
                        }
                    }
                    let request = String::from_utf8_lossy(&request).into_owned();
                    let (bytes, is_silent) = answers(&request);
                    heard.lock().unwrap().push(request);
                    let _ = stream.write_all(&bytes).await;
                    let _ = stream.flush().await;
                    while manner == Manner::Trickling && stream.write_all(b" ").await.is_ok() {
                        let _ = stream.flush().await;
                        tokio::time::sleep(TRICKLE).await;
                    }
                    if is_silent {
                        std::future::pending::<()>().await;
                    }
                    let _ = stream.shutdown().await;
                });
            }
        });
        Self { address, ca_file, heard, connections, _folder: folder }
    }

    /// The requests that came, as they came.
    pub(crate) fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }

    /// How many have connected, whatever they said.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// The first request, once it is there.
    pub(crate) async fn first(&self) -> String {
        for _ in 0..600 {
            if let Some(first) = self.heard().first() {
                return first.clone();
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("nobody called");
    }
}

/// Its head, and as much of a body as it announces.
fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.to_ascii_lowercase();
    let length = length.split("\r\ncontent-length: ").nth(1).and_then(|rest| rest.split("\r\n").next());
    body.len() >= length.map_or(0, |length| length.parse().unwrap())
}
