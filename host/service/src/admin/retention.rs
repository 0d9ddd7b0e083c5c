use muster_model::{Binding, RequestValues, Retention, TenantRow};
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};

use crate::{AdminError, Service};

/// Days that anything can be told to be kept: a hundred years.
pub const MAX_RETENTION_DAYS: u32 = 36_525;

/// How much room the requests of one tenant can be given, in MiB.
pub const MAX_REQUESTS_MIB: u32 = 64 << 10;

/// How long a tenant's history shall be kept; what is not given stays.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewRetention {
    /// Days for the log; `null`: for ever.
    #[serde(default)]
    pub log_days: LogDays,
    /// Days for requests.
    #[serde(default)]
    pub requests_days: Option<u32>,
    /// MiB for requests.
    #[serde(default)]
    pub requests_mib: Option<u32>,
    /// What is kept of the values in requests.
    #[serde(default)]
    pub requests_values: Option<RequestValues>,
    /// Days for tasks that nothing will become of any more.
    #[serde(default)]
    pub tasks_days: Option<u32>,
    /// Only if the binding is at this revision, which these settings share.
    #[serde(default)]
    pub expected_revision: Option<u64>,
}

/// How long the log shall be kept; `null` is a value here, unlike being absent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LogDays {
    /// As long as before.
    #[default]
    AsBefore,
    /// `null`
    ForEver,
    /// So many days.
    Days(u32),
}

impl<'de> Deserialize<'de> for LogDays {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Option::<u32>::deserialize(deserializer)?.map_or(Self::ForEver, Self::Days))
    }
}

impl Service {
    /// How long a tenant's history is kept, and how far it reaches.
    pub async fn show_retention(&self, tenant: &str) -> Result<Value, AdminError> {
        let row = self.row(tenant)?;
        self.retention_of(&row, 0).await
    }

    /// Sets how long a tenant's history is kept, and begins at once to remove from the log what is older: unless the clock is not believed;
    /// then that waits, and `paused` says so.
    pub async fn set_retention(&self, tenant: &str, new: NewRetention) -> Result<Value, AdminError> {
        let row = self.put_retention(tenant, new).await?;
        let removed = match self.removal_time() {
            Ok(now) => self.prune(&row, now).await?,
            Err(_) => 0,
        };
        self.retention_of(&row, removed).await
    }

    async fn put_retention(&self, tenant: &str, new: NewRetention) -> Result<TenantRow, AdminError> {
        let _one_at_a_time = self.administration.lock().await;
        let row = self.row(tenant)?;
        let actual = row.binding.revision;
        if let Some(expected) = new.expected_revision.filter(|expected| *expected != actual) {
            return Err(AdminError::Revision { expected, actual });
        }
        let Retention { log_days, requests_days, requests_mib, requests_values, tasks_days } = row.retention;
        let retention = Retention {
            log_days: match new.log_days {
                LogDays::AsBefore => log_days,
                LogDays::ForEver => None,
                LogDays::Days(days) => Some(days),
            },
            requests_days: new.requests_days.unwrap_or(requests_days),
            requests_mib: new.requests_mib.unwrap_or(requests_mib),
            requests_values: new.requests_values.unwrap_or(requests_values),
            tasks_days: new.tasks_days.unwrap_or(tasks_days),
        };
        check(retention)?;
        if retention == row.retention {
            return Ok(row);
        }
        let binding = Binding { revision: actual + 1, ..row.binding };
        let row = TenantRow { binding, retention, ..row };
        self.replace_row(&row, actual).await?;
        self.tenants.change(|view| view.put_row(row.clone()));
        tracing::info!(tenant.id = %row.id, retention.log_days = ?retention.log_days, "retention set");
        Ok(row)
    }

    async fn retention_of(&self, row: &TenantRow, removed: u64) -> Result<Value, AdminError> {
        let status = self.parts.store.log_keeper(&row.id).status().await?;
        let Retention { log_days, requests_days, requests_mib, requests_values, tasks_days } = row.retention;
        Ok(json!({
            "tenant": row.id,
            "log_days": log_days,
            "requests_days": requests_days,
            "requests_mib": requests_mib,
            "requests_values": requests_values,
            "tasks_days": tasks_days,
            "revision": row.binding.revision,
            "log": { "first": status.first, "last": status.last, "removed": removed },
            "paused": self.removal_time().err().map(|paused| paused.to_string()),
        }))
    }
}

pub(super) fn check(
    Retention { log_days, requests_days, requests_mib, requests_values: _, tasks_days }: Retention,
) -> Result<(), AdminError> {
    let bounds = [
        ("log_days", log_days.unwrap_or(1), 1..=MAX_RETENTION_DAYS),
        ("requests_days", requests_days, 0..=MAX_RETENTION_DAYS),
        ("requests_mib", requests_mib, 0..=MAX_REQUESTS_MIB),
        ("tasks_days", tasks_days, 1..=MAX_RETENTION_DAYS),
    ];
    match bounds.into_iter().find(|(_, value, range)| !range.contains(value)) {
        Some((name, _, range)) => {
            Err(AdminError::Wrong(format!("{name} is between {} and {}", range.start(), range.end())))
        }
        None => Ok(()),
    }
}
