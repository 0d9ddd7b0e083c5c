use muster_model::{Grant, Want};

use crate::Manifest;

/// What a plugin may touch for a tenant beside pure mapping: what its manifest wants *and* the tenant's operator has granted to its name.
///
/// There is no other way to one than from both, so whoever lets a plugin out into the world takes this, and cannot forget to ask.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Granted {
    wants: Vec<Want>,
}

impl Granted {
    /// Of these grants of a tenant, what this plugin wants.
    pub fn of(manifest: &Manifest, grants: &[Grant]) -> Self {
        let is_granted = |want: &&Want| {
            let mut own = grants.iter().filter(|grant| grant.plugin == manifest.name);
            own.any(|grant| grant.want.covers(want))
        };
        Self { wants: manifest.wants.iter().map(|wanted| &wanted.want).filter(is_granted).cloned().collect() }
    }

    /// Whether this want is among them.
    pub fn has(&self, want: &Want) -> bool {
        self.wants.contains(want)
    }

    /// Whether a request to this URL may leave.
    pub fn may_call(&self, url: &str) -> bool {
        self.wants.iter().any(|want| matches!(want, Want::Origin(origin) if origin.admits(url)))
    }

    /// Whether the secret of this name may go with it.
    pub fn may_send(&self, secret: &str) -> bool {
        self.wants.iter().any(|want| matches!(want, Want::Secret(name) if name.as_str() == secret))
    }

    /// Whether it may remember something from one call to another.
    pub fn may_remember(&self) -> bool {
        self.wants.contains(&Want::State)
    }
}

#[cfg(test)]
mod tests {
    use muster_model::{Actor, Origin, SecretName, Timestamp};
    use muster_protocol::schema::Declarations;

    use super::*;
    use crate::{AdoptionPolicy, Wanted};

    fn origin(text: &str) -> Want {
        Want::Origin(Origin::parse(text).unwrap())
    }

    fn secret(name: &str) -> Want {
        Want::Secret(SecretName::parse(name).unwrap())
    }

    fn manifest(wants: Vec<Want>) -> Manifest {
        Manifest {
            contract: "0.2.0",
            name: "acme".to_owned(),
            version: "1.0.0".to_owned(),
            base_path: "/scim/v2".to_owned(),
            resources: Vec::new(),
            declarations: Declarations::default(),
            states: vec!["active".to_owned()],
            adoption: AdoptionPolicy::Refuse,
            config_schema: None,
            wants: wants.into_iter().map(|want| Wanted { want, why: None }).collect(),
            calls_per_instance: 1,
        }
    }

    fn grant(plugin: &str, want: Want) -> Grant {
        Grant { plugin: plugin.to_owned(), want, at: Timestamp::from_millis(0), by: Actor::Operator }
    }

    #[test]
    fn what_is_wanted_and_granted_may_be_touched_and_nothing_else() {
        let wants = vec![origin("https://api.example.com"), secret("api-key"), Want::State];
        let both = Granted::of(
            &manifest(wants.clone()),
            &wants.iter().cloned().map(|it| grant("acme", it)).collect::<Vec<_>>(),
        );
        assert!(both.may_call("https://api.example.com/v1") && both.may_send("api-key") && both.may_remember());
        assert!(!both.may_call("https://elsewhere.com/") && !both.may_send("other"));
        assert!(wants.iter().all(|want| both.has(want)));

        for nothing in [
            Granted::of(&manifest(wants.clone()), &[]),
            Granted::of(
                &manifest(wants.clone()),
                &wants.iter().cloned().map(|it| grant("other", it)).collect::<Vec<_>>(),
            ),
            Granted::of(&manifest(Vec::new()), &wants.iter().cloned().map(|it| grant("acme", it)).collect::<Vec<_>>()),
        ] {
            assert_eq!(nothing, Granted::default());
            assert!(
                !nothing.may_call("https://api.example.com/")
                    && !nothing.may_send("api-key")
                    && !nothing.may_remember()
            );
        }
    }

    #[test]
    fn a_wide_grant_gives_a_narrow_want_no_more_than_it_wants() {
        let narrow = origin("https://api.example.com");
        let granted = Granted::of(&manifest(vec![narrow.clone()]), &[grant("acme", origin("https://*.example.com"))]);
        assert!(granted.has(&narrow) && granted.may_call("https://api.example.com/"));
        assert!(!granted.may_call("https://other.example.com/"), "it was granted, and is not wanted");
    }

    #[test]
    fn a_narrow_grant_does_not_give_a_wide_want_a_part_of_it() {
        let wide = origin("https://*.example.com");
        let granted = Granted::of(&manifest(vec![wide]), &[grant("acme", origin("https://api.example.com"))]);
        assert_eq!(granted, Granted::default());
    }
}
