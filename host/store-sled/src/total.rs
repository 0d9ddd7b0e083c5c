//! What all rows of the store add up to: kept beside the number of the latest batch, and written with each batch.
//!
//! sled can lose a part of its log without a word (see [`crate::open`]): then a page is as it was before, each of its rows whole in itself,
//! and a row that is not overwritten any more would stay old for ever. Nothing but a sum over all rows can tell. It is read again
//! where there is any doubt, and by every check.

use muster_store::StoreError;
use sled::Tree;

use crate::flight::Writes;
use crate::keys::Space;
use crate::reader::failed;
use crate::staging::Known;

/// How many rows there are, and what they add up to in whatever order.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Total {
    pub(crate) rows: u64,
    pub(crate) sum: u64,
}

impl Total {
    pub(crate) const BYTES: usize = 16;

    /// Of what is there; by what cannot follow from itself.
    pub(crate) fn of(tree: &Tree) -> Result<Self, StoreError> {
        let mut total = Self::default();
        for row in tree {
            let (key, row) = row.map_err(failed)?;
            total.add(&key, &row);
        }
        Ok(total)
    }

    /// As it will be after these writes.
    pub(crate) fn after(mut self, tree: &Tree, writes: &Writes, known: &Known) -> Result<Self, sled::Error> {
        for (key, row) in writes {
            if let Some(old) = known.last_read(tree, key)? {
                self.take(key, &old);
            }
            if let Some(row) = row {
                self.add(key, row);
            }
        }
        Ok(self)
    }

    pub(crate) fn add(&mut self, key: &[u8], row: &[u8]) {
        if counts(key) {
            self.rows = self.rows.wrapping_add(1);
            self.sum = self.sum.wrapping_add(mixed(key, row));
        }
    }

    pub(crate) fn take(&mut self, key: &[u8], row: &[u8]) {
        if counts(key) {
            self.rows = self.rows.wrapping_sub(1);
            self.sum = self.sum.wrapping_sub(mixed(key, row));
        }
    }

    pub(crate) fn to_bytes(self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        bytes[..8].copy_from_slice(&self.rows.to_be_bytes());
        bytes[8..].copy_from_slice(&self.sum.to_be_bytes());
        bytes
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (rows, sum) = bytes.split_first_chunk()?;
        Some(Self { rows: u64::from_be_bytes(*rows), sum: u64::from_be_bytes(sum.try_into().ok()?) })
    }
}

/// The row that holds the total is no part of it, nor is a mark that comes and goes beside it.
fn counts(key: &[u8]) -> bool {
    let deployment = Space::DEPLOYMENT;
    !matches!(key.strip_prefix(deployment), Some(b"f" | b"x"))
}

/// Both sums see every change of a bit; the multiplications see to it that rows do not make up for each other.
fn mixed(key: &[u8], row: &[u8]) -> u64 {
    let sums = (u64::from(crc32fast::hash(key)) << 32) | u64::from(crc32fast::hash(row));
    let mixed = (sums ^ (sums >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
