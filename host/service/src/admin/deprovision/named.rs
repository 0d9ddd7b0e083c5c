//! Whose deprovision is meant: names are given again.

use std::collections::BTreeSet;

use muster_model::{Event, Key, LogEntry, ResourceId, ResourceType, TenantRow};
use muster_protocol::text::fold;

use super::{ENTRIES_A_READ, MAX_ENTRIES_GONE_THROUGH};
use crate::{AdminError, Service};

/// How many of those who had one name are told.
const MAX_IDS_TOLD: usize = 5;

/// How much of a name is said again.
const MAX_SAID_AGAIN: usize = 64;

impl Service {
    /// The id of a user: it is given, or it is that of who has the `userName`, or had it when deleted. Who has it and never lost access is
    /// not meant if somebody else had it: names are given again. Of several who are meant it says the ids.
    pub(super) async fn deprovisioned_user(&self, row: &TenantRow, user: &str) -> Result<ResourceId, AdminError> {
        let directory = self.parts.store.directory(&row.id);
        let key = Key { attribute: "username".to_owned(), folded: fold(user) };
        let holder = directory.find(&ResourceType::USER, &key).await?;
        // A plugin can keep another name under the key, which nobody is listed by.
        let holder = holder.filter(|it| it.document.text("userName").map(fold).as_ref() == Some(&key.folded));
        let holder = holder.map(|record| record.id);
        if let Some(id) = ResourceId::parse(user) {
            return match holder.filter(|holder| *holder != id) {
                Some(holder) => match self.latest_deprovision(row, id).await {
                    Err(AdminError::NotFound(_)) => Ok(holder),
                    Ok(_) | Err(_) => Err(several(user, &BTreeSet::from([id, holder]))),
                },
                None => Ok(id),
            };
        }
        let mut meant = BTreeSet::new();
        if let Some(id) = holder {
            match self.latest_deprovision(row, id).await {
                Err(AdminError::NotFound(_)) => {}
                Ok(_) | Err(_) => {
                    meant.insert(id);
                }
            }
        }
        let status = self.parts.store.log_keeper(&row.id).status().await?;
        let mut before = status.last + 1;
        let stop = before.saturating_sub(MAX_ENTRIES_GONE_THROUGH).max(status.first);
        while before > stop {
            let after = before.saturating_sub(ENTRIES_A_READ + 1).max(stop - 1);
            let (entries, _) = self.ended_between(row, after, before, None).await?;
            let had_it = |entry: &&LogEntry| {
                let side = entry.change.before.as_ref().filter(|_| entry.change.event == Event::Deleted);
                side.and_then(|side| side.document.text("userName")).is_some_and(|name| fold(name) == key.folded)
            };
            meant.extend(entries.iter().filter(had_it).map(|entry| entry.change.id));
            before = after + 1;
        }
        if meant.len() > 1 {
            return Err(several(user, &meant));
        }
        if let Some(id) = meant.first().copied().or(holder) {
            return Ok(id);
        }
        let shown = said_again(user);
        Err(AdminError::NotFound(format!(
            "user {shown} in tenant {}, nor one of this name that was deleted in the last {MAX_ENTRIES_GONE_THROUGH} entries of the log (an id is \
             always found)",
            row.id
        )))
    }
}

fn several(user: &str, ids: &BTreeSet<ResourceId>) -> AdminError {
    let told: Vec<String> = ids.iter().take(MAX_IDS_TOLD).map(ResourceId::to_string).collect();
    let (shown, count, told) = (said_again(user), ids.len(), told.join(", "));
    AdminError::Wrong(format!("{shown} names {count} users who have lost access: name one by id ({told})"))
}

fn said_again(user: &str) -> String {
    user.chars().filter(|c| !c.is_control()).take(MAX_SAID_AGAIN).collect()
}
