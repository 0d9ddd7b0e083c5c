use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Request, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use muster_model::{Method, Receiver, StreamRow, Task, TenantId, TenantRow, Timestamp};
use muster_outbound::SendError;
use muster_plugin::Outcome;
use serde_json::Value;

use super::token::Untold;
use super::{is_of_another, stream};
use crate::Service;
use crate::webhooks::{line_without, retry_after};

/// How long a receiver has for its whole answer.
pub const PUSH_TIMEOUT: Duration = Duration::from_secs(20);

/// How much of an answer is read, in bytes.
pub const MAX_PUSH_ANSWER_BYTES: usize = 16 << 10;

/// What was answered to a token.
struct Answered {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Service {
    /// Sends a stream's receiver the token of a task, once (RFC 8935 §2).
    pub async fn carry_token(&self, tenant: &TenantId, task: &Task, _attempt: u32) -> Outcome {
        let (row, stream) = match self.stream_of(tenant, task) {
            Ok(found) => found,
            Err(reason) => return Outcome::Failed { reason },
        };
        let name = &stream.name;
        let Method::Push { url, authorization } = &stream.method else {
            return Outcome::Failed { reason: format!("the stream {name} is polled now, so nothing is sent") };
        };
        if !stream.is_on {
            return again(format!("the stream {name} is off"));
        }
        let set = match self.set_of(&row, &stream, task).await {
            Ok(set) => set,
            Err(untold) => return self.not_pushed(&row, &stream, task, untold).await,
        };
        let token = match self.signed(&row, &set) {
            Ok(token) => token,
            Err(untold) => return self.not_pushed(&row, &stream, task, untold).await,
        };
        let secret = match authorization.as_ref().map(|named| self.authorization(&row, named)).transpose() {
            Ok(secret) => secret,
            Err(reason) => return again(reason),
        };
        match self.push(url, token, secret.as_deref()).await {
            Ok(answered) => answered.outcome(secret.as_deref(), self.parts.clock.now()),
            Err(reason) => again(reason),
        }
    }

    /// What becomes of a task of which there is no token.
    async fn not_pushed(&self, row: &TenantRow, stream: &StreamRow, task: &Task, untold: Untold) -> Outcome {
        match untold {
            Untold::Unwanted => {
                let outbox = self.parts.store.outbox(&row.id);
                match self.give_up_unwanted(outbox.as_ref(), stream, task.seq).await {
                    // It is decided: what the dispatcher makes of this comes too late for it.
                    Ok(()) => Outcome::Done,
                    Err(error) => again(format!("it cannot be written that nobody is told: {error}")),
                }
            }
            Untold::Later(reason) => again(reason),
            Untold::Never(reason) => Outcome::Failed { reason },
        }
    }

    /// The stream whose queue the task is in. `Err`: there is none any more.
    fn stream_of(&self, tenant: &TenantId, task: &Task) -> Result<(TenantRow, StreamRow), String> {
        let queue = &task.task.queue;
        let receiver = Receiver::of(queue).ok_or_else(|| format!("{queue} is the queue of no stream"))?;
        let row = self.tenants.view().row(tenant).cloned();
        let row = row.ok_or_else(|| "there is no such tenant any more".to_owned())?;
        let found = stream(&row, &receiver.name).filter(|found| !is_of_another(found, task)).cloned();
        let found = found.ok_or_else(|| format!("the stream {} that it was for is removed", receiver.name))?;
        Ok((row, found))
    }

    fn authorization(&self, row: &TenantRow, named: &str) -> Result<String, String> {
        let secret = row.secrets.iter().find(|secret| secret.name.as_str() == named);
        let secret = secret.ok_or_else(|| format!("the secret {named}, which the stream sends, is not there"))?;
        let opened = self.parts.secrets_key.open(&row.id, secret).map(|value| value.expose().to_owned());
        opened.ok_or_else(|| {
            format!("the secret {named} was sealed with another key than keys/secrets.key, so it has to be set anew")
        })
    }

    /// The error is one sentence, which names the host and nothing that was sent.
    async fn push(&self, url: &str, token: String, authorization: Option<&str>) -> Result<Answered, String> {
        let sender = self.parts.sender.as_ref().ok_or_else(|| "nothing is let out of this server".to_owned())?;
        let mut request = Request::post(url)
            .header(CONTENT_TYPE, "application/secevent+jwt")
            .header(ACCEPT, "application/json")
            .body(Full::new(Bytes::from(token)))
            .map_err(|_| "its URL is none that can be sent to".to_owned())?;
        if let Some(value) = authorization {
            let mut value = HeaderValue::from_str(value).map_err(|_| "the secret is none that a header can carry")?;
            value.set_sensitive(true);
            request.headers_mut().insert(AUTHORIZATION, value);
        }
        let host = request.uri().host().unwrap_or_default().to_owned();
        let whole = async {
            let answer = sender.send(request).await.map_err(|error| error.to_string())?;
            let (head, body) = answer.into_parts();
            // Whoever says that it has it, has it, whatever follows.
            let body = if head.status.is_success() {
                Bytes::new()
            } else {
                let read = Limited::new(body, MAX_PUSH_ANSWER_BYTES).collect().await;
                read.map(http_body_util::Collected::to_bytes).unwrap_or_default()
            };
            Ok(Answered { status: head.status, headers: head.headers, body })
        };
        let late = || {
            let limit_ms = PUSH_TIMEOUT.as_millis();
            SendError::Late { host, what: "finish its answer", limit_ms }.to_string()
        };
        tokio::time::timeout(PUSH_TIMEOUT, whole).await.unwrap_or_else(|_| Err(late()))
    }
}

impl Answered {
    /// RFC 8935 §2.2 to §2.4. A token that is not well-formed to its receiver never will be; everything else that it can say is a matter of
    /// keys, names and permissions, which people mend without sending anything anew by hand.
    fn outcome(&self, secret: Option<&str>, now: Timestamp) -> Outcome {
        let status = self.status.as_u16();
        if self.status.is_success() {
            return Outcome::Done;
        }
        if self.status.is_redirection() {
            return again(format!("it was answered {status}, and a redirect is not followed"));
        }
        let said = serde_json::from_slice::<Value>(&self.body).unwrap_or_default();
        // `Bearer` before it is no secret, and whoever was sent both may say what is behind it alone.
        let bare = secret.and_then(|secret| secret.rsplit_once(' ')).map(|(_, bare)| bare);
        let secrets: Vec<&str> = secret.into_iter().chain(bare).collect();
        let word = |name: &str| said[name].as_str().map(|it| line_without(it, &secrets)).filter(|it| !it.is_empty());
        let reason = match (word("err"), word("description")) {
            (Some(err), Some(description)) => format!("it was answered {status} {err}: {description}"),
            (Some(err), None) => format!("it was answered {status} {err}"),
            (None, _) => format!("it was answered {status}"),
        };
        let is_malformed = self.status == StatusCode::BAD_REQUEST && said["err"] == "invalid_request";
        if is_malformed || self.status == StatusCode::PAYLOAD_TOO_LARGE {
            return Outcome::Failed { reason };
        }
        let asks = matches!(self.status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE);
        Outcome::Again { reason, after: asks.then(|| retry_after(&self.headers, now)).flatten() }
    }
}

fn again(reason: String) -> Outcome {
    Outcome::Again { reason, after: None }
}

#[cfg(test)]
mod tests {
    use muster_plugin::HIDDEN;

    use super::*;

    fn outcome(status: u16, body: &str) -> Outcome {
        let headers = HeaderMap::from_iter([(http::header::RETRY_AFTER, "7".parse().unwrap())]);
        let status = StatusCode::from_u16(status).unwrap();
        let body = Bytes::copy_from_slice(body.as_bytes());
        Answered { status, headers, body }.outcome(Some("Bearer hunter22-long"), Timestamp::from_millis(0))
    }

    #[test]
    fn what_a_receiver_answers_decides_what_becomes_of_its_token() {
        assert_eq!(outcome(202, ""), Outcome::Done);
        let failed = |reason: &str| Outcome::Failed { reason: reason.to_owned() };
        let malformed = r#"{"err":"invalid_request","description":"no\u001b[2J jti"}"#;
        assert_eq!(outcome(400, malformed), failed("it was answered 400 invalid_request: no [2J jti"));
        for err in ["invalid_key", "invalid_issuer", "invalid_audience", "authentication_failed", "access_denied"] {
            let reason = format!("it was answered 400 {err}: go away");
            assert_eq!(outcome(400, &format!(r#"{{"err":"{err}","description":"go away"}}"#)), again(reason));
        }
        assert_eq!(outcome(400, "<html>"), again("it was answered 400".to_owned()));
        assert_eq!(outcome(413, ""), failed("it was answered 413"));
        assert_eq!(outcome(301, ""), again("it was answered 301, and a redirect is not followed".to_owned()));
        let later = Outcome::Again { reason: "it was answered 503".to_owned(), after: Some(Duration::from_secs(7)) };
        assert_eq!(outcome(503, ""), later);
    }

    #[test]
    fn a_secret_that_comes_back_is_not_told() {
        let echo = r#"{"err":"access_denied","description":"hunter22-long is not it, nor Bearer hunter22-long"}"#;
        let told = format!("it was answered 403 access_denied: {HIDDEN} is not it, nor {HIDDEN}");
        assert_eq!(outcome(403, echo), again(told));
    }

    #[test]
    fn nothing_of_a_long_secret_is_told_wherever_it_comes_back() {
        let bare: String = (0..480).map(|at| char::from(b'a' + u8::try_from(at * at % 26).unwrap())).collect();
        let secret = format!("Bearer {bare}");
        for before in [0, 15, 100, 185, 192, 199, 200, 300] {
            for repeated in [&secret, &bare] {
                let description = format!("{}{repeated} is not it", "-".repeat(before));
                for body in [
                    serde_json::json!({ "err": "access_denied", "description": description }),
                    serde_json::json!({ "err": description }),
                ] {
                    let (status, body) = (StatusCode::FORBIDDEN, Bytes::from(body.to_string()));
                    let answered = Answered { status, headers: HeaderMap::new(), body };
                    let outcome = answered.outcome(Some(&secret), Timestamp::from_millis(0));
                    let Outcome::Again { reason, .. } = outcome else { panic!("{outcome:?}") };
                    assert!(!reason.contains(&bare[..4]), "{before}: {reason}");
                }
            }
        }
    }
}
