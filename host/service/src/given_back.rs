use std::fmt;
use std::sync::Arc;

use muster_store::{Lease, Outbox};
use tokio::runtime::Handle;

/// Leases that go back when this is dropped: whoever has them may be given up at any moment, and others wait for what is leased.
pub(crate) struct GivenBack {
    outbox: Arc<dyn Outbox>,
    leases: Vec<Lease>,
}

impl GivenBack {
    pub(crate) fn new(outbox: Arc<dyn Outbox>, leases: Vec<Lease>) -> Self {
        Self { outbox, leases }
    }

    pub(crate) fn leases(&self) -> &[Lease] {
        &self.leases
    }

    /// They do not go back by themselves any more.
    pub(crate) fn take(&mut self) -> Vec<Lease> {
        std::mem::take(&mut self.leases)
    }

    /// Those of which this holds, apart from the others.
    pub(crate) fn split(&mut self, is_apart: impl Fn(&Lease) -> bool) -> Self {
        let leases = self.leases.extract_if(.., |lease| is_apart(lease)).collect();
        Self { outbox: Arc::clone(&self.outbox), leases }
    }

    /// Gives them back, and is done when they are.
    pub(crate) async fn now(mut self) {
        // If this is cut short, the others go back as well.
        while let Some(lease) = self.leases.last() {
            self.outbox.let_go(lease).await;
            self.leases.pop();
        }
    }
}

impl fmt::Debug for GivenBack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GivenBack").field("leases", &self.leases).finish_non_exhaustive()
    }
}

impl Drop for GivenBack {
    fn drop(&mut self) {
        let leases = self.take();
        // Without a runtime the process ends, and its leases with it.
        if !leases.is_empty()
            && let Ok(runtime) = Handle::try_current()
        {
            let outbox = Arc::clone(&self.outbox);
            runtime.spawn(async move {
                for lease in &leases {
                    outbox.let_go(lease).await;
                }
            });
        }
    }
}
