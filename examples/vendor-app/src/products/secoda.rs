//! Secoda: members, who are invited by mail and listed once they have signed in, and groups of them.

use rusqlite::{Connection, Transaction, params};

use super::{Call, Kind, Told, keep_group};
use crate::database::rows;
use crate::page::{Cell, Section, Table, View};

/// How long an address can be (RFC 5321 §4.5.3.1), and the id of whom it is of.
const MAX_ADDRESS_BYTES: usize = 320;

pub(super) fn hears(transaction: &Transaction<'_>, told: &Told<'_>) -> rusqlite::Result<()> {
    if told.kind == Kind::Group {
        return keep_group(transaction, "secoda", told);
    }
    if told.is_gone() {
        transaction.execute("DELETE FROM secoda_memberships WHERE member = ?1", [told.id])?;
        transaction.execute("DELETE FROM secoda_access WHERE member = ?1", [told.id])?;
        return transaction.execute("DELETE FROM secoda_members WHERE id = ?1", [told.id]).map(drop);
    }
    transaction
        .execute(
            "INSERT INTO secoda_members (id, email, name, state, is_listed) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (id) DO UPDATE SET email = ?2, name = ?3, state = ?4, is_listed = ?5",
            params![
                told.id,
                told.field("email").unwrap_or_default(),
                told.field("name"),
                told.state(),
                told.is_listed()
            ],
        )
        .map(drop)
}

pub(super) fn does(transaction: &Transaction<'_>, call: &Call<'_>) -> rusqlite::Result<u16> {
    match (call.method, call.path.as_slice()) {
        ("POST", ["api", "v1", "invitations"]) => {
            let (Some(member), Some(email)) = (call.text("member"), call.text("email")) else { return Ok(422) };
            if member.len() > MAX_ADDRESS_BYTES || email.len() > MAX_ADDRESS_BYTES {
                return Ok(422); // No mail server takes it, and a line of a mail has to hold it.
            }
            let invited = transaction.execute(
                "INSERT OR IGNORE INTO secoda_invitations (member, email) VALUES (?1, ?2)",
                params![member, email],
            )?;
            // Whoever is invited once more had been removed, and is back: nothing else tells in the order of the removal.
            let back =
                transaction.execute("DELETE FROM secoda_access WHERE member = ?1 AND NOT is_enabled", [member])?;
            Ok(match (invited, back) {
                (1, _) => 201,
                (_, 1) => 200,
                _ => 409,
            })
        }
        ("PUT", ["api", "v1", "members", member, "enabled"]) => {
            let Some(is_enabled) = call.body["enabled"].as_bool() else { return Ok(422) };
            transaction.execute(
                "INSERT INTO secoda_access (member, is_enabled) VALUES (?1, ?2)
                 ON CONFLICT (member) DO UPDATE SET is_enabled = ?2",
                params![member, is_enabled],
            )?;
            Ok(200)
        }
        ("DELETE", ["api", "v1", "members", member]) => {
            // The webhook may tell later that the member is gone: nobody signs in until then.
            transaction.execute(
                "INSERT INTO secoda_access (member, is_enabled) SELECT id, 0 FROM secoda_members WHERE id = ?1
                 ON CONFLICT (member) DO UPDATE SET is_enabled = 0",
                [member],
            )?;
            Ok(204)
        }
        _ => Ok(404),
    }
}

pub(super) fn section(connection: &Connection, view: &View) -> rusqlite::Result<Section> {
    // Whoever has not signed in is no member yet, and is shown to who asks for the invited.
    let which = if view.is_invited_shown { "m.is_listed OR m.state = 'invited'" } else { "m.is_listed" };
    let members = rows(
        connection,
        &format!(
            "SELECT m.id, m.name, m.email, m.state, coalesce(a.is_enabled, m.state <> 'disabled') FROM secoda_members m
             LEFT JOIN secoda_access a ON a.member = m.id WHERE {which} ORDER BY m.email"
        ),
    )?;
    let invited = rows(connection, "SELECT count(*) FROM secoda_members WHERE state = 'invited'")?.concat().concat();
    let nobody = match invited.as_str() {
        "" | "0" => "Nobody and nothing yet.".to_owned(),
        count => format!("Nobody has signed in yet; {count} are invited."),
    };
    let members = Table::new("Members", &["name", "e-mail", "", "may sign in", ""])
        .nothing(nobody)
        .rows(members.into_iter().map(|member| {
            let [id, name, email, state, may] = <[String; 5]>::try_from(member).unwrap_or_default();
            let button = if state == "invited" {
                Cell::button("signed in", format!("/secoda/{id}/signed-in"))
            } else {
                Cell::text(String::new())
            };
            let may = if may == "1" { "yes" } else { "no" };
            vec![Cell::text(name), Cell::text(email), Cell::badge(state), Cell::text(may.to_owned()), button]
        }))
        .link(if view.is_invited_shown {
            (format!("hide the {invited} invited"), "/#secoda".to_owned())
        } else {
            (format!("show the {invited} invited"), "/?invited=1#secoda".to_owned())
        });
    let groups = rows(
        connection,
        "SELECT g.name, coalesce(group_concat(coalesce(m.name, m.email), ', '), '')
         FROM secoda_groups g LEFT JOIN secoda_memberships s ON s.group_id = g.id
         LEFT JOIN secoda_members m ON m.id = s.member AND m.is_listed
         GROUP BY g.id ORDER BY g.name",
    )?;
    let groups = Table::new("Groups", &["group", "members who have signed in"])
        .rows(groups.into_iter().map(|group| group.into_iter().map(Cell::text).collect()));
    let mails = rows(connection, "SELECT recipient, subject, text FROM mails ORDER BY number DESC LIMIT 50")?;
    let mails = Table::new("Mails that were sent (the last 50)", &["to", "subject", ""])
        .rows(mails.into_iter().map(|mail| mail.into_iter().map(Cell::text).collect()));
    let told = "A new user is invited by mail, once, and is a member after the first sign-in.";
    let mut tables = vec![members, groups, mails];
    let refused = rows(
        connection,
        "SELECT i.email, r.reason FROM secoda_refused_mails r JOIN secoda_invitations i ON i.number = r.invitation
         ORDER BY i.number DESC LIMIT 50",
    )?;
    if !refused.is_empty() {
        let table = Table::new("Mails that could not be sent (the last 50)", &["to", "why"]);
        tables.push(table.rows(refused.into_iter().map(|mail| mail.into_iter().map(Cell::text).collect())));
    }
    Ok(Section::new("Secoda", told, tables))
}
