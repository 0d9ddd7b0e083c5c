use muster_model::{PluginDigest, RolloutState, TenantRow};

use super::policy::called;
use super::view::PluginView;
use crate::{AdminError, Service};

/// How many tasks are looked at at once.
const TASKS_A_PAGE: usize = 1_000;

impl Service {
    /// Forgets a plugin that nobody uses. Whose accounts it once made does not matter: they are kept as they are.
    pub async fn remove_plugin(&self, reference: &str) -> Result<PluginView, AdminError> {
        // Nobody finishes an import, binds or begins a rollout meanwhile.
        let _no_import = self.loading.lock().await;
        let _one_at_a_time = self.administration.lock().await;
        let row = self.resolve(reference).await?;
        if let Some(user) = self.user_of(&row.digest).await? {
            return Err(AdminError::InUse(format!("{} is used by {user}", called(&row))));
        }
        self.parts.store.remove_plugin(&row.digest).await?;
        self.loaded().remove(&row.digest);
        tracing::info!(plugin.name = %row.name, plugin.version = %row.version, plugin.digest = %row.digest, "plugin removed");
        Ok(PluginView::of(&row))
    }

    /// Who needs a plugin: the first that is found.
    async fn user_of(&self, plugin: &PluginDigest) -> Result<Option<String>, AdminError> {
        let rows = self.parts.store.tenants().await?;
        if let Some(user) = rows.iter().find_map(|row| bound_to(row, plugin)) {
            return Ok(Some(user));
        }
        for row in &rows {
            let tenant = &row.id;
            for rollout in self.parts.store.rollouts(tenant).await? {
                let is_over = match rollout.state {
                    RolloutState::Running | RolloutState::Waiting | RolloutState::Watching => false,
                    // Whatever of these decides is in the binding.
                    RolloutState::Active
                    | RolloutState::Done
                    | RolloutState::Failed
                    | RolloutState::Cancelled
                    | RolloutState::RolledBack
                    | RolloutState::Replaced => true,
                };
                if !is_over && (rollout.plugin == *plugin || rollout.from == *plugin) {
                    return Ok(Some(format!("rollout {} of tenant {tenant}", rollout.id)));
                }
            }
            let outbox = self.parts.store.outbox(tenant);
            let mut after = 0;
            loop {
                let tasks = outbox.tasks(after, TASKS_A_PAGE).await?;
                if let Some(task) = tasks.iter().find(|task| task.task.plugin == *plugin) {
                    return Ok(Some(format!("task {} of tenant {tenant}, which waits", task.seq)));
                }
                let Some(last) = tasks.last() else { break };
                after = last.seq;
            }
        }
        let mover = self.parts.store.mover();
        for (import, _) in mover.imports().await? {
            let brought = mover.brought(&import.id).await?;
            if let Some(user) = brought.tenants.iter().find_map(|row| bound_to(row, plugin)) {
                return Ok(Some(format!("{user} of the unfinished import {}", import.id)));
            }
        }
        Ok(None)
    }
}

fn bound_to(row: &TenantRow, plugin: &PluginDigest) -> Option<String> {
    if row.binding.plugin == *plugin {
        return Some(format!("tenant {}", row.id));
    }
    let previous = row.previous.as_ref().filter(|binding| binding.plugin == *plugin)?;
    Some(format!("tenant {}, which can go back to it (revision {})", row.id, previous.revision))
}
