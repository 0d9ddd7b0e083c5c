use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use muster_delivery::Carrier;
use muster_model::{Task, TenantId};
use muster_plugin::Outcome;

/// What to do with a task: what is said of it, or nothing for ever.
type Script = Arc<dyn Fn(&TenantId, &Task, u32) -> Option<Outcome> + Send + Sync>;

/// Does as it is told, and notes what it was asked.
pub(crate) struct Scripted {
    script: Mutex<Script>,
    journal: Mutex<Vec<Seen>>,
}

/// An attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) tenant: String,
    pub(crate) seq: u64,
}

impl std::fmt::Debug for Scripted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Scripted")
    }
}

impl Scripted {
    pub(crate) fn new(script: impl Fn(&TenantId, &Task, u32) -> Option<Outcome> + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self { script: Mutex::new(Arc::new(script)), journal: Mutex::default() })
    }

    /// From now on it does this.
    pub(crate) fn now(&self, script: impl Fn(&TenantId, &Task, u32) -> Option<Outcome> + Send + Sync + 'static) {
        *self.script.lock().unwrap() = Arc::new(script);
    }

    pub(crate) fn journal(&self) -> Vec<Seen> {
        self.journal.lock().unwrap().clone()
    }

    /// Waits until it was asked to carry out this one.
    pub(crate) async fn until_asked(&self, seq: u64) {
        let asked = async {
            while !self.journal().iter().any(|seen| seen.seq == seq) {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::time::timeout(super::PATIENCE, asked).await.expect("it is asked");
    }

    /// Waits until it was asked so often.
    pub(crate) async fn until(&self, attempts: usize) {
        let asked = async {
            while self.journal().len() < attempts {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::time::timeout(super::PATIENCE, asked).await.expect("it is asked");
    }
}

#[async_trait]
impl Carrier for Scripted {
    async fn carry(&self, tenant: &TenantId, task: &Task, attempt: u32) -> Outcome {
        // Whoever sees that it was asked gives the next one another script, and not this one.
        let script = self.script.lock().unwrap().clone();
        self.journal.lock().unwrap().push(Seen { tenant: tenant.to_string(), seq: task.seq });
        match script(tenant, task, attempt) {
            Some(outcome) => outcome,
            None => std::future::pending().await,
        }
    }
}
