use muster_model::{Queue, Standing, TenantId};
use serde::Deserialize;
use serde_json::Value;

use super::{found, receiver};
use crate::{AdminError, Service, TasksAsked};

/// Which deliveries.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeliveriesAsked {
    /// Those that stand so; all, if it is not given.
    #[serde(default)]
    pub standing: Option<Standing>,
    /// Those after this task.
    #[serde(default)]
    pub after: u64,
    /// How many at most.
    #[serde(default)]
    pub limit: Option<usize>,
}

impl Service {
    /// What goes or went to a webhook, by number, and where to go on: `next` is there also where nothing was found so far.
    pub async fn webhook_deliveries(
        &self,
        tenant: &str,
        name: &str,
        asked: DeliveriesAsked,
    ) -> Result<Value, AdminError> {
        let row = self.row(tenant)?;
        let queue = receiver(&found(&row, name)?.name).queue();
        self.tasks_of_queue(&row.id, &queue, asked).await
    }

    /// The tasks of one queue.
    pub(in crate::admin) async fn tasks_of_queue(
        &self,
        tenant: &TenantId,
        queue: &Queue,
        asked: DeliveriesAsked,
    ) -> Result<Value, AdminError> {
        let DeliveriesAsked { standing, after, limit } = asked;
        let asked = TasksAsked { standing, after, limit, change: None, queue: Some(queue.clone()) };
        self.read_tasks(tenant.as_str(), asked).await
    }
}
