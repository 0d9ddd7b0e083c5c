//! A manifest as a person reads it.

use serde_json::Value;

use crate::cli::tenant::plain;

/// The lines that tell what a plugin says of itself.
pub(super) fn describe(manifest: &Value) -> Vec<String> {
    let texts = |value: &Value| -> Vec<String> {
        value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let or = |texts: Vec<String>, none: &str| if texts.is_empty() { none.to_owned() } else { texts.join(", ") };
    let mut lines = vec![
        format!("{} {}   sha256:{}", plain(&manifest["name"]), plain(&manifest["version"]), plain(&manifest["digest"])),
        line("contract", &format!("muster:plugin {}", plain(&manifest["contract"]))),
        line("served under", &format!("{}, and /t/TENANT/scim/v2", plain(&manifest["base_path"]))),
        line("exports", &or(texts(&manifest["roles"]), "nothing")),
    ];
    for resource in manifest["resources"].as_array().into_iter().flatten() {
        let kind = plain(&resource["kind"]);
        lines.push(line(&format!("{kind}s: reads"), &or(texts(&resource["reads"]), "nothing")));
        lines.push(line(&format!("{kind}s: keeps"), &kept(texts(&resource["keeps"]), kind)));
        lines.push(line(&format!("{kind}s: acts when"), &or(texts(&resource["plans_on"]), "never")));
    }
    lines.push(line("states", &or(texts(&manifest["states"]), "none")));
    let by_hand = match plain(&manifest["adoption"]) {
        "link" => "the SCIM user takes them over",
        "refuse" => "stay as they are: 409",
        "hide" => "stay as they are, and identity providers do not find them: 409",
        "ask" => "it is asked about each",
        other => other,
    };
    lines.push(line("made by hand", by_hand));
    lines.push(line("declares", &or(texts(&manifest["declares"]), "nothing beside RFC 7643")));
    lines.extend(wants(&manifest["wants"]));
    let instances = match manifest["calls_per_instance"].as_u64() {
        Some(0 | 1) | None => "a fresh one for each call".to_owned(),
        Some(calls) => format!("one for up to {calls} calls"),
    };
    lines.push(line("instances", &instances));
    lines.extend(settings(&manifest["config_schema"]));
    lines
}

/// What of a resource is stored: what the plugin names, and what is kept whatever it names (`retained` in `wit/v2/plugin.wit`).
fn kept(mut named: Vec<String>, kind: &str) -> String {
    if named.is_empty() {
        return "everything that is sent".to_owned();
    }
    let always: &[&str] =
        if kind == "User" { &["userName", "active", "externalId"] } else { &["displayName", "members", "externalId"] };
    for name in always {
        if !named.iter().any(|it| it.eq_ignore_ascii_case(name)) {
            named.push((*name).to_owned());
        }
    }
    named.join(", ")
}

/// A line for each thing that it wants beside pure mapping, with its own reason.
fn wants(wants: &Value) -> Vec<String> {
    let one = |want: &Value| {
        let why = want["why"].as_str().map_or_else(String::new, |why| format!("   it says: {why}"));
        line("wants to", &format!("{}{why}", plain(&want["means"])))
    };
    match wants.as_array() {
        Some(wants) if !wants.is_empty() => wants.iter().map(one).collect(),
        _ => vec![line("wants", "nothing beside mapping")],
    }
}

fn line(what: &str, text: &str) -> String {
    format!("  {what:<18} {text}")
}

/// A line for each property of the configuration, and below an object one for each of its own.
fn settings(schema: &Value) -> Vec<String> {
    if schema.is_null() {
        return vec![line("settings", "any JSON object")];
    }
    let lines = properties("", schema, 0);
    if lines.is_empty() { vec![line("settings", "none that its schema names")] } else { lines }
}

/// How deep settings within settings are shown.
const LEVELS_SHOWN: usize = 8;

fn properties(above: &str, schema: &Value, level: usize) -> Vec<String> {
    let required = |name: &str| schema["required"].as_array().is_some_and(|names| names.iter().any(|it| it == name));
    let one = |(name, property): (&String, &Value)| {
        let default = match &property["default"] {
            Value::Null if required(name) => "   required".to_owned(),
            Value::Null => String::new(),
            default => format!("   {default} by default"),
        };
        let (path, kind) = (format!("{above}{name}"), kind(property));
        let own = line("setting", format!("{path}: {kind}{default}   {}", plain(&property["description"])).trim_end());
        let below =
            if level < LEVELS_SHOWN { properties(&format!("{path}."), property, level + 1) } else { Vec::new() };
        [vec![own], below].concat()
    };
    schema["properties"].as_object().into_iter().flatten().flat_map(one).collect()
}

/// What a value can be; of a list and of an object with names of one's own, what is in it.
fn kind(schema: &Value) -> String {
    let within =
        |place: &str| schema[place].as_object().map(|of| kind(&Value::Object(of.clone()))).filter(|of| of != "any");
    match (&schema["type"], &schema["enum"]) {
        (_, Value::Array(values)) => values.iter().map(Value::to_string).collect::<Vec<_>>().join(" or "),
        (Value::String(kind), _) => match (kind.as_str(), within("items"), within("additionalProperties")) {
            ("array", Some(items), _) => format!("list of {items}"),
            ("object", _, Some(values)) => format!("object with values {values}"),
            (kind, _, _) => kind.to_owned(),
        },
        _ => "any".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_manifest_is_told_line_by_line() {
        let schema = json!({
            "required": ["region"],
            "properties": {
                "region": { "enum": ["eu", "us"] },
                "invite": { "type": "boolean", "default": false, "description": "At once." },
                "mdm": { "type": "object", "required": ["on"], "properties": {
                    "on": { "enum": ["none", "all"] },
                    "more": { "type": "object", "properties": { "policy": { "type": "string", "description": "Which." } } },
                } },
                "roles": { "type": "object", "additionalProperties": { "enum": ["Admin", "Editor"] } },
                "order": { "type": "array", "items": { "enum": [1, 2] }, "default": [2, 1] },
                "closed": { "type": "object", "additionalProperties": false },
            },
        });
        let wanted = json!([
            { "kind": "origin", "name": "https://api.example.com", "means": "send requests to https://api.example.com", "why": "to invite" },
            { "kind": "secret", "name": "key", "means": "send the secret key with them" },
        ]);
        let told = describe(&json!({
            "name": "acme", "version": "1.0.0", "digest": "ab", "base_path": "/scim/v2", "roles": ["about", "mapping"],
            "resources": [{ "kind": "User", "reads": ["userName"], "keeps": [], "plans_on": ["created"] }],
            "states": ["active"], "adoption": "refuse", "contract": "0.2.0", "wants": wanted,
            "calls_per_instance": 1, "declares": [], "config_schema": schema,
        }));
        let expected = "\
acme 1.0.0   sha256:ab
  contract           muster:plugin 0.2.0
  served under       /scim/v2, and /t/TENANT/scim/v2
  exports            about, mapping
  Users: reads       userName
  Users: keeps       everything that is sent
  Users: acts when   created
  states             active
  made by hand       stay as they are: 409
  declares           nothing beside RFC 7643
  wants to           send requests to https://api.example.com   it says: to invite
  wants to           send the secret key with them
  instances          a fresh one for each call
  setting            region: \"eu\" or \"us\"   required
  setting            invite: boolean   false by default   At once.
  setting            mdm: object
  setting            mdm.on: \"none\" or \"all\"   required
  setting            mdm.more: object
  setting            mdm.more.policy: string   Which.
  setting            roles: object with values \"Admin\" or \"Editor\"
  setting            order: list of 1 or 2   [2,1] by default
  setting            closed: object";
        assert_eq!(told.join("\n"), expected);
    }

    #[test]
    fn what_is_always_kept_is_told_beside_what_the_plugin_names() {
        let named = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        assert_eq!(kept(named(&[]), "User"), "everything that is sent");
        assert_eq!(kept(named(&["userName", "Active"]), "User"), "userName, Active, externalId");
        assert_eq!(kept(named(&["displayName"]), "Group"), "displayName, members, externalId");
    }

    #[test]
    fn who_wants_nothing_is_told_so() {
        assert_eq!(wants(&json!([])), ["  wants              nothing beside mapping"]);
    }

    #[test]
    fn without_a_schema_any_object_will_do() {
        assert_eq!(settings(&Value::Null), ["  settings           any JSON object"]);
        assert_eq!(settings(&json!({ "type": "object" })), ["  settings           none that its schema names"]);
    }
}
