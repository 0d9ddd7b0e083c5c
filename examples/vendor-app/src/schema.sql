PRAGMA journal_mode = WAL;
PRAGMA foreign_keys = OFF; -- a membership may be told before its member

CREATE TABLE IF NOT EXISTS done (
    number INTEGER PRIMARY KEY, product TEXT NOT NULL, key TEXT NOT NULL, request TEXT NOT NULL, status INTEGER NOT NULL,
    UNIQUE (product, key)
);

CREATE TABLE IF NOT EXISTS mails (
    number INTEGER PRIMARY KEY, message TEXT NOT NULL UNIQUE, recipient TEXT NOT NULL, subject TEXT NOT NULL, text TEXT NOT NULL
);

-- What Muster is to be told, in this order; `refused`: why it never will be.
CREATE TABLE IF NOT EXISTS signals (
    number INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL, product TEXT NOT NULL, user TEXT NOT NULL, name TEXT NOT NULL,
    refused TEXT
);

-- Single sign-on is of those that are enterprise-enabled. One that Muster names and nobody has made is there too, without.
CREATE TABLE IF NOT EXISTS poggio_workspaces (name TEXT PRIMARY KEY, is_enterprise INTEGER NOT NULL);
INSERT OR IGNORE INTO poggio_workspaces (name, is_enterprise) VALUES ('default', 1), ('Research', 1), ('Trial', 0);
CREATE TABLE IF NOT EXISTS poggio_users (id TEXT PRIMARY KEY, email TEXT NOT NULL, name TEXT, state TEXT NOT NULL);
-- Somebody can be in several: whoever is told to be in one comes into it, and leaves no other by that.
CREATE TABLE IF NOT EXISTS poggio_memberships (workspace TEXT NOT NULL, member TEXT NOT NULL, PRIMARY KEY (workspace, member));
CREATE INDEX IF NOT EXISTS poggio_members ON poggio_memberships (member);
CREATE TABLE IF NOT EXISTS poggio_sessions (member TEXT PRIMARY KEY);
CREATE TABLE IF NOT EXISTS poggio_barred (member TEXT PRIMARY KEY);
-- Who is to be gone, and is there until the webhook tells so, or that they are back.
CREATE TABLE IF NOT EXISTS poggio_removed (member TEXT PRIMARY KEY);

CREATE TABLE IF NOT EXISTS popl_profiles (
    id TEXT PRIMARY KEY, team TEXT NOT NULL, email TEXT, name TEXT, is_in_team INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS popl_groups (id TEXT PRIMARY KEY, name TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS popl_memberships (group_id TEXT NOT NULL, member TEXT NOT NULL, PRIMARY KEY (group_id, member));

CREATE TABLE IF NOT EXISTS secoda_members (
    id TEXT PRIMARY KEY, email TEXT NOT NULL, name TEXT, state TEXT NOT NULL, is_listed INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS secoda_groups (id TEXT PRIMARY KEY, name TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS secoda_memberships (group_id TEXT NOT NULL, member TEXT NOT NULL, PRIMARY KEY (group_id, member));
CREATE TABLE IF NOT EXISTS secoda_invitations (
    number INTEGER PRIMARY KEY, member TEXT NOT NULL UNIQUE, email TEXT NOT NULL, is_mailed INTEGER NOT NULL DEFAULT 0
);
-- Of invitations: what no mail server takes, and why.
CREATE TABLE IF NOT EXISTS secoda_refused_mails (invitation INTEGER PRIMARY KEY, reason TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS secoda_access (member TEXT PRIMARY KEY, is_enabled INTEGER NOT NULL);

-- Of the audiences `store` and `mdm`.
CREATE TABLE IF NOT EXISTS applivery_employees (
    audience TEXT NOT NULL, id TEXT NOT NULL, email TEXT, name TEXT, given_name TEXT, family_name TEXT,
    PRIMARY KEY (audience, id)
);
CREATE TABLE IF NOT EXISTS applivery_collaborators (
    id TEXT PRIMARY KEY, email TEXT, name TEXT, given_name TEXT, family_name TEXT, role TEXT
);
CREATE TABLE IF NOT EXISTS applivery_groups (id TEXT PRIMARY KEY, name TEXT, role TEXT, rank INTEGER);
CREATE TABLE IF NOT EXISTS applivery_memberships (group_id TEXT NOT NULL, member TEXT NOT NULL, PRIMARY KEY (group_id, member));
-- Who has left all groups: what those say of them, before or after, counts again when they are created anew. The calls about a user and
-- those about a group come in two orders, and this is of the user's.
CREATE TABLE IF NOT EXISTS applivery_gone (member TEXT PRIMARY KEY);
CREATE TABLE IF NOT EXISTS applivery_devices (
    number INTEGER PRIMARY KEY AUTOINCREMENT, model TEXT NOT NULL, owner TEXT, policy TEXT NOT NULL
);
-- The role that each collaborator has: that of the group in front, else that of the creation.
DROP VIEW IF EXISTS applivery_last_admin;
DROP VIEW IF EXISTS applivery_roles;
CREATE VIEW applivery_roles AS
    SELECT id, coalesce((
        SELECT g.role FROM applivery_groups g JOIN applivery_memberships m ON m.group_id = g.id
        WHERE m.member = c.id AND m.member NOT IN (SELECT member FROM applivery_gone) AND g.role IS NOT NULL
        ORDER BY g.rank LIMIT 1
    ), c.role) AS role
    FROM applivery_collaborators c;
CREATE INDEX IF NOT EXISTS applivery_members ON applivery_memberships (member);
-- The only Admin, where there is only one.
CREATE VIEW applivery_last_admin AS
    SELECT max(id) AS id FROM applivery_roles WHERE role = 'Admin' HAVING count(*) = 1;
-- Whom Muster was told, or is to be told, to be that.
CREATE TABLE IF NOT EXISTS applivery_told_last_admin (id TEXT PRIMARY KEY);

CREATE TABLE IF NOT EXISTS level_access_users (
    id TEXT PRIMARY KEY, email TEXT, name TEXT, state TEXT NOT NULL
);
-- Of those the ones whom an administrator of the organization has made by hand: no webhook tells of them.
CREATE TABLE IF NOT EXISTS level_access_by_hand (id TEXT PRIMARY KEY);
-- Who is in a user group, as an administrator has told Muster: no push changes it.
CREATE TABLE IF NOT EXISTS level_access_assignments (
    member TEXT NOT NULL, user_group TEXT NOT NULL, PRIMARY KEY (member, user_group)
);

-- What has to be there before SCIM is (single sign-on, a plan): as it is at first, unless somebody has switched it.
CREATE TABLE IF NOT EXISTS switches (
    name TEXT NOT NULL, product TEXT NOT NULL, is_on INTEGER NOT NULL, PRIMARY KEY (name, product)
);
-- The keys that people have made: never the key itself. `member`: the one user that it is of; NULL: the tenant's.
CREATE TABLE IF NOT EXISTS api_keys (
    id TEXT PRIMARY KEY, product TEXT NOT NULL, hash TEXT NOT NULL UNIQUE, member TEXT, ending TEXT NOT NULL
);
-- Who may sign in to Secoda.
CREATE VIEW IF NOT EXISTS secoda_people AS
    SELECT m.id, coalesce(nullif(m.name, ''), m.email) AS name FROM secoda_members m
    LEFT JOIN secoda_access a ON a.member = m.id
    WHERE m.state = 'active' AND coalesce(a.is_enabled, 1);
