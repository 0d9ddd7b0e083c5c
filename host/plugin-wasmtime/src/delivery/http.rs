//! The way out: a plugin's request by `wasi:http`, to what was granted, with the secrets that it names.
//!
//! A plugin never has a secret, only a placeholder that is another one in each call. On the way out it is replaced in the values of headers, and
//! nowhere else. On the way back it is the other way round: where an answer repeats a secret that its request had, in a header or in its body, the
//! placeholder stands again. That catches endpoints that repeat what they were sent, as error pages do. It does not catch one that encodes it:
//! an origin that is granted is trusted with the secrets that are granted beside it.

use bytes::Bytes;
use http::header::CONTENT_LENGTH;
use http::{HeaderMap, HeaderValue, Request, Response, Uri};
use http_body_util::{BodyExt as _, Full};
use muster_model::SecretName;
use muster_outbound::{SendError, Sender};
use muster_plugin::{Granted, Secret, Secrets};
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

use super::state::Notes;
use crate::limits;

/// What each placeholder begins with.
const PLACEHOLDER: &str = "muster-secret-";
const PLACEHOLDER_BYTES: usize = 16;

pub(super) struct WayOut {
    sender: Option<Sender>,
    granted: Granted,
    secrets: Secrets,
    placed: Vec<Placed>,
    requests: u32,
    notes: Notes,
}

/// A secret that the plugin has asked for.
#[derive(Debug, Clone)]
struct Placed {
    name: SecretName,
    placeholder: String,
    secret: Secret,
}

type Sent = (Response<WasiBody>, Done);
type Done = Box<dyn Future<Output = Result<(), Error>> + Send>;

impl WayOut {
    pub(super) fn new(sender: Option<Sender>, granted: Granted, secrets: Secrets, notes: Notes) -> Self {
        Self { sender, granted, secrets, placed: Vec::new(), requests: 0, notes }
    }

    /// What stands for a secret in this call; `None`: it is not granted, or not set.
    pub(super) fn placeholder(&mut self, name: &str) -> Option<String> {
        if let Some(placed) = self.placed.iter().find(|placed| placed.name.as_str() == name) {
            return Some(placed.placeholder.clone());
        }
        let (name, secret) = self.secrets.iter().find(|(known, _)| known.as_str() == name)?;
        let mut random = [0; PLACEHOLDER_BYTES];
        getrandom::fill(&mut random).ok()?;
        let placeholder = format!("{PLACEHOLDER}{}", hex::encode(random));
        self.placed.push(Placed { name: name.clone(), placeholder: placeholder.clone(), secret: secret.clone() });
        Some(placeholder)
    }

    /// The request as it leaves, and the secrets that it has.
    fn admit(&mut self, request: Request<WasiBody>) -> Result<(Sender, Request<WasiBody>, Vec<Placed>), String> {
        let place = place(request.uri());
        self.requests = self.requests.saturating_add(1);
        if self.requests > limits::MAX_REQUESTS {
            return Err(format!("the plugin made more than {} requests", limits::MAX_REQUESTS));
        }
        // By the authority alone: what stands behind it decides nothing.
        if !self.granted.may_call(&place) {
            return Err(format!("the plugin asked for {}, which is not granted", shown(&place)));
        }
        let Some(sender) = self.sender.clone() else {
            return Err(format!("the plugin asked for {}, and no request leaves from here", shown(&place)));
        };
        let (mut parts, body) = request.into_parts();
        let sent = put_in(&mut parts.headers, &self.placed)?;
        Ok((sender, Request::from_parts(parts, body), sent))
    }
}

/// Where a request goes, without what it asks for there.
fn place(uri: &Uri) -> String {
    let authority = uri.authority().map(http::uri::Authority::as_str).unwrap_or_default();
    format!("{}://{authority}", uri.scheme_str().unwrap_or_default())
}

/// As it can be told: not too long, and without what stands before the host, which can be somebody's password.
fn shown(place: &str) -> String {
    let (scheme, authority) = place.split_once("://").unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    let told = format!("{scheme}://{host}");
    told.chars().filter(|c| !c.is_control()).take(limits::MAX_PLACE_CHARS).collect()
}

/// Replaces placeholders in the values of headers, and says which.
fn put_in(headers: &mut HeaderMap, placed: &[Placed]) -> Result<Vec<Placed>, String> {
    let mut sent: Vec<Placed> = Vec::new();
    for (name, value) in headers.iter_mut() {
        let Ok(text) = value.to_str() else { continue };
        if !text.contains(PLACEHOLDER) {
            continue;
        }
        let mut text = text.to_owned();
        for placed in placed.iter().filter(|placed| value.as_bytes().len() >= placed.placeholder.len()) {
            if text.contains(&placed.placeholder) {
                text = text.replace(&placed.placeholder, placed.secret.expose());
                if !sent.iter().any(|it| it.name == placed.name) {
                    sent.push(placed.clone());
                }
            }
        }
        let replaced = HeaderValue::from_str(&text);
        *value = replaced.map_err(|_| format!("a secret cannot be sent in the header {name}"))?;
        value.set_sensitive(true);
    }
    Ok(sent)
}

/// Puts the placeholders back where an answer repeats what its request had.
fn take_out(text: &[u8], sent: &[Placed]) -> Option<Vec<u8>> {
    let mut taken: Option<Vec<u8>> = None;
    for placed in sent.iter().filter(|placed| placed.secret.expose().len() >= limits::MIN_HIDDEN_BYTES) {
        let secret = placed.secret.expose().as_bytes();
        let within = taken.as_deref().unwrap_or(text);
        let mut out = Vec::new();
        let mut rest = within;
        while let Some(at) = rest.windows(secret.len()).position(|window| window == secret) {
            let (before, from) = rest.split_at(at);
            out.extend_from_slice(before);
            out.extend_from_slice(placed.placeholder.as_bytes());
            rest = from.get(secret.len()..).unwrap_or_default();
        }
        if rest.len() < within.len() {
            out.extend_from_slice(rest);
            taken = Some(out);
        }
    }
    taken
}

async fn send((sender, request, sent): (Sender, Request<WasiBody>, Vec<Placed>), notes: Notes) -> Result<Sent, Error> {
    let note = notes.clone();
    let tell = move |error: SendError| {
        note.add(error.to_string());
        generic(&error)
    };
    let (mut parts, body) = sender.send(request).await.map_err(&tell)?.into_parts();
    let body = if sent.is_empty() {
        body.map_err(tell).boxed_unsync()
    } else {
        for value in parts.headers.values_mut() {
            if let Some(hidden) = take_out(value.as_bytes(), &sent) {
                *value = HeaderValue::from_bytes(&hidden).unwrap_or(HeaderValue::from_static(muster_plugin::HIDDEN));
            }
        }
        parts.headers.remove(CONTENT_LENGTH);
        let whole = body.collect().await.map_err(tell)?.to_bytes();
        let whole = take_out(&whole, &sent).map_or(whole, Bytes::from);
        Full::new(whole).map_err(|never| match never {}).boxed_unsync()
    };
    Ok((Response::from_parts(parts, body), Box::new(async { Ok(()) })))
}

/// What the plugin is told: enough to decide whether to try again, and nothing of the network that it is in.
fn generic(error: &SendError) -> Error {
    match error {
        SendError::Destination(_) | SendError::Request(_) => Error::HttpRequestDenied,
        SendError::Unresolved { .. } | SendError::NotPublic { .. } | SendError::Unconnected { .. } => {
            Error::DestinationUnavailable
        }
        SendError::Certificate { .. } => Error::TlsCertificateError,
        SendError::Late { .. } => Error::ConnectionTimeout,
        SendError::TooMuch { .. } => Error::HttpResponseBodySize(None),
        SendError::Broken { .. } => Error::HttpResponseIncomplete,
    }
}

impl WasiHttpHooks for WayOut {
    /// All of them, so that one that is not granted is told like any other place.
    fn is_supported_scheme(&mut self, _: &http::uri::Scheme) -> bool {
        true
    }

    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        _: Option<RequestOptions>,
        _: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = Result<Sent, Error>> + Send> {
        match self.admit(request) {
            Ok(admitted) => Box::new(send(admitted, self.notes.clone())),
            Err(note) => {
                self.notes.add(note);
                Box::new(async { Err(Error::HttpRequestDenied) })
            }
        }
    }

    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        limits::BODY_CHUNK_BYTES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn placed(secret: &str) -> Placed {
        Placed {
            name: SecretName::parse("api-key").unwrap(),
            placeholder: format!("{PLACEHOLDER}00112233445566778899aabbccddeeff"),
            secret: Secret::new(secret.to_owned()),
        }
    }

    #[test]
    fn a_secret_goes_into_headers_by_its_placeholder() {
        let placed = placed("hunter22");
        let mut headers = HeaderMap::new();
        headers.insert("authorization", format!("Bearer {}", placed.placeholder).parse().unwrap());
        headers.insert("x-other", format!("{PLACEHOLDER}ffff").parse().unwrap());
        let sent = put_in(&mut headers, std::slice::from_ref(&placed)).unwrap();
        assert_eq!(headers["authorization"], "Bearer hunter22");
        assert_eq!(headers["x-other"], "muster-secret-ffff", "what stands for nothing stays");
        assert_eq!(sent.len(), 1);
        assert!(headers["authorization"].is_sensitive() && !format!("{headers:?}").contains("hunter22"));
    }

    #[test]
    fn what_an_answer_repeats_is_its_placeholder_again() {
        let placed = placed("hunter22");
        let there = format!("you sent hunter22 and hunter22{}", "!");
        let hidden = take_out(there.as_bytes(), std::slice::from_ref(&placed)).unwrap();
        let p = &placed.placeholder;
        assert_eq!(String::from_utf8(hidden).unwrap(), format!("you sent {p} and {p}!"));
        assert_eq!(take_out(b"nothing", &[placed]), None);
    }

    #[test]
    fn a_place_is_told_without_what_could_be_a_password() {
        let uri: Uri = "https://me:hunter22@elsewhere.example:8443/ada@example.com?x".parse().unwrap();
        assert_eq!(shown(&place(&uri)), "https://elsewhere.example:8443");
    }
}
