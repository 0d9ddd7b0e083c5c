//! What plugins want beside pure mapping, and what operators grant them of it (decision record 21).
//!
//! A grant is one tenant's, to a plugin's name. `admin/grants.rs` is how operators see and change them; here is what binding asks.

use std::fmt;

use muster_model::{Actor, Grant, MAX_GRANTS_A_TENANT, PluginDigest, TenantRow, Timestamp, Want};
use muster_plugin::{Granted, Manifest, Wanted};
use serde::de::value::SeqAccessDeserializer;
use serde::de::{self, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use crate::{AdminError, Service};

/// What is granted in one go: `"all"` that the plugin wants, or a list of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NewGrants {
    /// All that it wants.
    All,
    /// These.
    These(Vec<Want>),
}

impl Default for NewGrants {
    fn default() -> Self {
        Self::These(Vec::new())
    }
}

impl NewGrants {
    /// Whether nothing is granted.
    pub(crate) fn is_nothing(&self) -> bool {
        *self == Self::default()
    }

    /// Of what this plugin wants, what is meant; refused if something is named that it does not want.
    pub(crate) fn of(&self, manifest: &Manifest) -> Result<Vec<Want>, AdminError> {
        let wanted = || manifest.wants.iter().map(|wanted| &wanted.want);
        let named = match self {
            Self::All => return Ok(wanted().cloned().collect()),
            Self::These(named) => named,
        };
        let Some(other) = named.iter().find(|named| !wanted().any(|want| want == *named)) else {
            return Ok(named.clone());
        };
        let all: Vec<String> = wanted().map(ToString::to_string).collect();
        let all = if all.is_empty() { "nothing".to_owned() } else { all.join(", ") };
        Err(AdminError::Invalid(format!("{} does not want {other}; it wants {all}", named_by(manifest))))
    }
}

impl<'de> Deserialize<'de> for NewGrants {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AllOrThese;

        impl<'de> Visitor<'de> for AllOrThese {
            type Value = NewGrants;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("\"all\", or a list of wants")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<NewGrants, E> {
                if text == "all" { Ok(NewGrants::All) } else { Err(E::invalid_value(de::Unexpected::Str(text), &self)) }
            }

            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<NewGrants, A::Error> {
                Deserialize::deserialize(SeqAccessDeserializer::new(list)).map(NewGrants::These)
            }
        }

        deserializer.deserialize_any(AllOrThese)
    }
}

/// A want that nobody has granted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Missing {
    /// What.
    #[serde(flatten)]
    pub want: Want,
    /// One sentence.
    pub detail: String,
}

/// The plugin as a sentence names it.
pub(crate) fn named_by(manifest: &Manifest) -> String {
    format!("plugin {} {}", manifest.name, manifest.version)
}

/// What a want lets a plugin do, in words that follow "it may" or "it wants to".
pub(crate) fn means(want: &Want) -> String {
    match want {
        Want::Origin(origin) if origin.is_wildcard() => {
            format!("send requests to every host below {} ({origin})", origin.host())
        }
        Want::Origin(origin) => format!("send requests to {origin}"),
        Want::Secret(name) => format!("send the secret {} with them", name.as_str()),
        Want::State => "remember something of this tenant from one task to the next".to_owned(),
    }
}

/// Of what a plugin wants, what the tenant has not granted.
pub(crate) fn missing<'a>(manifest: &'a Manifest, grants: &[Grant]) -> Vec<&'a Wanted> {
    let granted = Granted::of(manifest, grants);
    manifest.wants.iter().filter(|wanted| !granted.has(&wanted.want)).collect()
}

/// Refuses a plugin that wants what the tenant has not granted.
pub(crate) fn check(manifest: &Manifest, row: &TenantRow) -> Result<(), AdminError> {
    let missing = missing(manifest, &row.grants).into_iter().map(|wanted| {
        let why = wanted.why.as_ref().map_or_else(String::new, |why| format!("; it says: {why}"));
        Missing { want: wanted.want.clone(), detail: format!("it wants to {}{why}", means(&wanted.want)) }
    });
    let missing: Vec<Missing> = missing.collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(AdminError::NotGranted { tenant: row.id.clone(), plugin: named_by(manifest), missing })
}

/// Says in the log that a tenant's grants are others now.
pub(crate) fn tell_changed(row: &TenantRow, before: &[Grant]) {
    if row.grants != before {
        let (before, after) = (before.len(), row.grants.len());
        tracing::info!(tenant.id = %row.id, grants.before = before, grants.after = after, "grants changed");
    }
}

/// The row with these granted to a plugin's name; what was granted before stays as it was.
pub(crate) fn granting(
    mut row: TenantRow,
    plugin: &str,
    wants: &[Want],
    at: Timestamp,
) -> Result<TenantRow, AdminError> {
    for want in wants {
        if !row.grants.iter().any(|grant| grant.plugin == plugin && grant.want == *want) {
            row.grants.push(Grant { plugin: plugin.to_owned(), want: want.clone(), at, by: Actor::Operator });
        }
    }
    if row.grants.len() > MAX_GRANTS_A_TENANT {
        let id = &row.id;
        return Err(AdminError::Invalid(format!(
            "tenant {id} would have more than {MAX_GRANTS_A_TENANT} grants; withdraw those that nobody wants any more"
        )));
    }
    Ok(row)
}

impl Service {
    /// The row with what is granted to a plugin together with its binding. The caller holds the administration lock.
    pub(crate) async fn with_grants(
        &self,
        row: TenantRow,
        plugin: &PluginDigest,
        new: &NewGrants,
    ) -> Result<TenantRow, AdminError> {
        if new.is_nothing() {
            return Ok(row);
        }
        let plugin = self.plugin(plugin).await?;
        let wants = new.of(plugin.manifest())?;
        granting(row, &plugin.manifest().name, &wants, self.parts.clock.now())
    }

    /// What a rollout is to grant when its candidate decides; refused if that would still be refused then.
    pub(crate) async fn wants_to_grant(
        &self,
        row: &TenantRow,
        digest: PluginDigest,
        new: &NewGrants,
    ) -> Result<Vec<Want>, AdminError> {
        let plugin = match self.plugin(&digest).await {
            Ok(plugin) => plugin,
            // A step of its own says so, and nothing is granted to what cannot be read.
            Err(_) if new.is_nothing() => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let wants = new.of(plugin.manifest())?;
        let row = granting(row.clone(), &plugin.manifest().name, &wants, self.parts.clock.now())?;
        if digest != row.binding.plugin {
            check(plugin.manifest(), &row)?;
        }
        Ok(wants)
    }

    /// As a step of a rollout: whether its candidate could be bound, as far as its wants are concerned.
    pub(crate) async fn check_wants(
        &self,
        row: &TenantRow,
        digest: PluginDigest,
        wants: &[Want],
    ) -> Result<(), AdminError> {
        self.wants_to_grant(row, digest, &NewGrants::These(wants.to_vec())).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use muster_model::{Binding, DeliverySettings, Origin, Retention, ScimSettings, SecretName, TenantId};
    use muster_plugin::AdoptionPolicy;
    use muster_protocol::schema::Declarations;
    use serde_json::json;

    use super::*;

    fn origin(text: &str) -> Want {
        Want::Origin(Origin::parse(text).unwrap())
    }

    fn manifest(version: &str, wants: &[(Want, Option<&str>)]) -> Manifest {
        let wanted = |(want, why): &(Want, Option<&str>)| Wanted { want: want.clone(), why: why.map(str::to_owned) };
        Manifest {
            contract: "0.2.0",
            name: "acme".into(),
            version: version.into(),
            base_path: "/scim/v2".into(),
            resources: Vec::new(),
            declarations: Declarations::default(),
            states: vec!["active".into()],
            adoption: AdoptionPolicy::Refuse,
            config_schema: None,
            wants: wants.iter().map(wanted).collect(),
            calls_per_instance: 1,
        }
    }

    fn row() -> TenantRow {
        let at = Timestamp::from_millis(0);
        TenantRow {
            id: TenantId::parse("globex").unwrap(),
            created: at,
            binding: Binding { plugin: PluginDigest::of(b""), config: json!({}), revision: 1, at },
            previous: None,
            scim: ScimSettings::default(),
            retention: Retention::default(),
            grants: Vec::new(),
            secrets: Vec::new(),
            delivery: DeliverySettings::default(),
        }
    }

    #[test]
    fn what_is_missing_is_told_with_a_sentence_each() {
        let secret = Want::Secret(SecretName::parse("api-key").unwrap());
        let wants = [
            (origin("https://*.example.com"), Some("invitations are sent there")),
            (secret, None),
            (Want::State, None),
        ];
        let manifest = manifest("1.0.0", &wants);

        let told = check(&manifest, &row()).unwrap_err().to_string();

        assert_eq!(
            told,
            "plugin acme 1.0.0 wants what tenant globex has not granted: it wants to send requests to every host below example.com \
             (https://*.example.com); it says: invitations are sent there; it wants to send the secret api-key with them; it wants to \
             remember something of this tenant from one task to the next"
        );
        let all = NewGrants::All.of(&manifest).unwrap();
        let granted = granting(row(), "acme", &all, Timestamp::from_millis(5)).unwrap();
        assert!(check(&manifest, &granted).is_ok());
        assert_eq!(granted.grants.len(), 3);
        let again = granting(granted.clone(), "acme", &all, Timestamp::from_millis(9)).unwrap();
        assert_eq!(again, granted, "what was granted before stays as it was");
        assert!(check(&manifest, &granting(row(), "other", &all, Timestamp::from_millis(5)).unwrap()).is_err());
    }

    #[test]
    fn only_what_is_wanted_can_be_granted() {
        let (nothing, manifest) =
            (manifest("2.0.0", &[]), manifest("1.0.0", &[(origin("https://api.example.com"), None)]));
        let refused = |new: NewGrants| new.of(&manifest).unwrap_err().to_string();
        assert_eq!(
            refused(NewGrants::These(vec![origin("https://*.example.com")])),
            "plugin acme 1.0.0 does not want origin https://*.example.com; it wants origin https://api.example.com"
        );
        let told = NewGrants::These(vec![Want::State]).of(&nothing).unwrap_err().to_string();
        assert_eq!(told, "plugin acme 2.0.0 does not want state; it wants nothing");
        assert_eq!(NewGrants::All.of(&nothing).unwrap(), Vec::new());
    }

    #[test]
    fn a_tenant_has_so_many_grants_and_no_more() {
        let many = |count: usize| {
            let secret = |n: usize| Want::Secret(SecretName::parse(&format!("s{n}")).unwrap());
            granting(row(), "acme", &(0..count).map(secret).collect::<Vec<_>>(), Timestamp::from_millis(0))
        };
        assert_eq!(many(MAX_GRANTS_A_TENANT).unwrap().grants.len(), 256);
        assert_eq!(
            many(MAX_GRANTS_A_TENANT + 1).unwrap_err().to_string(),
            "tenant globex would have more than 256 grants; withdraw those that nobody wants any more"
        );
    }

    #[test]
    fn grants_are_all_or_a_list() {
        let read = |value| serde_json::from_value::<NewGrants>(value);
        assert_eq!(read(json!("all")).unwrap(), NewGrants::All);
        assert_eq!(read(json!([{ "kind": "state" }])).unwrap(), NewGrants::These(vec![Want::State]));
        assert!(read(json!([])).unwrap().is_nothing());
        assert!(read(json!("some")).unwrap_err().to_string().contains("\"all\", or a list of wants"));
        let wrong = read(json!([{ "kind": "origin", "name": "http://a.b" }])).unwrap_err().to_string();
        assert_eq!(wrong, "an origin begins with https://");
    }
}
