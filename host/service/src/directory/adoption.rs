//! Where SCIM meets an account that the product made by hand: what becomes of it is for the tenant's plugin to say (decision record 26).

use muster_model::{Account, Event, Key, Record, ResourceId, ResourceType};
use muster_plugin::{AdoptionPolicy, Decision};
use muster_protocol::Document;
use muster_protocol::filter::{Filter, Literal, Op, canonical_path, element_of_key};
use muster_protocol::normalise::Normalised;
use muster_protocol::path::AttrPath;
use muster_protocol::schema::ResourceTypeDef;
use muster_protocol::text;
use muster_store::Write;
use serde_json::Value;

use crate::authenticate::Caller;
use crate::calling::called;
use crate::create::{Decided, Made, New, change_of};
use crate::expected::Expected;
use crate::retry::Attempt;
use crate::{ScimError, Service};

/// What an identity provider is told where the plugin has no sentence of its own.
const BY_HAND: &str = "an account that is managed by hand has one of these names; SCIM does not take it over";

/// The same where no name was sent, but the account's id.
const NOT_MANAGED: &str = "this account is managed by hand; SCIM does not manage it";

/// An account made by hand, and what becomes of it where SCIM meets it.
#[derive(Debug)]
pub(crate) struct ByHand {
    /// As it is kept.
    pub record: Record,
    verdict: Decision,
}

impl ByHand {
    /// Whether the user of SCIM takes it over.
    pub(crate) fn is_linked(&self) -> bool {
        self.verdict == Decision::Link
    }

    /// Whether identity providers do not see it.
    fn is_hidden(&self) -> bool {
        self.verdict == Decision::Hide
    }

    /// The 409: in the plugin's words, if it has some.
    pub(crate) fn refused(&self) -> ScimError {
        let detail = match &self.verdict {
            Decision::Refuse(detail) => detail.clone(),
            Decision::Link | Decision::Hide => BY_HAND.to_owned(),
        };
        ScimError::ByHand { detail }
    }

    /// The 409 where it was named by its id: in the plugin's words, if it has some.
    pub(crate) fn refused_by_id(&self) -> ScimError {
        match &self.verdict {
            Decision::Refuse(detail) if detail != BY_HAND => ScimError::ByHand { detail: detail.clone() },
            Decision::Refuse(_) | Decision::Link | Decision::Hide => {
                ScimError::ByHand { detail: NOT_MANAGED.to_owned() }
            }
        }
    }

    /// As a user of SCIM, which it is not yet.
    pub(crate) fn as_user(&self) -> Record {
        Record { resource_type: ResourceType::USER, ..self.record.clone() }
    }
}

/// The keys of a user that it did not have before, and that no account made by hand may have; the other way round for those. The store holds
/// it in the same commit.
pub(crate) fn not_by_hand(record: &Record, before: &[Key]) -> Vec<(ResourceType, Key)> {
    let other = match record.resource_type.as_str() {
        "User" => ResourceType::MANUAL_USER,
        "ManualUser" => ResourceType::USER,
        _ => return Vec::new(),
    };
    record.keys.iter().filter(|key| !before.contains(key)).map(|key| (other.clone(), key.clone())).collect()
}

impl Service {
    /// The account made by hand that has a name which this user comes to have; of several any.
    pub(crate) async fn holder_by_hand(
        &self,
        caller: &Caller,
        record: &Record,
        before: &[Key],
    ) -> Result<Option<ByHand>, ScimError> {
        if record.resource_type != ResourceType::USER {
            return Ok(None);
        }
        for (kind, key) in not_by_hand(record, before) {
            if let Some(found) = caller.tenant.directory.find(&kind, &key).await? {
                let verdict = verdict(caller, &record.document, &found.account)?;
                return Ok(Some(ByHand { record: found, verdict }));
            }
        }
        Ok(None)
    }

    /// The account made by hand with this id, as far as SCIM sees it.
    pub(crate) async fn by_hand(
        &self,
        caller: &Caller,
        resource_type: &ResourceType,
        id: ResourceId,
    ) -> Result<Option<ByHand>, ScimError> {
        if *resource_type != ResourceType::USER {
            return Ok(None);
        }
        let found = caller.tenant.directory.get(&ResourceType::MANUAL_USER, id).await?;
        shown_by_hand(caller, found)
    }

    /// Whether nobody has this id, neither as a user nor made by hand. Who was taken over after the user was looked for, and before the
    /// account made by hand was, is in neither place; nobody goes the other way, so a third look tells.
    pub(crate) async fn is_nobody(
        &self,
        caller: &Caller,
        resource_type: &ResourceType,
        id: ResourceId,
    ) -> Result<bool, ScimError> {
        Ok(*resource_type != ResourceType::USER || caller.tenant.directory.get(resource_type, id).await?.is_none())
    }

    /// The one that a lookup asks for by a name: what a filter of one comparison, or of one element's value, finds where no user of SCIM has it.
    pub(crate) async fn looked_up_by_hand(
        &self,
        caller: &Caller,
        def: &ResourceTypeDef,
        filter: &Filter,
    ) -> Result<Option<ByHand>, ScimError> {
        let Some((path, value)) = asked_name(filter) else { return Ok(None) };
        if def.name != ResourceType::USER.as_str() {
            return Ok(None);
        }
        let key = Key { attribute: canonical_path(def, &path), folded: text::fold(value) };
        let found = caller.tenant.directory.find(&ResourceType::MANUAL_USER, &key).await?;
        shown_by_hand(caller, found.filter(|found| has_element(def, found, filter, value)))
    }

    /// What it means that a user of SCIM takes an account over: the same id, what the plugin has decided of it once, and one commit for both.
    pub(crate) async fn decide_adopted(
        &self,
        caller: &Caller,
        by_hand: &ByHand,
        sent: &Normalised,
    ) -> Result<Decided, Attempt> {
        if !by_hand.is_linked() {
            return Err(by_hand.refused().into());
        }
        let old = &by_hand.record;
        let (resource_type, id, created) = (&ResourceType::USER, old.id, old.created);
        let (version, earlier) = (old.version.next(), Some(&old.account));
        let new = New { resource_type, id, created, version, sent, earlier, adopted: Some(old) };
        let mut decided = self.decide_new(caller, new).await?;
        for (kind, key) in &decided.free {
            // Two accounts do not become one.
            if caller.tenant.directory.find(kind, key).await?.is_some_and(|other| other.id != old.id) {
                return Err(by_hand.refused().into());
            }
        }
        let remove = Write::Remove { resource_type: ResourceType::MANUAL_USER, id, expected: Some(old.version) };
        decided.writes.insert(0, remove);
        decided.gone = Some(Box::new(change_of(caller, Event::Deleted, Some(old), None, old)));
        Ok(decided)
    }

    /// One attempt at writing to an account that was made by hand, as if it were a user of SCIM; `None`: there is none.
    pub(crate) async fn write_by_hand(
        &self,
        caller: &Caller,
        id: ResourceId,
        expected: &Expected,
        read: impl FnOnce(&Document) -> Result<Normalised, Attempt> + Send,
    ) -> Result<Option<Record>, Attempt> {
        let Some(by_hand) = self.by_hand(caller, &ResourceType::USER, id).await? else { return Ok(None) };
        expected.check(by_hand.record.version)?;
        if !by_hand.is_linked() {
            return Err(by_hand.refused_by_id().into());
        }
        let sent = read(&by_hand.record.document)?;
        caller.note(&sent.rewrites);
        let decided = self.decide_adopted(caller, &by_hand, &sent).await?;
        Ok(Some(self.commit(caller, decided).await?.record))
    }

    /// Commits what was decided by somebody who takes nothing over: an account of the other kind that has one of the names refuses it.
    pub(crate) async fn commit_apart(&self, caller: &Caller, decided: Decided) -> Result<Made, Attempt> {
        self.are_free(caller, &decided.free).await?;
        self.commit(caller, decided).await
    }

    /// Refuses what would need a name that an account of the other kind has. Of one that comes to have it after this was looked, the commit
    /// only says that it is stale: then all is decided again.
    pub(crate) async fn are_free(&self, caller: &Caller, free: &[(ResourceType, Key)]) -> Result<(), ScimError> {
        for (kind, key) in free {
            if caller.tenant.directory.find(kind, key).await?.is_some() {
                return Err(taken(caller, kind, key));
            }
        }
        Ok(())
    }
}

/// What is told of a name that an account of the other kind has.
pub(crate) fn taken(caller: &Caller, kind: &ResourceType, key: &Key) -> ScimError {
    if *kind == ResourceType::MANUAL_USER {
        ScimError::ByHand { detail: BY_HAND.to_owned() }
    } else {
        ScimError::Uniqueness { attribute: caller.bound.canonical(&ResourceType::USER, &key.attribute) }
    }
}

/// The name that a filter asks for, and the path of its attribute.
fn asked_name(filter: &Filter) -> Option<(AttrPath, &str)> {
    match filter {
        Filter::Compare { path, op: Op::Eq, literal: Literal::Text(value) } => Some((path.clone(), value)),
        Filter::Element { path, filter } => {
            let parts = if let Filter::And(all) = filter.as_ref() {
                all.as_slice()
            } else {
                std::slice::from_ref(filter.as_ref())
            };
            let of_element = |part| asked_name(part).filter(|(sub, _)| sub.name.eq_ignore_ascii_case("value"));
            let (sub, value) = parts.iter().find_map(of_element)?;
            Some((AttrPath { sub: Some(sub.name), ..path.clone() }, value))
        }
        _ => None,
    }
}

/// Whether an account has the element that a value path asks for, by its key or beside it; what else is asked, its keys have answered.
fn has_element(def: &ResourceTypeDef, found: &Record, filter: &Filter, value: &str) -> bool {
    let Filter::Element { path, filter } = filter else { return true };
    let Some(attribute) = def.resolve(path).and_then(|resolved| resolved.attribute) else { return false };
    let own = found.document.get(&attribute.name).and_then(Value::as_array);
    let known = [element_of_key(value)];
    own.map_or(&known[..], Vec::as_slice).iter().any(|element| filter.matches_element(attribute, element))
}

/// As identity providers see it: not at all where it is hidden.
fn shown_by_hand(caller: &Caller, found: Option<Record>) -> Result<Option<ByHand>, ScimError> {
    let Some(record) = found else { return Ok(None) };
    // Nobody sends anything of the user: it is asked for as what it is.
    let verdict = verdict(caller, &record.document, &record.account)?;
    Ok(Some(ByHand { record, verdict }).filter(|by_hand| !by_hand.is_hidden()))
}

/// What the plugin wants of it.
fn verdict(caller: &Caller, document: &Document, existing: &Account) -> Result<Decision, ScimError> {
    let plugin = caller.bound.plugin.as_ref();
    match plugin.manifest().adoption {
        AdoptionPolicy::Link => Ok(Decision::Link),
        AdoptionPolicy::Refuse => Ok(Decision::Refuse(BY_HAND.to_owned())),
        AdoptionPolicy::Hide => Ok(Decision::Hide),
        AdoptionPolicy::Ask => Ok(called(caller, || plugin.decide(&caller.call(), document, existing))??),
    }
}
