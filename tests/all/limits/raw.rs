//! A client that does what no library would: half a head, a slow body, a path as it stands.

use std::time::Duration;

use muster_test_harness::{TenantClient, TestApp};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(10);

/// A connection to the SCIM listener.
pub(crate) struct Raw {
    stream: TcpStream,
    pending: Vec<u8>,
}

/// An answer as it came.
#[derive(Debug)]
pub(crate) struct RawAnswer {
    pub(crate) status: u16,
    /// In lower case.
    pub(crate) head: String,
    /// `null` where it is no JSON.
    pub(crate) body: Value,
}

impl RawAnswer {
    /// The value of a header; empty if it is not there.
    pub(crate) fn header(&self, name: &str) -> &str {
        let value = |line: &'_ str| line.strip_prefix(name).and_then(|rest| rest.strip_prefix(':')).is_some();
        let line = self.head.lines().find(|line| value(line));
        line.map_or("", |line| line[name.len() + 1..].trim())
    }

    /// The body, if the status is the expected one.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{self:?}");
        self.body
    }
}

impl Raw {
    pub(crate) async fn open(app: &TestApp) -> Self {
        let stream = TcpStream::connect(app.scim.strip_prefix("http://").unwrap()).await.unwrap();
        Self { stream, pending: Vec::new() }
    }

    /// Sends what may be a part of a request.
    pub(crate) async fn send(&mut self, part: &str) {
        self.try_send(part.as_bytes()).await.unwrap();
    }

    /// As [`Self::send`], to a server that may have gone away.
    pub(crate) async fn try_send(&mut self, part: &[u8]) -> std::io::Result<()> {
        self.stream.write_all(part).await
    }

    /// The next answer, if it comes within `limit`.
    pub(crate) async fn answer_within(&mut self, limit: Duration) -> Option<RawAnswer> {
        timeout(limit, self.read_answer()).await.ok()
    }

    /// The next answer.
    pub(crate) async fn answer(&mut self) -> RawAnswer {
        self.answer_within(PATIENCE).await.expect("an answer in time")
    }

    async fn read_answer(&mut self) -> RawAnswer {
        let head_end = loop {
            match self.pending.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                Some(end) => break end + 4,
                None => assert!(self.more().await, "the connection ended before there was an answer"),
            }
        };
        let head = String::from_utf8(self.pending.drain(..head_end).collect()).unwrap().to_lowercase();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let mut answer = RawAnswer { status, head, body: Value::Null };
        let length: usize = answer.header("content-length").parse().unwrap_or(0);
        while self.pending.len() < length {
            assert!(self.more().await, "the connection ended within an answer");
        }
        let body: Vec<u8> = self.pending.drain(..length).collect();
        answer.body = serde_json::from_slice(&body).unwrap_or_default();
        answer
    }

    /// Whether something came.
    async fn more(&mut self) -> bool {
        let mut bytes = [0; 4096];
        let read = self.stream.read(&mut bytes).await.unwrap_or(0);
        self.pending.extend_from_slice(&bytes[..read]);
        read > 0
    }

    /// Reads to the end of the connection; what came before it. `None`: it did not end within `limit`.
    pub(crate) async fn end_within(&mut self, limit: Duration) -> Option<Vec<u8>> {
        let to_the_end = async { while self.more().await {} };
        timeout(limit, to_the_end).await.ok()?;
        Some(std::mem::take(&mut self.pending))
    }

    /// Some bytes, as they come.
    pub(crate) async fn bytes(&mut self, count: usize) -> Vec<u8> {
        while self.pending.len() < count {
            assert!(timeout(PATIENCE, self.more()).await.expect("bytes in time"), "the connection ended");
        }
        self.pending.drain(..count).collect()
    }
}

/// Waits until a request occupies the only place that `requests_in_flight = 1` leaves.
pub(crate) async fn until_in_flight(tenant: &TenantClient) {
    let seen = async { while tenant.get("/Users").await.status != 503 {} };
    timeout(PATIENCE, seen).await.expect("the request arrives in time");
}

/// The head of a request without a body: `GET /scim/v2/Users`.
pub(crate) fn get(path: &str, token: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: scim.example\r\nauthorization: Bearer {token}\r\n\r\n")
}

/// The head of a POST with a body of so many bytes.
pub(crate) fn post(path: &str, token: &str, length: usize) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nhost: scim.example\r\nauthorization: Bearer {token}\r\n\
         content-type: application/scim+json\r\ncontent-length: {length}\r\n\r\n"
    )
}
