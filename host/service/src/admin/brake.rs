//! The brake of a tenant, for operators: how it is set, who is held by it, and what is to become of them.

mod held;
mod named;
mod relief;

use muster_model::{Brake, BrakeSettings, ResourceType, Standing, TenantId, TenantRow};
use muster_store::Called;
use serde::Deserialize;
use serde_json::{Value, json};

pub use held::{BrakeHeld, MAX_HELD_A_PAGE};
pub use relief::{BrakeRelief, MAX_RELIEVED_AT_ONCE, NewRelief, Resume};

use crate::brake::{Counted, MAX_BRAKE_COUNTED};
use crate::{AdminError, Service};

/// How many seconds a window has at least and at most: a week.
pub const BRAKE_WINDOW_S: (u32, u32) = (60, 604_800);

/// How the brake is to be set; what is not given stays as it is.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewBrake {
    /// Refuses if the binding is at another revision.
    #[serde(default)]
    pub expected_revision: Option<u64>,
    /// Whether it ever engages.
    #[serde(default)]
    pub is_on: Option<bool>,
    /// As in [`BrakeSettings`], like all that follow.
    #[serde(default)]
    pub window_s: Option<u32>,
    /// See there.
    #[serde(default)]
    pub count: Option<u32>,
    /// See there.
    #[serde(default)]
    pub share_percent: Option<u32>,
    /// See there.
    #[serde(default)]
    pub half_from: Option<u32>,
    /// See there.
    #[serde(default)]
    pub group_share_percent: Option<u32>,
    /// See there.
    #[serde(default)]
    pub groups_from: Option<u32>,
    /// See there.
    #[serde(default)]
    pub user_names_percent: Option<u32>,
}

impl NewBrake {
    fn over(&self, before: BrakeSettings) -> BrakeSettings {
        BrakeSettings {
            is_on: self.is_on.unwrap_or(before.is_on),
            window_s: self.window_s.unwrap_or(before.window_s),
            count: self.count.unwrap_or(before.count),
            share_percent: self.share_percent.unwrap_or(before.share_percent),
            half_from: self.half_from.unwrap_or(before.half_from),
            group_share_percent: self.group_share_percent.unwrap_or(before.group_share_percent),
            groups_from: self.groups_from.unwrap_or(before.groups_from),
            user_names_percent: self.user_names_percent.unwrap_or(before.user_names_percent),
        }
    }
}

impl Service {
    /// How the brake is set, whether it is engaged and why, what it counts at this moment, and how much is held.
    pub async fn show_brake(&self, tenant: &str) -> Result<Value, AdminError> {
        let row = self.row(tenant)?;
        let counted = self.counted_by_brake(&row.id).await?;
        self.brake_view(&self.row(tenant)?, counted).await
    }

    /// Sets it. Whoever turns it on again does so from then on: what was done while it was off is not counted.
    pub async fn set_brake(&self, tenant: &str, new: NewBrake) -> Result<Value, AdminError> {
        {
            let _one_at_a_time = self.administration.lock().await;
            let row = self.row(tenant)?;
            let actual = row.binding.revision;
            if let Some(expected) = new.expected_revision.filter(|expected| *expected != actual) {
                return Err(AdminError::Revision { expected, actual });
            }
            let before = row.delivery.brake.clone();
            let settings = new.over(before.settings);
            check(&settings)?;
            if settings != before.settings {
                if before.engaged.is_some() && !settings.is_on {
                    let says = "the brake is engaged: release or cancel what it holds first, then turn it off";
                    return Err(AdminError::InUse(says.to_owned()));
                }
                let since = if settings.is_on && !before.settings.is_on {
                    self.parts.store.log_keeper(&row.id).status().await?.last
                } else {
                    before.since
                };
                let row = self.put_brake(row, Brake { settings, since, ..before }, 1).await?;
                tracing::info!(tenant.id = %row.id, brake.settings = ?settings, "the brake was set");
            }
        }
        let counted = self.brake_of(&self.row(tenant)?.id).is_some_and(|brake| brake.settings.is_on);
        if counted {
            self.show_brake(tenant).await
        } else {
            self.brake_view(&self.row(tenant)?, Counted::default()).await
        }
    }

    async fn brake_view(&self, row: &TenantRow, counted: Counted) -> Result<Value, AdminError> {
        let Brake { settings, engaged, since, cancelled } = &row.delivery.brake;
        let mut shown = json!({
            "tenant": row.id,
            "revision": row.binding.revision,
            "settings": settings,
            "engaged": engaged,
            "since": since,
            "cancelled": cancelled,
            "counted": counted,
            "held": self.held_tasks(&row.id).await?,
            "to_be_held": self.to_be_held(row).await?,
        });
        if let Some(engaged) = engaged {
            shown["engaged"]["at"] = json!(engaged.at.to_string());
            if let Some(group) = engaged.group {
                let names = self.parts.store.directory(&row.id).names(&[(ResourceType::GROUP, group)]).await?;
                let name = match names.into_iter().flatten().next().and_then(|Called(name)| name) {
                    Some(name) => Some(name),
                    None => self.log_entry(&row.id, engaged.by).await?.as_ref().and_then(held::name_then),
                };
                shown["engaged"]["group"] = json!({ "id": group, "name": name });
            }
        }
        Ok(shown)
    }

    async fn held_tasks(&self, tenant: &TenantId) -> Result<u64, AdminError> {
        let counts = self.parts.store.outbox(tenant).counts().await?;
        Ok(counts.iter().filter(|(_, standing, _)| *standing == Standing::Held).map(|(.., count)| count).sum())
    }
}

pub(super) fn check(settings: &BrakeSettings) -> Result<(), AdminError> {
    let most = u32::try_from(MAX_BRAKE_COUNTED).unwrap_or(u32::MAX);
    let BrakeSettings {
        is_on: _,
        window_s,
        count,
        share_percent,
        half_from,
        group_share_percent,
        groups_from,
        user_names_percent,
    } = *settings;
    let bounds = [
        ("window_s", window_s, BRAKE_WINDOW_S.0..=BRAKE_WINDOW_S.1),
        ("count", count, 0..=most),
        ("share_percent", share_percent, 1..=100),
        ("half_from", half_from, 0..=most),
        ("group_share_percent", group_share_percent, 1..=100),
        ("groups_from", groups_from, 0..=most),
        ("user_names_percent", user_names_percent, 1..=100),
    ];
    match bounds.into_iter().find(|(_, value, range)| !range.contains(value)) {
        Some((name, _, range)) => {
            Err(AdminError::Wrong(format!("{name} is between {} and {}", range.start(), range.end())))
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_meant_is_refused_by_its_name() {
        let good = BrakeSettings::default();
        assert!(check(&good).is_ok());
        for (wrong, says) in [
            (BrakeSettings { window_s: 59, ..good }, "window_s is between 60 and 604800"),
            (BrakeSettings { count: 100_001, ..good }, "count is between 0 and 100000"),
            (BrakeSettings { share_percent: 0, ..good }, "share_percent is between 1 and 100"),
            (BrakeSettings { half_from: 100_001, ..good }, "half_from is between 0 and 100000"),
            (BrakeSettings { group_share_percent: 101, ..good }, "group_share_percent is between 1 and 100"),
            (BrakeSettings { groups_from: 100_001, ..good }, "groups_from is between 0 and 100000"),
            (BrakeSettings { user_names_percent: 0, ..good }, "user_names_percent is between 1 and 100"),
        ] {
            assert_eq!(check(&wrong).unwrap_err().to_string(), says);
        }
    }
}
