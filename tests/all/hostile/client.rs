//! A request that need not make sense, and a connection that sends it as it is. Its HTTP is well-formed all the same: what is not is for
//! hyper to refuse, before any of our code sees it.

use std::fmt;
use std::time::Duration;

use muster_test_harness::TenantClient;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// The longest path and query, in bytes: ours refuse what is longer than 16 KiB, hyper what is longer than 64 KiB.
const MAX_TARGET: usize = 40_000;
/// From this size on, in bytes, a body may be more than the server reads before it answers.
const LARGE_BODY: usize = 16 << 10;
/// What a path and a query may hold as it is; everything else is written with percent signs.
const PLAIN: &[u8] = b"-._~!$&'()*+,;=:@/?%[]";

/// A request below a tenant's base URL.
#[derive(Clone)]
pub(super) struct Request {
    pub(super) method: String,
    pub(super) path: String,
    /// Names and values before they are encoded.
    pub(super) query: Vec<(String, String)>,
    /// What follows the question mark, as it is, instead of `query`.
    pub(super) raw_query: Option<String>,
    pub(super) headers: Vec<(String, Vec<u8>)>,
    pub(super) token: Token,
    pub(super) body: Body,
}

/// Whose token is sent.
#[derive(Clone, Copy, Debug)]
pub(super) enum Token {
    Tenant,
    /// That of one user, who may change himself.
    User,
    None,
}

#[derive(Clone)]
pub(super) enum Body {
    None,
    Json(Value),
    Bytes(Vec<u8>),
}

impl Body {
    pub(super) fn bytes(&self) -> Vec<u8> {
        match self {
            Self::None => Vec::new(),
            Self::Json(json) => json.to_string().into_bytes(),
            Self::Bytes(bytes) => bytes.clone(),
        }
    }
}

impl Request {
    /// The path and the query as they are sent.
    pub(super) fn target(&self) -> String {
        let mut target = plain(self.path.as_bytes(), |byte| PLAIN.contains(&byte));
        let query = self.raw_query.as_ref().map(|raw| plain(raw.as_bytes(), |byte| PLAIN.contains(&byte)));
        let encoded = |text: &str| plain(text.as_bytes(), |byte| b"-._~".contains(&byte));
        let pairs = || {
            let pairs = self.query.iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value)));
            pairs.collect::<Vec<_>>().join("&")
        };
        let query = query.unwrap_or_else(pairs);
        if !query.is_empty() {
            target.push('?');
            target.push_str(&query);
        }
        target.truncate(MAX_TARGET);
        target
    }

    /// The body as it is sent. Where none is read a large one is cut: hyper closes a connection on which something is left unread, and the
    /// reset may then cut off a long answer.
    fn body_sent(&self) -> Vec<u8> {
        let mut body = self.body.bytes();
        if !["POST", "PUT", "PATCH"].contains(&self.method.as_str()) {
            body.truncate(LARGE_BODY);
        }
        body
    }

    /// Whether the client says which attributes it wants.
    pub(super) fn projects(&self) -> bool {
        let all = format!("{}{}", self.target(), String::from_utf8_lossy(&self.body.bytes())).to_lowercase();
        all.contains("ttributes") || all.contains('%')
    }
}

fn plain(bytes: &[u8], is_plain: impl Fn(u8) -> bool) -> String {
    let mut text = String::new();
    for byte in bytes {
        if byte.is_ascii_alphanumeric() || is_plain(*byte) {
            text.push(char::from(*byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |bytes: &[u8]| String::from_utf8_lossy(bytes).chars().take(4000).collect::<String>();
        writeln!(f, "{} {}", self.method, shown(self.target().as_bytes()))?;
        for (name, value) in &self.headers {
            writeln!(f, "{name}: {}", shown(value))?;
        }
        let body = self.body.bytes();
        write!(f, "(token: {:?}; a body of {} bytes)\n{}", self.token, body.len(), shown(&body))
    }
}

/// An answer.
pub(super) struct Answer {
    pub(super) status: u16,
    /// Names in lower case.
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
    /// The body as JSON; `null` where it is none.
    pub(super) json: Value,
}

impl Answer {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(given, _)| given == name).map(|(_, value)| value.as_str())
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let body: String = String::from_utf8_lossy(&self.body).chars().take(4000).collect();
        write!(f, "-> {} {:?}\n{body}", self.status, self.headers)
    }
}

/// A connection that is kept as long as the server keeps it.
pub(super) struct Connection {
    address: String,
    prefix: String,
    token: String,
    user_token: String,
    stream: Option<TcpStream>,
    pending: Vec<u8>,
}

impl Connection {
    pub(super) fn new(tenant: &TenantClient, user_token: &str) -> Self {
        let (address, prefix) = tenant.base.strip_prefix("http://").unwrap().split_once('/').unwrap();
        let (address, prefix) = (address.to_owned(), format!("/{prefix}"));
        let (token, user_token) = (tenant.token.clone(), user_token.to_owned());
        Self { address, prefix, token, user_token, stream: None, pending: Vec::new() }
    }

    /// Sends a request and reads its answer.
    pub(super) async fn send(&mut self, request: &Request) -> Answer {
        let body = request.body_sent();
        let mut bytes = format!("{} {}{} HTTP/1.1\r\n", request.method, self.prefix, request.target()).into_bytes();
        bytes.extend(format!("host: {}\r\ncontent-length: {}\r\n", self.address, body.len()).bytes());
        let token = match request.token {
            Token::Tenant => Some(&self.token),
            Token::User => Some(&self.user_token),
            Token::None => None,
        };
        bytes.extend(token.map(|token| format!("authorization: Bearer {token}\r\n")).unwrap_or_default().bytes());
        for (name, value) in &request.headers {
            bytes.extend(name.bytes().chain(*b": ").chain(value.iter().copied()).chain(*b"\r\n"));
        }
        bytes.extend(b"\r\n");
        bytes.extend(&body);

        let sent = async {
            // A server may close a connection that is not used; the second one is new. One that does not want a large body closes without
            // reading it, and the reset that follows may overtake its answer.
            let attempts = if body.len() > LARGE_BODY { 10 } else { 2 };
            for _ in 0..attempts {
                if self.stream.is_none() {
                    self.pending.clear();
                    self.stream = Some(TcpStream::connect(&self.address).await.unwrap());
                }
                if let Some(answer) = self.exchange(&bytes, request.method == "HEAD").await {
                    return answer;
                }
                self.stream = None;
            }
            panic!("{attempts} connections ended without an answer to\n{request:?}")
        };
        let answer = tokio::time::timeout(PATIENCE, sent).await;
        answer.unwrap_or_else(|_| panic!("there was no answer in {PATIENCE:?} to\n{request:?}"))
    }

    /// `None`: the connection ended before there was an answer.
    async fn exchange(&mut self, bytes: &[u8], is_head: bool) -> Option<Answer> {
        let stream = self.stream.as_mut()?;
        let (mut reader, mut writer) = stream.split();
        let pending = &mut self.pending;
        // A server that refuses a large body need not read it: it is written while the answer is awaited.
        let write = async { writer.write_all(bytes).await };
        let (written, answer) = tokio::join!(write, read(&mut reader, pending, is_head));
        let answer = answer?;
        if written.is_err() || answer.header("connection").is_some_and(|it| it.eq_ignore_ascii_case("close")) {
            self.stream = None;
        }
        Some(answer)
    }
}

async fn read(stream: &mut (impl AsyncReadExt + Unpin), pending: &mut Vec<u8>, is_head: bool) -> Option<Answer> {
    let head_end = loop {
        match pending.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
            Some(end) => break end + 4,
            None => more(stream, pending).await?,
        }
    };
    let head = String::from_utf8(pending.drain(..head_end).collect()).expect("a head is ASCII");
    let mut lines = head.lines();
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let mut answer = Answer { status, headers, body: Vec::new(), json: Value::Null };
    let length: usize = answer.header("content-length").map_or(0, |length| length.parse().unwrap());
    if !is_head && ![204, 304].contains(&status) {
        while pending.len() < length {
            more(stream, pending).await?;
        }
        answer.body = pending.drain(..length).collect();
        answer.json = serde_json::from_slice(&answer.body).unwrap_or_default();
    }
    Some(answer)
}

async fn more(stream: &mut (impl AsyncReadExt + Unpin), pending: &mut Vec<u8>) -> Option<()> {
    let read = stream.read_buf(pending).await.ok()?;
    (read > 0).then_some(())
}
