use serde_json::Value;

use super::super::history::time;
use super::super::printable;
use super::super::receiver::{braked, is_on, opens, standings, tasks};
use super::super::tenant::plain;

/// A line a webhook.
pub(super) fn list(answer: &Value) -> Vec<String> {
    let webhooks = answer["webhooks"].as_array().map(Vec::as_slice).unwrap_or_default();
    if webhooks.is_empty() {
        let tenant = plain(&answer["tenant"]);
        return vec![format!("tenant {tenant} has no webhook; `muster webhook add {tenant} NAME --url URL` adds one")];
    }
    let line = |webhook: &Value| {
        let is_on = if webhook["is_on"] == true { "on " } else { "OFF" };
        let (name, url) = (plain(&webhook["name"]), printable(plain(&webhook["url"])));
        format!("{name:<20}  {is_on}  {url}{}", standings(webhook))
    };
    webhooks.iter().map(line).collect()
}

/// Everything of one.
pub(super) fn one(webhook: &Value) -> Vec<String> {
    let listed = |values: &Value| {
        let all = values.as_array().into_iter().flatten().map(|value| printable(plain(value)));
        all.collect::<Vec<_>>().join(", ")
    };
    let events = listed(&webhook["events"]);
    let events = if events.is_empty() { "all".to_owned() } else { events };
    let (is_on, braked) = (is_on(webhook), braked(webhook));
    let mut lines = vec![
        format!("webhook   {}   {is_on}", plain(&webhook["name"])),
        format!("url       {}", printable(plain(&webhook["url"]))),
        format!("events    {events}, behind entry {} of the log", webhook["since"]),
        format!("payload   {}, at most {} in a request, {braked}", plain(&webhook["payload"]), webhook["batch"]),
        format!("added     {}", time(plain(&webhook["created"]))),
    ];
    for key in webhook["keys"].as_array().into_iter().flatten() {
        let until = key["until"].as_str().map(|until| format!(", until {}", time(until))).unwrap_or_default();
        let (id, at, opens) = (plain(&key["id"]), time(plain(&key["at"])), opens(key));
        lines.push(format!("key       {id}   since {at}{until}{opens}"));
    }
    lines.extend(tasks(webhook));
    lines
}

/// The key of a webhook that was added.
pub(super) fn key(answer: &Value, is_given: bool) -> Vec<String> {
    if is_given {
        return vec!["it signs with the key that was given".to_owned()];
    }
    vec![format!("key {}", plain(&answer["key"])), "Keep it: it is not shown again.".to_owned()]
}

/// The key of one that was given another.
pub(super) fn rotated(answer: &Value, is_given: bool) -> Vec<String> {
    let mut lines = key(answer, is_given);
    let others = answer["keys"].as_array().into_iter().flatten().filter_map(|key| key["until"].as_str());
    match others.max() {
        Some(until) => lines.push(format!("the keys before it sign beside it, the last until {}", time(until))),
        None => lines.push("the keys before it do not sign any more".to_owned()),
    }
    lines
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn webhook() -> Value {
        json!({
            "name": "crm", "url": "https://crm.example/hooks", "events": [], "payload": "thin", "batch": 1,
            "is_braked": true, "is_on": true, "since": 7, "created": "2026-11-03T14:03:00.000Z",
            "keys": [{ "id": "0badcafe", "at": "2026-11-03T14:03:00.000Z", "opens": true }],
            "tasks": { "done": 3, "parked": 1, "waiting": 2 },
        })
    }

    #[test]
    fn a_webhook_is_a_line_that_says_what_needs_somebody() {
        let mut off = webhook();
        (off["name"], off["is_on"], off["tasks"]) = (json!("siem"), json!(false), json!({}));
        assert_eq!(
            list(&json!({ "tenant": "acme", "webhooks": [webhook(), off] })),
            [
                "crm                   on   https://crm.example/hooks   2 waiting, 1 parked",
                "siem                  OFF  https://crm.example/hooks",
            ]
        );
        let none = list(&json!({ "tenant": "acme", "webhooks": [] }));
        assert_eq!(none, ["tenant acme has no webhook; `muster webhook add acme NAME --url URL` adds one"]);
    }

    #[test]
    fn one_is_told_with_its_keys_and_its_tasks() {
        let mut one_of = webhook();
        (one_of["is_on"], one_of["off_because"]) = (json!(false), json!("its receiver\u{1b} answered 410"));
        one_of["keys"][0]["until"] = json!("2026-11-04T14:03:00.000Z");
        one_of["keys"][0]["opens"] = json!(false);
        assert_eq!(
            one(&one_of),
            [
                r"webhook   crm   off: its receiver\u{1b} answered 410",
                "url       https://crm.example/hooks",
                "events    all, behind entry 7 of the log",
                "payload   thin, at most 1 in a request, held by the brake",
                "added     2026-11-03 14:03:00.000Z",
                "key       0badcafe   since 2026-11-03 14:03:00.000Z, until 2026-11-04 14:03:00.000Z   SEALED WITH ANOTHER KEY: rotate",
                "tasks     3 done",
                "tasks     1 parked",
                "tasks     2 waiting",
            ]
        );
    }

    #[test]
    fn a_key_is_shown_unless_whoever_asks_has_given_it() {
        let answer =
            json!({ "key": "whsec_x", "keys": [{ "id": "b" }, { "id": "a", "until": "2026-11-04T14:03:00.000Z" }] });
        assert_eq!(
            rotated(&answer, false),
            [
                "key whsec_x",
                "Keep it: it is not shown again.",
                "the keys before it sign beside it, the last until 2026-11-04 14:03:00.000Z",
            ]
        );
        let alone = json!({ "key": "whsec_x", "keys": [{ "id": "b" }] });
        assert_eq!(
            rotated(&alone, true),
            ["it signs with the key that was given", "the keys before it do not sign any more"]
        );
    }
}
