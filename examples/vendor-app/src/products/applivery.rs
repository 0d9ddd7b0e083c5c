//! Applivery: employees of the Enterprise Store, collaborators of the Dashboard with a role, employees of the MDM Portal with devices.

use rusqlite::{Connection, Transaction, params};

use super::{Call, Product};
use crate::database::rows;
use crate::page::{Cell, Section, Table};
use crate::signals::send;

/// What somebody who is new in the portal is handed out.
const FIRST_DEVICE: &str = "phone";
/// What the button hands out beside it.
const NEXT_DEVICE: &str = "laptop";
/// The policy of devices that nobody has given another one.
const POLICY: &str = "standard";

/// The plugin's signal of a collaborator who has become the only Admin.
const IS_LAST_ADMIN: &str = "last-admin";
/// That of one who was, and is so no longer.
const IS_NOT_LAST_ADMIN: &str = "no-longer-last-admin";

pub(super) fn does(transaction: &Transaction<'_>, call: &Call<'_>) -> rusqlite::Result<u16> {
    let status = answer(transaction, call)?;
    if call.path.starts_with(&["v1", "dashboard"]) {
        // Muster may have forgotten it with an account that was mapped anew since: of who is created it is told again.
        if let ("PUT", ["v1", "dashboard", "collaborators", user]) = (call.method, call.path.as_slice()) {
            transaction.execute(
                "DELETE FROM applivery_told_last_admin WHERE id = ?1 AND id IN (SELECT id FROM applivery_last_admin)",
                [user],
            )?;
        }
        tell_last_admin(transaction)?;
    }
    Ok(status)
}

/// Has Muster told who is the last Admin, where that is another one now: the identity provider can be refused only by who knows it before.
fn tell_last_admin(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    let now = "SELECT id FROM applivery_last_admin EXCEPT SELECT id FROM applivery_told_last_admin";
    let no_longer = "SELECT id FROM applivery_told_last_admin EXCEPT SELECT id FROM applivery_last_admin";
    let (now, no_longer) = (rows(transaction, now)?.concat(), rows(transaction, no_longer)?.concat());
    for user in &now {
        send(transaction, Product::Applivery, user, IS_LAST_ADMIN)?;
        transaction.execute("INSERT INTO applivery_told_last_admin (id) VALUES (?1)", [user])?;
    }
    for user in &no_longer {
        send(transaction, Product::Applivery, user, IS_NOT_LAST_ADMIN)?;
        transaction.execute("DELETE FROM applivery_told_last_admin WHERE id = ?1", [user])?;
    }
    Ok(())
}

fn answer(transaction: &Transaction<'_>, call: &Call<'_>) -> rusqlite::Result<u16> {
    let path: &[&str] = &call.path;
    match (call.method, path) {
        ("PUT" | "PATCH", ["v1", audience @ ("store" | "mdm"), "employees", user]) => {
            keep_employee(transaction, call, audience, user)
        }
        ("DELETE", ["v1", audience @ ("store" | "mdm"), "employees", user]) => {
            let gone = "DELETE FROM applivery_employees WHERE audience = ?1 AND id = ?2";
            let gone = transaction.execute(gone, [audience, user])?;
            if *audience == "mdm" && call.query == "devices=remove" {
                transaction.execute("DELETE FROM applivery_devices WHERE owner = ?1", [user])?;
            } else if *audience == "mdm" {
                transaction.execute("UPDATE applivery_devices SET owner = NULL WHERE owner = ?1", [user])?;
            }
            Ok(if gone == 1 { 204 } else { 404 })
        }
        ("DELETE", ["v1", "mdm", "employees", user, "devices"]) => {
            transaction.execute("UPDATE applivery_devices SET owner = NULL WHERE owner = ?1", [user])?;
            Ok(204)
        }
        ("PATCH", ["v1", "mdm", "employees", user, "devices"]) => {
            let Some(policy) = call.text("policy") else { return Ok(422) };
            transaction.execute("UPDATE applivery_devices SET policy = ?2 WHERE owner = ?1", [user, policy])?;
            Ok(200)
        }
        ("PUT" | "PATCH", ["v1", "dashboard", "collaborators", user]) => keep_collaborator(transaction, call, user),
        ("DELETE", ["v1", "dashboard", "collaborators", user]) => {
            if call.query == "last-admin=refuse" && is_last_admin(transaction, user)? {
                return Ok(409);
            }
            let gone = transaction.execute("DELETE FROM applivery_collaborators WHERE id = ?1", [user])?;
            Ok(if gone == 1 { 204 } else { 404 })
        }
        ("DELETE", ["v1", "dashboard", "members", user]) => {
            let was_last_admin = is_last_admin(transaction, user)?;
            transaction.execute("INSERT OR IGNORE INTO applivery_gone (member) VALUES (?1)", [user])?;
            // What is refused leaves nothing: the role may be of the creation, and stay.
            let takes_it = was_last_admin && !is_last_admin(transaction, user)?;
            Ok(if takes_it && call.query == "last-admin=refuse" { 409 } else { 204 })
        }
        ("PUT", ["v1", "dashboard", "groups", group]) => {
            transaction.execute(
                "INSERT INTO applivery_groups (id, name, role, rank) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (id) DO UPDATE SET name = ?2, role = ?3, rank = ?4",
                params![group, call.text("name"), call.text("role"), call.body["rank"].as_i64()],
            )?;
            Ok(200)
        }
        ("DELETE", ["v1", "dashboard", "groups", group]) => {
            transaction.execute("DELETE FROM applivery_memberships WHERE group_id = ?1", [group])?;
            transaction.execute("DELETE FROM applivery_groups WHERE id = ?1", [group])?;
            Ok(204)
        }
        ("PUT", ["v1", "dashboard", "groups", group, "members", user]) => {
            let added = "INSERT OR IGNORE INTO applivery_memberships (group_id, member) VALUES (?1, ?2)";
            transaction.execute(added, [group, user])?;
            Ok(200)
        }
        ("DELETE", ["v1", "dashboard", "groups", group, "members", user]) => {
            let removed = "DELETE FROM applivery_memberships WHERE group_id = ?1 AND member = ?2";
            transaction.execute(removed, [group, user])?;
            Ok(204)
        }
        _ => Ok(404),
    }
}

fn keep_employee(transaction: &Transaction<'_>, call: &Call<'_>, audience: &str, user: &str) -> rusqlite::Result<u16> {
    let details = ["email", "name", "given_name", "family_name"].map(|name| call.text(name));
    let [email, name, given, family] = details;
    let changed = transaction.execute(
        "UPDATE applivery_employees SET email = ?3, name = ?4, given_name = ?5, family_name = ?6
         WHERE audience = ?1 AND id = ?2",
        params![audience, user, email, name, given, family],
    )?;
    match (changed, call.method) {
        (0, "PATCH") => Ok(404),
        (0, _) => {
            transaction.execute(
                "INSERT INTO applivery_employees (audience, id, email, name, given_name, family_name)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                params![audience, user, email, name, given, family],
            )?;
            if audience == "mdm" {
                hand_out(transaction, user, FIRST_DEVICE)?;
            }
            Ok(201)
        }
        _ => Ok(200),
    }
}

fn keep_collaborator(transaction: &Transaction<'_>, call: &Call<'_>, user: &str) -> rusqlite::Result<u16> {
    let details = ["email", "name", "given_name", "family_name", "role"].map(|name| call.text(name));
    let [email, name, given, family, role] = details;
    let changed = transaction.execute(
        "UPDATE applivery_collaborators SET email = ?2, name = ?3, given_name = ?4, family_name = ?5, role = ?6
         WHERE id = ?1",
        params![user, email, name, given, family, role],
    )?;
    match (changed, call.method) {
        (0, "PATCH") => Ok(404),
        (0, _) => {
            is_there(transaction, user)?;
            transaction.execute(
                "INSERT INTO applivery_collaborators (id, email, name, given_name, family_name, role)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                params![user, email, name, given, family, role],
            )?;
            Ok(201)
        }
        (_, "PUT") => is_there(transaction, user).map(|()| 200),
        _ => Ok(200),
    }
}

/// Somebody who had left the groups is created anew.
fn is_there(transaction: &Transaction<'_>, user: &str) -> rusqlite::Result<()> {
    transaction.execute("DELETE FROM applivery_gone WHERE member = ?1", [user]).map(drop)
}

/// Whether this collaborator is an Admin, and no other one is.
fn is_last_admin(transaction: &Transaction<'_>, user: &str) -> rusqlite::Result<bool> {
    let last = "SELECT EXISTS (SELECT 1 FROM applivery_last_admin WHERE id = ?1)";
    transaction.query_row(last, [user], |row| row.get(0))
}

/// One more device for somebody of the portal.
pub(super) fn enrol(transaction: &Transaction<'_>, user: &str) -> rusqlite::Result<()> {
    hand_out(transaction, user, NEXT_DEVICE)
}

fn hand_out(transaction: &Transaction<'_>, user: &str, model: &str) -> rusqlite::Result<()> {
    let owner = "INSERT INTO applivery_devices (model, owner, policy)
                 SELECT ?2, id, ?3 FROM applivery_employees WHERE audience = 'mdm' AND id = ?1";
    transaction.execute(owner, [user, model, POLICY]).map(drop)
}

pub(super) fn section(connection: &Connection) -> rusqlite::Result<Section> {
    let table = |title: &str, columns: &[&'static str], question: &str| {
        let found = rows(connection, question)?;
        let shown = found.into_iter().map(|row| row.into_iter().map(Cell::text).collect());
        Ok::<_, rusqlite::Error>(Table::new(title, columns).rows(shown))
    };
    let store = table(
        "Enterprise Store: employees",
        &["name", "e-mail"],
        "SELECT name, email FROM applivery_employees WHERE audience = 'store' ORDER BY email",
    )?;
    let dashboard = table(
        "Dashboard: collaborators",
        &["name", "e-mail", "role"],
        "SELECT c.name, c.email, r.role FROM applivery_collaborators c JOIN applivery_roles r USING (id) ORDER BY c.email",
    )?;
    let groups = table(
        "Dashboard: groups that give a role",
        &["group", "role", "members"],
        "SELECT g.name, g.role, coalesce(group_concat(coalesce(c.name, c.email), ', '), '')
         FROM applivery_groups g LEFT JOIN applivery_memberships m ON m.group_id = g.id
             AND m.member NOT IN (SELECT member FROM applivery_gone)
         LEFT JOIN applivery_collaborators c ON c.id = m.member
         WHERE g.role IS NOT NULL GROUP BY g.id ORDER BY g.name",
    )?;
    let employees = rows(
        connection,
        "SELECT e.id, e.name, e.email, (SELECT count(*) FROM applivery_devices d WHERE d.owner = e.id)
         FROM applivery_employees e WHERE audience = 'mdm' ORDER BY email",
    )?;
    let employees = Table::new("MDM Portal: employees", &["name", "e-mail", "devices", ""]).rows(
        employees.into_iter().map(|employee| {
            let [id, name, email, devices] = <[String; 4]>::try_from(employee).unwrap_or_default();
            let button = Cell::button(&format!("hand out a {NEXT_DEVICE}"), format!("/applivery/{id}/device"));
            vec![Cell::text(name), Cell::text(email), Cell::text(devices), button]
        }),
    );
    let devices = table(
        "MDM Portal: devices",
        &["device", "owner", "policy"],
        "SELECT d.model || ' ' || d.number, coalesce(e.name, e.email, 'nobody'), d.policy FROM applivery_devices d
         LEFT JOIN applivery_employees e ON e.audience = 'mdm' AND e.id = d.owner ORDER BY d.number",
    )?;
    let told = "Three audiences, each with actions of its own for who comes and who goes.";
    Ok(Section::new("Applivery", told, vec![store, dashboard, groups, employees, devices]))
}
