//! SCIM that the vendor switches on, on request: for a customer that has the Enterprise plan and single sign-on, at the desk of the product's
//! support. The plugin's configuration says whether it is on, and nothing else does.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Redirect;
use serde_json::json;

use super::people::{Person, Role};
use super::rules::{Desk, Rules};
use super::switches::Switch;
use super::visitor::{Supporter, To};
use super::{Refused, switches};
use crate::admin::{Tenant, View};
use crate::page::{Cell, Table};
use crate::{Product, Shared};

/// `POST /support/{product}/plan/{on|off}`
pub(super) async fn switch_plan(
    State(shared): State<Arc<Shared>>,
    Supporter(at): Supporter,
    To(is_on): To,
) -> Result<Redirect, Refused> {
    if !is_on {
        switch(&shared, at.product, false).await?;
    }
    Switch::EnterprisePlan.set(&shared, at.product, is_on)?;
    Ok(at.back())
}

/// `POST /support/{product}/scim/{on|off}`
pub(super) async fn switch_scim(
    State(shared): State<Arc<Shared>>,
    Supporter(at): Supporter,
    To(is_on): To,
) -> Result<Redirect, Refused> {
    let (has_plan, has_sso) = conditions(&shared, at.product)?;
    if is_on && !has_plan {
        return Err(Refused::Not("the workspace has to have the Enterprise plan first".to_owned()));
    }
    if is_on && !has_sso {
        return Err(Refused::Not("single sign-on (SAML) has to be configured first".to_owned()));
    }
    switch(&shared, at.product, is_on).await?;
    Ok(at.back())
}

/// Tells the plugin, which refuses every call while it is off.
pub(super) async fn switch(shared: &Shared, product: Product, is_on: bool) -> Result<(), Refused> {
    let tenant = Tenant::of(shared, product)?;
    let view = tenant.view().await?;
    Ok(tenant.configure(view, &json!({ "enabled": is_on })).await?)
}

/// What has to be there, with buttons for whoever may change it at this desk. `view`: what Muster says, if it does.
pub(super) fn table(
    shared: &Shared,
    product: Product,
    view: Option<&View>,
    (desk, path): (Desk, &str),
    viewer: Option<&Person>,
) -> Result<Table, Refused> {
    let (has_plan, has_sso) = conditions(shared, product)?;
    let is_scim_on = view.is_some_and(|view| view.config["enabled"] != false);
    let maker = Rules::of(product).maker;
    let rows = [
        ("Enterprise plan", "plan", has_plan, (Desk::Support, Role::Support)),
        ("Single sign-on (SAML)", "single-sign-on", has_sso, (Desk::Settings, maker)),
        ("SCIM, on request", "scim", is_scim_on, (Desk::Support, Role::Support)),
    ];
    let rows = rows.into_iter().map(|(name, what, is_on, set)| {
        let may = viewer.is_some_and(|viewer| set == (desk, viewer.role));
        let [now, button] = switches::cells(is_on, may.then(|| format!("{path}/{what}")));
        vec![Cell::text(name.to_owned()), now, button]
    });
    Ok(Table::new("What has to be there", &["", "", ""]).uncounted().rows(rows))
}

/// Whether the customer has the plan, and single sign-on.
fn conditions(shared: &Shared, product: Product) -> rusqlite::Result<(bool, bool)> {
    shared.database.change(|transaction| {
        let has_plan = Switch::EnterprisePlan.is_on(transaction, product)?;
        Ok((has_plan, Switch::SingleSignOn.is_on(transaction, product)?))
    })
}
