//! What a desk shows. It does not look again by itself: a new key stays until whoever has made it goes on.

use std::fmt::Write as _;

use axum::http::HeaderMap;
use axum::response::{Html, Response};

use super::keys::{self, New};
use super::people::{Person, people};
use super::rules::{Desk, Reach, Rules};
use super::{Refused, is_sso_on, signed_in};
use crate::admin::{Failed, Key, Tenant, View};
use crate::page::{Cell, Table, escape, render_table, with_headers};
use crate::{Product, Shared};

/// A product's settings, as whoever looks may see them.
pub(super) async fn settings(
    shared: &Shared,
    desk: Desk,
    product: Product,
    headers: &HeaderMap,
) -> Result<Response, Refused> {
    let (rules, viewer) = (Rules::of(product), signed_in(shared, product, headers)?);
    let (people, has_sso) =
        shared.database.change(|transaction| Ok((people(transaction, product)?, is_sso_on(transaction, product)?)))?;
    let may = viewer.as_ref().and_then(|person| rules.reach_of(person)).filter(|_| rules.desk == desk);
    let there = there(shared, product).await;
    let path = format!("/{}/{}", desk.name(), product.name());
    let mut body = format!("<p>{}</p><div class=\"tables\">", escape(rules.told));
    render_table(&mut body, &who(people, viewer.as_ref(), &path));
    if rules.needs_sso {
        let is_activated = there.as_ref().is_ok_and(|(view, _)| keys::is_activated(view));
        let is_administrator = may == Some(Reach::Tenant);
        render_table(&mut body, &conditions(&rules, has_sso, is_activated, is_administrator.then_some(&path)));
    }
    if let Some(reach) = may {
        let label = if rules.needs_activation { "Generate SCIM URL and API" } else { "Make a key" };
        let _ = write!(
            body,
            "<article><h3>A new key</h3><form method=\"post\" action=\"{path}/keys\"><button>{label}</button></form></article>"
        );
        // The keys have a row of their own: they are wide.
        body.push_str("</div><div class=\"tables\">");
        match &there {
            Ok((_, all)) => {
                let only = viewer.as_ref().filter(|_| reach == Reach::OneUser).map(|person| person.id.as_str());
                render_table(&mut body, &made(shared, product, all, only, &path)?);
            }
            Err(Failed::Unavailable(why) | Failed::Refused(why)) => {
                let _ = write!(body, "<p class=\"notice\">Muster was not reached: {}</p>", escape(why));
            }
        }
    }
    body.push_str("</div>");
    Ok(document(&format!("{}: SCIM keys", title(product)), product, &body))
}

/// What Muster has of the product now.
async fn there(shared: &Shared, product: Product) -> Result<(View, Vec<Key>), Failed> {
    let tenant = Tenant::of(shared, product)?;
    Ok((tenant.view().await?, tenant.keys().await?))
}

fn who(people: Vec<Person>, viewer: Option<&Person>, path: &str) -> Table {
    let rows = people.into_iter().map(|person| {
        let is_viewer = viewer.is_some_and(|viewer| viewer.id == person.id);
        let last = if is_viewer {
            Cell::badge("you".to_owned())
        } else {
            Cell::button("sign in", format!("{path}/sign-in/{}", person.id))
        };
        vec![Cell::text(person.name), Cell::text(person.role.title().to_owned()), last]
    });
    Table::new("Who you are", &["name", "role", ""]).rows(rows)
}

/// `path`: of whoever may change them.
fn conditions(rules: &Rules, has_sso: bool, is_activated: bool, path: Option<&String>) -> Table {
    let row = |name: &str, what: &str, is_on: bool| {
        let (now, other, label) = if is_on { ("on", "off", "switch off") } else { ("off", "on", "switch on") };
        let button = match path {
            Some(path) => Cell::button(label, format!("{path}/{what}/{other}")),
            None => Cell::text(String::new()),
        };
        vec![Cell::text(name.to_owned()), Cell::badge(now.to_owned()), button]
    };
    let mut conditions = vec![row("Single sign-on (SAML)", "single-sign-on", has_sso)];
    if rules.needs_activation {
        conditions.push(row("Activate SCIM", "activation", is_activated));
    }
    Table::new("What has to be there", &["", "", ""]).rows(conditions.into_iter())
}

/// The keys that work: all, or those of one member.
fn made(shared: &Shared, product: Product, all: &[Key], of: Option<&str>, path: &str) -> Result<Table, Refused> {
    let mut rows = Vec::new();
    for key in all.iter().filter(|key| key.live) {
        let member = keys::whose(shared, product, &key.id)?;
        if of.is_some() && member.as_deref() != of {
            continue;
        }
        let ending = keys::ending_of(shared, &key.id)?.map_or_else(String::new, |ending| format!("... {ending}"));
        let opens = match (product, member) {
            (Product::Secoda, Some(_)) => "the API",
            (Product::Secoda, None) if ending.is_empty() => "SCIM",
            (Product::Secoda, None) => "SCIM and the API",
            _ => "SCIM",
        };
        rows.push(vec![
            Cell::text(key.label.clone()),
            Cell::text(key.created.clone()),
            Cell::text(ending),
            Cell::text(key.id.clone()),
            Cell::text(opens.to_owned()),
            Cell::button("revoke", format!("{path}/keys/{}/revoke", key.id)),
        ]);
    }
    let columns = ["", "made", "ends with", "id", "opens", ""];
    Ok(Table::new("Keys", &columns).rows(rows.into_iter()))
}

/// The only page that has the key.
pub(super) fn new_key(desk: Desk, product: Product, new: &New) -> Response {
    let body = format!(
        "<p>Copy the key now: it is shown this once.</p><article><h3>URL</h3><p><code id=\"url\">{}</code></p>\
         <h3>Key</h3><p><code id=\"key\">{}</code></p><p><a href=\"/{}/{}\">done</a></p></article>",
        escape(&new.url),
        escape(&new.key),
        desk.name(),
        product.name(),
    );
    document(&format!("{}: a new key", title(product)), product, &body)
}

/// Why not.
pub(super) fn refused(why: &str) -> Response {
    let page = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Not done</title>\
         <link rel=\"stylesheet\" href=\"/style.css\"><main><p class=\"notice\">{}</p><p><a href=\"/\">back</a></p></main></html>",
        escape(why)
    );
    with_headers(Html(page))
}

fn document(name: &str, product: Product, body: &str) -> Response {
    let page = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>{name}</title><link rel=\"stylesheet\" href=\"/style.css\"><header><h1>{name}</h1>\
         <nav><a href=\"/#{}\">back to the product</a></nav></header><main><section>{body}</section></main></html>",
        product.name()
    );
    with_headers(Html(page))
}

fn title(product: Product) -> &'static str {
    match product {
        Product::Poggio => "Poggio",
        Product::Popl => "Popl",
        Product::Secoda => "Secoda",
        Product::Applivery => "Applivery",
        Product::LevelAccess => "Level Access",
    }
}
