use muster_model::{Record, ResourceId, ResourceType, TenantId};
use muster_store::Directory;
use serde_json::{Value, json};

use super::accounts::{READ_AT_ONCE, page};
use super::{DirectoryError, MAX_ACCOUNTS_LOOKED_AT};
use crate::history::not_none;
use crate::{AdminError, MAX_ACCOUNTS_A_PAGE, Service};

/// How many members of a group are shown at once.
pub const MAX_MEMBERS_A_PAGE: usize = 1_000;

impl Service {
    /// A page of a tenant's groups, in order of their ids.
    pub async fn product_groups(
        &self,
        tenant: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Value, DirectoryError> {
        not_none(limit)?;
        let tenant = self.row(tenant)?.id;
        let directory = self.parts.store.directory(&tenant);
        let limit = limit.min(MAX_ACCOUNTS_A_PAGE);
        let groups = page(directory.as_ref(), &ResourceType::GROUP, None, behind(after)?, limit).await?;
        let next = groups.last().filter(|_| groups.len() == limit).map(|group| group.id);
        let mut shown = Vec::with_capacity(groups.len());
        for group in &groups {
            shown.push(self.group_shown(&tenant, directory.as_ref(), group).await?);
        }
        Ok(json!({ "groups": shown, "next": next }))
    }

    /// One group, without its members.
    pub async fn product_group(&self, tenant: &str, id: &str) -> Result<(Value, String), DirectoryError> {
        let tenant = self.row(tenant)?.id;
        let directory = self.parts.store.directory(&tenant);
        let group = group(directory.as_ref(), &tenant, id).await?;
        Ok((self.group_shown(&tenant, directory.as_ref(), &group).await?, group.version.etag()))
    }

    /// A page of a group's members, in order of their ids: those whose account is listed, or all of them.
    ///
    /// It is asked when it is read: whoever comes to be listed shows in the groups at once, and nothing has to be sent again for it. Where
    /// many are not listed, a page can be short, or empty, and the next one goes on.
    pub async fn product_members(
        &self,
        tenant: &str,
        id: &str,
        all: bool,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Value, DirectoryError> {
        not_none(limit)?;
        let tenant = self.row(tenant)?.id;
        let directory = self.parts.store.directory(&tenant);
        let group = group(directory.as_ref(), &tenant, id).await?.id;
        let (limit, mut at) = (limit.min(MAX_MEMBERS_A_PAGE), behind(after)?);
        let (mut found, mut looked_at, mut next) = (Vec::new(), 0, None);
        'pages: loop {
            let wanted = (limit - found.len()).max(if all { 1 } else { READ_AT_ONCE });
            let members = directory.members(group, at, wanted).await?;
            let is_last = members.len() < wanted;
            for member in members {
                at = Some(member.id);
                looked_at += 1;
                // Who is deleted this moment is no member any more.
                let record = directory.get(&member.resource_type, member.id).await?;
                found.extend(record.filter(|record| all || record.account.listed));
                if found.len() >= limit || looked_at >= MAX_ACCOUNTS_LOOKED_AT {
                    next = at;
                    break 'pages;
                }
            }
            if is_last {
                break;
            }
        }
        Ok(json!({ "members": self.all_shown(&tenant, &found).await?, "next": next }))
    }

    /// A page of the groups that an account is a direct member of.
    pub async fn product_groups_of(
        &self,
        tenant: &str,
        id: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Value, DirectoryError> {
        not_none(limit)?;
        let tenant = self.row(tenant)?.id;
        let account = self.account_of(&tenant, id).await?;
        self.groups_page(&tenant, account.id, behind(after)?, limit.min(MAX_ACCOUNTS_A_PAGE)).await
    }

    pub(super) async fn groups_page(
        &self,
        tenant: &TenantId,
        of: ResourceId,
        after: Option<ResourceId>,
        limit: usize,
    ) -> Result<Value, DirectoryError> {
        let directory = self.parts.store.directory(tenant);
        let ids: Vec<_> = directory.groups_of(of).await?;
        let mut behind = ids.into_iter().filter(|id| after.is_none_or(|after| *id > after)).peekable();
        let page: Vec<_> = behind.by_ref().take(limit).collect();
        let next = page.last().filter(|_| behind.peek().is_some());
        let mut groups = Vec::with_capacity(page.len());
        for id in &page {
            if let Some(group) = directory.get(&ResourceType::GROUP, *id).await? {
                groups.push(json!({ "id": id, "displayName": group.document.text("displayName") }));
            }
        }
        Ok(json!({ "groups": groups, "next": next }))
    }

    async fn group_shown(
        &self,
        tenant: &TenantId,
        directory: &dyn Directory,
        group: &Record,
    ) -> Result<Value, DirectoryError> {
        let mut shown = self.account_shown(tenant, group).await?;
        shown["members"] = json!(directory.member_count(group.id).await?);
        Ok(shown)
    }
}

async fn group(directory: &dyn Directory, tenant: &TenantId, id: &str) -> Result<Record, DirectoryError> {
    let shown: String = id.chars().filter(|c| !c.is_control()).take(64).collect();
    let missing = || AdminError::NotFound(format!("group {shown} of tenant {tenant}"));
    let id = ResourceId::parse(id).ok_or_else(missing)?;
    Ok(directory.get(&ResourceType::GROUP, id).await?.ok_or_else(missing)?)
}

fn behind(after: Option<&str>) -> Result<Option<ResourceId>, DirectoryError> {
    let no_id = || AdminError::Wrong("after must be what an earlier page had as next".to_owned());
    Ok(after.map(|id| ResourceId::parse(id).ok_or_else(no_id)).transpose()?)
}
