//! The workspaces of Poggio. Its single sign-on is of one that is enterprise-enabled, which is where new users land: the plugin's
//! configuration says which, and nothing else does.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Redirect;
use rusqlite::{OptionalExtension as _, params};
use serde_json::json;

use super::visitor::{Administrator, To, only_if};
use super::{Refused, switches};
use crate::Shared;
use crate::admin::{Tenant, View};
use crate::database::rows;
use crate::page::{Cell, Table};

/// What the plugin calls it until somebody says another one.
const FIRST: &str = "default";

/// The workspace whose single sign-on is in use.
fn default_of(view: &View) -> &str {
    view.config["default_workspace"].as_str().unwrap_or(FIRST)
}

/// Whether there is a single sign-on that SCIM can go with.
pub(super) fn check(shared: &Shared, view: &View) -> Result<(), Refused> {
    if is_enterprise(shared, default_of(view))? == Some(true) {
        return Ok(());
    }
    Err(Refused::Not("the workspace of the single sign-on has to be enterprise-enabled first".to_owned()))
}

/// `POST /settings/{product}/workspaces/{name}/enterprise/{on|off}`
pub(super) async fn switch_enterprise(
    State(shared): State<Arc<Shared>>,
    Administrator(at): Administrator,
    Path((_, name, _)): Path<(String, String, String)>,
    To(is_on): To,
) -> Result<Redirect, Refused> {
    only_if(at.rules.needs_workspace)?;
    let switched = "UPDATE poggio_workspaces SET is_enterprise = ?2 WHERE name = ?1";
    let there = shared.database.change(|transaction| transaction.execute(switched, params![name, is_on]))?;
    only_if(there == 1)?;
    Ok(at.back())
}

/// `POST /settings/{product}/workspaces/{name}/default`: new users land there from now on.
pub(super) async fn make_default(
    State(shared): State<Arc<Shared>>,
    Administrator(at): Administrator,
    Path((_, name)): Path<(String, String)>,
) -> Result<Redirect, Refused> {
    only_if(at.rules.needs_workspace)?;
    if !is_enterprise(&shared, &name)?.ok_or(Refused::NoSuchPage)? {
        return Err(Refused::Not("single sign-on is of enterprise-enabled workspaces only".to_owned()));
    }
    let tenant = Tenant::of(&shared, at.product)?;
    let view = tenant.view().await?;
    tenant.configure(view, &json!({ "default_workspace": name })).await?;
    Ok(at.back())
}

/// `view`: what Muster says, if it does; `path`: of whoever may change them.
pub(super) fn table(shared: &Shared, view: Option<&View>, path: Option<&String>) -> Result<Table, Refused> {
    let all = "SELECT name, is_enterprise FROM poggio_workspaces ORDER BY name";
    let rows = shared.database.change(|transaction| rows(transaction, all))?;
    let rows = rows.into_iter().map(|workspace| {
        let [name, is_enterprise] = <[String; 2]>::try_from(workspace).unwrap_or_default();
        let is_enterprise = is_enterprise == "1";
        let is_default = view.is_some_and(|view| default_of(view) == name);
        let at = |path: &String, what: &str| format!("{path}/workspaces/{}/{what}", encoded(&name));
        let [now, switch] = switches::cells(is_enterprise, path.map(|path| at(path, "enterprise")));
        let default = match path {
            _ if is_default => Cell::badge("default".to_owned()),
            Some(path) if is_enterprise => Cell::button("make it the default", at(path, "default")),
            _ => Cell::text(String::new()),
        };
        vec![Cell::text(name), now, switch, default]
    });
    Ok(Table::new("Workspaces", &["", "enterprise", "", "single sign-on"]).rows(rows))
}

/// `None`: there is no such workspace.
fn is_enterprise(shared: &Shared, name: &str) -> rusqlite::Result<Option<bool>> {
    let is_enterprise = "SELECT is_enterprise FROM poggio_workspaces WHERE name = ?1";
    shared.database.change(|transaction| transaction.query_row(is_enterprise, [name], |row| row.get(0)).optional())
}

/// A name as a part of a path.
fn encoded(name: &str) -> String {
    url::form_urlencoded::byte_serialize(name.as_bytes()).collect::<String>().replace('+', "%20")
}
