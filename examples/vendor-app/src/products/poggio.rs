//! Poggio: users of a workspace.

use rusqlite::{Connection, Transaction, params};

use super::{Kind, Told};
use crate::database::rows;
use crate::page::{Cell, Section, Table};

/// The state of somebody who may log in.
const ACTIVE: &str = "active";

pub(super) fn hears(transaction: &Transaction<'_>, told: &Told<'_>) -> rusqlite::Result<()> {
    if told.kind == Kind::Group {
        return Ok(()); // Poggio has none.
    }
    if told.is_gone() || told.state() != ACTIVE {
        transaction.execute("DELETE FROM poggio_sessions WHERE member = ?1", [told.id])?;
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

/// Begins a session, of somebody who may have one.
pub(super) fn log_in(transaction: &Transaction<'_>, id: &str) -> rusqlite::Result<()> {
    let session =
        "INSERT OR IGNORE INTO poggio_sessions (member) SELECT id FROM poggio_users WHERE id = ?1 AND state = ?2";
    transaction.execute(session, [id, ACTIVE]).map(drop)
}

pub(super) fn section(connection: &Connection) -> rusqlite::Result<Section> {
    let users = rows(
        connection,
        "SELECT id, workspace, name, email, state, id IN (SELECT member FROM poggio_sessions) FROM poggio_users
         ORDER BY workspace, email",
    )?;
    let table =
        Table::new("Workspaces", &["workspace", "name", "e-mail", "", "session"]).rows(users.into_iter().map(|user| {
            let [id, workspace, name, email, state, has_session] = <[String; 6]>::try_from(user).unwrap_or_default();
            let session = match (state.as_str(), has_session.as_str()) {
                (_, "1") => Cell::text("open".to_owned()),
                (ACTIVE, _) => Cell::button("log in", format!("/poggio/{id}/log-in")),
                _ => Cell::text("none".to_owned()),
            };
            vec![Cell::text(workspace), Cell::text(name), Cell::text(email), Cell::badge(state), session]
        }));
    let told =
        "Users come into the default workspace. Who is deactivated has no session any more. There are no groups.";
    Ok(Section::new("Poggio", told, vec![table]))
}
