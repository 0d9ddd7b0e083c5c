use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use muster_model::Timestamp;
use muster_outbound::{Answer, SendError, Sender};
use muster_plugin::{HIDDEN, Outcome};
use muster_protocol::text::is_unseen;

use super::Signer;

/// How long a webhook's receiver has for its whole answer.
pub const WEBHOOK_TIMEOUT: Duration = Duration::from_secs(20);

/// How much of an answer is read, in bytes.
pub const MAX_WEBHOOK_ANSWER_BYTES: usize = 64 << 10;

/// How much of it is told, in characters.
pub const MAX_WEBHOOK_ANSWER_TOLD: usize = 200;

/// A secret that is shorter than this is not looked for in what somebody says: it could be part of any word.
const MIN_HIDDEN_BYTES: usize = 8;

/// One request that is to be made.
#[derive(Debug)]
pub(crate) struct Posting<'a> {
    pub(crate) url: &'a str,
    pub(crate) signer: &'a Signer,
    /// By which the receiver knows what it has had already.
    pub(crate) id: &'a str,
    pub(crate) body: Vec<u8>,
    /// When the attempt is made.
    pub(crate) now: Timestamp,
    /// Whether the answer is read although it is good.
    pub(crate) is_curious: bool,
}

/// What was answered.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Posted {
    pub(crate) status: StatusCode,
    /// How long the receiver wants to be left alone.
    pub(crate) after: Option<Duration>,
    /// The beginning of the answer, as one line, and why there is no more of it.
    pub(crate) said: String,
}

impl Posting<'_> {
    /// Sends it. The error is one sentence, which names the host and nothing that was sent.
    pub(crate) async fn send(self, sender: Option<&Sender>) -> Result<Posted, String> {
        let sender = sender.ok_or_else(|| "nothing is let out of this server".to_owned())?;
        let seconds = self.now.as_millis().div_euclid(1_000);
        let request = Request::post(self.url)
            .header(CONTENT_TYPE, "application/json")
            .header("webhook-id", self.id)
            .header("webhook-timestamp", seconds)
            .header("webhook-signature", self.signer.sign(self.id, seconds, &self.body))
            .body(Full::new(Bytes::from(self.body)));
        let request = request.map_err(|_| "its URL or its id is none that can be sent".to_owned())?;
        let host = request.uri().host().unwrap_or_default().to_owned();
        let whole = async {
            let answer = sender.send(request).await.map_err(|error| error.to_string())?;
            let (head, body) = answer.into_parts();
            // Whoever says that it has it, has it, whatever follows.
            let said = if head.status.is_success() && !self.is_curious {
                String::new()
            } else {
                read(body, &self.signer.secrets()).await
            };
            Ok((head, said))
        };
        let late = || {
            let limit_ms = WEBHOOK_TIMEOUT.as_millis();
            SendError::Late { host, what: "finish its answer", limit_ms }.to_string()
        };
        let (head, said) = tokio::time::timeout(WEBHOOK_TIMEOUT, whole).await.unwrap_or_else(|_| Err(late()))?;
        let after = retry_after(&head.headers, self.now);
        Ok(Posted { status: head.status, after, said })
    }
}

/// The beginning of a body, as one line without any of the secrets.
async fn read(mut body: Answer, secrets: &[String]) -> String {
    let (mut bytes, mut why) = (Vec::new(), None);
    while let Some(frame) = body.frame().await {
        match frame {
            Ok(frame) => bytes.extend_from_slice(frame.data_ref().map_or(&[], |data| data.as_ref())),
            Err(error) => {
                why = Some(error.to_string());
                break;
            }
        }
        if bytes.len() > MAX_WEBHOOK_ANSWER_BYTES {
            why = Some(format!("its answer has more than {MAX_WEBHOOK_ANSWER_BYTES} bytes"));
            break;
        }
    }
    let said = line_without(&String::from_utf8_lossy(&bytes), secrets);
    match why {
        Some(why) if said.is_empty() => format!("({why})"),
        Some(why) => format!("{said} ({why})"),
        None => said,
    }
}

/// What somebody says, as one line that is not too long.
pub(crate) fn line(text: &str) -> String {
    line_without::<&str>(text, &[])
}

/// The same without any of the secrets, which whoever was sent them may repeat. They are hidden before the line is cut: what a cut leaves of
/// one is not it any more, and would be told.
pub(crate) fn line_without<S: AsRef<str>>(text: &str, secrets: &[S]) -> String {
    let whole = secrets.iter().fold(words(text), |text, secret| hidden(&text, &words(secret.as_ref())));
    match whole.char_indices().nth(MAX_WEBHOOK_ANSWER_TOLD) {
        Some((end, _)) => format!("{}...", &whole[..end]),
        None => whole,
    }
}

/// A text as one line, whatever its words are divided by.
fn words(text: &str) -> String {
    let words = text.split(|c: char| is_unseen(c) || c.is_whitespace()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(" ")
}

/// A line without this secret, and without the beginning of it at the end, where the line may have been cut before it came here.
fn hidden(line: &str, secret: &str) -> String {
    if secret.len() < MIN_HIDDEN_BYTES {
        return line.to_owned();
    }
    let line = line.replace(secret, HIDDEN);
    let mut beginnings = (MIN_HIDDEN_BYTES..secret.len()).rev().filter_map(|bytes| secret.get(..bytes));
    match beginnings.find_map(|beginning| line.strip_suffix(beginning)) {
        Some(rest) => format!("{rest}{HIDDEN}"),
        None => line,
    }
}

/// `Retry-After` in either form (RFC 9110 §10.2.3); what lies in the past is no pause.
pub(crate) fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if value.bytes().all(|byte| byte.is_ascii_digit()) {
        return value.parse().ok().map(Duration::from_secs);
    }
    let at = httpdate::parse_http_date(value).ok()?.duration_since(std::time::UNIX_EPOCH).ok()?;
    let now = Duration::from_millis(u64::try_from(now.as_millis()).ok()?);
    Some(at.saturating_sub(now))
}

impl Posted {
    /// Whether the receiver wants nothing more, ever.
    pub(crate) fn is_gone(&self) -> bool {
        self.status == StatusCode::GONE
    }

    /// What becomes of what was sent.
    pub(crate) fn outcome(&self) -> Outcome {
        let status = self.status.as_u16();
        if self.status.is_success() {
            return Outcome::Done;
        }
        let reason = match (self.status.is_redirection(), self.said.as_str()) {
            (true, _) => format!("it was answered {status}, and a redirect is not followed"),
            (false, "") => format!("it was answered {status}"),
            (false, said) => format!("it was answered {status}: {said}"),
        };
        let asks = matches!(self.status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE);
        Outcome::Again { reason, after: self.after.filter(|_| asks) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(value: &str) -> Option<Duration> {
        let headers = HeaderMap::from_iter([(RETRY_AFTER, value.parse().unwrap())]);
        retry_after(&headers, Timestamp::from_millis(1_793_714_580_000))
    }

    #[test]
    fn a_pause_that_is_asked_for_comes_in_seconds_or_as_a_date() {
        assert_eq!(after("90"), Some(Duration::from_secs(90)));
        assert_eq!(after("Tue, 03 Nov 2026 14:04:00 GMT"), Some(Duration::from_mins(1)));
        assert_eq!(after("Tue, 03 Nov 2026 14:00:00 GMT"), Some(Duration::ZERO));
        for nonsense in ["soon", "-1", "1.5", "99999999999999999999"] {
            assert_eq!(after(nonsense), None, "{nonsense}");
        }
        assert_eq!(retry_after(&HeaderMap::new(), Timestamp::from_millis(0)), None);
    }

    #[test]
    fn an_answer_is_one_line_of_at_most_so_many_characters() {
        assert_eq!(line("  no\r\n\tsuch\u{1b}[2J  hook\0"), "no such [2J hook");
        assert_eq!(line("done\u{202e}gnp.exe\u{200b}"), "done gnp.exe", "nothing that changes how it reads");
        assert_eq!(line(&"ä".repeat(MAX_WEBHOOK_ANSWER_TOLD)), "ä".repeat(MAX_WEBHOOK_ANSWER_TOLD));
        let long = line(&"ä".repeat(MAX_WEBHOOK_ANSWER_TOLD + 1));
        assert_eq!(long, format!("{}...", "ä".repeat(MAX_WEBHOOK_ANSWER_TOLD)));
    }

    #[test]
    fn of_a_secret_that_is_repeated_nothing_is_told_wherever_the_line_is_cut() {
        let secret: String = (0..480).map(|at| char::from(b'a' + u8::try_from(at * at % 26).unwrap())).collect();
        let told = |text: &str| line_without(text, &[&secret]);
        for before in [0, 1, 7, 20, 150, 185, 191, 192, 199, 200, 201, 1_000] {
            let (text, before) = (format!("{}{secret} is not it", "-".repeat(before)), "-".repeat(before));
            assert_eq!(told(&text), line(&format!("{before}{HIDDEN} is not it")), "{before}");
        }
        assert_eq!(told(&format!("{secret} {secret}\n{secret}")), format!("{HIDDEN} {HIDDEN} {HIDDEN}"));
        assert_eq!(told(&format!("no: {}", &secret[..300])), format!("no: {HIDDEN}"), "cut by who says it");
        assert_eq!(line_without("a b", &["a b"]), "a b", "too short to be looked for");
        assert_eq!(line_without("not\nBasic  two\twords!", &["Basic  two words"]), format!("not {HIDDEN}!"));
    }

    #[test]
    fn what_is_answered_decides_what_becomes_of_it() {
        let posted = |status: u16, said: &str| {
            let (status, after) = (StatusCode::from_u16(status).unwrap(), Some(Duration::from_secs(7)));
            Posted { status, after, said: said.to_owned() }.outcome()
        };
        let again = |reason: &str, after: Option<u64>| {
            let after = after.map(Duration::from_secs);
            Outcome::Again { reason: reason.to_owned(), after }
        };
        for status in [200, 202, 204, 299] {
            assert_eq!(posted(status, "whatever"), Outcome::Done);
        }
        assert_eq!(posted(302, "x"), again("it was answered 302, and a redirect is not followed", None));
        assert_eq!(posted(400, "bad\u{20}event"), again("it was answered 400: bad event", None));
        assert_eq!(posted(500, ""), again("it was answered 500", None));
        assert_eq!(posted(429, "slow down"), again("it was answered 429: slow down", Some(7)));
        assert_eq!(posted(503, ""), again("it was answered 503", Some(7)));
    }
}
