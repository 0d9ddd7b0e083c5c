use serde_json::Value;

use super::super::history::time;
use super::super::printable;
use super::super::receiver::{braked, is_on, opens, standings, tasks};
use super::super::tenant::plain;

/// A line a stream, and one a key.
pub(super) fn list(answer: &Value) -> Vec<String> {
    let streams = answer["streams"].as_array().map(Vec::as_slice).unwrap_or_default();
    let tenant = plain(&answer["tenant"]);
    if streams.is_empty() {
        return vec![format!("tenant {tenant} has no stream; `muster stream add {tenant} NAME --poll` adds one")];
    }
    let line = |stream: &Value| {
        let is_on = if stream["is_on"] == true { "on " } else { "OFF" };
        let (name, method, url) = (plain(&stream["name"]), plain(&stream["method"]), printable(plain(&stream["url"])));
        format!("{name:<20}  {is_on}  {method}  {url}{}", standings(stream))
    };
    streams.iter().map(line).chain(keys(answer)).collect()
}

/// Who signs, where that is verified, and by which keys.
pub(super) fn keys(answer: &Value) -> Vec<String> {
    let mut lines =
        vec![format!("issuer    {}", plain(&answer["issuer"])), format!("verify    {}", plain(&answer["jwks_uri"]))];
    for key in answer["keys"].as_array().into_iter().flatten() {
        let until =
            key["until"].as_str().map_or_else(|| ", signs".to_owned(), |until| format!(", until {}", time(until)));
        let (id, at, opens) = (plain(&key["id"]), time(plain(&key["at"])), opens(key));
        lines.push(format!("key       {id}   since {at}{until}{opens}"));
    }
    lines
}

/// What opens a stream, where it was just issued.
pub(super) fn token(answer: &Value) -> Vec<String> {
    let Some(token) = answer["token"].as_str() else { return Vec::new() };
    vec![format!("token     {token}"), "It is not shown again.".to_owned()]
}

/// Why nothing gets there yet.
pub(super) fn warning(answer: &Value) -> Option<String> {
    answer["warning"].as_str().map(|warning| format!("  warning: {}", printable(warning)))
}

/// Everything of one.
pub(super) fn one(stream: &Value) -> Vec<String> {
    let (is_on, braked) = (is_on(stream), braked(stream));
    let mut lines = vec![
        format!("stream    {}   {is_on}", plain(&stream["name"])),
        format!("{:<9} {}", plain(&stream["method"]), printable(plain(&stream["url"]))),
    ];
    if let Some(secret) = stream["authorization"].as_str() {
        lines.push(format!("secret    {}", printable(secret)));
    }
    for name in stream["audience"].as_array().into_iter().flatten() {
        lines.push(format!("audience  {}", printable(plain(name))));
    }
    for event in stream["events"].as_array().into_iter().flatten() {
        lines.push(format!("event     {}", printable(plain(event))));
    }
    for (kind, filter) in stream["scope"].as_object().into_iter().flatten() {
        lines.push(format!("filter    {}: {}", printable(kind), printable(plain(filter))));
    }
    let (since, added) = (&stream["since"], time(plain(&stream["created"])));
    lines.push(format!("added     {added}, tells what is behind entry {since} of the log, {braked}"));
    for token in stream["tokens"].as_array().into_iter().flatten() {
        let until = token["until"].as_str().map(|until| format!(", until {}", time(until))).unwrap_or_default();
        lines.push(format!("token     since {}{until}", time(plain(&token["since"]))));
    }
    lines.extend(tasks(stream));
    lines.extend(warning(stream));
    lines
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_list_has_the_streams_and_what_verifies_their_tokens() {
        let stream = json!({ "name": "siem", "is_on": false, "method": "poll", "url": "https://h/t/acme/events/siem", "tasks": { "waiting": 3, "done": 9 } });
        let at = "2026-11-03T14:03:00.000Z";
        let keys = json!([{ "id": "k2", "at": at, "until": null, "opens": true }, { "id": "k1", "at": at, "until": at, "opens": false }]);
        let answer = json!({ "tenant": "acme", "issuer": "https://h/t/acme", "jwks_uri": "https://h/jwks", "streams": [stream], "keys": keys });
        let expected = [
            "siem                  OFF  poll  https://h/t/acme/events/siem   3 waiting",
            "issuer    https://h/t/acme",
            "verify    https://h/jwks",
            "key       k2   since 2026-11-03 14:03:00.000Z, signs",
            "key       k1   since 2026-11-03 14:03:00.000Z, until 2026-11-03 14:03:00.000Z   SEALED WITH ANOTHER KEY: rotate",
        ];
        assert_eq!(list(&answer), expected);
        let none = list(&json!({ "tenant": "acme", "streams": [] }));
        assert_eq!(none, ["tenant acme has no stream; `muster stream add acme NAME --poll` adds one"]);
    }

    #[test]
    fn one_is_shown_whole_and_without_what_a_terminal_would_obey() {
        let shown = one(&json!({
            "name": "siem", "is_on": true, "method": "push", "url": "https://h/\u{1b}[2J", "authorization": "siem-key",
            "audience": ["a"], "events": ["urn:x"], "scope": { "User": "title eq \"\u{1b}[2J\"" }, "is_braked": true, "since": 7, "created": "2026-11-03T14:03:00.000Z",
            "tasks": { "parked": 1 },
        }));
        let expected = [
            "stream    siem   on",
            r"push      https://h/\u{1b}[2J",
            "secret    siem-key",
            "audience  a",
            "event     urn:x",
            r#"filter    User: title eq "\u{1b}[2J""#,
            "added     2026-11-03 14:03:00.000Z, tells what is behind entry 7 of the log, held by the brake",
            "tasks     1 parked",
        ];
        assert_eq!(shown, expected);
    }
}
