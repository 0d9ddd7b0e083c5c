//! How a registry is asked: with a bound on time and size, and without being led away.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body as _, Incoming};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::time::timeout;
use url::Url;

use crate::auth::{Challenge, Token};
use crate::{Credentials, MAX_ANSWER_BYTES, MAX_REDIRECTS, OciError, Options, Reference, Times, trust};

/// How long a connection may take to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How much of a registry's own words is repeated, in characters.
pub(crate) const MAX_WORDS: usize = 200;

/// One repository of a registry, and who asks it.
#[derive(Debug)]
pub struct Registry {
    pub(crate) reference: Reference,
    pub(crate) times: Times,
    base: Url,
    http: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    credentials: Option<Credentials>,
    /// What the registry was content with.
    authorization: Option<HeaderValue>,
    /// `pull`, or `pull,push`.
    actions: &'static str,
}

/// What is asked.
#[derive(Debug, Clone)]
pub(crate) struct Ask {
    pub(crate) method: Method,
    pub(crate) url: Url,
    /// In the words of an error.
    pub(crate) what: String,
    pub(crate) accept: &'static str,
    pub(crate) content_type: &'static str,
    pub(crate) body: Bytes,
}

/// What is answered, as far as its head goes.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    host: String,
    what: String,
    times: Times,
    body: Incoming,
}

impl Registry {
    /// For what this names. Nothing is asked yet.
    pub fn new(reference: Reference, options: Options) -> Result<Self, OciError> {
        let Options { credentials, authorities, times } = options;
        let base = reference.base(authorities.is_some())?;
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
        let https = HttpsConnectorBuilder::new().with_tls_config(trust::config(authorities.as_ref())?);
        let https = https.https_or_http().enable_http1().wrap_connector(tcp);
        let http = Client::builder(TokioExecutor::new()).build(https);
        Ok(Self { reference, times, base, http, credentials, authorization: None, actions: "pull" })
    }

    /// From now on something is pushed.
    pub(crate) const fn will_push(&mut self) {
        self.actions = "pull,push";
    }

    /// `blobs/sha256:...` of the repository.
    pub(crate) fn url(&self, path: &str) -> Result<Url, OciError> {
        self.base.join(path).map_err(|_| OciError::Reference(format!("{}: {path} is nowhere in it", self.reference)))
    }

    pub(crate) fn host(&self) -> String {
        self.reference.host.clone()
    }

    /// Asks; where the registry wants to know who does, once more.
    pub(crate) async fn ask(&mut self, ask: &Ask) -> Result<Answer, OciError> {
        let answer = self.send(ask, self.authorization.clone()).await?;
        if answer.status != StatusCode::UNAUTHORIZED || self.authorization.is_some() {
            return Ok(answer);
        }
        let challenges = answer.headers.get_all(header::WWW_AUTHENTICATE);
        let challenge = challenges.iter().filter_map(|value| value.to_str().ok()).find_map(Challenge::parse);
        match (challenge, &self.credentials) {
            (Some(Challenge::Basic), Some(credentials)) => self.authorization = secret(&credentials.basic()),
            (Some(Challenge::Bearer { realm, service }), _) => {
                self.authorization = self.token(realm, service).await?;
            }
            (Some(Challenge::Basic), None) | (None, _) => return Ok(answer),
        }
        self.send(ask, self.authorization.clone()).await
    }

    /// As [`Registry::ask`], for what registries keep elsewhere: at most [`MAX_REDIRECTS`] times, never into clear text, and never with what
    /// authenticates here.
    pub(crate) async fn fetch(&mut self, ask: &Ask) -> Result<Answer, OciError> {
        let mut answer = self.ask(ask).await?;
        let mut at = ask.url.clone();
        for _ in 0..MAX_REDIRECTS {
            if !answer.status.is_redirection() {
                return Ok(answer);
            }
            at = self.led_to(&answer, &at, &ask.what)?;
            let authorization = self.authorization.clone().filter(|_| at.origin() == self.base.origin());
            answer = self.send(&Ask { url: at.clone(), ..ask.clone() }, authorization).await?;
        }
        if answer.status.is_redirection() {
            let to = origin(&self.led_to(&answer, &at, &ask.what)?);
            let why = "and has sent it on too often before";
            return Err(OciError::Elsewhere { host: self.host(), what: ask.what.clone(), to, why });
        }
        Ok(answer)
    }

    fn led_to(&self, answer: &Answer, from: &Url, what: &str) -> Result<Url, OciError> {
        let location = answer.location(from)?;
        let elsewhere =
            |why| OciError::Elsewhere { host: self.host(), what: what.to_owned(), to: origin(&location), why };
        if location.origin() == self.base.origin() {
            return Ok(location);
        }
        match (location.scheme(), self.base.scheme()) {
            ("https", "https") => Ok(location),
            ("https", _) => Err(elsewhere("and a registry on this machine sends nobody away from it")),
            _ => Err(elsewhere("which is not https")),
        }
    }

    /// A token for this repository, from where the registry says.
    async fn token(&self, mut realm: Url, service: Option<String>) -> Result<Option<HeaderValue>, OciError> {
        let what = "the request for a token".to_owned();
        let trusted = realm.scheme() == "https" || realm.origin() == self.base.origin();
        if !trusted {
            let why = "which is not https";
            return Err(OciError::Elsewhere { host: self.host(), what, to: origin(&realm), why });
        }
        let scope = format!("repository:{}:{}", self.reference.repository, self.actions);
        realm.query_pairs_mut().append_pair("scope", &scope);
        if let Some(service) = service {
            realm.query_pairs_mut().append_pair("service", &service);
        }
        let ask = Ask {
            method: Method::GET,
            url: realm,
            what,
            accept: "application/json",
            content_type: "",
            body: Bytes::new(),
        };
        let known = self.credentials.as_ref().and_then(|credentials| secret(&credentials.basic()));
        let answer = self.send(&ask, known).await?;
        if !answer.status.is_success() {
            return Err(answer.refused().await);
        }
        let body = answer.read(MAX_ANSWER_BYTES).await?;
        let token = serde_json::from_slice::<Token>(&body).ok().and_then(Token::bearer);
        let token = token.and_then(|token| secret(&token));
        let none = || OciError::Unreachable { host: self.host(), why: "it gives no token that is one".to_owned() };
        token.map(Some).ok_or_else(none)
    }

    async fn send(&self, ask: &Ask, authorization: Option<HeaderValue>) -> Result<Answer, OciError> {
        let host = authority(&ask.url);
        let unreachable = |why: String| OciError::Unreachable { host: host.clone(), why };
        let uri: Uri = ask.url.as_str().parse().map_err(|_| unreachable("its address is none".to_owned()))?;
        let mut request = Request::new(Full::new(ask.body.clone()));
        *request.method_mut() = ask.method.clone();
        *request.uri_mut() = uri;
        let headers = request.headers_mut();
        headers.insert(header::USER_AGENT, HeaderValue::from_static(concat!("muster/", env!("CARGO_PKG_VERSION"))));
        if !ask.accept.is_empty() {
            headers.insert(header::ACCEPT, HeaderValue::from_static(ask.accept));
        }
        if !ask.content_type.is_empty() {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(ask.content_type));
        }
        if let Some(authorization) = authorization {
            headers.insert(header::AUTHORIZATION, authorization);
        }
        let sent = timeout(self.times.answer, self.http.request(request)).await;
        let answer = sent.map_err(|_| late(&host, self.times.answer))?;
        let (head, body) = answer
            .map_err(|error| match trust::refused(&error) {
                Some(why) => OciError::Certificate { host: host.clone(), why },
                None => unreachable(in_full(&error)),
            })?
            .into_parts();
        let (what, times) = (ask.what.clone(), self.times);
        Ok(Answer { status: head.status, headers: head.headers, host, what, times, body })
    }
}

impl Answer {
    /// Where it sends whoever has asked at `from`.
    pub(crate) fn location(&self, from: &Url) -> Result<Url, OciError> {
        let location = self.headers.get(header::LOCATION).and_then(|value| value.to_str().ok());
        let location = location.and_then(|location| from.join(location).ok());
        location.ok_or_else(|| OciError::Unreachable {
            host: self.host.clone(),
            why: format!("it sends {} elsewhere, and does not say where to", self.what),
        })
    }

    /// All of it, if it is not larger than `limit` bytes. What is said of its size before is not believed.
    pub(crate) async fn read(mut self, limit: u64) -> Result<Vec<u8>, OciError> {
        let too_large =
            |host: &str, what: &str| OciError::TooLarge { host: host.to_owned(), what: what.to_owned(), limit };
        if self.body.size_hint().lower() > limit {
            return Err(too_large(&self.host, &self.what));
        }
        let mut bytes: Vec<u8> = Vec::new();
        loop {
            let frame = timeout(self.times.answer, self.body.frame()).await;
            let Some(frame) = frame.map_err(|_| late(&self.host, self.times.answer))? else { return Ok(bytes) };
            let frame =
                frame.map_err(|error| OciError::Unreachable { host: self.host.clone(), why: in_full(&error) })?;
            let Ok(data) = frame.into_data() else { continue };
            let have = u64::try_from(bytes.len() + data.len()).unwrap_or(u64::MAX);
            if have > limit {
                return Err(too_large(&self.host, &self.what));
            }
            bytes.extend_from_slice(&data);
        }
    }

    /// Why it is not what was asked for.
    pub(crate) async fn refused(self) -> OciError {
        let (host, what, status) = (self.host.clone(), self.what.clone(), self.status);
        if status == StatusCode::NOT_FOUND {
            return OciError::Missing { host, what };
        }
        let words = self.read(MAX_ANSWER_BYTES).await.unwrap_or_default();
        let words = words_of(&words).map_or_else(String::new, |words| format!(": {words}"));
        OciError::Refused { host, what, status: status.as_u16(), why: words }
    }
}

/// What a registry says of an error (OCI distribution specification), as far as it can be shown.
fn words_of(body: &[u8]) -> Option<String> {
    let value: serde_json::Value = serde_json::from_slice(body).ok()?;
    let message = value.pointer("/errors/0/message")?.as_str()?;
    let shown: String = message.chars().filter(|c| !c.is_control()).take(MAX_WORDS).collect();
    Some(shown).filter(|shown| !shown.is_empty())
}

fn secret(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

fn late(host: &str, waited: Duration) -> OciError {
    OciError::Late { host: host.to_owned(), seconds: waited.as_secs() }
}

fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

fn origin(url: &Url) -> String {
    format!("{}://{}", url.scheme(), authority(url))
}

/// An error with its causes.
fn in_full(error: &dyn std::error::Error) -> String {
    let mut told = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        told = format!("{told}: {next}");
        cause = next.source();
    }
    told
}
