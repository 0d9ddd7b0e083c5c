//! Whom a decision names: by id, or by `userName`, which somebody else may have had before.

use std::collections::{BTreeMap, BTreeSet};

use muster_model::{Event, Key, ResourceId, ResourceType, TenantRow};
use muster_protocol::text::fold;
use muster_store::MAX_TASKS_A_PAGE;

use super::relief::is_affected;
use crate::admin::MAX_ENTRIES_GONE_THROUGH;
use crate::{AdminError, Service};

/// How many entries are read at once.
const ENTRIES_A_READ: usize = 500;

/// How many of those who had one name are told.
const MAX_IDS_TOLD: usize = 5;

/// How much of a name that nobody has is said again.
const MAX_SAID_AGAIN: usize = 64;

impl Service {
    /// The ids of those who are named, each by id or `userName`. A name is that of who has it now, or had it when deleted within the latest
    /// entries of the log; of several, the one of whom something is held. It decides over nobody whom the list does not show by it.
    pub(super) async fn named_users(&self, row: &TenantRow, users: &[String]) -> Result<Vec<ResourceId>, AdminError> {
        let mut by_name: BTreeMap<String, BTreeSet<ResourceId>> = BTreeMap::new();
        let directory = self.parts.store.directory(&row.id);
        for user in users {
            let folded = fold(user);
            let key = Key { attribute: "username".to_owned(), folded: folded.clone() };
            let holder = directory.find(&ResourceType::USER, &key).await?;
            // A plugin can keep another name under the key, which nobody is listed by.
            let holder = holder.filter(|it| it.document.text("userName").map(fold).as_ref() == Some(&folded));
            let holder = holder.map(|record| record.id);
            by_name.entry(folded).or_default().extend(holder);
        }
        if users.iter().any(|user| ResourceId::parse(user).is_none()) {
            self.deleted_of(row, &mut by_name).await?;
        }
        let mut ids = Vec::with_capacity(users.len());
        for user in users {
            let named = by_name.get(&fold(user));
            let id = match ResourceId::parse(user) {
                Some(id) if named.into_iter().flatten().all(|holder| *holder == id) => id,
                Some(id) => {
                    return Err(AdminError::Wrong(format!(
                        "{id} is an id, and the userName of another user: name the tasks by their numbers"
                    )));
                }
                None => self.one_of(row, user, named).await?,
            };
            ids.push(id);
        }
        Ok(ids)
    }

    /// Adds those who had one of the names when they were deleted lately.
    async fn deleted_of(
        &self,
        row: &TenantRow,
        by_name: &mut BTreeMap<String, BTreeSet<ResourceId>>,
    ) -> Result<(), AdminError> {
        let directory = self.parts.store.directory(&row.id);
        let status = self.parts.store.log_keeper(&row.id).status().await?;
        let mut after = status.last.saturating_sub(MAX_ENTRIES_GONE_THROUGH);
        loop {
            let entries = directory.log(after, ENTRIES_A_READ).await?;
            let Some(last) = entries.last().map(|entry| entry.seq) else { return Ok(()) };
            after = last;
            for change in entries.iter().map(|entry| &entry.change).filter(|change| change.event == Event::Deleted) {
                let name = change.before.as_ref().and_then(|before| before.document.text("userName"));
                let of = name.filter(|_| change.resource_type == ResourceType::USER).map(fold);
                if let Some(of) = of.and_then(|name| by_name.get_mut(&name)) {
                    of.insert(change.id);
                }
            }
            tokio::task::yield_now().await;
        }
    }

    async fn one_of(
        &self,
        row: &TenantRow,
        user: &str,
        of: Option<&BTreeSet<ResourceId>>,
    ) -> Result<ResourceId, AdminError> {
        let shown: String = user.chars().filter(|c| !c.is_control()).take(MAX_SAID_AGAIN).collect();
        let all: Vec<ResourceId> = of.into_iter().flatten().copied().collect();
        let (outbox, is_engaged) = (self.parts.store.outbox(&row.id), row.delivery.brake.engaged.is_some());
        let mut affected = Vec::new();
        for id in &all {
            let tasks = outbox.lanes_of(*id, MAX_TASKS_A_PAGE).await?;
            if tasks.iter().any(|(task, progress)| is_affected(task, progress, is_engaged)) {
                affected.push(*id);
            }
        }
        match (affected.as_slice(), all.as_slice()) {
            ([one], _) => Ok(*one),
            ([], [one]) => Err(AdminError::Wrong(format!("nothing is held of user {shown} ({one})"))),
            ([], []) => Err(AdminError::NotFound(format!(
                "user {shown} in tenant {}, nor one of this name that was deleted in the last {MAX_ENTRIES_GONE_THROUGH} entries of the log (an \
                 id is always found)",
                row.id
            ))),
            ([], several) | (several, _) => {
                let told: Vec<String> = several.iter().take(MAX_IDS_TOLD).map(ResourceId::to_string).collect();
                let (count, ids) = (several.len(), told.join(", "));
                Err(AdminError::Wrong(format!("{shown} is the userName of {count} users: name one by id ({ids})")))
            }
        }
    }
}
