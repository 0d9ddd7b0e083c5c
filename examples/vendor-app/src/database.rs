use std::fs::{OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension as _, Transaction, params};

use crate::Product;

/// Its tables. What webhooks tell and what plugins ask for come by different ways, with no order between them: so neither writes what the
/// other one does, and the page puts them together.
const SCHEMA: &str = include_str!("schema.sql");

/// A demo goes on with the database that it had: there each of Poggio's users was in one workspace, in a column of its own.
const WORKSPACES_APART: &str = "
    BEGIN;
    INSERT OR IGNORE INTO poggio_workspaces (name, is_enterprise) SELECT workspace, 0 FROM poggio_users;
    INSERT OR IGNORE INTO poggio_memberships (workspace, member) SELECT workspace, id FROM poggio_users;
    ALTER TABLE poggio_users DROP COLUMN workspace;
    COMMIT;";

/// How many keys are remembered: what comes again later than so many others is taken for something else.
const MAX_REMEMBERED: u32 = 100_000;

/// The product's own database.
pub(crate) struct Database(Mutex<Connection>);

/// What came of something that is to be done once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Once {
    /// It was done, or refused, now.
    Now(u16),
    /// It was done before, with this status.
    Before(u16),
    /// Something else was done under this key.
    Another,
}

impl Database {
    pub(crate) fn open(file: &Path) -> rusqlite::Result<Self> {
        only_for_its_owner(file).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
        let connection = Connection::open(file)?;
        connection.execute_batch(SCHEMA)?;
        let older = "SELECT 1 FROM pragma_table_info('poggio_users') WHERE name = 'workspace'";
        if !rows(&connection, older)?.is_empty() {
            connection.execute_batch(WORKSPACES_APART)?;
        }
        Ok(Self(Mutex::new(connection)))
    }

    /// Does something, all or nothing.
    pub(crate) fn change<T>(&self, act: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>) -> rusqlite::Result<T> {
        let mut connection = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let transaction = connection.transaction()?;
        let done = act(&transaction)?;
        transaction.commit()?;
        Ok(done)
    }

    /// Does something under a key, once: the key is kept in the same step. What is refused (400 and more) leaves nothing and can be asked
    /// for again, because the reason may have gone.
    pub(crate) fn once(
        &self,
        product: Product,
        key: &str,
        request: &str,
        act: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<u16>,
    ) -> rusqlite::Result<Once> {
        let mut connection = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let transaction = connection.transaction()?;
        let before = transaction
            .query_row(
                "SELECT request, status FROM done WHERE product = ?1 AND key = ?2",
                params![product.name(), key],
                |row| Ok((row.get::<_, String>(0)?, row.get::<_, u16>(1)?)),
            )
            .optional()?;
        if let Some((known, status)) = before {
            return Ok(if known == request { Once::Before(status) } else { Once::Another });
        }
        let status = act(&transaction)?;
        if status < 400 {
            transaction.execute(
                "INSERT INTO done (product, key, request, status) VALUES (?1, ?2, ?3, ?4)",
                params![product.name(), key, request, status],
            )?;
            let forgotten = "DELETE FROM done WHERE number <= last_insert_rowid() - ?1";
            transaction.execute(forgotten, [MAX_REMEMBERED])?;
            transaction.commit()?;
        }
        Ok(Once::Now(status))
    }

    /// All rows of a question, as text.
    pub(crate) fn rows(&self, question: &str) -> rusqlite::Result<Vec<Vec<String>>> {
        self.change(|transaction| rows(transaction, question))
    }
}

/// It has e-mail addresses and hashes of keys: as with the keys beside it, nobody else reads it. What `SQLite` makes beside it is made like it;
/// what an earlier one left there is mended.
fn only_for_its_owner(file: &Path) -> io::Result<()> {
    OpenOptions::new().append(true).create(true).mode(0o600).open(file)?;
    for ending in ["", "-wal", "-shm"] {
        let mut part = file.as_os_str().to_owned();
        part.push(ending);
        match std::fs::set_permissions(part, Permissions::from_mode(0o600)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// All rows of a question, as text; nothing is an empty text.
pub(crate) fn rows(connection: &Connection, question: &str) -> rusqlite::Result<Vec<Vec<String>>> {
    let mut statement = connection.prepare(question)?;
    let columns = statement.column_count();
    let rows = statement.query_map([], |row| (0..columns).map(|column| Ok(text(row.get_ref(column)?))).collect())?;
    rows.collect()
}

fn text(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Null => String::new(),
        ValueRef::Integer(integer) => integer.to_string(),
        ValueRef::Real(real) => real.to_string(),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => String::from_utf8_lossy(bytes).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_done_under_a_key_is_not_done_again_and_what_was_refused_is_asked_again() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("product.sqlite");
        let database = Database::open(&file).unwrap();
        let mail = |status: u16| {
            move |transaction: &Transaction<'_>| {
                transaction.execute(
                    "INSERT INTO mails (message, recipient, subject, text) VALUES (hex(randomblob(8)), '', '', '')",
                    [],
                )?;
                Ok(status)
            }
        };
        let once = |request: &str, status| database.once(Product::Secoda, "acme/1", request, mail(status)).unwrap();

        assert_eq!(once("a", 409), Once::Now(409));
        assert_eq!(once("a", 201), Once::Now(201));
        assert_eq!(once("a", 201), Once::Before(201));
        assert_eq!(once("b", 201), Once::Another);
        assert_eq!(database.once(Product::Applivery, "acme/1", "a", mail(200)).unwrap(), Once::Now(200));
        assert_eq!(database.rows("SELECT count(*) FROM mails").unwrap(), [["2"]], "what was refused left nothing");
        drop(database);
        let again = Database::open(&file).unwrap();
        assert_eq!(again.once(Product::Secoda, "acme/1", "a", mail(201)).unwrap(), Once::Before(201));
    }

    #[test]
    fn nobody_else_reads_it_nor_one_that_was_made_for_everybody() {
        let folder = tempfile::tempdir().unwrap();
        let mode = |file: &str| std::fs::metadata(folder.path().join(file)).unwrap().permissions().mode() & 0o777;
        let old = folder.path().join("old.sqlite");
        std::fs::write(&old, "").unwrap();
        std::fs::set_permissions(&old, Permissions::from_mode(0o644)).unwrap();

        let kept = ["new.sqlite", "old.sqlite"].map(|file| Database::open(&folder.path().join(file)).unwrap());

        for file in ["new.sqlite", "new.sqlite-wal", "new.sqlite-shm", "old.sqlite", "old.sqlite-wal"] {
            assert_eq!(mode(file), 0o600, "{file}");
        }
        drop(kept);
    }

    #[test]
    fn a_database_in_which_each_user_had_one_workspace_is_taken_over() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("product.sqlite");
        let older = "CREATE TABLE poggio_users (
                         id TEXT PRIMARY KEY, workspace TEXT NOT NULL, email TEXT NOT NULL, name TEXT, state TEXT NOT NULL
                     );
                     INSERT INTO poggio_users VALUES ('7', 'W1', 'ada@example.com', 'Ada Byron', 'active');";
        Connection::open(&file).unwrap().execute_batch(older).unwrap();

        for _ in 0..2 {
            let database = Database::open(&file).unwrap();
            assert_eq!(database.rows("SELECT * FROM poggio_memberships").unwrap(), [["W1", "7"]]);
            let users = database.rows("SELECT * FROM poggio_users").unwrap();
            assert_eq!(users, [["7", "ada@example.com", "Ada Byron", "active"]]);
        }
    }

    #[test]
    fn so_many_keys_are_remembered_and_no_more() {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::open(&folder.path().join("product.sqlite")).unwrap();
        let once = |key: &str| database.once(Product::Popl, key, "", |_| Ok(204)).unwrap();
        once("first");
        let others = "INSERT INTO done (product, key, request, status)
                      WITH RECURSIVE counted (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counted WHERE n < ?1)
                      SELECT 'popl', n, '', 204 FROM counted";
        database.change(|transaction| transaction.execute(others, [MAX_REMEMBERED - 2])).unwrap();
        once("last");
        assert_eq!(once("first"), Once::Before(204));
        once("one more");
        assert_eq!(database.rows("SELECT count(*) FROM done").unwrap(), [[MAX_REMEMBERED.to_string()]]);
        assert_eq!(once("first"), Once::Now(204), "that was long ago");
    }
}
