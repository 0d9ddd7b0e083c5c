//! Level Access: users come in unassigned, and an administrator of the organization assigns user groups by hand. The administrator also makes
//! users by hand, and changes and removes them; Muster is asked first, because one of SCIM is the identity provider's alone.

use rusqlite::{Connection, Transaction, params};
use serde_json::{Value, json};

use super::{Clicked, Kind, Product, Told};
use crate::database::rows;
use crate::muster::ByHand;
use crate::page::{Cell, Section, Table, View};

/// The one user group that there is.
const USER_GROUP: &str = "Auditors";

pub(super) fn hears(transaction: &Transaction<'_>, told: &Told<'_>) -> rusqlite::Result<()> {
    if told.kind == Kind::Group {
        return Ok(()); // Pushed groups assign nobody.
    }
    match told.account() {
        Some(account) if !told.is_gone() => keep(transaction, told.id, account),
        _ => remove(transaction, told.id),
    }
}

/// Keeps a user as Muster has the account. Whether it has user groups is part of that: an administrator says so (`groups-assigned`), no push
/// does, and whether it ends with a deactivation is a setting of the plugin.
fn keep(transaction: &Transaction<'_>, id: &str, account: &Value) -> rusqlite::Result<()> {
    let field = |name: &str| account["fields"][name].as_str();
    transaction.execute(
        "INSERT INTO level_access_users (id, email, name, state) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (id) DO UPDATE SET email = ?2, name = ?3, state = ?4",
        params![id, field("email"), field("name"), account["state"].as_str().unwrap_or_default()],
    )?;
    let (assigned, taken_out) = (
        "INSERT OR IGNORE INTO level_access_assignments (member, user_group) VALUES (?1, ?2)",
        "DELETE FROM level_access_assignments WHERE member = ?1 AND user_group = ?2",
    );
    match account["fields"]["has_groups"].as_bool() {
        Some(has_groups) => {
            transaction.execute(if has_groups { assigned } else { taken_out }, [id, USER_GROUP]).map(drop)
        }
        None => Ok(()),
    }
}

fn remove(transaction: &Transaction<'_>, id: &str) -> rusqlite::Result<()> {
    transaction.execute("DELETE FROM level_access_assignments WHERE member = ?1", [id])?;
    transaction.execute("DELETE FROM level_access_by_hand WHERE id = ?1", [id])?;
    transaction.execute("DELETE FROM level_access_users WHERE id = ?1", [id]).map(drop)
}

/// What Muster has allowed by hand; no webhook tells of it. `account`: as it is now, unless it is gone.
pub(super) fn keep_by_hand(transaction: &Transaction<'_>, id: &str, account: Option<&Value>) -> rusqlite::Result<()> {
    let Some(account) = account else { return remove(transaction, id) };
    transaction.execute("INSERT OR IGNORE INTO level_access_by_hand (id) VALUES (?1)", [id])?;
    keep(transaction, id, account)
}

pub(super) fn clicked(what: &str, typed: &str) -> Option<Clicked> {
    Some(match what {
        "assign" => Clicked::Signal("groups-assigned", json!({})),
        "take-out" => Clicked::Signal("groups-removed", json!({})),
        "make" => Clicked::ByHand(ByHand::Make(json!({ "userName": typed }))),
        "rename" => Clicked::ByHand(ByHand::Change(json!({ "displayName": typed }))),
        "deactivate" => Clicked::ByHand(ByHand::Change(json!({ "active": false }))),
        "activate" => Clicked::ByHand(ByHand::Change(json!({ "active": true }))),
        "remove" => Clicked::ByHand(ByHand::Remove),
        _ => return None,
    })
}

pub(super) fn section(connection: &Connection, view: &View) -> rusqlite::Result<Section> {
    let users = |which: &str| {
        let is_by_hand = "id IN (SELECT id FROM level_access_by_hand)";
        let assigned = "(SELECT member FROM level_access_assignments)";
        let all = format!("SELECT id, name, email, state, {is_by_hand} FROM level_access_users");
        rows(connection, &format!("{all} WHERE id {which} {assigned} ORDER BY email"))
    };
    let columns = ["name", "e-mail", "", "managed", "", "", "", ""];
    let assign = (format!("assign to {USER_GROUP}"), "assign");
    let unassigned = Table::new("Unassigned users", &columns)
        .rows(users("NOT IN")?.into_iter().map(|user| row(user, view, &assign)))
        .link(("add a user by hand".to_owned(), view.at(Product::LevelAccess, "added=1")));
    let take_out = ("take out".to_owned(), "take-out");
    let assigned =
        Table::new(USER_GROUP, &columns).rows(users("IN")?.into_iter().map(|user| row(user, view, &take_out)));
    let mut tables = vec![unassigned, assigned];
    if view.added.is_some() {
        let field = Cell::field("add", "/level-access/new/make".to_owned(), String::new());
        tables.insert(0, Table::new("A user by hand", &["e-mail"]).uncounted().rows([vec![field]].into_iter()));
    }
    let told = "A new user has no user group until an administrator assigns one; no push changes that. Users by hand are changed and removed \
                here, those of SCIM by the identity provider alone.";
    Ok(Section::new("Level Access", told, tables))
}

fn row(user: Vec<String>, view: &View, (label, what): &(String, &str)) -> Vec<Cell> {
    let [id, name, email, state, is_by_hand] = <[String; 5]>::try_from(user).unwrap_or_default();
    let button = |label: &str, what: &str| Cell::button(label, format!("/level-access/{id}/{what}"));
    let rename = if view.renamed.as_ref() == Some(&id) {
        Cell::field("rename", format!("/level-access/{id}/rename"), name.clone())
    } else {
        Cell::link("rename", view.at(Product::LevelAccess, &format!("renamed={id}")))
    };
    let switch = if state == "inactive" { "activate" } else { "deactivate" };
    let managed = if is_by_hand == "1" { "by hand" } else { "by SCIM" };
    vec![
        Cell::text(name),
        Cell::text(email),
        Cell::badge(state),
        Cell::text(managed.to_owned()),
        button(label, what),
        rename,
        button(switch, switch),
        button("remove", "remove"),
    ]
}
