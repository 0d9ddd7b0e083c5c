use muster_model::{ResourceId, ResourceType};
use serde::Serialize;

use super::AccountView;
use crate::{AdminError, Service};

/// How many accounts are listed at once.
pub const MAX_ACCOUNTS_A_PAGE: usize = 1000;

/// Which accounts are asked for.
#[derive(Debug, Clone, Default)]
pub struct WhichAccounts {
    /// Of which kind of resource; without it, users.
    pub resource_type: Option<String>,
    /// In this state; without it, only how many there are in each is told.
    pub state: Option<String>,
    /// Behind the one with this id.
    pub after: Option<String>,
    /// How many at most.
    pub limit: usize,
}

/// Where the accounts of a tenant stand.
#[derive(Debug, Clone, Serialize)]
pub struct AccountsView {
    /// Of which kind of resource they are.
    pub resource_type: ResourceType,
    /// Every state that accounts are in.
    pub states: Vec<StateView>,
    /// Beside users: the states of those that the product made by hand, which are accounts of the kind `ManualUser`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub manual: Vec<StateView>,
    /// A page of those in the state that was asked for, in order of their ids.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accounts: Option<Vec<AccountView>>,
    /// Where the next page begins (`after`), if there may be one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<ResourceId>,
}

/// One state of accounts.
#[derive(Debug, Clone, Serialize)]
pub struct StateView {
    /// The plugin's own word.
    pub state: String,
    /// How many accounts are in it.
    pub count: u64,
}

impl StateView {
    fn all(states: Vec<(String, u64)>) -> Vec<Self> {
        states.into_iter().map(|(state, count)| Self { state, count }).collect()
    }
}

impl Service {
    /// How many accounts of a tenant are in each state, and a page of those in one: what it costs does not depend on how many there are.
    pub async fn list_accounts(&self, tenant: &str, which: &WhichAccounts) -> Result<AccountsView, AdminError> {
        let directory = self.parts.store.directory(&self.row(tenant)?.id);
        let resource_type = which.resource_type.as_deref().map_or(ResourceType::USER, ResourceType::new);
        let no_id = || AdminError::Wrong("after must be the id of an account".to_owned());
        let after = which.after.as_deref().map(|id| ResourceId::parse(id).ok_or_else(no_id)).transpose()?;
        let states = StateView::all(directory.states(&resource_type).await?);
        let manual = if resource_type == ResourceType::USER {
            StateView::all(directory.states(&ResourceType::MANUAL_USER).await?)
        } else {
            Vec::new()
        };
        let (mut accounts, mut next) = (None, None);
        if let Some(state) = &which.state {
            let limit = which.limit.min(MAX_ACCOUNTS_A_PAGE);
            let records = directory.by_state(&resource_type, state, after, limit).await?;
            next = records.last().filter(|_| records.len() == limit).map(|record| record.id);
            let plugins = self.parts.store.plugins().await?;
            accounts = Some(records.iter().map(|record| AccountView::of(record, &plugins)).collect());
        }
        Ok(AccountsView { resource_type, states, manual, accounts, next })
    }
}
