//! Popl: profiles of a team, and groups of them.

use rusqlite::{Connection, Transaction, params};

use super::{Kind, Told, keep_group};
use crate::database::rows;
use crate::page::{Cell, Section, Table};

pub(super) fn hears(transaction: &Transaction<'_>, told: &Told<'_>) -> rusqlite::Result<()> {
    if told.kind == Kind::Group {
        return keep_group(transaction, "popl", told);
    }
    if told.is_gone() {
        transaction.execute("DELETE FROM popl_memberships WHERE member = ?1", [told.id])?;
        return transaction.execute("DELETE FROM popl_profiles WHERE id = ?1", [told.id]).map(drop);
    }
    transaction
        .execute(
            "INSERT INTO popl_profiles (id, team, email, name, is_in_team) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (id) DO UPDATE SET team = ?2, email = ?3, name = ?4, is_in_team = ?5",
            params![
                told.id,
                told.field("team").unwrap_or_default(),
                told.field("email"),
                told.field("name"),
                told.is_listed()
            ],
        )
        .map(drop)
}

pub(super) fn section(connection: &Connection) -> rusqlite::Result<Section> {
    let profiles =
        rows(connection, "SELECT team, name, email FROM popl_profiles WHERE is_in_team ORDER BY team, email")?;
    let profiles = Table::new("Profiles of the team", &["team", "name", "e-mail"])
        .rows(profiles.into_iter().map(|profile| profile.into_iter().map(Cell::text).collect()));
    let groups = rows(
        connection,
        "SELECT g.name, coalesce(group_concat(coalesce(p.name, p.email), ', '), '')
         FROM popl_groups g LEFT JOIN popl_memberships m ON m.group_id = g.id
         LEFT JOIN popl_profiles p ON p.id = m.member AND p.is_in_team
         GROUP BY g.id ORDER BY g.name",
    )?;
    let groups = Table::new("Groups", &["group", "profiles"])
        .rows(groups.into_iter().map(|group| group.into_iter().map(Cell::text).collect()));
    let told = "Each user is a profile in the team, with a name and an e-mail address.";
    Ok(Section::new("Popl", told, vec![profiles, groups]))
}
