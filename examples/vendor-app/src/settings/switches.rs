//! What has to be there before SCIM is: switches that the product's own database keeps, and SCIM's activation, which the plugin's
//! configuration says and nothing else does.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Redirect;
use rusqlite::{Connection, OptionalExtension as _, params};
use serde_json::json;

use super::visitor::{Administrator, To, only_if};
use super::{Refused, keys, on_request};
use crate::admin::Tenant;
use crate::page::Cell;
use crate::{Product, Shared};

/// One that the database keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Switch {
    /// The customer has single sign-on.
    SingleSignOn,
    /// Single sign-on is not by SAML, but by the other way that Level Access knows.
    OpenIdConnect,
    /// The customer has that plan.
    EnterprisePlan,
}

impl Switch {
    fn name(self) -> &'static str {
        match self {
            Self::SingleSignOn => "single-sign-on",
            Self::OpenIdConnect => "open-id-connect",
            Self::EnterprisePlan => "enterprise-plan",
        }
    }

    /// How it is until somebody switches it: a demonstration starts with what SCIM needs.
    fn first(self) -> bool {
        match self {
            Self::SingleSignOn | Self::EnterprisePlan => true,
            Self::OpenIdConnect => false,
        }
    }

    pub(super) fn is_on(self, connection: &Connection, product: Product) -> rusqlite::Result<bool> {
        let is_on = "SELECT is_on FROM switches WHERE name = ?1 AND product = ?2";
        let switched = connection.query_row(is_on, [self.name(), product.name()], |row| row.get(0)).optional()?;
        Ok(switched.unwrap_or(self.first()))
    }

    pub(super) fn set(self, shared: &Shared, product: Product, is_on: bool) -> rusqlite::Result<()> {
        let switched = "INSERT INTO switches (name, product, is_on) VALUES (?1, ?2, ?3)
                        ON CONFLICT (name, product) DO UPDATE SET is_on = ?3";
        let values = params![self.name(), product.name(), is_on];
        shared.database.change(|transaction| transaction.execute(switched, values)).map(drop)
    }
}

/// `POST /settings/{product}/single-sign-on/{on|off}`
pub(super) async fn single_sign_on(
    State(shared): State<Arc<Shared>>,
    Administrator(at): Administrator,
    To(is_on): To,
) -> Result<Redirect, Refused> {
    only_if(at.rules.needs_sso)?;
    if at.rules.needs_activation && !is_on {
        // Without it SCIM is not activated either, and the plugin would not have it so.
        activate(&shared, at.product, None).await?;
    }
    if at.rules.is_on_request && !is_on {
        on_request::switch(&shared, at.product, false).await?;
    }
    Switch::SingleSignOn.set(&shared, at.product, is_on)?;
    Ok(at.back())
}

/// `POST /settings/{product}/activation/{on|off}`
pub(super) async fn activation(
    State(shared): State<Arc<Shared>>,
    Administrator(at): Administrator,
    To(is_on): To,
) -> Result<Redirect, Refused> {
    only_if(at.rules.needs_activation)?;
    let (has_sso, is_open_id) = shared.database.change(|transaction| {
        let has_sso = Switch::SingleSignOn.is_on(transaction, at.product)?;
        Ok((has_sso, Switch::OpenIdConnect.is_on(transaction, at.product)?))
    })?;
    if is_on && !has_sso {
        return Err(Refused::Not("single sign-on (SAML) has to be configured first".to_owned()));
    }
    activate(&shared, at.product, is_on.then_some(is_open_id)).await?;
    Ok(at.back())
}

/// `POST /settings/{product}/open-id-connect/{on|off}`: while SCIM is activated the plugin is asked first.
pub(super) async fn open_id_connect(
    State(shared): State<Arc<Shared>>,
    Administrator(at): Administrator,
    To(is_on): To,
) -> Result<Redirect, Refused> {
    only_if(at.rules.needs_activation)?;
    if keys::is_activated(&Tenant::of(&shared, at.product)?.view().await?) {
        activate(&shared, at.product, Some(is_on)).await?;
    }
    Switch::OpenIdConnect.set(&shared, at.product, is_on)?;
    Ok(at.back())
}

/// Tells the plugin, which serves nothing before. `by_open_id`: how single sign-on is done; `None`: SCIM is not activated any more.
async fn activate(shared: &Shared, product: Product, by_open_id: Option<bool>) -> Result<(), Refused> {
    let tenant = Tenant::of(shared, product)?;
    let view = tenant.view().await?;
    let sso = match by_open_id {
        None => "none",
        Some(true) => "oidc",
        Some(false) => "saml",
    };
    Ok(tenant.configure(view, &json!({ "activated": by_open_id.is_some(), "sso": sso })).await?)
}

/// How a switch is shown: how it stands, and the button for whoever may change it, whose `path` ends before `on` and `off`.
pub(super) fn cells(is_on: bool, path: Option<String>) -> [Cell; 2] {
    let (now, other, label) = if is_on { ("on", "off", "switch off") } else { ("off", "on", "switch on") };
    let button = match path {
        Some(path) => Cell::button(label, format!("{path}/{other}")),
        None => Cell::text(String::new()),
    };
    [Cell::badge(now.to_owned()), button]
}
