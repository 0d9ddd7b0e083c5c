//! What a desk shows. It does not look again by itself: a new key stays until whoever has made it goes on.

use std::fmt::Write as _;

use axum::http::HeaderMap;
use axum::response::{Html, Response};

use super::keys::{self, New};
use super::people::{Person, people};
use super::rules::{Desk, Reach, Rules};
use super::switches::{self, Switch};
use super::{Refused, on_request, signed_in, workspaces};
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
    let (people, has_sso, is_open_id) = shared.database.change(|transaction| {
        let has_sso = Switch::SingleSignOn.is_on(transaction, product)?;
        Ok((people(transaction, product)?, has_sso, Switch::OpenIdConnect.is_on(transaction, product)?))
    })?;
    let may = viewer.as_ref().and_then(|person| rules.reach_of(person)).filter(|_| rules.desk == desk);
    let there = there(shared, product).await;
    let path = format!("/{}/{}", desk.name(), product.name());
    let mut body = format!("<p>{}</p><div class=\"tables\">", escape(rules.told_at(desk)));
    render_table(&mut body, &who(people, viewer.as_ref(), &path));
    if rules.is_on_request {
        let view = there.as_ref().ok().map(|(view, _)| view);
        render_table(&mut body, &on_request::table(shared, product, view, (desk, &path), viewer.as_ref())?);
    } else if rules.needs_sso {
        let is_activated = there.as_ref().is_ok_and(|(view, _)| keys::is_activated(view));
        let is_administrator = may == Some(Reach::Tenant);
        render_table(
            &mut body,
            &conditions(&rules, (has_sso, is_open_id), is_activated, is_administrator.then_some(&path)),
        );
        if rules.needs_workspace {
            let view = there.as_ref().ok().map(|(view, _)| view);
            render_table(&mut body, &workspaces::table(shared, view, is_administrator.then_some(&path))?);
        }
    }
    if let Some(reach) = may {
        let label = rules.label;
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
    Table::new("Who you are", &["name", "role", ""]).uncounted().rows(rows)
}

/// Of single sign-on: whether there is any, and whether it is not by SAML. `path`: of whoever may change them.
fn conditions(rules: &Rules, (has_sso, is_open_id): (bool, bool), is_activated: bool, path: Option<&String>) -> Table {
    let row = |name: &str, what: &str, is_on: bool| {
        let [now, button] = switches::cells(is_on, path.map(|path| format!("{path}/{what}")));
        vec![Cell::text(name.to_owned()), now, button]
    };
    let sso = if is_open_id { "Single sign-on (OpenID Connect)" } else { "Single sign-on (SAML)" };
    let mut conditions = vec![row(sso, "single-sign-on", has_sso)];
    if rules.needs_activation {
        conditions.push(row("by OpenID Connect, not SAML", "open-id-connect", is_open_id));
        conditions.push(row("Activate SCIM", "activation", is_activated));
    }
    Table::new("What has to be there", &["", "", ""]).uncounted().rows(conditions.into_iter())
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

/// The only page that has the key, and where it is good for something. `api`: where the product's public API is.
pub(super) fn new_key(desk: Desk, product: Product, new: &New, api: &str) -> Response {
    let mut urls = String::new();
    let of_api = new.opens_api.then_some(("Public API", api));
    let of_scim = new.scim.as_deref().map(|url| ("SCIM", url));
    for (number, (title, url)) in of_scim.into_iter().chain(of_api).enumerate() {
        let id = if number == 0 { "url" } else { "api" };
        let _ = write!(urls, "<h3>{title}: URL</h3><p><code id=\"{id}\">{}</code></p>", escape(url));
    }
    let body = format!(
        "<p>Copy the key now: it is shown this once.</p><article>{urls}\
         <h3>Key</h3><p><code id=\"key\">{}</code></p><p><a href=\"/{}/{}\">done</a></p></article>",
        escape(&new.key),
        desk.name(),
        product.name(),
    );
    document(&format!("{}: a new key", title(product)), product, &body)
}

/// Why not, to whoever it is, and the way back.
pub(super) fn refused(desk: Desk, product: Option<Product>, viewer: Option<&Person>, why: &str) -> Response {
    let notice = format!("<p class=\"notice\">{}</p>", escape(why));
    let Some(product) = product else {
        return framed("Not done", "/", "back", &format!("{notice}<p><a href=\"/\">back</a></p>"));
    };
    let who = match viewer {
        Some(person) => format!("You are signed in as {}, {}.", person.name, person.role.title()),
        None => "You are not signed in.".to_owned(),
    };
    // At the other desk of some there is no page.
    let desk = if Rules::of(product).has(desk) { desk } else { Desk::Settings };
    let back = format!("<p><a href=\"/{}/{}\">back to the settings</a></p>", desk.name(), product.name());
    document(&format!("{}: not done", title(product)), product, &format!("{notice}<p>{}</p>{back}", escape(&who)))
}

fn document(name: &str, product: Product, body: &str) -> Response {
    framed(name, &format!("/#{}", product.name()), "back to the product", body)
}

fn framed(name: &str, to: &str, label: &str, body: &str) -> Response {
    let page = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>{name}</title><link rel=\"stylesheet\" href=\"/style.css\"><header><h1>{name}</h1>\
         <nav><a href=\"{to}\">{label}</a></nav></header><main><section>{body}</section></main></html>"
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
