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
        lines.push(line(&format!("{kind}s: keeps"), &or(texts(&resource["keeps"]), "everything that is sent")));
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

/// A line for each property of the configuration.
fn settings(schema: &Value) -> Vec<String> {
    if schema.is_null() {
        return vec![line("settings", "any JSON object")];
    }
    let required = |name: &str| schema["required"].as_array().is_some_and(|names| names.iter().any(|it| it == name));
    let one = |(name, property): (&String, &Value)| {
        let kind = match (&property["type"], &property["enum"]) {
            (Value::String(kind), _) => kind.clone(),
            (_, Value::Array(values)) => values.iter().map(Value::to_string).collect::<Vec<_>>().join(" or "),
            _ => "any".to_owned(),
        };
        let default = match &property["default"] {
            Value::Null if required(name) => "   required".to_owned(),
            Value::Null => String::new(),
            default => format!("   {default} by default"),
        };
        line("setting", format!("{name}: {kind}{default}   {}", plain(&property["description"])).trim_end())
    };
    let properties = schema["properties"].as_object().into_iter().flatten();
    let lines: Vec<String> = properties.map(one).collect();
    if lines.is_empty() { vec![line("settings", "none that its schema names")] } else { lines }
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
  setting            invite: boolean   false by default   At once.";
        assert_eq!(told.join("\n"), expected);
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
