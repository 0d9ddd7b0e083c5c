use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Body;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use tokio::time::timeout;

use crate::answer::{Answer, Ending};
use crate::destination::target;
use crate::limits::{MAX_HEADER_BYTES, MAX_HEADERS, MAX_REQUEST_BYTES};
use crate::resolve::SystemResolver;
use crate::{Authorities, Destination, Network, Patience, Place, Resolve, SendError, trust};

/// What an operator says of the network that requests go out to.
#[derive(Debug, Clone)]
pub struct Options {
    /// Whose certificates count beside those that the machine trusts.
    pub authorities: Option<Authorities>,
    /// Networks that may be called although they are not public.
    pub private_networks: Vec<Network>,
    /// Hosts with their places: those are not looked up, and called whatever they are.
    pub hosts: HashMap<String, Place>,
    /// Who looks the others up.
    pub resolver: Arc<dyn Resolve>,
    /// How long is waited.
    pub patience: Patience,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            authorities: None,
            private_networks: Vec::new(),
            hosts: HashMap::new(),
            resolver: Arc::new(SystemResolver),
            patience: Patience::default(),
        }
    }
}

/// Sends requests, each on a connection of its own.
#[derive(Clone)]
pub struct Sender(Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) tls: Arc<ClientConfig>,
    pub(crate) private_networks: Vec<Network>,
    pub(crate) hosts: HashMap<String, Place>,
    pub(crate) resolver: Arc<dyn Resolve>,
    pub(crate) patience: Patience,
}

/// What is between two neighbours, and not between the two ends (RFC 9110 §7.6.1), and what would make the server wait for us.
const NOT_SENT: [HeaderName; 9] = [
    header::CONNECTION,
    header::EXPECT,
    header::HOST,
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

const USER_AGENT: HeaderValue = HeaderValue::from_static(concat!("muster/", env!("CARGO_PKG_VERSION")));

impl Sender {
    /// Reads the machine's certificates. The error is the cryptography's own, and does not happen.
    pub fn new(options: Options) -> Result<Self, rustls::Error> {
        let Options { authorities, private_networks, hosts, resolver, patience } = options;
        let tls = Arc::new(trust::config(authorities.as_ref())?);
        let hosts = hosts.into_iter().map(|(host, place)| (host.to_ascii_lowercase(), place)).collect();
        Ok(Self(Arc::new(Inner { tls, private_networks, hosts, resolver, patience })))
    }

    /// Sends a request to its URL, and answers with what came as far as its head; its body comes as it is read, and with an error in it
    /// where it does not come. A redirect is an answer like any other.
    pub async fn send<B>(&self, request: Request<B>) -> Result<Response<Answer>, SendError>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let (parts, body) = request.into_parts();
        let to = Destination::of(&parts.uri)?;
        if parts.method == Method::CONNECT || parts.method == Method::TRACE {
            return Err(SendError::Request(format!("its method is {}", parts.method)));
        }
        let mut sent = Request::new(Limited::new(body, MAX_REQUEST_BYTES).boxed_unsync());
        *sent.uri_mut() = target(&parts.uri)?;
        *sent.method_mut() = parts.method;
        *sent.headers_mut() = headers(parts.headers, &to)?;

        let inner = &self.0;
        let stream = inner.connect(&to).await?;
        let mut http = http1::Builder::new();
        http.max_headers(MAX_HEADERS).max_buf_size(MAX_HEADER_BYTES).max_header_size(MAX_HEADER_BYTES);
        let broken = || SendError::Broken { host: to.host().to_owned() };
        let (mut ask, connection) = http.handshake(TokioIo::new(stream)).await.map_err(|_| broken())?;
        // What becomes of the connection is told by what is read from it.
        let connection = Ending::new(tokio::spawn(async move { drop(connection.await) }));
        let patience = inner.patience.first_byte;
        let answer = timeout(patience, ask.send_request(sent)).await.map_err(|_| SendError::Late {
            host: to.host().to_owned(),
            what: "answer",
            limit_ms: patience.as_millis(),
        })?;
        let answer = answer.map_err(|error| told(&error, &to))?;
        // What came in one piece was read in one piece.
        if header_bytes(answer.headers()) > MAX_HEADER_BYTES {
            return Err(too_many_headers(&to));
        }
        if answer.status() == StatusCode::SWITCHING_PROTOCOLS {
            return Err(broken());
        }
        let host = to.host().to_owned();
        Ok(answer.map(|body| Answer::new(body, host, inner.patience.between_bytes, connection)))
    }
}

/// The headers as they are sent.
fn headers(mut headers: HeaderMap, to: &Destination) -> Result<HeaderMap, SendError> {
    for name in NOT_SENT {
        headers.remove(name);
    }
    let host = HeaderValue::from_str(&to.authority());
    let host = host.map_err(|_| SendError::Destination("its host has no name that can be sent".to_owned()))?;
    headers.insert(header::HOST, host);
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    headers.entry(header::USER_AGENT).or_insert(USER_AGENT);
    if headers.len() > MAX_HEADERS {
        return Err(SendError::Request(format!("it has more than {MAX_HEADERS} headers")));
    }
    if header_bytes(&headers) > MAX_HEADER_BYTES {
        return Err(SendError::Request(format!("its headers have more than {MAX_HEADER_BYTES} bytes")));
    }
    Ok(headers)
}

fn header_bytes(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum()
}

fn too_many_headers(to: &Destination) -> SendError {
    let (host, limit) = (to.host().to_owned(), MAX_HEADER_BYTES);
    SendError::TooMuch { host, what: "bytes of headers, or too many of them", limit }
}

fn told(error: &hyper::Error, to: &Destination) -> SendError {
    let host = to.host().to_owned();
    if error.is_parse_too_large() {
        return too_many_headers(to);
    }
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        if inner.is::<http_body_util::LengthLimitError>() {
            return SendError::Request(format!("its body has more than {MAX_REQUEST_BYTES} bytes"));
        }
        cause = inner.source();
    }
    SendError::Broken { host }
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender")
            .field("private_networks", &self.0.private_networks)
            .field("hosts", &self.0.hosts)
            .finish_non_exhaustive()
    }
}
