//! What a plugin wants beside pure mapping, from both versions of the contract: in 0.1 three things in three places, in 0.2 one list.

use muster_model::{Origin, SecretName, Want};
use muster_plugin::Wanted;

use crate::bindings::v1::exports::muster::plugin::about;
use crate::bindings::v2;
use crate::exports::Described;
use crate::limits;

/// Characters of a name that are told.
const MAX_NAME_CHARS: usize = 128;

/// What is said of itself in the form of 0.1, and what is wanted.
pub(super) fn of(described: Described, imports_state: bool) -> Result<(about::Manifest, Vec<Wanted>), String> {
    match described {
        Described::V1(manifest) => {
            let wants = of_lists(&manifest, imports_state)?;
            Ok((manifest, wants))
        }
        Described::V2(manifest) => {
            let wants = of_list(&manifest.wants, imports_state)?;
            Ok((without_wants(manifest), wants))
        }
    }
}

/// 0.1: the lists `origins` and `secrets`, and the state if it is imported.
fn of_lists(manifest: &about::Manifest, imports_state: bool) -> Result<Vec<Wanted>, String> {
    let mut wants = Vec::new();
    for text in &manifest.origins {
        wants.push(origin(text).map_err(|why| format!("origins has {}: {why}", shown(text)))?);
    }
    for text in &manifest.secrets {
        wants.push(secret(text).map_err(|why| format!("secrets has {}: {why}", shown(text)))?);
    }
    wants.extend(imports_state.then_some(Want::State));
    let mut all = Vec::new();
    for want in wants {
        // Nobody was refused for saying it twice.
        if !all.iter().any(|other: &Wanted| other.want == want) {
            add(&mut all, Wanted { want, why: None })?;
        }
    }
    Ok(all)
}

/// 0.2: one list, which says of the state what the imports say.
fn of_list(listed: &[v2::Want], imports_state: bool) -> Result<Vec<Wanted>, String> {
    let mut wants = Vec::new();
    for v2::Want { kind, name, why } in listed {
        let want = match kind {
            v2::WantKind::Origin => {
                origin(name).map_err(|problem| format!("wants has the origin {}: {problem}", shown(name)))?
            }
            v2::WantKind::Secret => {
                secret(name).map_err(|problem| format!("wants has the secret {}: {problem}", shown(name)))?
            }
            v2::WantKind::State if name.is_empty() => Want::State,
            v2::WantKind::State => {
                return Err("wants has the state under a name; there is one, and it has none".to_owned());
            }
        };
        let is_sentence = (1..=limits::MAX_WHY_BYTES).contains(&why.len()) && !why.trim().is_empty();
        if !is_sentence || why.chars().any(char::is_control) || muster_protocol::text::check("why", why).is_err() {
            let limit = limits::MAX_WHY_BYTES;
            return Err(format!("wants does not say why it has {want}: one sentence of 1 to {limit} bytes"));
        }
        if wants.iter().any(|other: &Wanted| other.want == want) {
            return Err(format!("wants has {want} twice"));
        }
        add(&mut wants, Wanted { want, why: Some(why.clone()) })?;
    }
    match (wants.iter().any(|wanted| wanted.want == Want::State), imports_state) {
        (true, false) => Err("wants has the state, and the plugin does not import it".to_owned()),
        (false, true) => Err("wants does not have the state, and the plugin imports it".to_owned()),
        (true, true) | (false, false) => Ok(wants),
    }
}

/// A name as it can be told: its author is not known.
fn shown(name: &str) -> String {
    format!("{:?}", name.chars().take(MAX_NAME_CHARS).collect::<String>())
}

fn origin(text: &str) -> Result<Want, String> {
    Origin::parse(text).map(Want::Origin).map_err(|error| error.to_string())
}

fn secret(text: &str) -> Result<Want, String> {
    SecretName::parse(text).map(Want::Secret).map_err(|error| error.to_string())
}

fn add(wants: &mut Vec<Wanted>, wanted: Wanted) -> Result<(), String> {
    let limit = limits::MAX_WANTS;
    if wants.len() >= limit {
        return Err(format!("it wants more than {limit} things"));
    }
    wants.push(wanted);
    Ok(())
}

fn without_wants(manifest: v2::Manifest) -> about::Manifest {
    about::Manifest {
        name: manifest.name,
        version: manifest.version,
        base_path: manifest.base_path,
        resources: manifest.resources,
        states: manifest.states,
        adoption: manifest.adoption,
        config_schema: manifest.config_schema,
        origins: Vec::new(),
        secrets: Vec::new(),
        calls_per_instance: manifest.calls_per_instance,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn want(kind: v2::WantKind, name: &str, why: &str) -> v2::Want {
        v2::Want { kind, name: name.to_owned(), why: why.to_owned() }
    }

    fn listed(wants: &[v2::Want], imports_state: bool) -> String {
        match of_list(wants, imports_state) {
            Ok(wants) => wants.iter().map(|wanted| wanted.want.to_string()).collect::<Vec<_>>().join(", "),
            Err(problem) => problem,
        }
    }

    #[test]
    fn three_places_say_what_and_not_why() {
        let manifest = |origins: &[&str], secrets: &[&str]| about::Manifest {
            name: "acme".to_owned(),
            version: "1.0.0".to_owned(),
            base_path: "/scim/v2".to_owned(),
            resources: Vec::new(),
            states: Vec::new(),
            adoption: about::AdoptionPolicy::Refuse,
            config_schema: String::new(),
            origins: origins.iter().map(ToString::to_string).collect(),
            secrets: secrets.iter().map(ToString::to_string).collect(),
            calls_per_instance: 1,
        };
        let told = |manifest: &about::Manifest, imports_state| {
            let wants = of_lists(manifest, imports_state)?;
            assert!(wants.iter().all(|wanted| wanted.why.is_none()));
            Ok::<_, String>(wants.iter().map(|wanted| wanted.want.to_string()).collect::<Vec<_>>())
        };
        let twice = manifest(&["https://a.example.com", "https://A.example.com:443"], &["key", "key"]);
        assert_eq!(told(&twice, true).unwrap(), ["origin https://a.example.com", "secret key", "state"]);
        assert_eq!(told(&manifest(&[], &[]), false).unwrap(), Vec::<String>::new());
        let wrong = told(&manifest(&["https://10.0.0.1"], &[]), false).unwrap_err();
        assert_eq!(wrong, "origins has \"https://10.0.0.1\": a host is named, and not given as an address");
    }

    #[test]
    fn one_list_says_what_and_why() {
        use v2::WantKind::{Origin, Secret, State};
        let good = [
            want(Origin, "https://API.example.com", "to invite people"),
            want(Secret, "api-key", "to sign in there"),
            want(State, "", "to remember who is invited"),
        ];
        assert_eq!(listed(&good, true), "origin https://api.example.com, secret api-key, state");
        assert_eq!(of_list(&good, true).unwrap()[0].why.as_deref(), Some("to invite people"));
        assert_eq!(listed(&[], false), "");

        assert_eq!(listed(&good, false), "wants has the state, and the plugin does not import it");
        assert_eq!(listed(&good[..2], true), "wants does not have the state, and the plugin imports it");
        let twice = [want(Secret, "a", "x"), want(Secret, "a", "y")];
        assert_eq!(listed(&twice, false), "wants has secret a twice");
        let named = [want(State, "mine", "x")];
        assert_eq!(listed(&named, true), "wants has the state under a name; there is one, and it has none");
        assert_eq!(
            listed(&[want(Origin, "http://a.b", "x")], false),
            "wants has the origin \"http://a.b\": an origin begins with https://"
        );
        assert_eq!(
            listed(&[want(Secret, "a b", "x")], false),
            "wants has the secret \"a b\": the name of a secret is 1 to 64 visible ASCII characters"
        );
    }

    #[test]
    fn a_reason_is_a_sentence_that_can_be_shown() {
        let long = "x".repeat(limits::MAX_WHY_BYTES + 1);
        for why in ["", " ", "a\nb", "\u{1b}[31m", "\u{202e}x", long.as_str()] {
            assert_eq!(
                listed(&[want(v2::WantKind::Secret, "a", why)], false),
                "wants does not say why it has secret a: one sentence of 1 to 256 bytes",
                "{why:?}"
            );
        }
    }

    #[test]
    fn wants_are_few() {
        let many =
            |count: usize| (0..count).map(|n| want(v2::WantKind::Secret, &format!("s{n}"), "x")).collect::<Vec<_>>();
        assert_eq!(of_list(&many(limits::MAX_WANTS), false).unwrap().len(), 64);
        assert_eq!(listed(&many(limits::MAX_WANTS + 1), false), "it wants more than 64 things");
    }
}
