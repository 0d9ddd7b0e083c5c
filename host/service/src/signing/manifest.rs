use muster_model::{Event, HexDigest};
use muster_plugin::{AdoptionPolicy, Manifest, Plugin, ResourcePlan, Roles, Wanted};
use muster_protocol::path::AttrPath;
use serde_json::{Map, Value, json};

use crate::admin::role_names;

/// The digest of what a plugin says of itself: of one JSON text, the same on every host and in every version of it.
///
/// A signature lives as long as the plugin, so this text never changes: what a later contract lets plugins say stands in it only where a
/// plugin says it ([`put`]).
pub fn manifest_digest(plugin: &dyn Plugin) -> HexDigest {
    HexDigest::of(text(plugin.manifest(), plugin.roles()).as_bytes())
}

fn text(manifest: &Manifest, roles: Roles) -> String {
    // All of them are named: what is added to a manifest does not compile before it is decided here where it stands.
    let Manifest {
        // How the host serves it, which is no word of the plugin's.
        contract: _,
        name,
        version,
        base_path,
        resources,
        declarations,
        states,
        adoption,
        config_schema,
        wants,
        calls_per_instance,
    } = manifest;
    let mut said = Map::new();
    said.insert("name".to_owned(), json!(name));
    said.insert("version".to_owned(), json!(version));
    said.insert("exports".to_owned(), json!(role_names(roles)));
    said.insert("base_path".to_owned(), json!(base_path));
    said.insert("resources".to_owned(), resources.iter().map(resource).collect());
    said.insert("states".to_owned(), json!(states));
    said.insert("adoption".to_owned(), json!(policy(*adoption)));
    said.insert("calls_per_instance".to_owned(), json!(calls_per_instance));
    put(&mut said, "extensions", json!(declarations.extensions));
    put(&mut said, "resource_types", json!(declarations.resource_types));
    put(&mut said, "config_schema", json!(config_schema));
    put(&mut said, "wants", wants.iter().map(wanted).collect());
    Value::Object(said).to_string()
}

/// Says it only if there is something to say.
fn put(said: &mut Map<String, Value>, what: &str, value: Value) {
    let is_nothing = value.is_null() || value.as_array().is_some_and(Vec::is_empty);
    if !is_nothing {
        said.insert(what.to_owned(), value);
    }
}

fn resource(plan: &ResourcePlan) -> Value {
    let ResourcePlan { kind, attributes, retained, plans_on } = plan;
    let paths = |paths: &[AttrPath]| paths.iter().map(ToString::to_string).collect::<Vec<_>>();
    let events: Vec<Event> = EVENTS.into_iter().filter(|event| plans_on.has(*event)).collect();
    json!({
        "kind": kind.resource_type(), "reads": paths(attributes), "keeps": paths(retained), "plans_on": events,
    })
}

/// All of them, in the order of the contract.
pub(crate) const EVENTS: [Event; 8] = [
    Event::Created,
    Event::Updated,
    Event::Deactivated,
    Event::Reactivated,
    Event::Deleted,
    Event::MemberAdded,
    Event::MemberRemoved,
    Event::Signalled,
];

fn wanted(wanted: &Wanted) -> Value {
    let Wanted { want, why } = wanted;
    let mut said = Map::new();
    said.insert("want".to_owned(), json!(want.to_string()));
    put(&mut said, "why", json!(why));
    Value::Object(said)
}

const fn policy(adoption: AdoptionPolicy) -> &'static str {
    match adoption {
        AdoptionPolicy::Link => "link",
        AdoptionPolicy::Refuse => "refuse",
        AdoptionPolicy::Hide => "hide",
        AdoptionPolicy::Ask => "ask",
    }
}

#[cfg(test)]
mod tests {
    use muster_plugin::{EventSet, Kind, Role};
    use muster_protocol::schema::Declarations;

    use super::*;

    fn manifest() -> Manifest {
        let path = |text: &str| AttrPath::parse(text, &|_| false).unwrap();
        Manifest {
            contract: "0.1.0",
            name: "poggio".into(),
            version: "0.1.0".into(),
            base_path: "/scim/v2".into(),
            resources: vec![ResourcePlan {
                kind: Kind::User,
                attributes: vec![path("userName"), path("name.givenName")],
                retained: vec![path("userName")],
                plans_on: EventSet::default().with(Event::Created),
            }],
            declarations: Declarations::default(),
            states: vec!["active".into()],
            adoption: AdoptionPolicy::Refuse,
            config_schema: None,
            wants: Vec::new(),
            calls_per_instance: 1,
        }
    }

    #[test]
    fn the_text_of_a_manifest_never_changes() {
        let roles = Roles::default().with(Role::About).with(Role::Mapping);
        let expected = r#"{"name":"poggio","version":"0.1.0","exports":["about","mapping"],"base_path":"/scim/v2","resources":[{"kind":"User","reads":["userName","name.givenName"],"keeps":["userName"],"plans_on":["created"]}],"states":["active"],"adoption":"refuse","calls_per_instance":1}"#;
        assert_eq!(text(&manifest(), roles), expected);
        let served_otherwise = Manifest { contract: "0.2.0", ..manifest() };
        assert_eq!(text(&served_otherwise, roles), expected, "how the host serves it is no word of the plugin's");
    }

    #[test]
    fn whatever_a_plugin_says_otherwise_is_another_text() {
        let roles = Roles::default().with(Role::About);
        let said = text(&manifest(), roles);
        let others = [
            Manifest { base_path: "/".into(), ..manifest() },
            Manifest { states: Vec::new(), ..manifest() },
            Manifest { adoption: AdoptionPolicy::Link, ..manifest() },
            Manifest { resources: Vec::new(), ..manifest() },
            Manifest { config_schema: Some(json!({ "type": "object" })), ..manifest() },
            Manifest { wants: vec![Wanted { want: muster_model::Want::State, why: None }], ..manifest() },
            Manifest { calls_per_instance: 2, ..manifest() },
        ];
        for other in others {
            assert_ne!(text(&other, roles), said, "{other:?}");
        }
        assert_ne!(text(&manifest(), roles.with(Role::Delivery)), said);
    }
}
