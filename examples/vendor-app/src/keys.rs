use std::collections::BTreeMap;
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::Product;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// What this product and Muster know each other by: made once, and kept in a file that only its owner reads.
#[derive(Clone, Serialize, Deserialize)]
pub struct Keys {
    /// What a plugin has to send, by product.
    pub api: BTreeMap<Product, String>,
    /// What webhooks are signed with, by product: `whsec_` and base64.
    pub webhooks: BTreeMap<Product, String>,
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").finish_non_exhaustive()
    }
}

impl Keys {
    /// Those of a file, which is made with new ones if it is not there.
    pub(crate) fn kept_in(file: &Path) -> io::Result<Self> {
        match File::open(file) {
            Ok(opened) => serde_json::from_reader(opened).map_err(io::Error::other),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let keys = Self::made()?;
                let mut new = OpenOptions::new().write(true).create_new(true).mode(0o600).open(file)?;
                new.write_all(&serde_json::to_vec_pretty(&keys)?)?;
                Ok(keys)
            }
            Err(error) => Err(error),
        }
    }

    fn made() -> io::Result<Self> {
        let mut keys = Self { api: BTreeMap::new(), webhooks: BTreeMap::new() };
        for product in Product::ALL {
            keys.api.insert(product, hex::encode(random()?));
            keys.webhooks.insert(product, format!("whsec_{}", STANDARD.encode(random()?)));
        }
        Ok(keys)
    }
}

pub(crate) fn random() -> io::Result<[u8; 32]> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_made_once_and_nobody_else_reads_them() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("keys.json");

        let (made, again) = (Keys::kept_in(&file).unwrap(), Keys::kept_in(&file).unwrap());

        assert_eq!((&made.api, &made.webhooks), (&again.api, &again.webhooks));
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(made.api.len(), 5);
        assert_ne!(made.api[&Product::Secoda], made.api[&Product::Applivery]);
        assert!(!format!("{made:?}").contains(&made.api[&Product::Secoda]));
    }
}
