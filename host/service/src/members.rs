//! Membership: from what a client wrote to rows that are added and removed.

use std::collections::{BTreeMap, HashSet};

use muster_model::{ResourceId, ResourceType};
use muster_protocol::MemberRef;
use muster_protocol::dialect::Rule;
use muster_protocol::filter::Filter;
use muster_protocol::patch::MemberEdit;
use muster_protocol::path::AttrPath;
use muster_store::{Called, Member, MembersShown, Write};

use crate::authenticate::Caller;
use crate::render::{hidden, member_shown};
use crate::retry::Attempt;
use crate::settings::UnknownMembers;
use crate::{ScimError, Service};

/// How many rows are read at once, where all of a group's are wanted.
pub(crate) const MEMBERS_A_READ: usize = 1000;

/// Rows that a write adds and removes, in the order in which they came; only those that change something.
#[derive(Debug, Default)]
pub(crate) struct RowChanges {
    pub added: Vec<Member>,
    pub removed: Vec<ResourceId>,
    /// The rows were decided from the whole group, so it must not have changed meanwhile.
    pub from_whole: bool,
    /// Whom the client is not shown, where the rows were decided from the whole group; in order.
    pub hidden: Vec<ResourceId>,
}

impl RowChanges {
    pub(crate) fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty()
    }

    pub(crate) fn writes(&self, group: ResourceId) -> impl Iterator<Item = Write> {
        let removed = self.removed.iter().map(move |member| Write::RemoveMember { group, member: *member });
        let added = self.added.iter().map(move |member| Write::AddMember { group, member: member.clone() });
        removed.chain(added)
    }
}

impl Service {
    /// Finds the members that a client names; those that do not exist are left out or refused, as the tenant has it (Q18).
    ///
    /// Ids of other tenants are unknown ids: the directory is bound to this tenant.
    pub(crate) async fn known_members(&self, caller: &Caller, named: &[MemberRef]) -> Result<Vec<Member>, Attempt> {
        let mut known = Vec::with_capacity(named.len());
        for reference in named {
            let found = match ResourceId::parse(&reference.value) {
                Some(id) => self.member(caller, id).await?,
                None => None,
            };
            match found {
                Some(member) => known.push(member),
                None if self.can_be_taken_over(caller, reference).await? => {
                    let shown = shown(reference);
                    let detail = format!(
                        "members: {shown} is an account that is managed by hand; update the user first, which takes it over"
                    );
                    return Err(muster_protocol::Invalid::value(detail).into());
                }
                // Who was taken over between the two looks is a user by now.
                None if !self.is_nobody_named(caller, reference).await? => return Err(Attempt::Stale),
                None if caller.bound.settings.unknown_members == UnknownMembers::Refuse => {
                    let detail = format!("members: there is no resource {}", shown(reference));
                    return Err(muster_protocol::Invalid::value(detail).into());
                }
                None => {
                    metrics::counter!("muster_unknown_members_total").increment(1);
                    caller.notes().add_one(Rule::UnknownMemberIgnored, "members");
                    tracing::info!(tenant.id = %caller.tenant.id, request.id = %caller.request, "a member that does not exist was left out");
                }
            }
        }
        Ok(known)
    }

    /// Whether it is an account made by hand that a lookup finds and a write would take over: an identity provider takes it for a user, and
    /// would take silence for a membership.
    async fn can_be_taken_over(&self, caller: &Caller, reference: &MemberRef) -> Result<bool, ScimError> {
        let Some(id) = ResourceId::parse(&reference.value) else { return Ok(false) };
        Ok(self.by_hand(caller, &ResourceType::USER, id).await?.is_some_and(|by_hand| by_hand.is_linked()))
    }

    async fn is_nobody_named(&self, caller: &Caller, reference: &MemberRef) -> Result<bool, ScimError> {
        let Some(id) = ResourceId::parse(&reference.value) else { return Ok(true) };
        self.is_nobody(caller, &ResourceType::USER, id).await
    }

    /// The user or group with this id, as a member.
    pub(crate) async fn member(&self, caller: &Caller, id: ResourceId) -> Result<Option<Member>, ScimError> {
        for resource_type in [ResourceType::USER, ResourceType::GROUP] {
            if caller.tenant.directory.get(&resource_type, id).await?.is_some() {
                return Ok(Some(Member { id, resource_type }));
            }
        }
        Ok(None)
    }

    /// All members of a group, by id.
    pub(crate) async fn all_members(&self, caller: &Caller, group: ResourceId) -> Result<Vec<Member>, ScimError> {
        let mut all = Vec::new();
        loop {
            let after = all.last().map(|member: &Member| member.id);
            let page = caller.tenant.directory.members(group, after, MEMBERS_A_READ).await?;
            let last = page.len() < MEMBERS_A_READ;
            all.extend(page);
            if last {
                return Ok(all);
            }
        }
    }

    /// What a sequence of edits does to a group's rows. Adding and removing by id read only those rows; what speaks of the whole group
    /// (`replace`, `remove` without a value, a filter that is more than ids) reads all of it, and is about those whom the client is shown:
    /// who is not shown stays, unless an id names who is to go.
    pub(crate) async fn row_changes(
        &self,
        caller: &Caller,
        group: ResourceId,
        edits: &[MemberEdit],
    ) -> Result<RowChanges, Attempt> {
        let edits = match caller.bound.settings.members_shown {
            // Who is shown everybody speaks of everybody: what came before does not matter.
            MembersShown::All => {
                let settles = |edit: &MemberEdit| matches!(edit, MemberEdit::Clear | MemberEdit::Set(_));
                edits.get(edits.iter().rposition(settles).unwrap_or(0)..).unwrap_or_default()
            }
            MembersShown::Listed => edits,
        };
        let from_whole = edits.iter().any(|edit| match edit {
            MemberEdit::Add(_) | MemberEdit::Remove(_) => false,
            MemberEdit::RemoveWhere(_) | MemberEdit::Clear | MemberEdit::Set(_) => true,
        });
        let mut rows = Rows::new();
        let mut changes = RowChanges { from_whole, ..RowChanges::default() };
        if from_whole {
            let all = self.all_members(caller, group).await?;
            changes.hidden = hidden(caller, &all).await?;
            for member in all {
                let is_hidden = changes.hidden.binary_search(&member.id).is_ok();
                rows.insert(member.id, Row { before: Some(member.clone()), after: Some(member), is_hidden });
            }
        }
        for edit in edits {
            match edit {
                MemberEdit::Add(named) => self.add_rows(caller, group, named, from_whole, &mut rows).await?,
                MemberEdit::Set(named) => {
                    empty(&mut rows);
                    self.add_rows(caller, group, named, from_whole, &mut rows).await?;
                }
                MemberEdit::Clear => empty(&mut rows),
                MemberEdit::Remove(ids) => {
                    let ids: Vec<ResourceId> = ids.iter().filter_map(|id| ResourceId::parse(id)).collect();
                    if !from_whole {
                        self.read_rows(caller, group, &ids, &mut rows).await?;
                    }
                    for id in ids {
                        if let Some(row) = rows.get_mut(&id) {
                            row.after = None;
                        }
                    }
                }
                MemberEdit::RemoveWhere(filter) => remove_where(caller, filter, &mut rows).await?,
            }
        }
        for (id, row) in rows {
            match (row.before, row.after) {
                (None, Some(member)) => changes.added.push(member),
                (Some(_), None) => changes.removed.push(id),
                (None, None) | (Some(_), Some(_)) => {}
            }
        }
        Ok(changes)
    }

    async fn add_rows(
        &self,
        caller: &Caller,
        group: ResourceId,
        named: &[MemberRef],
        from_whole: bool,
        rows: &mut Rows,
    ) -> Result<(), Attempt> {
        let mut known = self.known_members(caller, named).await?;
        // A group that contains itself makes every walk through groups endless.
        known.retain(|member| member.id != group);
        let hidden: HashSet<ResourceId> = if from_whole {
            hidden(caller, &known).await?.into_iter().collect()
        } else {
            let ids: Vec<ResourceId> = known.iter().map(|member| member.id).collect();
            self.read_rows(caller, group, &ids, rows).await?;
            HashSet::new()
        };
        for member in known {
            let is_hidden = hidden.contains(&member.id);
            let row = rows.entry(member.id).or_insert_with(|| Row { is_hidden, ..Row::default() });
            row.after = Some(member);
        }
        Ok(())
    }

    /// Reads how rows are, for ids that were not spoken of yet.
    async fn read_rows(
        &self,
        caller: &Caller,
        group: ResourceId,
        ids: &[ResourceId],
        rows: &mut Rows,
    ) -> Result<(), ScimError> {
        let new: Vec<ResourceId> = ids.iter().copied().filter(|id| !rows.contains_key(id)).collect();
        let are = caller.tenant.directory.are_members(group, &new).await?;
        for (id, is) in new.into_iter().zip(are) {
            // For a row that is only looked at, the kind does not matter: it is removed by id, or stays as it is.
            let row = is.then_some(Member { id, resource_type: ResourceType::USER });
            rows.insert(id, Row { before: row.clone(), after: row, is_hidden: false });
        }
        Ok(())
    }
}

/// What a client wrote, as it can be shown.
fn shown(reference: &MemberRef) -> String {
    reference.value.chars().filter(|c| !c.is_control()).take(64).collect()
}

/// Every id that is spoken of.
type Rows = BTreeMap<ResourceId, Row>;

/// How a row was, and how it will be.
#[derive(Debug, Default)]
struct Row {
    before: Option<Member>,
    after: Option<Member>,
    /// Only known where rows are decided from the whole group: by id, whoever is named is meant.
    is_hidden: bool,
}

fn empty(rows: &mut Rows) {
    for row in rows.values_mut().filter(|row| !row.is_hidden) {
        row.after = None;
    }
}

/// Removes the members that a value path's filter selects, by what an answer shows of them; of those that no answer shows, whom it names.
async fn remove_where(caller: &Caller, filter: &Filter, rows: &mut Rows) -> Result<(), ScimError> {
    let members = AttrPath { urn: None, name: "members".to_owned(), sub: None };
    let resolved = caller.bound.served(&ResourceType::GROUP)?.resolve(&members);
    let Some(attribute) = resolved.and_then(|resolved| resolved.attribute) else { return Ok(()) };
    let left = rows.values().filter_map(|row| row.after.clone());
    let of: Vec<_> = left.map(|member| (member.resource_type, member.id)).collect();
    let names = caller.tenant.directory.names(&of).await?;
    for ((resource_type, id), name) in of.into_iter().zip(names) {
        let name = name.and_then(|Called(name)| name);
        let shown = member_shown(caller, &Member { id, resource_type }, name.as_deref());
        if let Some(row) = rows.get_mut(&id)
            && filter.matches_element(attribute, &shown)
            && (!row.is_hidden || filter.names_element(attribute, &shown))
        {
            row.after = None;
        }
    }
    Ok(())
}
