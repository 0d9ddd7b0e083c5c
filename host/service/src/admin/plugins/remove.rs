use muster_model::{PluginDigest, PluginRow, Progress, RolloutState, Standing, Task, TenantRow};

use super::find;
use super::policy::called;
use super::view::PluginView;
use crate::admin::Verdict;
use crate::{AdminError, Service};

/// How many tasks are looked at at once.
const TASKS_A_PAGE: usize = 1_000;

/// How many versions of a name are told.
const VERSIONS_TOLD: usize = 10;

impl Service {
    /// Forgets a plugin that nobody uses. Whose accounts it once made does not matter: they are kept as they are.
    pub async fn remove_plugin(&self, reference: &str) -> Result<PluginView, AdminError> {
        // Nobody finishes an import, binds or begins a rollout meanwhile.
        let _no_import = self.loading.lock().await;
        let _one_at_a_time = self.administration.lock().await;
        let row = self.to_remove(reference).await?;
        if let Some(user) = self.user_of(&row.digest).await? {
            return Err(AdminError::InUse(format!("{} is used by {user}", called(&row))));
        }
        self.parts.store.remove_plugin(&row.digest).await?;
        self.loaded().remove(&row.digest);
        tracing::info!(plugin.name = %row.name, plugin.version = %row.version, plugin.digest = %row.digest, "plugin removed");
        Ok(PluginView::of(&row))
    }

    /// The one plugin that is meant. Elsewhere a name is its newest version; what is removed is named in full, if there are several.
    async fn to_remove(&self, reference: &str) -> Result<PluginRow, AdminError> {
        let rows = self.parts.store.plugins().await?;
        let versions: Vec<&PluginRow> = rows.iter().filter(|row| row.name == reference).collect();
        if versions.len() > 1 {
            let told =
                versions.iter().take(VERSIONS_TOLD).map(|row| row.version.as_str()).collect::<Vec<_>>().join(", ");
            let more = versions.len().saturating_sub(VERSIONS_TOLD);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            return Err(AdminError::InUse(format!(
                "there are {} plugins of the name {reference}: {told}{more}; say which, by {reference}@VERSION or by its digest",
                versions.len()
            )));
        }
        match find(&rows, reference) {
            // Nobody pushes what is to go.
            Err(AdminError::NotFound(_)) => Err(AdminError::NotFound(format!("plugin {reference}"))),
            found => found.cloned(),
        }
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
                    let id = rollout.id;
                    let end = format!("to end it: muster rollout cancel {tenant} {id}");
                    return Ok(Some(format!("rollout {id} of tenant {tenant}; {end}")));
                }
            }
            let outbox = self.parts.store.outbox(tenant);
            let mut after = 0;
            loop {
                let tasks = outbox.tasks(None, after, TASKS_A_PAGE).await?;
                // What is told to a receiver needs no plugin.
                let needs_it = |(task, progress): &&(Task, Progress)| {
                    let is_its_own = task.task.queue.is_of_the_plugin() && task.task.plugin == *plugin;
                    is_its_own && !progress.standing.is_over()
                };
                if let Some((task, progress)) = tasks.iter().find(needs_it) {
                    let stands = match progress.standing {
                        Standing::Waiting => "waits",
                        Standing::Held => "is held",
                        Standing::Parked | Standing::Done | Standing::Skipped | Standing::Cancelled => "is parked",
                    };
                    let given_up = Verdict::Skip.over(progress, self.parts.clock.now()).is_ok();
                    let verb = if given_up { "skip" } else { "cancel" };
                    let end = format!("to give it up: muster task {verb} {tenant} {}", task.seq);
                    return Ok(Some(format!("task {} of tenant {tenant}, which {stands}; {end}", task.seq)));
                }
                let Some((last, _)) = tasks.last() else { break };
                after = last.seq;
            }
        }
        let mover = self.parts.store.mover();
        for (import, _) in mover.imports().await? {
            let brought = mover.brought(&import.id).await?;
            if let Some(row) = brought.tenants.iter().find(|row| bound_to(row, plugin).is_some()) {
                let (tenant, id) = (&row.id, &import.id);
                let end = format!("finish it, or take it back: muster import --abandon {id}");
                return Ok(Some(format!("tenant {tenant} of the unfinished import {id}; {end}")));
            }
        }
        Ok(None)
    }
}

fn bound_to(row: &TenantRow, plugin: &PluginDigest) -> Option<String> {
    if row.binding.plugin == *plugin {
        let other = format!("to let another one decide: muster tenant bind {} --plugin NAME", row.id);
        return Some(format!("tenant {}; {other}", row.id));
    }
    let previous = row.previous.as_ref().filter(|binding| binding.plugin == *plugin)?;
    Some(format!(
        "tenant {}, which can go back to it (revision {}), until it is bound to something else once more",
        row.id, previous.revision
    ))
}
