use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use muster_delivery::Carrier;
use muster_model::{Task, TenantId};
use muster_plugin::Outcome;

/// Does everything it is asked to, and notes what destroys.
#[derive(Debug, Default)]
pub(super) struct Noting {
    done: Mutex<Vec<Done>>,
    /// It says that it cannot.
    pub(super) is_down: AtomicBool,
}

/// What was carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Done {
    pub(super) tenant: String,
    pub(super) action: String,
    pub(super) id: String,
    pub(super) destructive: bool,
}

impl Noting {
    /// What was carried out of a tenant.
    pub(super) fn of(&self, tenant: &str) -> Vec<Done> {
        self.done.lock().unwrap().iter().filter(|done| done.tenant == tenant).cloned().collect()
    }

    /// Whose access was ended.
    pub(super) fn ended(&self, tenant: &str) -> Vec<String> {
        self.of(tenant).into_iter().filter(|done| done.destructive).map(|done| done.id).collect()
    }
}

#[async_trait]
impl Carrier for Noting {
    async fn carry(&self, tenant: &TenantId, task: &Task, _: u32) -> Outcome {
        if self.is_down.load(Ordering::SeqCst) {
            return Outcome::Again { reason: "nobody answers".to_owned(), after: None };
        }
        let done = Done {
            tenant: tenant.to_string(),
            action: task.task.action.clone(),
            id: task.task.id.to_string(),
            destructive: task.task.destructive,
        };
        self.done.lock().unwrap().push(done);
        Outcome::Done
    }
}
