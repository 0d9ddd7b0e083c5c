use http::{HeaderMap, HeaderName, HeaderValue, header};
use muster_model::{RequestValues, ResourceId};
use muster_store::request_log::{Answer, Decision, Outcome, RequestEntry, Sent, Took};

use super::body::{Message, body};
use super::question::question;
use super::redact::{Redactor, SECRET};
use super::rules::looks_like_a_credential;
use super::{Answered, Inner, MAX_ABOUT_KEPT, MAX_DETAIL_KEPT_BYTES, Noted, Who, lock, micros};

/// Headers of which the value is kept; of all others the name is.
const HEADERS_KEPT: [HeaderName; 7] = [
    header::ACCEPT,
    header::CONTENT_LENGTH,
    header::CONTENT_TYPE,
    header::HOST,
    header::IF_MATCH,
    header::IF_NONE_MATCH,
    header::USER_AGENT,
];

/// Bytes of a header's value that are kept.
const MAX_HEADER_KEPT_BYTES: usize = 256;

/// How many headers are told, and bytes of the name of one.
const MAX_HEADERS_KEPT: usize = 64;
const MAX_HEADER_NAME_KEPT_BYTES: usize = 64;

/// How many parts of a path are kept, and how many bytes of its first.
const SEGMENTS_KEPT: usize = 3;
const NAME_KEPT_BYTES: usize = 64;

impl Inner {
    /// The entry of a request: made where the log is written, not where it is answered.
    pub(super) fn entry(&self, who: &Who, answered: Answered) -> RequestEntry {
        let noted = std::mem::take(&mut *lock(&self.noted));
        let bound = self.bound.get().map(AsRef::as_ref);
        let hides_values = who.tenant.request_values() == RequestValues::Hidden;
        let path = self.path.get().map_or("", String::as_str);
        let mut redactor = Redactor::new(bound, hides_values, sentences(&noted, &answered));
        let (message, endpoint) = Message::of(answered.method, path);
        redactor.set_endpoint(endpoint);
        let segments = path.split('/').filter(|segment| !segment.is_empty()).enumerate();
        for (_, segment) in segments.filter(|(place, segment)| !is_kept(*place, segment)) {
            redactor.unsaid.note_segment(segment);
        }

        let mut sent = self.head.get().map(|head| sent(&mut redactor, head)).unwrap_or_default();
        sent.body = self.body.get().map(|bytes| body(&mut redactor, message, bytes));

        let mut about: Vec<ResourceId> = path.split('/').filter_map(ResourceId::parse).take(1).collect();
        about.extend(noted.about.iter().filter(|id| !about.contains(id)).copied().collect::<Vec<_>>());
        about.truncate(MAX_ABOUT_KEPT);

        // A sentence that is a plugin's own can repeat what came in any way: of a tenant that hides values none is kept.
        let sentence = |text: &str, is_the_plugins: bool| {
            if is_the_plugins && hides_values {
                return format!("<text of {} characters>", text.chars().count());
            }
            let mut kept = redactor.unsaid.scrub(text);
            kept.truncate(kept.floor_char_boundary(MAX_DETAIL_KEPT_BYTES));
            kept
        };
        let refuses = |decision: &mut Option<Decision>| match decision.as_mut().map(|decision| &mut decision.outcome) {
            Some(Outcome::Rejected { detail, .. } | Outcome::Vetoed { detail, .. }) => {
                *detail = sentence(detail, true);
                true
            }
            Some(Outcome::Mapped { .. } | Outcome::Planned | Outcome::Failed { .. }) | None => false,
        };
        let mut decision = noted.decided.told(bound, answered.status < 400);
        let is_the_plugins = refuses(&mut decision);
        let mut operations = (noted.operations.attempted > 0).then_some(noted.operations);
        for line in operations.iter_mut().flat_map(|operations| &mut operations.shown) {
            let is_the_plugins = refuses(&mut line.decision);
            line.detail = line.detail.as_deref().map(|detail| sentence(detail, is_the_plugins));
        }
        let (scim_type, detail) = answered.refused.unzip();
        let mut rewrites = noted.rewrites;
        for rewrite in &mut rewrites {
            rewrite.path = redactor.unsaid.scrub(&rewrite.path);
        }
        RequestEntry {
            request: answered.request,
            at: who.at,
            method: answered.method.to_owned(),
            path: shown_path(path),
            status: answered.status,
            scim_type: scim_type.flatten().map(|scim_type| scim_type.as_str().to_owned()),
            detail: detail.map(|detail| sentence(&detail, is_the_plugins)),
            about,
            actor: who.actor.clone(),
            sent,
            answer: Answer {
                headers: headers(answered.headers.iter().map(|(name, value)| (name, value))),
                bytes: answered.bytes,
            },
            took: Took { all_us: micros(answered.took), ..noted.took },
            rewrites,
            decision,
            operations,
            changes: noted.changes,
        }
    }
}

fn sent(redactor: &mut Redactor<'_>, head: &super::Head) -> Sent {
    let kept = |name: &&HeaderName| HEADERS_KEPT.contains(name);
    let others = head.headers.keys().filter(|name| !kept(name)).take(MAX_HEADERS_KEPT);
    Sent {
        http: format!("{:?}", head.http),
        base: head.base.clone(),
        query: head.uri.query().map(|query| question(redactor, query)).unwrap_or_default(),
        headers: headers(of_kept(&head.headers)),
        other_headers: others.map(|name| shown(name.as_str(), MAX_HEADER_NAME_KEPT_BYTES)).collect(),
        body: None,
    }
}

fn of_kept(all: &HeaderMap) -> impl Iterator<Item = (&HeaderName, &HeaderValue)> {
    all.iter().filter(|(name, _)| HEADERS_KEPT.contains(name))
}

fn headers<'h>(all: impl Iterator<Item = (&'h HeaderName, &'h HeaderValue)>) -> Vec<(String, String)> {
    let told = all.take(MAX_HEADERS_KEPT).map(|(name, value)| {
        let value = String::from_utf8_lossy(value.as_bytes());
        (name.as_str().to_owned(), shown(&value, MAX_HEADER_KEPT_BYTES))
    });
    told.collect()
}

/// A text as it may be told: no credential, no control characters, and not too long.
fn shown(text: &str, limit: usize) -> String {
    if looks_like_a_credential(text) {
        return SECRET.to_owned();
    }
    let cut = text.get(..text.floor_char_boundary(limit)).unwrap_or_default();
    cut.chars().filter(|c| !c.is_control()).collect()
}

/// A path as it is told: what the client made up is not.
pub fn shown_path(path: &str) -> String {
    let mut told = String::with_capacity(64);
    for (place, segment) in path.split('/').filter(|segment| !segment.is_empty()).take(SEGMENTS_KEPT).enumerate() {
        told.push('/');
        told.push_str(if is_kept(place, segment) { segment } else { "..." });
    }
    told
}

fn is_kept(place: usize, segment: &str) -> bool {
    let is_name =
        || segment.len() <= NAME_KEPT_BYTES && segment.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'.');
    segment.eq_ignore_ascii_case(".search") || ResourceId::parse(segment).is_some() || place == 0 && is_name()
}

/// Everything that is said of a request in words.
fn sentences<'s>(noted: &'s Noted, answered: &'s Answered) -> impl Iterator<Item = &'s str> {
    let lines = noted.operations.shown.iter();
    let of_lines =
        lines.flat_map(|line| line.detail.as_deref().into_iter().chain(line.decision.as_ref().and_then(words)));
    let refused = answered.refused.iter().map(|(_, detail)| detail.as_str());
    let rewrites = noted.rewrites.iter().map(|rewrite| rewrite.path.as_str());
    of_lines.chain(refused).chain(rewrites).chain(noted.decided.words())
}

/// What a plugin said in its own words.
fn words(decision: &Decision) -> Option<&str> {
    own_words(&decision.outcome)
}

/// The sentence of a "no".
pub(super) fn own_words(outcome: &Outcome) -> Option<&str> {
    match outcome {
        Outcome::Rejected { detail, .. } | Outcome::Vetoed { detail, .. } => Some(detail),
        Outcome::Mapped { .. } | Outcome::Planned | Outcome::Failed { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_of_a_path_is_ours() {
        let id = "/Users/01930000-0000-7000-8000-000000000001";
        assert_eq!(shown_path(id), id);
        assert_eq!(shown_path("/Users/ada@example.com"), "/Users/...");
        assert_eq!(shown_path("/Users/.search"), "/Users/.search");
        assert_eq!(shown_path("/.search"), "/.search");
        assert_eq!(shown_path("/ada@example.com/a/b/c/d"), "/.../.../...");
        assert_eq!(shown_path(""), "");
    }

    #[test]
    fn a_header_is_told_without_credentials_and_cut() {
        assert_eq!(shown("Okta SCIM Client 1.0.0", 256), "Okta SCIM Client 1.0.0");
        assert_eq!(shown("curl mst_0123", 256), SECRET);
        assert_eq!(shown("\u{e9}\u{e9}\u{7}", 3), "\u{e9}");
    }
}
