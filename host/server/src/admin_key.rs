use std::path::Path;

use anyhow::Context as _;
use muster_model::Token;

use crate::config::Config;
use crate::keys;

/// Bytes of an admin key that is worth a warning.
const SHORT_KEY_BYTES: usize = 20;

/// The environment's key, the configured file's, or one that is made at the first start.
pub(crate) fn admin_key(config: &Config, keys: &Path) -> anyhow::Result<Token> {
    #[expect(
        clippy::disallowed_methods,
        reason = "a secret comes from the environment without standing in a configuration"
    )]
    let given = std::env::var("MUSTER_ADMIN_KEY").ok().filter(|key| !key.is_empty());
    if let Some(key) = given {
        if key.len() < SHORT_KEY_BYTES {
            tracing::warn!(
                "MUSTER_ADMIN_KEY is shorter than {SHORT_KEY_BYTES} bytes: whoever guesses it owns every tenant"
            );
        }
        tracing::info!(
            "the admin key is the one of the environment (MUSTER_ADMIN_KEY); no file of keys is read for it"
        );
        return Ok(Token::presented(&key));
    }
    let configured = !config.admin.key_file.as_os_str().is_empty();
    if configured {
        let file = &config.admin.key_file;
        let told = || format!("configuration key `admin.key_file`: {}", file.display());
        let key = std::fs::read_to_string(file).with_context(told)?;
        anyhow::ensure!(!key.trim().is_empty(), "{} is empty", told());
        tracing::info!(file = %file.display(), "the admin key is in this file (admin.key_file)");
        return Ok(Token::presented(key.trim()));
    }
    let file = keys.join("admin.key");
    let key = keys::read_or_make(&file)?;
    tracing::info!(file = %file.display(), "the admin key is in this file");
    Ok(Token::presented(&hex::encode(key)))
}
