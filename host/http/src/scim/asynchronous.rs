//! `Prefer: respond-async` (RFC 7240 §4.1, RFC 9967 §2.5.1.1): the answer 202 to a write, and where it is told what came of it.

use axum::extract::{FromRequestParts, State};
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use muster_service::{Accepted, Asked, Caller, Later, RESPOND_ASYNC};

use crate::Wire;
use crate::error::Refusal;
use crate::extract::Endpoint;
use crate::reply::Message;
use crate::tenant::Authenticated;

const PREFER: HeaderName = HeaderName::from_static("prefer");
const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");
/// What the events that tell of a request are known by (RFC 9967 §3); only where there is no body.
const SET_TXN: HeaderName = HeaderName::from_static("set-txn");

/// Seconds after which it is worth asking again what came of a request.
const ASK_AGAIN_S: u64 = 1;

/// What a client prefers.
#[derive(Debug)]
pub(crate) struct Prefers {
    /// Not to wait for what comes of it.
    respond_async: bool,
    /// The condition that goes with it.
    if_match: Option<String>,
}

impl FromRequestParts<Wire> for Prefers {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &Wire) -> Result<Self, Self::Rejection> {
        let headers = &parts.headers;
        let tags: Result<Vec<&str>, _> = headers.get_all(header::IF_MATCH).iter().map(HeaderValue::to_str).collect();
        // A condition that cannot be repeated later is held against what is there now.
        let can_wait = tags.is_ok() && !headers.contains_key(header::IF_NONE_MATCH);
        let tags = tags.unwrap_or_default();
        let if_match = (!tags.is_empty()).then(|| tags.join(", "));
        Ok(Self { respond_async: can_wait && prefers_async(headers), if_match })
    }
}

impl Prefers {
    /// The answer to a write whose client does not want to wait for it; `None`: it is carried out now.
    pub(crate) async fn later(
        &self,
        wire: &Wire,
        caller: &Caller,
        asked: Asked<'_>,
    ) -> Result<Option<Response>, Refusal> {
        if !self.respond_async {
            return Ok(None);
        }
        let accepted = wire.service.accept(caller, asked, self.if_match.as_deref()).await?;
        Ok(accepted.map(|accepted| Taken(accepted).into_response()))
    }
}

/// A request that was accepted: 202, without a body.
#[derive(Debug)]
struct Taken(Accepted);

impl IntoResponse for Taken {
    fn into_response(self) -> Response {
        let Self(Accepted { txn, location }) = self;
        let mut response = waits(&txn);
        let headers = response.headers_mut();
        headers.insert(PREFERENCE_APPLIED, HeaderValue::from_static(RESPOND_ASYNC));
        if let Ok(location) = HeaderValue::from_str(&location) {
            headers.insert(header::LOCATION, location);
        }
        response
    }
}

fn waits(txn: &str) -> Response {
    let mut response = StatusCode::ACCEPTED.into_response();
    if let Ok(txn) = HeaderValue::from_str(txn) {
        response.headers_mut().insert(SET_TXN, txn);
    }
    response
}

/// What came of a request that was accepted: 200, with what an answer to a bulk request would say; 202 while it waits.
pub(crate) async fn state(
    State(wire): State<Wire>,
    Authenticated(caller): Authenticated,
    Endpoint(name): Endpoint,
) -> Result<Response, Refusal> {
    Ok(match wire.service.later(&caller, &name).await? {
        Later::Answered(told) => Message(told).into_response(),
        Later::Waits { txn } => {
            let mut response = waits(&txn);
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(ASK_AGAIN_S));
            response
        }
    })
}

/// Whether `respond-async` is among the preferences (RFC 7240 §2): tokens in any case, with values and parameters, over any number of headers.
/// It has no value: one that is not empty makes it another preference.
fn prefers_async(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(PREFER).iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| split(line, ',')).any(|preference| {
        let preference = split(preference, ';').next().unwrap_or_default();
        let (name, value) = preference.split_once('=').map_or((preference, ""), |(name, value)| (name, value));
        name.trim().eq_ignore_ascii_case(RESPOND_ASYNC) && matches!(value.trim(), "" | "\"\"")
    })
}

/// The parts of a header between marks that do not stand within quotes.
fn split(text: &str, mark: char) -> impl Iterator<Item = &str> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    text.split(move |c: char| {
        let ends = c == mark && !is_quoted;
        is_quoted ^= c == '"' && !is_escaped;
        is_escaped = c == '\\' && is_quoted && !is_escaped;
        ends
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefers(lines: &[&'static str]) -> bool {
        let lines = lines.iter().map(|line| (PREFER, HeaderValue::from_static(line)));
        prefers_async(&lines.collect())
    }

    #[test]
    fn a_preference_is_found_among_others_in_any_case_and_with_parameters() {
        for lines in [
            &["respond-async"][..],
            &["Respond-ASYNC"],
            &["return=minimal, respond-async"],
            &["respond-async, wait=10"],
            &["respond-async; foo=\"a,b\""],
            &["respond-async=\"\""],
            &["foo=\"a, \\\", b\", respond-async"],
            &["return=minimal", " respond-async "],
        ] {
            assert!(prefers(lines), "{lines:?}");
        }
    }

    #[test]
    fn what_only_looks_like_it_is_another_preference() {
        for lines in [
            &[][..],
            &[""],
            &["respond-asynchronously"],
            &["respond-async=no"],
            &["foo=\"respond-async\""],
            &["foo=\"a, respond-async, b\""],
            &["foo; respond-async"],
            &["return=minimal"],
        ] {
            assert!(!prefers(lines), "{lines:?}");
        }
    }
}
