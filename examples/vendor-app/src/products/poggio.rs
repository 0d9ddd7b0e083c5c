//! Poggio: users of a workspace. Who may log in is what Muster's webhook tells of their state and what the plugin has asked for, together:
//! sessions end by the plugin's call, and none begins after either.

use rusqlite::{Connection, Transaction, params};

use super::{Call, Kind, Told};
use crate::database::rows;
use crate::page::{Cell, Section, Table, View};

/// The state of somebody who may log in.
const ACTIVE: &str = "active";

pub(super) fn hears(transaction: &Transaction<'_>, told: &Told<'_>) -> rusqlite::Result<()> {
    if told.kind == Kind::Group {
        return Ok(()); // Poggio has none.
    }
    if told.is_gone() {
        return transaction.execute("DELETE FROM poggio_users WHERE id = ?1", [told.id]).map(drop);
    }
    let field = |name: &str| told.field(name);
    transaction
        .execute(
            "INSERT INTO poggio_users (id, workspace, email, name, state) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (id) DO UPDATE SET workspace = ?2, email = ?3, name = ?4, state = ?5",
            params![
                told.id,
                field("workspace").unwrap_or_default(),
                field("email").unwrap_or_default(),
                field("full_name"),
                told.state()
            ],
        )
        .map(drop)
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
            transaction.execute("DELETE FROM poggio_barred WHERE member = ?1", [user])?;
        }
        _ => return Ok(404),
    }
    Ok(204)
}

/// Begins a session, of somebody who may have one.
pub(super) fn log_in(transaction: &Transaction<'_>, id: &str) -> rusqlite::Result<()> {
    let session = "INSERT OR IGNORE INTO poggio_sessions (member) SELECT id FROM poggio_users
                   WHERE id = ?1 AND state = ?2 AND id NOT IN (SELECT member FROM poggio_barred)";
    transaction.execute(session, [id, ACTIVE]).map(drop)
}

pub(super) fn section(connection: &Connection, view: &View) -> rusqlite::Result<Section> {
    let users = rows(
        connection,
        "SELECT id, workspace, name, email, state, id IN (SELECT member FROM poggio_sessions) FROM poggio_users
         ORDER BY workspace, email",
    )?;
    let table = Table::new("Workspaces", &["workspace", "name", "e-mail", "", "session", ""]).rows(
        users.into_iter().map(|user| {
            let [id, workspace, name, email, state, has_session] = <[String; 6]>::try_from(user).unwrap_or_default();
            let session = match (state.as_str(), has_session.as_str()) {
                (_, "1") => Cell::text("open".to_owned()),
                (ACTIVE, _) => Cell::button("log in", format!("/poggio/{id}/log-in")),
                _ => Cell::text("none".to_owned()),
            };
            let rename = if view.renamed.as_ref() == Some(&id) {
                Cell::field("rename", format!("/poggio/{id}/rename"), name.clone())
            } else {
                Cell::link("rename", format!("/?renamed={id}#poggio"))
            };
            vec![Cell::text(workspace), Cell::text(name), Cell::text(email), Cell::badge(state), session, rename]
        }),
    );
    let told = "Users come into the default workspace. Who is deactivated has no session any more. A name that is changed here is \
                overwritten by the next push. There are no groups.";
    Ok(Section::new("Poggio", told, vec![table]))
}
