//! Poggio: users of workspaces. Who may log in is what Muster's webhook tells of their state and what the plugin has asked for, together:
//! sessions end by the plugin's call, and none begins after either.

use rusqlite::{Connection, Transaction, params};

use super::{Call, Kind, Product, Told};
use crate::database::rows;
use crate::page::{Cell, Section, Table, View};

/// The state of somebody who may log in.
const ACTIVE: &str = "active";

pub(super) fn hears(transaction: &Transaction<'_>, told: &Told<'_>) -> rusqlite::Result<()> {
    if told.kind == Kind::Group {
        return Ok(()); // Poggio has none.
    }
    if told.is_gone() {
        for table in ["poggio_sessions", "poggio_barred", "poggio_removed", "poggio_memberships"] {
            transaction.execute(&format!("DELETE FROM {table} WHERE member = ?1"), [told.id])?;
        }
        return transaction.execute("DELETE FROM poggio_users WHERE id = ?1", [told.id]).map(drop);
    }
    transaction.execute(
        "INSERT INTO poggio_users (id, email, name, state) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (id) DO UPDATE SET email = ?2, name = ?3, state = ?4",
        params![told.id, told.field("email").unwrap_or_default(), told.field("full_name"), told.state()],
    )?;
    if told.is_new() {
        // Somebody whose deletion was undone: that they were to be gone was told before, if not heard.
        is_back(transaction, told.id)?;
    }
    let Some(workspace) = told.field("workspace") else { return Ok(()) };
    let there = "INSERT OR IGNORE INTO poggio_workspaces (name, is_enterprise) VALUES (?1, 0)";
    transaction.execute(there, [workspace])?;
    let member = "INSERT OR IGNORE INTO poggio_memberships (workspace, member) VALUES (?1, ?2)";
    transaction.execute(member, [workspace, told.id]).map(drop)
}

pub(super) fn does(transaction: &Transaction<'_>, call: &Call<'_>) -> rusqlite::Result<u16> {
    match (call.method, call.path.as_slice()) {
        ("DELETE", ["api", "v1", "users", user, "access"]) => {
            transaction.execute("DELETE FROM poggio_sessions WHERE member = ?1", [user])?;
            transaction.execute("INSERT OR IGNORE INTO poggio_barred (member) VALUES (?1)", [user])?;
        }
        ("PUT", ["api", "v1", "users", user, "access"]) => {
            transaction.execute("DELETE FROM poggio_barred WHERE member = ?1", [user])?;
        }
        ("DELETE", ["api", "v1", "users", user]) => {
            transaction.execute("DELETE FROM poggio_sessions WHERE member = ?1", [user])?;
            // The webhook may tell later that the user is gone: no session begins until then.
            let removed = "INSERT OR IGNORE INTO poggio_removed (member) SELECT id FROM poggio_users WHERE id = ?1";
            transaction.execute(removed, [user])?;
        }
        _ => return Ok(404),
    }
    Ok(204)
}

/// Whom a call has removed.
pub(super) fn removed<'a>(call: &Call<'a>) -> Option<&'a str> {
    match (call.method, call.path.as_slice()) {
        ("DELETE", ["api", "v1", "users", user]) => Some(user),
        _ => None,
    }
}

/// Lets somebody log in again who was to be gone.
pub(super) fn is_back(transaction: &Transaction<'_>, id: &str) -> rusqlite::Result<()> {
    transaction.execute("DELETE FROM poggio_removed WHERE member = ?1", [id]).map(drop)
}

/// Begins a session, of somebody who may have one.
pub(super) fn log_in(transaction: &Transaction<'_>, id: &str) -> rusqlite::Result<()> {
    let session = "INSERT OR IGNORE INTO poggio_sessions (member) SELECT id FROM poggio_users
                   WHERE id = ?1 AND state = ?2 AND id NOT IN (SELECT member FROM poggio_barred)
                   AND id NOT IN (SELECT member FROM poggio_removed)";
    transaction.execute(session, [id, ACTIVE]).map(drop)
}

pub(super) fn section(connection: &Connection, view: &View) -> rusqlite::Result<Section> {
    let users = rows(
        connection,
        "SELECT u.id, coalesce(group_concat(m.workspace, ', '), '') AS workspaces, u.name, u.email, u.state,
                u.id IN (SELECT member FROM poggio_sessions)
         FROM poggio_users u LEFT JOIN poggio_memberships m ON m.member = u.id
         GROUP BY u.id ORDER BY workspaces, u.email",
    )?;
    let table =
        Table::new("Users", &["workspaces", "name", "e-mail", "", "session", ""]).rows(users.into_iter().map(|user| {
            let [id, workspace, name, email, state, has_session] = <[String; 6]>::try_from(user).unwrap_or_default();
            let session = match (state.as_str(), has_session.as_str()) {
                (_, "1") => Cell::text("open".to_owned()),
                (ACTIVE, _) => Cell::button("log in", format!("/poggio/{id}/log-in")),
                _ => Cell::text("none".to_owned()),
            };
            let rename = if view.renamed.as_ref() == Some(&id) {
                Cell::field("rename", format!("/poggio/{id}/rename"), name.clone())
            } else {
                Cell::link("rename", view.at(Product::Poggio, &format!("renamed={id}")))
            };
            vec![Cell::text(workspace), Cell::text(name), Cell::text(email), Cell::badge(state), session, rename]
        }));
    let told = "Users come into the default workspace. Who is deactivated has no session any more. A name that is changed here is \
                overwritten by the next push. There are no groups.";
    Ok(Section::new("Poggio", told, vec![table]))
}
