//! What is not kept of a request, so that the sentences that are told of it do not repeat it.

use std::collections::HashSet;
use std::sync::LazyLock;

use muster_protocol::schema::Registry;
use serde_json::Value;

use super::redact::{SECRET, shape_of_text};
use super::rules::looks_like_a_credential;

/// How many values that are not kept are taken out of sentences; where there are more, no sentence is kept.
const MAX_HIDDEN: usize = 1000;

/// Characters of such a value that are compared, and of which a sentence may have the beginning only.
const MAX_HIDDEN_COMPARED: usize = 1024;
const BEGINNING_COMPARED: usize = 64;

/// What stands between the parts of a path or a filter.
const BETWEEN: [char; 8] = ['/', '"', '[', ']', '(', ')', '.', ' '];

/// Words of a filter that are also words of sentences (RFC 7644 §3.4.2.2).
const OPERATORS: [&str; 13] = ["eq", "ne", "co", "sw", "ew", "gt", "lt", "ge", "le", "pr", "and", "or", "not"];

/// The names of RFC 7643, in lower case.
static COMMON: LazyLock<HashSet<String>> = LazyLock::new(|| {
    let core = Registry::core();
    let schemas = core.types.iter().flat_map(|def| std::iter::once(&def.schema).chain(&def.extensions));
    let attributes = schemas.flat_map(|schema| &schema.attributes);
    let names = attributes.flat_map(|attribute| std::iter::once(attribute).chain(&attribute.sub_attributes));
    names.map(|attribute| attribute.name.to_ascii_lowercase()).collect()
});

/// Whether a name is one of RFC 7643: it says nothing about anybody, whether the tenant has such an attribute or not, and sentences may
/// have it.
pub(super) fn is_common(name: &str) -> bool {
    COMMON.contains(&name.to_ascii_lowercase())
}

/// Values that are not kept, as far as the sentences of a request can repeat them.
pub(super) struct Unsaid {
    /// The words of those sentences: what has none of them cannot be repeated there.
    words: HashSet<String>,
    hidden: Vec<String>,
    /// There were too many.
    hides_sentences: bool,
}

impl Unsaid {
    /// For these sentences.
    pub(super) fn new<'s>(sentences: impl IntoIterator<Item = &'s str>) -> Self {
        let words = sentences.into_iter().flat_map(words).map(str::to_owned).collect();
        Self { words, hidden: Vec::new(), hides_sentences: false }
    }

    /// Takes what is not kept elsewhere out of a sentence.
    pub(super) fn scrub(&self, sentence: &str) -> String {
        if self.hides_sentences {
            return shape_of_text(sentence);
        }
        let mut scrubbed = sentence.to_owned();
        // The long ones first: a part that goes alone leaves the rest of the whole unknown.
        let mut hidden: Vec<&str> = self.hidden.iter().map(String::as_str).collect();
        hidden.sort_by_key(|hidden| std::cmp::Reverse(hidden.len()));
        for hidden in hidden {
            scrubbed = without(&scrubbed, hidden);
        }
        if looks_like_a_credential(&scrubbed) { SECRET.to_owned() } else { scrubbed }
    }

    /// Remembers a value, and whatever is in it.
    pub(super) fn note_all(&mut self, value: &Value) {
        match value {
            Value::String(text) => {
                self.note(text);
                // What stands in a path or in a filter can be repeated alone.
                if text.contains(BETWEEN) {
                    text.split(['/', '"']).for_each(|part| self.note_segment(part));
                    let parts = text.split(BETWEEN).filter(|part| !is_common(part) && !OPERATORS.contains(part));
                    parts.for_each(|part| self.note_segment(part));
                }
            }
            Value::Number(number) => self.note(&number.to_string()),
            Value::Array(list) => list.iter().for_each(|element| self.note_all(element)),
            Value::Object(object) => object.iter().for_each(|(name, value)| self.note_member(name, value)),
            Value::Null | Value::Bool(_) => {}
        }
    }

    /// Remembers what stands under a name, and a name that is not everybody's.
    pub(super) fn note_member(&mut self, name: &str, value: &Value) {
        if !is_common(name) {
            self.note(name);
        }
        self.note_all(value);
    }

    /// Remembers a part of a path that is not kept.
    pub(super) fn note_segment(&mut self, segment: &str) {
        self.note(segment);
        if segment.contains('%') {
            self.note(&percent_encoding::percent_decode_str(segment).decode_utf8_lossy());
        }
    }

    /// Remembers a text that is not kept, if one of the sentences can repeat it.
    pub(super) fn note(&mut self, text: &str) {
        let compared: String = text.chars().filter(|c| !c.is_control()).take(MAX_HIDDEN_COMPARED).collect();
        let beginning = beginning(&compared);
        let is_cut = beginning.len() < compared.len();
        let may_be_repeated = match words(beginning).next() {
            Some(word) if !is_cut || !beginning.ends_with(word) => self.words.contains(word),
            // A sentence can have a part of that word only, or there is none.
            Some(_) | None => !self.words.is_empty(),
        };
        if !may_be_repeated || compared.chars().nth(1).is_none() || self.hidden.contains(&compared) {
            return;
        }
        if self.hidden.len() == MAX_HIDDEN {
            self.hides_sentences = true;
        } else {
            self.hidden.push(compared);
        }
    }
}

/// As much of a text as a sentence has of it at least.
fn beginning(text: &str) -> &str {
    text.char_indices().nth(BEGINNING_COMPARED).map_or(text, |(end, _)| &text[..end])
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty())
}

/// A sentence without a text, where that stands in it as a word, or the beginning of a long one.
fn without(sentence: &str, hidden: &str) -> String {
    let beginning = beginning(hidden);
    let is_long = beginning.len() < hidden.len();
    let is_inside = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    let mut kept = String::with_capacity(sentence.len());
    let mut rest = sentence;
    while let Some(at) = rest.find(beginning) {
        let (before, found) = rest.split_at(at);
        let same = found.chars().zip(hidden.chars()).take_while(|(a, b)| a == b).map(|(a, _)| a.len_utf8()).sum();
        let (found, behind) = found.split_at(same);
        kept.push_str(before);
        // A short text within a longer word says nothing.
        let is_part = is_inside(kept.chars().next_back()) && is_inside(found.chars().next())
            || is_inside(behind.chars().next()) && is_inside(found.chars().next_back());
        kept.push_str(if is_part && !is_long { found } else { "<...>" });
        rest = behind;
    }
    kept.push_str(rest);
    kept
}
