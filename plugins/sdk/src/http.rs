//! Requests of [`Plugin::perform`](crate::Plugin::perform) to origins that the manifest wants and the tenant's operator has granted.
//!
//! Natively, `testing::respond` answers them.

use std::fmt;

use crate::Context;
use crate::delivery::{self, Outcome};

/// A request, over https.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// `GET`, `POST`, ...
    pub method: String,
    /// `https://api.example.com/v1/users`
    pub url: String,
    /// Names and values, in their order.
    pub headers: Vec<(String, String)>,
    /// At most 1 MiB.
    pub body: Vec<u8>,
}

/// What was answered. A redirect is an answer like any other: it is not followed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Response {
    /// 200, 404, ...
    pub status: u16,
    /// Names in lower case, and values.
    pub headers: Vec<(String, String)>,
    /// At most 1 MiB.
    pub body: Vec<u8>,
}

/// Why there is no answer. The host's log and the task's story say more than the plugin is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HttpError {
    /// It was not let out: not granted, not https, or more than may be sent.
    Denied,
    /// The secret of this name is not granted or not set.
    NoSecret(String),
    /// It takes too long.
    Late,
    /// Whatever else went wrong.
    Failed(String),
}

impl Request {
    /// Any method.
    pub fn new(method: &str, url: impl Into<String>) -> Self {
        Self { method: method.to_owned(), url: url.into(), headers: Vec::new(), body: Vec::new() }
    }

    /// `GET`
    pub fn get(url: impl Into<String>) -> Self {
        Self::new("GET", url)
    }

    /// `POST`
    pub fn post(url: impl Into<String>) -> Self {
        Self::new("POST", url)
    }

    /// `PUT`
    pub fn put(url: impl Into<String>) -> Self {
        Self::new("PUT", url)
    }

    /// `DELETE`
    pub fn delete(url: impl Into<String>) -> Self {
        Self::new("DELETE", url)
    }

    /// One more header.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// `Authorization: Bearer` with a secret that the plugin never sees: the host puts it in on the way out.
    pub fn bearer(self, secret: &str) -> Result<Self, HttpError> {
        self.secret("authorization", "Bearer ", secret)
    }

    /// A header that is a secret, after `before`.
    pub fn secret(self, header: &str, before: &str, secret: &str) -> Result<Self, HttpError> {
        let placeholder = delivery::secret_header(secret).ok_or_else(|| HttpError::NoSecret(secret.to_owned()))?;
        Ok(self.header(header, format!("{before}{placeholder}")))
    }

    /// `Idempotency-Key` with the name of the task that is carried out: the same in each attempt, and no other task's of any tenant. A
    /// product that does what it was asked under a key once, does it once however often it is asked.
    #[must_use]
    pub fn once(self, ctx: &Context) -> Self {
        // A task's name is its tenant's own: another tenant has one of the same.
        self.header("idempotency-key", format!("{}/{}", ctx.tenant(), ctx.request()))
    }

    /// A body of this type.
    #[must_use]
    pub fn body(mut self, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self.header("content-type", content_type)
    }

    /// A body in JSON.
    #[must_use]
    pub fn json(self, json: impl Into<String>) -> Self {
        self.body("application/json", json.into())
    }

    /// Sends it and waits for the whole answer.
    pub fn send(self) -> Result<Response, HttpError> {
        #[cfg(target_family = "wasm")]
        return crate::glue::http::send(&self);
        #[cfg(not(target_family = "wasm"))]
        crate::testing::answer(&self)
    }
}

impl Response {
    /// The first header of this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut own = self.headers.iter().filter(|(own, _)| own.eq_ignore_ascii_case(name));
        own.next().map(|(_, value)| value.as_str())
    }

    /// 200 to 299.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The body as text; what is no UTF-8 is replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// After how many milliseconds the server says to come again: `Retry-After` in seconds.
    pub fn retry_after_ms(&self) -> Option<u64> {
        self.header("retry-after")?.trim().parse::<u64>().ok().map(|seconds| seconds.saturating_mul(1_000))
    }

    /// What comes of it, as most servers mean their statuses: done; again after 408, 425, 429 and all from 500 on; else never. `what` was
    /// done, for the sentence.
    pub fn outcome(&self, what: &str) -> Outcome {
        let reason = format!("{what} was answered {}", self.status);
        match self.status {
            200..=299 => Outcome::Done,
            408 | 425 | 429 | 500.. => Outcome::Retry { reason, after_ms: self.retry_after_ms() },
            _ => Outcome::Failed(reason),
        }
    }
}

impl HttpError {
    /// What comes of it: again. What is not granted or not set today can be tomorrow.
    pub fn outcome(&self, what: &str) -> Outcome {
        Outcome::Retry { reason: format!("{what} failed: {self}"), after_ms: None }
    }
}

impl fmt::Display for HttpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Denied => f.write_str("the request was not let out"),
            Self::NoSecret(name) => write!(f, "the secret {name} is not there"),
            Self::Late => f.write_str("it took too long"),
            Self::Failed(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for HttpError {}
