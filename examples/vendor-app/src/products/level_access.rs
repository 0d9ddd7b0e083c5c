//! Level Access: users come in unassigned, and an administrator of the organization assigns user groups by hand.

use rusqlite::{Connection, Transaction, params};

use super::{Kind, Told};
use crate::database::rows;
use crate::page::{Cell, Section, Table};

/// What the button assigns.
const USER_GROUP: &str = "Auditors";

pub(super) fn hears(transaction: &Transaction<'_>, told: &Told<'_>) -> rusqlite::Result<()> {
    if told.kind == Kind::Group {
        return Ok(()); // Pushed groups assign nobody.
    }
    if told.is_gone() {
        transaction.execute("DELETE FROM level_access_assignments WHERE member = ?1", [told.id])?;
        return transaction.execute("DELETE FROM level_access_users WHERE id = ?1", [told.id]).map(drop);
    }
    transaction
        .execute(
            "INSERT INTO level_access_users (id, email, name, state) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (id) DO UPDATE SET email = ?2, name = ?3, state = ?4",
            params![told.id, told.field("email"), told.field("name"), told.state()],
        )
        .map(drop)
}

pub(super) fn assign(transaction: &Transaction<'_>, id: &str) -> rusqlite::Result<()> {
    let assigned = "INSERT OR IGNORE INTO level_access_assignments (member, user_group) SELECT id, ?2 FROM level_access_users WHERE id = ?1";
    transaction.execute(assigned, [id, USER_GROUP]).map(drop)
}

pub(super) fn unassign(transaction: &Transaction<'_>, id: &str) -> rusqlite::Result<()> {
    transaction.execute("DELETE FROM level_access_assignments WHERE member = ?1", [id]).map(drop)
}

pub(super) fn section(connection: &Connection) -> rusqlite::Result<Section> {
    let unassigned = rows(
        connection,
        "SELECT id, name, email, state FROM level_access_users
         WHERE id NOT IN (SELECT member FROM level_access_assignments) ORDER BY email",
    )?;
    let unassigned = Table::new("Unassigned users", &["name", "e-mail", "", ""])
        .rows(unassigned.into_iter().map(|user| row(user, &format!("assign to {USER_GROUP}"), "assign")));
    let assigned = rows(
        connection,
        "SELECT u.id, u.name, u.email, u.state FROM level_access_users u
         WHERE id IN (SELECT member FROM level_access_assignments) ORDER BY email",
    )?;
    let assigned = Table::new(USER_GROUP, &["name", "e-mail", "", ""])
        .rows(assigned.into_iter().map(|user| row(user, "take out", "unassign")));
    let told = "A new user has no user group until an administrator assigns one; no push changes that.";
    Ok(Section::new("Level Access", told, vec![unassigned, assigned]))
}

fn row(user: Vec<String>, label: &str, what: &str) -> Vec<Cell> {
    let [id, name, email, state] = <[String; 4]>::try_from(user).unwrap_or_default();
    let button = Cell::button(label, format!("/level-access/{id}/{what}"));
    vec![Cell::text(name), Cell::text(email), Cell::badge(state), button]
}
