//! Reads everything in a store, and holds it against itself.
//!
//! Rows are of two kinds. *Facts* (records, memberships, log, tasks and what has become of them, seals, tenants, tokens, plugins) are read whole, and each must be
//! what was written: by its sum, by its shape, and by the log, which tells of every change. What *follows* from them (indexes, unique
//! keys, counters, the other direction of memberships, histories) is made once more and compared: each row must be there, and there
//! must be no more of them. Only what follows can be made again by [`crate::rebuild`].
//!
//! It goes through the tree row by row, and holds no more in memory than the counters of a tenant.

mod deployment;
mod directory;
mod log;
mod tasks;

use std::collections::BTreeMap;
use std::fmt;

use muster_model::TenantId;
use muster_store::StoreError;
use sled::{IVec, Tree};

use crate::codec::{self, Value};
use crate::keys::{self, Range, Space};
use crate::open::Mark;
use crate::reader::failed;
use crate::total::Total;

pub(crate) use self::directory::{COUNTERS, LEADING, is_led_to, is_membership, last_ids};
pub(crate) use self::log::is_told;
pub(crate) use self::tasks::OF_TASKS;

/// How many findings are told; the others are counted.
pub const MAX_FINDINGS: usize = 100;

/// What a check found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// How many there are of what: `users`, `log entries`, ...
    pub counts: BTreeMap<String, u64>,
    /// What is wrong; the first [`MAX_FINDINGS`].
    pub findings: Vec<Finding>,
    /// How many findings there are in all.
    pub found: u64,
    /// How many of them are of what follows from facts: those can be mended.
    pub mendable: u64,
}

/// Something that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Whose; `None`: the deployment's.
    pub tenant: Option<String>,
    /// What is wrong, without the values that are stored.
    pub what: String,
    /// Whether it follows from facts, and can be made again from them.
    pub mendable: bool,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.tenant {
            Some(tenant) => write!(f, "tenant {tenant}: {}", self.what),
            None => f.write_str(&self.what),
        }
    }
}

impl Report {
    /// Whether everything is as it should be.
    pub fn is_sound(&self) -> bool {
        self.found == 0
    }
}

/// Tells how many rows were looked at.
pub(crate) type Tell<'a> = &'a mut dyn FnMut(u64);

/// Looks at everything.
pub(crate) fn check(tree: &Tree, tell: Tell<'_>) -> Result<Report, StoreError> {
    let mut check = Check { tree, report: Report::default(), looked_at: 0, tell };
    let mut rest = Range::everything();
    while let Some(row) = tree.range(&rest.start[..]..&rest.end[..]).next() {
        let (key, _) = row.map_err(failed)?;
        let Some(space) = Space::of_key(&key) else {
            check.fact(None, "a row belongs to no tenant".to_owned());
            rest = rest.after(&key);
            continue;
        };
        if space.name().is_empty() {
            check.deployment(&space)?;
        } else if check.is_being_imported(&space)? {
            // What is there of it is checked when it is finished, and served only then.
            check.count("tenants that are being imported", 1);
        } else {
            check.tenant(&space)?;
        }
        check.parts(&space)?;
        rest.start = space.everything().end;
    }
    check.total()?;
    Ok(check.report)
}

/// A check under way.
struct Check<'a> {
    tree: &'a Tree,
    report: Report,
    looked_at: u64,
    tell: Tell<'a>,
}

/// How often it is told how far a check is, in rows.
const TOLD_EVERY: u64 = 4096;

impl Check<'_> {
    fn is_being_imported(&self, space: &Space) -> Result<bool, StoreError> {
        let Ok(tenant) = TenantId::parse(space.name()) else { return Ok(false) };
        self.get(&Space::deployment().reserved(&tenant)).map(|row| row.is_some())
    }

    fn tenant(&mut self, space: &Space) -> Result<(), StoreError> {
        self.count("tenants' directories", 1);
        self.directory(space)?;
        self.memberships(space)?;
        self.log(space)?;
        self.tasks(space)?;
        self.feeds(space)?;
        self.states(space)?;
        self.rollouts(space)
    }

    fn rows(&mut self, range: &Range) -> impl Iterator<Item = Result<(IVec, IVec), StoreError>> + use<> {
        self.tree.range(&range.start[..]..&range.end[..]).map(|row| row.map_err(failed))
    }

    /// To be called for each row.
    fn look(&mut self) {
        self.looked_at += 1;
        if self.looked_at.is_multiple_of(TOLD_EVERY) {
            (self.tell)(self.looked_at);
        }
    }

    fn get(&self, key: &[u8]) -> Result<Option<IVec>, StoreError> {
        self.tree.get(key).map_err(failed)
    }

    /// The value whose row this is; a finding if it cannot be read.
    fn value(&mut self, space: &Space, key: &[u8], what: &str) -> Result<Option<Value>, StoreError> {
        match codec::load(key, |key| self.get(key)) {
            Ok(value) => Ok(value),
            Err(StoreError::Damaged(_)) => {
                self.fact(Some(space), format!("{what} is not what was written"));
                Ok(None)
            }
            Err(other) => Err(other),
        }
    }

    fn count(&mut self, what: &str, by: u64) {
        match self.report.counts.get_mut(what) {
            Some(count) => *count += by,
            None => {
                self.report.counts.insert(what.to_owned(), by);
            }
        }
    }

    /// A fact is wrong.
    fn fact(&mut self, space: Option<&Space>, what: String) {
        self.find(space, what, false);
    }

    /// What follows from facts is wrong.
    fn derived(&mut self, space: &Space, what: String) {
        self.find(Some(space), what, true);
    }

    fn find(&mut self, space: Option<&Space>, what: String, mendable: bool) {
        self.report.found += 1;
        self.report.mendable += u64::from(mendable);
        if self.report.findings.len() < MAX_FINDINGS {
            let tenant = space.map(|space| space.name().to_owned()).filter(|name| !name.is_empty());
            self.report.findings.push(Finding { tenant, what, mendable });
        }
    }

    /// Compares counters with what was counted.
    fn counters(&mut self, space: &Space, kinds: &[u8], counted: &BTreeMap<Vec<u8>, u64>) -> Result<(), StoreError> {
        for kind in kinds {
            for row in self.rows(&space.rows(*kind)) {
                let (key, row) = row?;
                self.look();
                if codec::number(Some(row)).ok() != counted.get(&key[..]).copied() {
                    self.derived(space, format!("a counter (`{}`) is wrong", char::from(*kind)));
                }
            }
        }
        for key in counted.keys() {
            if self.get(key)?.is_none() {
                self.derived(space, "a counter is missing".to_owned());
            }
        }
        Ok(())
    }

    /// Whether something is lost that nothing else tells of.
    fn total(&mut self) -> Result<(), StoreError> {
        let latest = self.get(&Space::deployment().format())?.and_then(|row| Mark::from_row(&row));
        let Some(latest) = latest else {
            self.fact(None, "the number of the latest batch cannot be read".to_owned());
            return Ok(());
        };
        let total = Total::of(self.tree)?;
        self.count("rows", total.rows);
        if self.report.found == 0 && total != latest.total {
            let what =
                format!("{} rows are there, but they are not the {} that were written", total.rows, latest.total.rows);
            self.fact(None, what);
        }
        Ok(())
    }

    /// Every part belongs to a value, and is one of its parts.
    fn parts(&mut self, space: &Space) -> Result<(), StoreError> {
        for row in self.rows(&space.rows(b'c')) {
            let (key, _) = row?;
            self.look();
            self.count("parts of values", 1);
            if !is_part_of_a_value(self.tree, &key)? {
                self.derived(space, "a part belongs to no value".to_owned());
            }
        }
        Ok(())
    }
}

/// Whether there is a value that has this part.
pub(crate) fn is_part_of_a_value(tree: &Tree, key: &[u8]) -> Result<bool, StoreError> {
    let (value, number) = keys::place(key);
    let count = tree.get(value).map_err(failed)?.map_or(0, |row| codec::count_of_parts(&row));
    Ok(number > 0 && number <= u64::from(count))
}
