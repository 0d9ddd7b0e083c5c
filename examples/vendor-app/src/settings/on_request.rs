//! SCIM that the vendor switches on, on request: for a customer that has the Enterprise plan and single sign-on, at the desk of the product's
//! support. The plugin's configuration says whether it is on, and nothing else does.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Redirect;
use rusqlite::{Connection, OptionalExtension as _, params};
use serde_json::json;

use super::people::{Person, Role};
use super::rules::{Desk, Rules};
use super::{Refused, back, is_sso_on, signed_in, switched};
use crate::admin::{Tenant, View};
use crate::page::{Cell, Table};
use crate::{Product, Shared};

/// `POST /support/{product}/plan/{on|off}`
pub(super) async fn switch_plan(
    State(shared): State<Arc<Shared>>,
    Extension(desk): Extension<Desk>,
    Path((product, to)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Redirect, Refused> {
    let product = of_support(&shared, desk, &product, &headers)?;
    let is_on = switched(&to)?;
    if !is_on {
        switch(&shared, product, false).await?;
    }
    let switched =
        "INSERT INTO enterprise_plan (product, is_on) VALUES (?1, ?2) ON CONFLICT (product) DO UPDATE SET is_on = ?2";
    shared.database.change(|transaction| transaction.execute(switched, params![product.name(), is_on]))?;
    Ok(back(desk, product))
}

/// `POST /support/{product}/scim/{on|off}`
pub(super) async fn switch_scim(
    State(shared): State<Arc<Shared>>,
    Extension(desk): Extension<Desk>,
    Path((product, to)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Redirect, Refused> {
    let product = of_support(&shared, desk, &product, &headers)?;
    let is_on = switched(&to)?;
    let (has_plan, has_sso) = shared
        .database
        .change(|transaction| Ok((is_plan_on(transaction, product)?, is_sso_on(transaction, product)?)))?;
    if is_on && !has_plan {
        return Err(Refused::Not("the workspace has to have the Enterprise plan first".to_owned()));
    }
    if is_on && !has_sso {
        return Err(Refused::Not("single sign-on (SAML) has to be configured first".to_owned()));
    }
    switch(&shared, product, is_on).await?;
    Ok(back(desk, product))
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
    let (has_plan, has_sso) = shared
        .database
        .change(|transaction| Ok((is_plan_on(transaction, product)?, is_sso_on(transaction, product)?)))?;
    let is_scim_on = view.is_some_and(|view| view.config["enabled"] != false);
    let maker = Rules::of(product).maker;
    let rows = [
        ("Enterprise plan", "plan", has_plan, (Desk::Support, Role::Support)),
        ("Single sign-on (SAML)", "single-sign-on", has_sso, (Desk::Settings, maker)),
        ("SCIM, on request", "scim", is_scim_on, (Desk::Support, Role::Support)),
    ];
    let rows = rows.into_iter().map(|(name, what, is_on, set)| {
        let (now, other, label) = if is_on { ("on", "off", "switch off") } else { ("off", "on", "switch on") };
        let button = match viewer {
            Some(viewer) if set == (desk, viewer.role) => Cell::button(label, format!("{path}/{what}/{other}")),
            _ => Cell::text(String::new()),
        };
        vec![Cell::text(name.to_owned()), Cell::badge(now.to_owned()), button]
    });
    Ok(Table::new("What has to be there", &["", "", ""]).uncounted().rows(rows))
}

/// The product, if its support asks at its own desk.
fn of_support(shared: &Shared, desk: Desk, product: &str, headers: &HeaderMap) -> Result<Product, Refused> {
    let product = Product::named(product).ok_or(Refused::NoSuchPage)?;
    let rules = Rules::of(product);
    if desk != Desk::Support || !rules.is_on_request {
        return Err(Refused::NoSuchPage);
    }
    let person = signed_in(shared, product, headers)?.ok_or(Refused::NotSignedIn)?;
    if person.role == Role::Support { Ok(product) } else { Err(Refused::Forbidden(rules.told_at(desk))) }
}

fn is_plan_on(connection: &Connection, product: Product) -> rusqlite::Result<bool> {
    let is_on = "SELECT is_on FROM enterprise_plan WHERE product = ?1";
    let switched = connection.query_row(is_on, [product.name()], |row| row.get(0)).optional()?;
    Ok(switched.unwrap_or(true))
}
