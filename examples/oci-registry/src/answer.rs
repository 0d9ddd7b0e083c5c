use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::body::{Answered, endless, whole};
use crate::uploads::{Refused, Uploads};
use crate::{Access, Fault, Shared};

/// How large one blob can be, in bytes.
pub const MAX_BLOB_BYTES: usize = 64 << 20;

/// How many blobs and manifests are held.
const MAX_HELD: usize = 1_000;

/// How many requests are remembered.
const MAX_ASKED: usize = 1_000;

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// Where uploads are, below `blobs/`.
const UPLOADS: &str = "uploads/";

/// In which what was stored or found is named by its digest (OCI distribution specification).
const DIGEST: header::HeaderName = header::HeaderName::from_static("docker-content-digest");

/// The one token that there is.
const TOKEN: &str = "a-token-of-the-example-registry";

/// What was pushed, and what was asked.
#[derive(Debug, Default)]
pub(crate) struct Held {
    blobs: BTreeMap<String, Bytes>,
    manifests: BTreeMap<(String, String), Bytes>,
    uploads: Uploads,
    pub(crate) asked: Vec<String>,
}

impl Held {
    pub(crate) fn manifest(&self, repository: &str, name: &str) -> Option<Bytes> {
        self.manifests.get(&(repository.to_owned(), name.to_owned())).cloned()
    }

    /// By its tag, and by its digest.
    pub(crate) fn put_manifest(&mut self, repository: &str, name: &str, bytes: Bytes) {
        self.manifests.insert((repository.to_owned(), digest(&bytes)), bytes.clone());
        self.manifests.insert((repository.to_owned(), name.to_owned()), bytes);
    }

    fn is_full(&self) -> bool {
        self.blobs.len() + self.manifests.len() >= MAX_HELD
    }
}

impl Shared {
    pub(crate) async fn answer(&self, request: Request<Incoming>) -> Response<Answered> {
        let (asked, body) = request.into_parts();
        let path = asked.uri.path().to_owned();
        {
            let mut held = self.held();
            if held.asked.len() < MAX_ASKED {
                held.asked.push(format!("{} {path}", asked.method));
            }
        }
        if self.fault() == Fault::Silence {
            std::future::pending::<()>().await;
        }
        if path == "/token" {
            return self.token(&asked.headers);
        }
        if !self.may(&asked.headers) {
            return self.who_is_it();
        }
        if path == "/v2/" {
            return answer(StatusCode::OK, whole(""));
        }
        let Some((repository, rest)) = path.strip_prefix("/v2/").and_then(split) else {
            return unknown("NAME_UNKNOWN");
        };
        match rest.split_once('/') {
            Some(("manifests", name)) if asked.method == Method::PUT => {
                self.take_manifest(repository, name, body).await
            }
            Some(("manifests", name)) => self.manifest(repository, name, &asked.method),
            Some(("blobs", upload)) if upload.starts_with(UPLOADS) => {
                let taken = self.take_piece(repository, &upload[UPLOADS.len()..], &asked, body).await;
                taken.unwrap_or_else(|(status, code)| refused(status, code))
            }
            Some(("blobs", name)) => self.blob(name, &asked.method),
            Some(_) | None => unknown("UNSUPPORTED"),
        }
    }

    fn manifest(&self, repository: &str, name: &str, method: &Method) -> Response<Answered> {
        let fault = self.fault();
        if fault == Fault::EndlessManifests {
            return answer(StatusCode::OK, endless());
        }
        if let Fault::Words(letters) = fault {
            return refused_with(StatusCode::IM_A_TEAPOT, "DENIED", &"x".repeat(letters));
        }
        let Some(bytes) = self.held().manifest(repository, name) else { return unknown("MANIFEST_UNKNOWN") };
        let bytes = if fault == Fault::ChangedManifests { [&bytes[..], b" "].concat().into() } else { bytes };
        let digest = digest(&bytes);
        let mut found = answer(StatusCode::OK, whole(if *method == Method::HEAD { Bytes::new() } else { bytes }));
        put(&mut found, header::CONTENT_TYPE, MANIFEST);
        put(&mut found, DIGEST, &digest);
        found
    }

    async fn take_manifest(&self, repository: &str, name: &str, body: Incoming) -> Response<Answered> {
        let Some(bytes) = read(body).await else { return refused(StatusCode::PAYLOAD_TOO_LARGE, "SIZE_INVALID") };
        let mut held = self.held();
        if held.is_full() {
            return refused(StatusCode::INSUFFICIENT_STORAGE, "DENIED");
        }
        let digest = digest(&bytes);
        held.put_manifest(repository, name, bytes);
        created(&format!("/v2/{repository}/manifests/{digest}"), &digest)
    }

    fn blob(&self, name: &str, method: &Method) -> Response<Answered> {
        let Some(bytes) = self.held().blobs.get(name).cloned() else { return unknown("BLOB_UNKNOWN") };
        if *method == Method::HEAD {
            return answer(StatusCode::OK, whole(""));
        }
        let mut sent = bytes.to_vec();
        match self.fault() {
            Fault::RedirectedBlobs(to) => {
                let mut led = answer(StatusCode::TEMPORARY_REDIRECT, whole(""));
                put(&mut led, header::LOCATION, &to);
                return led;
            }
            Fault::EndlessBlobs => return answer(StatusCode::OK, endless()),
            Fault::ChangedBlobs => {
                if let Some(first) = sent.first_mut() {
                    *first ^= 1;
                }
            }
            Fault::LongerBlobs => sent.extend_from_slice(b"more"),
            Fault::ShorterBlobs => drop(sent.pop()),
            Fault::None
            | Fault::EndlessManifests
            | Fault::ChangedManifests
            | Fault::Silence
            | Fault::LongTokens(_)
            | Fault::Words(_) => {}
        }
        answer(StatusCode::OK, whole(sent))
    }

    /// An upload as clients make them: all at once (`POST` or `PUT` with the digest), or in pieces (`PATCH`).
    async fn take_piece(
        &self,
        repository: &str,
        upload: &str,
        asked: &http::request::Parts,
        body: Incoming,
    ) -> Result<Response<Answered>, Refused> {
        let piece = read(body).await.ok_or((StatusCode::PAYLOAD_TOO_LARGE, "SIZE_INVALID"))?;
        let expected = asked.uri.query().and_then(|query| query.strip_prefix("digest="));
        let expected = expected.map(|digest| digest.replace("%3A", ":"));
        let at = |number: u64| format!("/v2/{repository}/blobs/{UPLOADS}{number}");
        if upload.is_empty() && asked.method == Method::POST {
            return match expected {
                Some(expected) => self.take_blob(repository, expected, piece),
                None => Ok(accepted(&at(self.held().uploads.begin()?), 0)),
            };
        }
        let number = upload.parse().map_err(|_| (StatusCode::NOT_FOUND, "BLOB_UPLOAD_UNKNOWN"))?;
        match (&asked.method, expected) {
            (&Method::PATCH, None) => {
                let range = asked.headers.get(header::CONTENT_RANGE).and_then(|range| range.to_str().ok());
                Ok(accepted(&at(number), self.held().uploads.append(number, range, &piece)?))
            }
            (&Method::PUT, Some(expected)) => {
                let whole = self.held().uploads.end(number, &piece)?;
                self.take_blob(repository, expected, whole)
            }
            _ => Err((StatusCode::METHOD_NOT_ALLOWED, "UNSUPPORTED")),
        }
    }

    fn take_blob(&self, repository: &str, expected: String, bytes: Bytes) -> Result<Response<Answered>, Refused> {
        if digest(&bytes) != expected {
            return Err((StatusCode::BAD_REQUEST, "DIGEST_INVALID"));
        }
        let mut held = self.held();
        if held.is_full() {
            return Err((StatusCode::INSUFFICIENT_STORAGE, "DENIED"));
        }
        let taken = created(&format!("/v2/{repository}/blobs/{expected}"), &expected);
        held.blobs.insert(expected, bytes);
        Ok(taken)
    }

    fn may(&self, headers: &HeaderMap) -> bool {
        match &self.access {
            Access::Open => true,
            Access::Basic(secret) => has(headers, &format!("Basic {}", STANDARD.encode(secret))),
            Access::Token(_) => has(headers, &format!("Bearer {TOKEN}")),
        }
    }

    fn who_is_it(&self) -> Response<Answered> {
        let mut asked = refused(StatusCode::UNAUTHORIZED, "UNAUTHORIZED");
        let (host, scheme) = (&self.host, self.scheme);
        let challenge = match &self.access {
            Access::Open | Access::Basic(_) => "Basic realm=\"example\"".to_owned(),
            Access::Token(_) => format!("Bearer realm=\"{scheme}://{host}/token\",service=\"{host}\""),
        };
        put(&mut asked, header::WWW_AUTHENTICATE, &challenge);
        asked
    }

    fn token(&self, headers: &HeaderMap) -> Response<Answered> {
        match &self.access {
            Access::Token(secret) if has(headers, &format!("Basic {}", STANDARD.encode(secret))) => {
                let token = json!({ "token": TOKEN }).to_string();
                let bytes = if let Fault::LongTokens(bytes) = self.fault() { bytes } else { token.len() };
                let behind = " ".repeat(bytes.saturating_sub(token.len()));
                answer(StatusCode::OK, whole(token + &behind))
            }
            Access::Token(_) | Access::Open | Access::Basic(_) => refused(StatusCode::UNAUTHORIZED, "UNAUTHORIZED"),
        }
    }
}

/// A repository, and what is asked of it: repositories have slashes as well.
fn split(path: &str) -> Option<(&str, &str)> {
    let at = path.rfind("/manifests/").or_else(|| path.find("/blobs/"))?;
    Some((&path[..at], &path[at + 1..]))
}

async fn read(body: Incoming) -> Option<Bytes> {
    Limited::new(body, MAX_BLOB_BYTES).collect().await.ok().map(http_body_util::Collected::to_bytes)
}

fn has(headers: &HeaderMap, expected: &str) -> bool {
    headers.get(header::AUTHORIZATION).is_some_and(|value| value.as_bytes() == expected.as_bytes())
}

fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(bytes)))
}

fn answer(status: StatusCode, body: Answered) -> Response<Answered> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response
}

fn put(response: &mut Response<Answered>, name: header::HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

fn created(location: &str, digest: &str) -> Response<Answered> {
    let mut created = answer(StatusCode::CREATED, whole(""));
    put(&mut created, header::LOCATION, location);
    put(&mut created, DIGEST, digest);
    created
}

/// An upload goes on there; so many bytes of it have come.
fn accepted(location: &str, have: usize) -> Response<Answered> {
    let mut accepted = answer(StatusCode::ACCEPTED, whole(""));
    put(&mut accepted, header::LOCATION, location);
    put(&mut accepted, header::RANGE, &format!("0-{}", have.saturating_sub(1)));
    accepted
}

fn refused(status: StatusCode, code: &str) -> Response<Answered> {
    refused_with(status, code, &format!("the example registry says {code}"))
}

fn refused_with(status: StatusCode, code: &str, message: &str) -> Response<Answered> {
    answer(status, whole(json!({ "errors": [{ "code": code, "message": message }] }).to_string()))
}

fn unknown(code: &str) -> Response<Answered> {
    refused(StatusCode::NOT_FOUND, code)
}
