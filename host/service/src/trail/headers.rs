//! What is kept of the headers that came with a request.

use http::{HeaderMap, HeaderName, HeaderValue, header};
use muster_model::Version;

use super::redact::{Redactor, SECRET, name_of};
use super::rules::looks_like_a_credential;

/// How many headers are told.
const MAX_HEADERS_KEPT: usize = 64;

/// Bytes of a header's value that are kept.
const MAX_HEADER_KEPT_BYTES: usize = 256;

/// Bytes of a word of `User-Agent` or `Host` that is kept: names of products and of machines are shorter, keys are not.
const MAX_WORD_KEPT_BYTES: usize = 24;

/// Digits of a number that is kept: no length, place or version needs more, and the number of an account or of a card does.
pub(super) const MAX_DIGITS_KEPT: usize = 9;

/// Whether a word of a value is known to be harmless.
type IsHarmless = fn(&str) -> bool;

/// Headers of which the value is kept as far as it is known to be harmless; of all others the name is, if it is one of [`NAMES`].
const VALUES: [(HeaderName, IsHarmless); 7] = [
    (header::ACCEPT, is_of_a_media_type),
    (header::CONTENT_LENGTH, is_a_number),
    (header::CONTENT_TYPE, is_of_a_media_type),
    (header::HOST, is_short),
    (header::IF_MATCH, is_a_version),
    (header::IF_NONE_MATCH, is_a_version),
    (header::USER_AGENT, is_short),
];

/// Names of headers that mean something to many, and so say nothing about anybody.
const NAMES: [&str; 44] = [
    "accept-charset",
    "accept-encoding",
    "accept-language",
    "authorization",
    "baggage",
    "cache-control",
    "client-request-id",
    "connection",
    "content-encoding",
    "content-language",
    "cookie",
    "date",
    "dnt",
    "expect",
    "forwarded",
    "from",
    "idempotency-key",
    "if-modified-since",
    "if-range",
    "if-unmodified-since",
    "keep-alive",
    "origin",
    "pragma",
    "prefer",
    "priority",
    "proxy-authorization",
    "range",
    "referer",
    "te",
    "traceparent",
    "tracestate",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
    "x-api-key",
    "x-correlation-id",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-proto",
    "x-ms-client-request-id",
    "x-real-ip",
    "x-request-id",
];

/// Words that media types and what stands behind them are made of.
const MEDIA_WORDS: [&str; 21] = [
    "*",
    "application",
    "charset",
    "css",
    "form-data",
    "html",
    "image",
    "iso-8859-1",
    "json",
    "multipart",
    "octet-stream",
    "plain",
    "problem",
    "q",
    "scim",
    "text",
    "us-ascii",
    "utf-8",
    "x-www-form-urlencoded",
    "xhtml",
    "xml",
];

/// The headers that came, of which a value is kept.
pub(super) fn kept(redactor: &mut Redactor<'_>, all: &HeaderMap) -> Vec<(String, String)> {
    let mut told = Vec::new();
    for (name, value) in all {
        let Some((_, is_harmless)) = VALUES.iter().find(|(kept, _)| kept == name) else {
            redactor.unsaid.note(&String::from_utf8_lossy(value.as_bytes()));
            continue;
        };
        if told.len() < MAX_HEADERS_KEPT {
            let value = String::from_utf8_lossy(value.as_bytes());
            told.push((name.as_str().to_owned(), harmless(redactor, &value, *is_harmless)));
        }
    }
    told
}

/// The names of the others.
pub(super) fn others(redactor: &mut Redactor<'_>, all: &HeaderMap) -> Vec<String> {
    let others = all.keys().filter(|name| VALUES.iter().all(|(kept, _)| kept != *name));
    let told = |name: &HeaderName| {
        let name = name.as_str();
        if NAMES.contains(&name) {
            return name.to_owned();
        }
        redactor.unsaid.note(name);
        name_of(name)
    };
    others.take(MAX_HEADERS_KEPT).map(told).collect()
}

/// The headers of an answer, which are the server's own.
pub(super) fn own(all: &[(HeaderName, HeaderValue)]) -> Vec<(String, String)> {
    let told = all.iter().take(MAX_HEADERS_KEPT).map(|(name, value)| {
        let value = String::from_utf8_lossy(value.as_bytes());
        (name.as_str().to_owned(), shown(&value))
    });
    told.collect()
}

/// A value without the words that nobody vouches for, and without control characters.
fn harmless(redactor: &mut Redactor<'_>, value: &str, is_harmless: IsHarmless) -> String {
    if looks_like_a_credential(value) {
        redactor.unsaid.note(value);
        return SECRET.to_owned();
    }
    let mut told = String::new();
    let mut rest = value;
    while !rest.is_empty() {
        let word = rest.find(stands_between).unwrap_or(rest.len());
        let (word, behind) = rest.split_at(word);
        if word.is_empty() || is_harmless(word) {
            told.push_str(word);
        } else {
            redactor.unsaid.note(word);
            told.push_str("...");
        }
        let mark = behind.chars().next();
        told.extend(mark);
        rest = mark.and_then(|mark| behind.get(mark.len_utf8()..)).unwrap_or_default();
    }
    shown(&told)
}

fn stands_between(c: char) -> bool {
    " ,;/=+()[]:".contains(c)
}

fn is_of_a_media_type(word: &str) -> bool {
    let is_weight = word.len() <= 5 && word.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    is_weight || MEDIA_WORDS.iter().any(|known| known.eq_ignore_ascii_case(word))
}

fn is_a_number(word: &str) -> bool {
    word.len() <= MAX_DIGITS_KEPT && word.bytes().all(|byte| byte.is_ascii_digit())
}

/// What programs and machines are called: not long, and readable.
fn is_short(word: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_graphic() && byte != b'@';
    word.split('.').all(|part| part.len() <= MAX_WORD_KEPT_BYTES) && word.bytes().all(is_plain)
}

/// `*`, `W`, or the number that a version is.
fn is_a_version(word: &str) -> bool {
    word == "*" || word == "W" || is_a_tag(word)
}

/// `"3"`: a tag that the server may have made.
fn is_a_tag(word: &str) -> bool {
    let inner = word.strip_prefix('"').and_then(|word| word.strip_suffix('"'));
    let version = inner.filter(|inner| inner.split('.').next().is_some_and(is_a_number)).and_then(Version::of_tag);
    version.is_some()
}

/// `W/"3"`
pub(super) fn is_an_etag(text: &str) -> bool {
    is_a_tag(text.strip_prefix("W/").unwrap_or(text))
}

/// A text as it may be told: no credential, no control characters, and not too long.
fn shown(text: &str) -> String {
    if looks_like_a_credential(text) {
        return SECRET.to_owned();
    }
    let cut = text.get(..text.floor_char_boundary(MAX_HEADER_KEPT_BYTES)).unwrap_or_default();
    cut.chars().filter(|c| !c.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "zyx4f9a81c2b7e60d35a18f42";

    fn told(name: &'static str, value: &str) -> String {
        let mut redactor = Redactor::new(None, false, []);
        let headers = HeaderMap::from_iter([(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())]);
        kept(&mut redactor, &headers).remove(0).1
    }

    #[test]
    fn what_clients_say_of_themselves_is_told_without_what_may_be_a_key() {
        for agent in
            ["Okta SCIM Client 1.0.0", "python-requests/2.32.3", "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Edg/1"]
        {
            assert_eq!(told("user-agent", agent), agent);
        }
        assert_eq!(told("user-agent", &format!("curl/8 {KEY}")), "curl/8 ...");
        assert_eq!(told("user-agent", "sync of ada@example.org"), "sync of ...", "no product has such a name");
        assert_eq!(told("user-agent", "curl mst_0123"), SECRET);
        assert_eq!(told("host", "scim.example.com:7600"), "scim.example.com:7600");
        assert_eq!(told("host", &format!("{KEY}.example.com")), "...");
        assert!(told("user-agent", &"word ".repeat(100)).len() <= MAX_HEADER_KEPT_BYTES);
    }

    #[test]
    fn of_media_types_versions_and_lengths_only_known_words_are_told() {
        for accepted in ["application/scim+json, application/json;q=0.9, */*", "Application/JSON; charset=UTF-8"] {
            assert_eq!(told("accept", accepted), accepted);
        }
        assert_eq!(told("content-type", "application/zyx; boundary=zyx"), "application/...; ...=...");
        assert_eq!(told("content-length", "1042"), "1042");
        assert_eq!(told("content-length", "4111111111111111"), "...");
        for versions in ["W/\"3\"", "\"3.9f86d081884c7d65\"", "W/\"1\", W/\"2\"", "*"] {
            assert_eq!(told("if-match", versions), versions);
        }
        for versions in ["\"zyx\"", "\"4111111111111111\"", "\"3.zyx\"", "\"03\"", "zyx"] {
            assert_eq!(told("if-none-match", versions), "...");
        }
        assert!(is_an_etag("W/\"3\"") && !is_an_etag("W/\"zyx\""));
    }

    #[test]
    fn of_other_headers_a_name_is_told_that_everybody_knows() {
        let names =
            ["x-api-key", "zyx-employee"].map(|name| (HeaderName::from_static(name), HeaderValue::from_static("1")));
        let told = others(&mut Redactor::new(None, false, []), &HeaderMap::from_iter(names));
        assert_eq!(told, ["x-api-key", "<name of 12 characters>"]);
    }
}
