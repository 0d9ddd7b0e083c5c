use std::sync::Arc;

use muster_model::{Account, Key, Record, ResourceId, ResourceType, TenantId, TenantRow};
use muster_protocol::filter::canonical_path;
use muster_protocol::path::AttrPath;
use muster_protocol::schema::{Registry, ResourceTypeDef};
use muster_protocol::{Document, project, text};
use muster_store::{Directory, From, Locations, MembersShown, Position, Query};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::DirectoryError;
use crate::history::not_none;
use crate::webhooks::fields;
use crate::{AdminError, MAX_ACCOUNTS_A_PAGE, Service};

/// How many accounts are looked at for one page at most: where few are what is asked for, a page can be short, or empty, and the next one goes
/// on.
pub const MAX_ACCOUNTS_LOOKED_AT: usize = 2_000;

/// How many are read at once where only some of them are wanted.
pub(super) const READ_AT_ONCE: usize = 200;

/// Which accounts are asked for.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccountsAsked {
    /// Of this kind of resource; without it, users.
    #[serde(rename = "type")]
    kind: Option<String>,
    /// In this state.
    state: Option<String>,
    /// The one with this key: `userName:ada@example.com`.
    key: Option<String>,
    /// Whether the product lists them yet.
    listed: Option<bool>,
    /// `scim` or `manual`: who looks after them.
    managed_by: Option<ManagedBy>,
    /// Behind this one: `next` of the page before.
    after: Option<String>,
    /// How many at most.
    limit: Option<usize>,
}

/// How many there are in a page where nobody says.
const DEFAULT_PAGE: usize = 100;

/// Who looks after an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum ManagedBy {
    /// The identity provider.
    Scim,
    /// The product itself.
    Manual,
}

impl Service {
    /// A page of a tenant's accounts, in order of their ids: those of the identity provider first, then those made by hand.
    ///
    /// `change` is how far the log was when the page was read: who has read all pages follows the feed after what the first one says.
    pub async fn product_accounts(&self, tenant: &str, asked: AccountsAsked) -> Result<Value, DirectoryError> {
        let row = self.row(tenant)?;
        let limit = asked.limit.unwrap_or(DEFAULT_PAGE);
        not_none(limit)?;
        let limit = limit.min(MAX_ACCOUNTS_A_PAGE);
        let mut kinds = asked.kinds()?;
        self.check_kind(&row, asked.kind.as_deref())?;
        let change = self.last_place(&row.id).await?;
        let directory = self.parts.store.directory(&row.id);
        // Whoever goes on through the pages may have brought the last one out of a state of an earlier plugin.
        if let Some(state) = &asked.state
            && asked.after.is_none()
        {
            self.check_state(&row, &kinds, state).await?;
        }
        let is_asked = |record: &Record| {
            asked.listed.is_none_or(|listed| record.account.listed == listed)
                && asked.state.as_ref().is_none_or(|state| record.account.state == *state)
        };
        if let Some(key) = &asked.key {
            let key = self.key_asked(&row, kinds.first(), key)?;
            let mut found = Vec::new();
            for kind in &kinds {
                found.extend(directory.find(kind, &key).await?.filter(&is_asked));
            }
            return Ok(json!({ "accounts": self.all_shown(&row.id, &found).await?, "next": null, "change": change }));
        }
        let mut after = None;
        if let Some(cursor) = &asked.after {
            let (kind, id) = position(cursor).filter(|(kind, _)| kinds.contains(kind)).ok_or_else(no_cursor)?;
            kinds.drain(..kinds.iter().position(|it| *it == kind).unwrap_or(0));
            after = Some(id);
        }
        let (mut found, mut looked_at, mut next) = (Vec::new(), 0, None);
        'kinds: for kind in kinds {
            let mut at = after.take();
            loop {
                let wanted = (limit - found.len()).max(if asked.listed.is_some() { READ_AT_ONCE } else { 1 });
                let page = page(directory.as_ref(), &kind, asked.state.as_deref(), at, wanted).await?;
                let is_last = page.len() < wanted;
                for record in page {
                    at = Some(record.id);
                    looked_at += 1;
                    found.extend(is_asked(&record).then_some(record));
                    if found.len() >= limit || looked_at >= MAX_ACCOUNTS_LOOKED_AT {
                        next = at.map(|id| cursor(&kind, id));
                        break 'kinds;
                    }
                }
                if is_last {
                    break;
                }
            }
        }
        Ok(json!({ "accounts": self.all_shown(&row.id, &found).await?, "next": next, "change": change }))
    }

    /// Refuses a kind of resource that the tenant does not have.
    fn check_kind(&self, row: &TenantRow, kind: Option<&str>) -> Result<(), DirectoryError> {
        let bound = self.tenants.view().tenant(&row.id).and_then(|tenant| tenant.bound.load_full());
        let (Some(kind), Some(bound)) = (kind, bound) else { return Ok(()) };
        // Groups may be there from before the plugin served none.
        if bound.accepted.get(kind).is_some() || Registry::core().get(kind).is_some() {
            return Ok(());
        }
        let known: Vec<&str> = bound.accepted.types.iter().map(|def| def.name.as_str()).collect();
        Err(AdminError::Wrong(format!("type is one of {}", known.join(", "))).into())
    }

    /// Refuses a state that the plugin does not know: a word misspelt would be answered that nobody is in it. What is stored may be in
    /// states of an earlier plugin; one that names none can have any.
    async fn check_state(&self, row: &TenantRow, kinds: &[ResourceType], state: &str) -> Result<(), DirectoryError> {
        let bound = self.tenants.view().tenant(&row.id).and_then(|tenant| tenant.bound.load_full());
        let known = bound.as_ref().map_or(&[][..], |bound| bound.plugin.manifest().states.as_slice());
        if known.is_empty() || known.iter().any(|it| it == state) {
            return Ok(());
        }
        for kind in kinds {
            let stored = self.parts.store.directory(&row.id).states(kind).await?;
            if stored.iter().any(|(it, _)| it == state) {
                return Ok(());
            }
        }
        Err(AdminError::Wrong(format!("state is one of the plugin's own: {}", known.join(", "))).into())
    }

    /// How many of a tenant's accounts are in each state, by who looks after them.
    pub async fn product_states(&self, tenant: &str) -> Result<Value, DirectoryError> {
        let directory = self.parts.store.directory(&self.row(tenant)?.id);
        let mut states = Map::new();
        for (kind, by) in [(ResourceType::USER, "scim"), (ResourceType::MANUAL_USER, "manual")] {
            for (state, count) in directory.states(&kind).await? {
                let entry = states.entry(state).or_insert_with(|| json!({ "scim": 0, "manual": 0 }));
                entry[by] = json!(count);
            }
        }
        Ok(json!({ "states": states }))
    }

    /// One account, of whatever kind; `groups` has the first of those that it is a member of as well.
    pub async fn product_account(
        &self,
        tenant: &str,
        id: &str,
        groups: bool,
    ) -> Result<(Value, String), DirectoryError> {
        let tenant_id = self.row(tenant)?.id;
        let record = self.account_of(&tenant_id, id).await?;
        let mut shown = self.account_shown(&tenant_id, &record).await?;
        if groups {
            let page = self.groups_page(&tenant_id, record.id, None, MAX_ACCOUNTS_A_PAGE).await?;
            shown["groups"] = page["groups"].clone();
            shown["groups_next"] = page["next"].clone();
        }
        Ok((shown, record.version.etag()))
    }

    /// The record of an account, whoever looks after it.
    pub(crate) async fn account_of(&self, tenant: &TenantId, id: &str) -> Result<Record, DirectoryError> {
        let shown: String = id.chars().filter(|c| !c.is_control()).take(64).collect();
        let missing = || AdminError::NotFound(format!("account {shown} of tenant {tenant}"));
        let id = ResourceId::parse(id).ok_or_else(missing)?;
        Ok(self.account_with(tenant, id).await?.ok_or_else(missing)?)
    }

    pub(crate) async fn account_with(&self, tenant: &TenantId, id: ResourceId) -> Result<Option<Record>, AdminError> {
        if let Some(record) = self.find_record(tenant, id).await? {
            return Ok(Some(record));
        }
        match self.parts.store.directory(tenant).get(&ResourceType::MANUAL_USER, id).await? {
            Some(by_hand) => Ok(Some(by_hand)),
            // Between the two it can have been taken over; nobody goes the other way.
            None => self.find_record(tenant, id).await,
        }
    }

    /// An account as the product is shown it, with what the product itself keeps of it.
    pub(crate) async fn account_shown(&self, tenant: &TenantId, record: &Record) -> Result<Value, DirectoryError> {
        let mut shown = shown(&record.resource_type, &record.document, &record.account);
        shown["id"] = json!(record.id);
        shown["local"] = Value::Object(self.local_of(tenant, record.id).await?.values);
        shown["created"] = json!(record.created.to_string());
        shown["modified"] = json!(record.modified.to_string());
        shown["version"] = json!(record.version.etag());
        Ok(shown)
    }

    pub(super) async fn all_shown(&self, tenant: &TenantId, records: &[Record]) -> Result<Vec<Value>, DirectoryError> {
        let mut all = Vec::with_capacity(records.len());
        for record in records {
            all.push(self.account_shown(tenant, record).await?);
        }
        Ok(all)
    }

    /// The key that `userName:ada` asks for, as the mapping makes it. An attribute that there is not is refused: a word misspelt would be
    /// answered that nobody has it.
    fn key_asked(&self, row: &TenantRow, kind: Option<&ResourceType>, asked: &str) -> Result<Key, DirectoryError> {
        let no_key = || AdminError::Wrong("key is the path of an attribute, a colon and its value".to_owned());
        let bound = self.tenants.view().tenant(&row.id).and_then(|tenant| tenant.bound.load_full());
        let core = Registry::core();
        // Accounts made by hand have the attributes of users.
        let name = kind.filter(|kind| **kind != ResourceType::MANUAL_USER).map_or("User", ResourceType::as_str);
        let def = bound.as_ref().and_then(|bound| bound.accepted.get(name)).or_else(|| core.get(name));
        // The URN of an extension has colons of its own: the path ends at the first one behind it.
        let urn = def.into_iter().flat_map(|def| &def.extensions).map(|schema| schema.id.len());
        let behind =
            urn.filter(|length| asked.as_bytes().get(*length) == Some(&b':')).max().map_or(0, |length| length + 1);
        let colon = asked.get(behind..).and_then(|rest| rest.find(':')).ok_or_else(no_key)? + behind;
        let (path, value) = asked.split_at_checked(colon).ok_or_else(no_key)?;
        let attribute = match def {
            Some(def) => {
                let parsed = AttrPath::parse(path, &|urn| def.is_schema(urn)).map_err(|_| no_key())?;
                if def.resolve(&parsed).is_none() {
                    return Err(AdminError::Invalid(format!("the key's path is no attribute of {name}: {path}")).into());
                }
                canonical_path(def, &parsed)
            }
            None => path.to_ascii_lowercase(),
        };
        Ok(Key { attribute, folded: text::fold(value.strip_prefix(':').unwrap_or(value)) })
    }
}

impl AccountsAsked {
    /// The kinds of records, in the order in which they are listed.
    fn kinds(&self) -> Result<Vec<ResourceType>, AdminError> {
        let kind = self.kind.as_deref().map_or(ResourceType::USER, ResourceType::new);
        if kind == ResourceType::MANUAL_USER {
            // What the store calls them is nobody's business: they are told as users.
            let says = "type is a kind of resource; accounts made by hand are of type User, with managed_by=manual";
            return Err(AdminError::Wrong(says.to_owned()));
        }
        let manual = (kind == ResourceType::USER).then_some(ResourceType::MANUAL_USER);
        Ok(match self.managed_by {
            None => [Some(kind), manual].into_iter().flatten().collect(),
            Some(ManagedBy::Scim) => vec![kind],
            Some(ManagedBy::Manual) => manual.into_iter().collect(),
        })
    }
}

/// One side of an account: what a change and a record have in common.
pub(crate) fn shown(kind: &ResourceType, document: &Document, account: &Account) -> Value {
    let is_manual = *kind == ResourceType::MANUAL_USER;
    let mut shown = json!({
        "type": if is_manual { ResourceType::USER.as_str() } else { kind.as_str() },
        "managed_by": if is_manual { "manual" } else { "scim" },
        "state": account.state,
        "listed": account.listed,
        "keys": account.keys,
        "fields": fields(&account.fields),
    });
    for (name, value) in [
        ("active", document.get("active").cloned()),
        ("userName", document.text("userName").map(Into::into)),
        ("displayName", project::display_name(document).map(Into::into)),
    ] {
        if let Some(value) = value {
            shown[name] = value;
        }
    }
    shown
}

/// A page of the records of one kind, in order of their ids.
pub(super) async fn page(
    directory: &dyn Directory,
    kind: &ResourceType,
    state: Option<&str>,
    after: Option<ResourceId>,
    limit: usize,
) -> Result<Vec<Record>, DirectoryError> {
    if let Some(state) = state {
        return Ok(directory.by_state(kind, state, after, limit).await?);
    }
    let position = |id| From::After(Position { sort: None, resource_type: kind.clone(), id });
    let query = Query {
        kinds: vec![named(kind)],
        filter: None,
        sort: None,
        from: after.map_or(From::Offset(0), position),
        limit: u64::try_from(limit).unwrap_or(u64::MAX),
        locations: Locations::default(),
        inactive_states: Vec::new(),
        members_shown: MembersShown::All,
    };
    Ok(directory.list(&query).await?.records)
}

/// A kind that nothing is asked of but its name.
fn named(kind: &ResourceType) -> Arc<ResourceTypeDef> {
    let core = Registry::core();
    match core.get(kind.as_str()).or_else(|| core.get("User")) {
        Some(def) => Arc::new(ResourceTypeDef { name: kind.as_str().to_owned(), ..ResourceTypeDef::clone(def) }),
        None => unreachable!("users are built in"),
    }
}

/// The place behind a record, as a page tells it: `User.019a...`.
fn cursor(kind: &ResourceType, id: ResourceId) -> String {
    format!("{kind}.{id}")
}

fn position(cursor: &str) -> Option<(ResourceType, ResourceId)> {
    let (kind, id) = cursor.rsplit_once('.')?;
    Some((ResourceType::new(kind), ResourceId::parse(id)?))
}

fn no_cursor() -> DirectoryError {
    AdminError::Wrong("after must be what an earlier page of the same question had as next".to_owned()).into()
}
