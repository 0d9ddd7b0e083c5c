use muster_model::{RequestValues, ResourceId};
use muster_store::request_log::{Answer, Decision, Outcome, RequestEntry, Sent, Took};

use super::body::{Message, body};
use super::headers;
use super::question::question;
use super::redact::Redactor;
use super::{Answered, Inner, MAX_ABOUT_KEPT, MAX_DETAIL_KEPT_BYTES, Noted, Who, lock, micros};
use crate::binding::Bound;

/// How many parts of a path are kept.
const SEGMENTS_KEPT: usize = 3;

/// What a path can begin with, whatever the tenant serves.
const ENDPOINTS: [&str; 7] = ["Users", "Groups", "Me", "Bulk", "Schemas", "ResourceTypes", "ServiceProviderConfig"];

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
        for (_, segment) in segments.filter(|(place, segment)| !is_kept(bound, *place, segment)) {
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
            path: shown_path(bound, path),
            status: answered.status,
            scim_type: scim_type.flatten().map(|scim_type| scim_type.as_str().to_owned()),
            detail: detail.map(|detail| sentence(&detail, is_the_plugins)),
            about,
            actor: who.actor.clone(),
            sent,
            answer: Answer { headers: headers::own(&answered.headers), bytes: answered.bytes },
            took: Took { all_us: micros(answered.took), ..noted.took },
            rewrites,
            decision,
            operations,
            changes: noted.changes,
        }
    }
}

fn sent(redactor: &mut Redactor<'_>, head: &super::Head) -> Sent {
    Sent {
        http: format!("{:?}", head.http),
        base: head.base.clone(),
        query: head.uri.query().map(|query| question(redactor, query)).unwrap_or_default(),
        headers: headers::kept(redactor, &head.headers),
        other_headers: headers::others(redactor, &head.headers),
        body: None,
    }
}

/// A path as it is told: what the client made up is not.
pub(super) fn shown_path(bound: Option<&Bound>, path: &str) -> String {
    let mut told = String::with_capacity(64);
    for (place, segment) in path.split('/').filter(|segment| !segment.is_empty()).take(SEGMENTS_KEPT).enumerate() {
        told.push('/');
        told.push_str(if is_kept(bound, place, segment) { segment } else { "..." });
    }
    told
}

fn is_kept(bound: Option<&Bound>, place: usize, segment: &str) -> bool {
    let is_endpoint = || {
        ENDPOINTS.iter().any(|known| known.eq_ignore_ascii_case(segment))
            || bound.is_some_and(|bound| bound.accepted.by_endpoint(segment).is_some())
    };
    let is_ours = || [".search", ".async"].iter().any(|known| known.eq_ignore_ascii_case(segment));
    is_ours() || ResourceId::parse(segment).is_some() || place == 0 && is_endpoint()
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
        assert_eq!(shown_path(None, id), id);
        assert_eq!(shown_path(None, "/Users/ada@example.com"), "/Users/...");
        assert_eq!(shown_path(None, "/Users/.search"), "/Users/.search");
        assert_eq!(shown_path(None, "/.search"), "/.search");
        assert_eq!(shown_path(None, "/.async/4-hunter2"), "/.async/...");
        assert_eq!(shown_path(None, "/secret123/Users"), "/.../...");
        assert_eq!(shown_path(None, "/ada@example.com/a/b/c/d"), "/.../.../...");
        assert_eq!(shown_path(None, ""), "");
    }
}
