//! The plugins of a deployment: kept by digest, each version once, each name its owner's (decision record 19).

mod list;
mod policy;
mod push;
mod remove;
mod trust;
mod view;

use std::sync::Arc;

use muster_model::{PluginDigest, PluginRow};
use muster_plugin::Plugin;

pub use policy::SignaturePolicy;
pub(super) use policy::judge_bound;
pub(super) use push::may_be_called;
pub use push::{MAX_CLAIM_BYTES, MAX_REFERENCE_BYTES, NewPlugin};
pub(super) use trust::merged;
pub use trust::{KeyView, MAX_KEY_NAME_BYTES, NewKey, NewOwner, OwnerView};
pub use view::{ListedView, PluginView, PushedView, Standing};

use crate::{AdminError, Service};

/// Digits of a digest that are enough to name a plugin.
const MIN_DIGEST_PREFIX: usize = 8;

impl Service {
    /// Finds a plugin by digest, `name@version`, name or the beginning of its digest; of several of a name the one that was pushed last.
    pub(super) async fn resolve(&self, reference: &str) -> Result<PluginRow, AdminError> {
        let rows = self.parts.store.plugins().await?;
        find(&rows, reference).cloned()
    }

    /// A plugin that was pushed, loaded.
    pub(crate) async fn plugin(&self, digest: &PluginDigest) -> Result<Arc<dyn Plugin>, AdminError> {
        if let Some(plugin) = self.loaded().get(digest) {
            return Ok(plugin.clone());
        }
        let bytes = self.parts.store.plugin(digest).await?;
        let bytes = bytes.ok_or_else(|| AdminError::NotFound(format!("plugin {digest}")))?;
        self.load(Arc::new(bytes)).await
    }

    /// Compiles off the request threads; every tenant then shares the one copy.
    pub(super) async fn load(&self, bytes: Arc<Vec<u8>>) -> Result<Arc<dyn Plugin>, AdminError> {
        let digest = PluginDigest::of(&bytes);
        if let Some(plugin) = self.loaded().get(&digest) {
            return Ok(plugin.clone());
        }
        let host = self.parts.plugins.clone();
        let plugin = blocking(move || host.load(&bytes)).await??;
        self.loaded().insert(digest, plugin.clone());
        Ok(plugin)
    }

    pub(crate) fn loaded(&self) -> std::sync::MutexGuard<'_, std::collections::HashMap<PluginDigest, Arc<dyn Plugin>>> {
        // A map that a panicking thread held is still a map.
        self.loaded.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// Characters of a reference that are repeated: a name, a version and more than a digest has.
const MAX_REFERENCE_TOLD_CHARS: usize = 160;

fn told(reference: &str) -> String {
    reference.chars().filter(|c| !c.is_control()).take(MAX_REFERENCE_TOLD_CHARS).collect()
}

/// The one plugin that is meant. Nobody gets another by what a third calls his.
fn find<'a>(rows: &'a [PluginRow], reference: &str) -> Result<&'a PluginRow, AdminError> {
    let bare = reference.strip_prefix("sha256:").unwrap_or(reference);
    if let Some(digest) = PluginDigest::parse(bare)
        && let Some(row) = rows.iter().find(|row| row.digest == digest)
    {
        return Ok(row);
    }
    let named = match reference.split_once('@') {
        None => rows.iter().filter(|row| row.name == reference).max_by_key(|row| row.pushed),
        Some((name, version)) => {
            let is_meant = |row: &&PluginRow| row.name == name && row.version == version;
            // A store from before versions were pushed once, or an import, may have several.
            match rows.iter().filter(is_meant).collect::<Vec<_>>().as_slice() {
                [] => None,
                [one] => Some(*one),
                [one, other, ..] => {
                    return Err(AdminError::InUse(format!(
                        "{}@{} is sha256:{} as well as sha256:{}; say which, by its digest",
                        one.name, one.version, one.digest, other.digest
                    )));
                }
            }
        }
    };
    // What the command line shows of a digest is enough, as long as it is one plugin's and nobody's name.
    let is_prefix = bare.len() >= MIN_DIGEST_PREFIX && bare.bytes().all(|byte| byte.is_ascii_hexdigit());
    let begins = |row: &&PluginRow| is_prefix && row.digest.to_string().starts_with(bare);
    let begun: Vec<&PluginRow> = rows.iter().filter(begins).collect();
    let others = begun.iter().find(|row| named.is_some_and(|named| named.digest != row.digest));
    match (named, others, begun.as_slice()) {
        (Some(named), Some(other), _) => Err(AdminError::InUse(format!(
            "{reference} is the name of {}@{} (sha256:{}), and the digest of {}@{} (sha256:{}) begins so; say which, by its whole digest",
            named.name, named.version, named.digest, other.name, other.version, other.digest
        ))),
        (Some(named), None, _) => Ok(named),
        (None, _, [one]) => Ok(one),
        (None, _, [one, other, ..]) => Err(AdminError::InUse(format!(
            "the digests of {}@{} (sha256:{}) and of {}@{} (sha256:{}) both begin with {bare}; say which, by its whole digest",
            one.name, one.version, one.digest, other.name, other.version, other.digest
        ))),
        (None, _, []) if reference.is_empty() => {
            Err(AdminError::Wrong("plugin: is empty, and names a plugin".to_owned()))
        }
        (None, _, []) => Err(AdminError::NotFound(format!("plugin {}; push it first", told(reference)))),
    }
}

pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, AdminError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| AdminError::Invalid(format!("the plugin brought the loader down: {error}")))
}

#[cfg(test)]
mod tests {
    use muster_model::Timestamp;

    use super::*;

    fn row(bytes: &[u8], name: &str, version: &str, pushed: i64) -> PluginRow {
        let at = Timestamp::from_millis(pushed);
        PluginRow::new(PluginDigest::of(bytes), name.to_owned(), version.to_owned(), 1, at)
    }

    #[test]
    fn a_plugin_that_is_called_as_anothers_digest_begins_is_not_taken_for_it_nor_hides_behind_it() {
        let one = row(b"one", "swap", "1.0.0", 1);
        let prefix = one.digest.to_string()[..MIN_DIGEST_PREFIX].to_owned();
        let other = row(b"other", &prefix, "1.0.0", 2);
        let rows = [one.clone(), other.clone()];
        let refused = find(&rows, &prefix).unwrap_err().to_string();
        assert!(refused.starts_with(&format!("{prefix} is the name of {prefix}@1.0.0 (sha256:")), "{refused}");
        assert!(refused.contains(&one.digest.to_string()) && refused.contains(&other.digest.to_string()), "{refused}");
        assert_eq!(find(&rows, &format!("{prefix}@1.0.0")).unwrap().digest, other.digest);
        assert_eq!(find(&rows, &format!("sha256:{prefix}")).unwrap().digest, one.digest);
        for row in &rows {
            assert_eq!(find(&rows, &row.digest.to_string()).unwrap().digest, row.digest);
        }
        assert_eq!(
            find(&rows[1..], &prefix).unwrap().digest,
            other.digest,
            "a name that looks like a digest is a name"
        );
        assert_eq!(find(&rows[..1], &prefix).unwrap().digest, one.digest);
    }

    #[test]
    fn a_name_is_its_newest_version_and_what_is_not_there_is_not_found() {
        let rows = [row(b"two", "swap", "2.0.0", 2), row(b"one", "swap", "1.0.0", 1)];
        assert_eq!(find(&rows, "swap").unwrap().version, "2.0.0");
        assert_eq!(find(&rows, "swap@1.0.0").unwrap().version, "1.0.0");
        for reference in ["other", "swap@3.0.0", "sha256:", "00000000"] {
            let told = find(&rows, reference).unwrap_err().to_string();
            assert_eq!(told, format!("there is no plugin {reference}; push it first"));
        }
        assert_eq!(find(&rows, "").unwrap_err().to_string(), "plugin: is empty, and names a plugin");
        let long = find(&rows, &"x".repeat(100_000)).unwrap_err().to_string();
        assert!(long.len() < MAX_REFERENCE_TOLD_CHARS + 64, "what was sent is not repeated whole");
    }
}
