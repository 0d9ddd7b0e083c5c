//! What discovery announces, read as a client reads it.

use muster_test_harness::TenantClient;
use serde_json::{Map, Value, json};

use super::values::sample;

/// A kind of resource.
#[derive(Debug, Clone)]
pub(super) struct Kind {
    pub name: String,
    pub endpoint: String,
    /// The core schema.
    pub core: Value,
    /// The extensions, and whether each is required.
    pub extensions: Vec<(Value, bool)>,
}

/// An attribute without sub-attributes, or a sub-attribute, with the path by which Microsoft's gallery validation would write it
/// (2.11): `attr`, `attr.<sub>`, `attr[type eq "<cv>"].<sub>`, `attr[primary eq "True"].<sub>`, each perhaps with a URN before it.
#[derive(Debug, Clone)]
pub(super) struct Leaf {
    /// For PATCH.
    pub path: String,
    /// For filters, sorting and projection: without a selection of elements.
    pub plain: String,
    pub extension: Option<String>,
    pub attribute: Value,
    pub sub: Option<Value>,
    /// The `type` of the element; `None`: the primary one, or the attribute is no list of complex values.
    pub selected: Option<String>,
}

/// Every kind of resource that the tenant announces, from `/ResourceTypes` and `/Schemas`.
pub(super) async fn kinds(tenant: &TenantClient) -> Vec<Kind> {
    let schemas = tenant.get("/Schemas").await.expect(200);
    let schema = |urn: &Value| {
        let found = elements(&schemas["Resources"]).iter().find(|schema| schema["id"] == *urn);
        found.unwrap_or_else(|| panic!("{urn} is named by a resource type and not announced")).clone()
    };
    let types = tenant.get("/ResourceTypes").await.expect(200);
    let kind = |of: &Value| Kind {
        name: text(&of["name"]),
        endpoint: text(&of["endpoint"]),
        core: schema(&of["schema"]),
        extensions: elements(&of["schemaExtensions"])
            .iter()
            .map(|extension| (schema(&extension["schema"]), extension["required"].as_bool().unwrap()))
            .collect(),
    };
    elements(&types["Resources"]).iter().map(kind).collect()
}

impl Kind {
    /// Every leaf, but for memberships, which have stories of their own.
    pub(super) fn leaves(&self) -> Vec<Leaf> {
        let mut leaves = leaves(&self.core, None);
        for (schema, _) in &self.extensions {
            leaves.extend(self::leaves(schema, Some(&text(&schema["id"]))));
        }
        leaves.retain(|leaf| leaf.attribute["name"] != "members");
        leaves
    }

    /// Every leaf that a client may write whenever it likes.
    pub(super) fn writable(&self) -> Vec<Leaf> {
        let mut leaves = self.leaves();
        leaves.retain(|leaf| ["readWrite", "writeOnly"].contains(&leaf.mutability()));
        leaves
    }

    /// The leaves that one can ask for: each path once, and nothing that is never returned.
    pub(super) fn asked_for(&self) -> Vec<Leaf> {
        let mut leaves = self.writable();
        leaves.retain(|leaf| leaf.returned() != "never");
        leaves.dedup_by(|one, other| one.plain == other.plain);
        let mut seen = std::collections::HashSet::new();
        leaves.retain(|leaf| seen.insert(leaf.plain.clone()));
        leaves
    }

    /// The smallest body that is accepted: what is required, in the core schema and in each extension that requires something.
    /// `number` tells one resource from another.
    pub(super) fn smallest(&self, number: u32) -> Value {
        let mut body = required_of(&self.core, number);
        let mut urns = vec![self.core["id"].clone()];
        for (schema, required) in &self.extensions {
            let mut parts = required_of(schema, number);
            if *required && parts.is_empty() {
                let first = elements(&schema["attributes"]).iter().find(|attribute| attribute["type"] == "string");
                let first = first.expect("a required extension has something to send");
                parts.insert(text(&first["name"]), sample(first, number));
            }
            if !parts.is_empty() {
                urns.push(schema["id"].clone());
                body.insert(text(&schema["id"]), Value::Object(parts));
            }
        }
        body.insert("schemas".into(), json!(urns));
        Value::Object(body)
    }

    /// Creates the smallest resource; its path.
    pub(super) async fn create(&self, tenant: &TenantClient, number: u32) -> String {
        let made = tenant.post(&self.endpoint, self.smallest(number)).await.expect(201);
        format!("{}/{}", self.endpoint, super::id(&made))
    }
}

fn required_of(schema: &Value, number: u32) -> Map<String, Value> {
    let required = elements(&schema["attributes"]).iter().filter(|attribute| attribute["required"] == true);
    required.map(|attribute| (text(&attribute["name"]), sample(attribute, number))).collect()
}

fn leaves(schema: &Value, extension: Option<&str>) -> Vec<Leaf> {
    let mut all = Vec::new();
    for attribute in elements(&schema["attributes"]) {
        let name = text(&attribute["name"]);
        let whole = extension.map_or_else(|| name.clone(), |urn| format!("{urn}:{name}"));
        let leaf = |path: String, plain: String, sub: Option<&Value>, selected: Option<String>| Leaf {
            path,
            plain,
            extension: extension.map(str::to_owned),
            attribute: attribute.clone(),
            sub: sub.cloned(),
            selected,
        };
        let subs = elements(&attribute["subAttributes"]);
        if subs.is_empty() {
            all.push(leaf(whole.clone(), whole, None, None));
            continue;
        }
        let types =
            subs.iter().find(|sub| sub["name"] == "type").map_or(&[][..], |sub| elements(&sub["canonicalValues"]));
        for sub in subs {
            let part = text(&sub["name"]);
            let plain = format!("{whole}.{part}");
            if attribute["multiValued"] == false {
                all.push(leaf(plain.clone(), plain, Some(sub), None));
            } else if types.is_empty() {
                all.push(leaf(format!("{whole}[primary eq \"True\"].{part}"), plain, Some(sub), None));
            } else {
                for kind in types {
                    let kind = text(kind);
                    let path = format!("{whole}[type eq \"{kind}\"].{part}");
                    all.push(leaf(path, plain.clone(), Some(sub), Some(kind)));
                }
            }
        }
    }
    all
}

impl Leaf {
    /// What the schema says of it.
    pub(super) fn definition(&self) -> &Value {
        self.sub.as_ref().unwrap_or(&self.attribute)
    }

    /// What a client may do with it: what the attribute around it lets it do.
    pub(super) fn mutability(&self) -> &str {
        let (whole, part) =
            (self.attribute["mutability"].as_str().unwrap(), self.definition()["mutability"].as_str().unwrap());
        if whole == "readWrite" { part } else { whole }
    }

    /// When it is answered, likewise.
    pub(super) fn returned(&self) -> &str {
        let (whole, part) =
            (self.attribute["returned"].as_str().unwrap(), self.definition()["returned"].as_str().unwrap());
        if whole == "default" { part } else { whole }
    }

    pub(super) fn data_type(&self) -> &str {
        self.definition()["type"].as_str().unwrap()
    }

    /// Whether this is the sub-attribute by which the path selects the element.
    pub(super) fn selects(&self) -> bool {
        let name = self.sub.as_ref().map_or("", |sub| sub["name"].as_str().unwrap());
        self.attribute["multiValued"] == true && name == if self.selected.is_some() { "type" } else { "primary" }
    }

    /// Whether it may be without a value.
    pub(super) fn is_optional(&self) -> bool {
        self.definition()["required"] == false
    }

    /// A value that fits; other numbers give other values, in ascending order, where there is a choice.
    pub(super) fn sample(&self, number: u32) -> Value {
        match &self.selected {
            // To write another type would be to ask for another element.
            Some(kind) if self.selects() => json!(kind),
            _ if self.selects() => json!(true),
            _ => sample(self.definition(), number),
        }
    }

    /// One operation at its path.
    pub(super) fn operation(&self, op: &str, value: &Value) -> Value {
        json!([{ "op": op, "path": self.path, "value": value }])
    }

    /// What a resource has there; `null` if nothing.
    pub(super) fn read(&self, resource: &Value) -> Value {
        let container = self.extension.as_ref().map_or(resource, |urn| &resource[urn]);
        let whole = &container[text(&self.attribute["name"])];
        let Some(sub) = &self.sub else { return whole.clone() };
        let element = match (&self.selected, self.attribute["multiValued"] == true) {
            (_, false) => Some(whole),
            (Some(kind), true) => elements(whole).iter().find(|element| element["type"] == json!(kind)),
            (None, true) => elements(whole).iter().find(|element| element["primary"] == true),
        };
        element.map(|element| element[text(&sub["name"])].clone()).unwrap_or_default()
    }

    /// What to ask for so that it is there, with that by which its element is found.
    pub(super) fn asked(&self) -> String {
        match self.plain.rsplit_once('.') {
            Some((whole, _)) if self.sub.is_some() => format!("{},{whole}.type,{whole}.primary", self.plain),
            _ => self.plain.clone(),
        }
    }

    /// A body with nothing but this, beside what is required.
    pub(super) fn put_into(&self, body: &mut Value, value: Value) {
        let name = text(&self.attribute["name"]);
        let value = match (&self.sub, self.attribute["multiValued"] == true) {
            (None, _) => value,
            (Some(sub), false) => json!({ text(&sub["name"]): value }),
            (Some(sub), true) => {
                let mut element = json!({ text(&sub["name"]): value });
                match &self.selected {
                    _ if self.selects() => {}
                    Some(kind) => element["type"] = json!(kind),
                    None => element["primary"] = json!(true),
                }
                json!([element])
            }
        };
        match &self.extension {
            Some(urn) => body[urn][name] = value,
            None => body[name] = value,
        }
    }
}

pub(super) fn elements(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

pub(super) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}
