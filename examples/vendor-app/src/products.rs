//! The five products: a file each, with what reaches it and what the page shows of it.

mod applivery;
mod level_access;
mod poggio;
mod popl;
mod secoda;

use rusqlite::{Connection, Transaction};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::muster::ByHand;
use crate::page::{Section, View};

/// One of the products.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Product {
    /// Workspaces with users.
    Poggio,
    /// Teams with profiles.
    Popl,
    /// Members who are invited by mail, and groups.
    Secoda,
    /// Employees of a store, collaborators of a dashboard, employees with devices.
    Applivery,
    /// Users whom an administrator assigns to user groups.
    LevelAccess,
}

/// Something that happened to a user or a group, as a webhook tells it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Told<'a> {
    pub(crate) kind: Kind,
    /// The SCIM id.
    pub(crate) id: &'a str,
    /// `deleted`, ...
    pub(crate) event: &'a str,
    /// The resource and the account as they are since, unless they are gone.
    after: Option<&'a Value>,
    data: &'a Value,
}

/// Of whom it tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    User,
    Group,
}

impl<'a> Told<'a> {
    /// What an event of this type says; `None`: it is of nobody whom the products know.
    pub(crate) fn of(kind: &'a str, data: &'a Value) -> Option<Self> {
        let (kind, event) = kind.split_once('.')?;
        let kind = match kind {
            "user" => Kind::User,
            "group" => Kind::Group,
            _ => return None,
        };
        let after = data.get("after").filter(|after| after.is_object());
        Some(Self { kind, id: data["resource"]["id"].as_str()?, event, after, data })
    }

    /// Whether it says enough: who is gone needs nothing more, members who come and go are named, and else what is there now has to be told.
    pub(crate) fn is_whole(&self) -> bool {
        match self.event {
            "deleted" => true,
            // Nothing else of the group is another one then. Whoever came or went is named, or how many they are is all that is told.
            "member-added" | "member-removed" => {
                let mut told =
                    ["members_added", "members_removed"].into_iter().filter_map(|which| self.data.get(which));
                told.clone().next().is_some() && told.all(|members| members["ids"].is_array())
            }
            _ => self.after.is_some(),
        }
    }

    /// All who are members of the group now, where it was asked.
    fn all_members(&self) -> Option<impl Iterator<Item = &'a str>> {
        Some(self.data.get("members")?.as_array()?.iter().filter_map(Value::as_str))
    }

    fn is_gone(&self) -> bool {
        self.event == "deleted"
    }

    fn is_new(&self) -> bool {
        self.event == "created"
    }

    /// The account, unless it is gone.
    fn account(&self) -> Option<&'a Value> {
        self.after?.get("account")
    }

    /// The account's state.
    fn state(&self) -> &'a str {
        self.after.and_then(|after| after["account"]["state"].as_str()).unwrap_or_default()
    }

    /// Whether the product shows the account.
    fn is_listed(&self) -> bool {
        self.after.is_some_and(|after| after["account"]["listed"] == true)
    }

    /// A field of the account.
    fn field(&self, name: &str) -> Option<&'a str> {
        self.after?["account"]["fields"][name].as_str()
    }

    /// The group's name; where only its members are others, it is not told again.
    fn display_name(&self) -> Option<&'a str> {
        self.after?["resource"]["displayName"].as_str()
    }

    /// `members_added` or `members_removed`.
    fn members(&self, which: &str) -> impl Iterator<Item = &'a str> {
        self.data[which]["ids"].as_array().into_iter().flatten().filter_map(Value::as_str)
    }
}

/// Something that a plugin asks for.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    pub(crate) method: &'a str,
    /// The parts of the path.
    pub(crate) path: Vec<&'a str>,
    pub(crate) query: &'a str,
    pub(crate) body: Value,
}

impl Call<'_> {
    fn text(&self, name: &str) -> Option<&str> {
        self.body[name].as_str()
    }
}

impl Product {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Poggio, Self::Popl, Self::Secoda, Self::Applivery, Self::LevelAccess];

    /// As its plugin is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Poggio => "poggio",
            Self::Popl => "popl",
            Self::Secoda => "secoda",
            Self::Applivery => "applivery",
            Self::LevelAccess => "level-access",
        }
    }

    /// The one of this name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|product| product.name() == name)
    }

    /// The one whose API is at this host, which may have a port behind it.
    pub(crate) fn at(host: &str) -> Option<Self> {
        let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
        match name {
            "api.poggio.io" => Some(Self::Poggio),
            "api.secoda.co" => Some(Self::Secoda),
            "api.applivery.io" => Some(Self::Applivery),
            _ => None,
        }
    }

    /// Whether it has anything that an event of such a kind could change.
    pub(crate) fn has(self, kind: Kind) -> bool {
        match self {
            Self::Popl | Self::Secoda => true,
            Self::Poggio | Self::LevelAccess => kind == Kind::User,
            Self::Applivery => false,
        }
    }

    /// Does what follows from an event.
    pub(crate) fn hears(self, transaction: &Transaction<'_>, told: &Told<'_>) -> rusqlite::Result<()> {
        match self {
            Self::Poggio => poggio::hears(transaction, told),
            Self::Popl => popl::hears(transaction, told),
            Self::Secoda => secoda::hears(transaction, told),
            // All that it needs, its plugin asks for.
            Self::Applivery => Ok(()),
            Self::LevelAccess => level_access::hears(transaction, told),
        }
    }

    /// Does what a plugin asks for; the status.
    pub(crate) fn does(self, transaction: &Transaction<'_>, call: &Call<'_>) -> rusqlite::Result<u16> {
        match self {
            Self::Poggio => poggio::does(transaction, call),
            Self::Secoda => secoda::does(transaction, call),
            Self::Applivery => applivery::does(transaction, call),
            // Their plugins ask for nothing.
            Self::Popl | Self::LevelAccess => Ok(404),
        }
    }

    /// Whom a plugin has asked to remove, where that waits for the webhook: the webhook may have come before.
    pub(crate) fn removed<'a>(self, call: &Call<'a>) -> Option<&'a str> {
        if self == Self::Poggio { poggio::removed(call) } else { None }
    }

    /// Whoever was to be gone is not.
    pub(crate) fn is_back(self, transaction: &Transaction<'_>, id: &str) -> rusqlite::Result<()> {
        if self == Self::Poggio { poggio::is_back(transaction, id) } else { Ok(()) }
    }

    /// Does what somebody clicks, beside a field with something typed or none; what Muster is to be told of it. `None`: there is no such button.
    pub(crate) fn clicked(
        self,
        transaction: &Transaction<'_>,
        id: &str,
        what: &str,
        typed: &str,
    ) -> rusqlite::Result<Option<Clicked>> {
        match (self, what) {
            (Self::Poggio, "log-in") => poggio::log_in(transaction, id).map(|()| Some(Clicked::Here)),
            // The name is another one here when Muster says so: a name that it does not know of would be overwritten by no push.
            (Self::Poggio, "rename") => Ok(Some(Clicked::Signal("renamed", json!({ "name": typed })))),
            (Self::Secoda, "signed-in") => Ok(Some(Clicked::Signal("signed-in", json!({})))),
            (Self::Applivery, "device") => applivery::enrol(transaction, id).map(|()| Some(Clicked::Here)),
            (Self::LevelAccess, _) => Ok(level_access::clicked(what, typed)),
            _ => Ok(None),
        }
    }

    /// Keeps what Muster has allowed to be done to an account by hand; `account`: as it is since, unless it is gone.
    pub(crate) fn keeps_by_hand(
        self,
        transaction: &Transaction<'_>,
        id: &str,
        account: Option<&Value>,
    ) -> rusqlite::Result<()> {
        match self {
            Self::LevelAccess => level_access::keep_by_hand(transaction, id, account),
            // Nobody makes accounts by hand there.
            Self::Poggio | Self::Popl | Self::Secoda | Self::Applivery => Ok(()),
        }
    }

    /// What the page shows of it.
    pub(crate) fn section(self, connection: &Connection, view: &View) -> rusqlite::Result<Section> {
        match self {
            Self::Poggio => poggio::section(connection, view),
            Self::Popl => popl::section(connection),
            Self::Secoda => secoda::section(connection, view),
            Self::Applivery => applivery::section(connection),
            Self::LevelAccess => level_access::section(connection, view),
        }
    }
}

/// What a click means beyond this program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Clicked {
    /// Nothing.
    Here,
    /// Muster's plugin hears a signal of this name, with this payload.
    Signal(&'static str, Value),
    /// An account is made, changed or removed by hand, if Muster says that it can be.
    ByHand(ByHand),
}

/// Keeps a group and who is in it, in the tables of a product.
fn keep_group(transaction: &Transaction<'_>, product: &str, told: &Told<'_>) -> rusqlite::Result<()> {
    if told.is_gone() {
        transaction.execute(&format!("DELETE FROM {product}_groups WHERE id = ?1"), [told.id])?;
        transaction.execute(&format!("DELETE FROM {product}_memberships WHERE group_id = ?1"), [told.id])?;
        return Ok(());
    }
    if let Some(name) = told.display_name() {
        let kept = format!(
            "INSERT INTO {product}_groups (id, name) VALUES (?1, ?2) ON CONFLICT (id) DO UPDATE SET name = excluded.name"
        );
        transaction.execute(&kept, [told.id, name])?;
    }
    let added = format!("INSERT OR IGNORE INTO {product}_memberships (group_id, member) VALUES (?1, ?2)");
    if let Some(members) = told.all_members() {
        transaction.execute(&format!("DELETE FROM {product}_memberships WHERE group_id = ?1"), [told.id])?;
        for member in members {
            transaction.execute(&added, [told.id, member])?;
        }
    }
    for member in told.members("members_added") {
        transaction.execute(&added, [told.id, member])?;
    }
    for member in told.members("members_removed") {
        let removed = format!("DELETE FROM {product}_memberships WHERE group_id = ?1 AND member = ?2");
        transaction.execute(&removed, [told.id, member])?;
    }
    Ok(())
}
