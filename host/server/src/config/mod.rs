//! The configuration: a TOML file, with the environment on top. Every mistake names its key.

mod admin;
mod delivery;
mod directory;
mod limits;
mod log;
mod plugins;
mod requests;
mod scim;
mod store;

use std::path::{Path, PathBuf};

use serde::Deserialize;

pub use admin::AdminConfig;
pub use delivery::DeliveryConfig;
pub use directory::DirectoryConfig;
pub use limits::LimitsConfig;
pub use log::{LogConfig, LogFormat};
pub use plugins::PluginsConfig;
pub use requests::RequestsConfig;
pub use scim::ScimConfig;
pub use store::StoreConfig;

/// Everything that can be configured. `muster serve --print-config` prints it with its defaults.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The folder that holds everything: `store/`, `keys/`, `compiled/`.
    pub data: PathBuf,
    /// What identity providers meet.
    pub scim: ScimConfig,
    /// What operators meet.
    pub admin: AdminConfig,
    /// What the vendor's product meets.
    pub directory: DirectoryConfig,
    /// How much of everything.
    pub limits: LimitsConfig,
    /// The store.
    pub store: StoreConfig,
    /// The request log.
    pub requests: RequestsConfig,
    /// The plugins.
    pub plugins: PluginsConfig,
    /// The delivery of tasks.
    pub delivery: DeliveryConfig,
    /// The log.
    pub log: LogConfig,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data: PathBuf::from("muster-data"),
            scim: ScimConfig::default(),
            admin: AdminConfig::default(),
            directory: DirectoryConfig::default(),
            limits: LimitsConfig::default(),
            store: StoreConfig::default(),
            requests: RequestsConfig::default(),
            plugins: PluginsConfig::default(),
            delivery: DeliveryConfig::default(),
            log: LogConfig::default(),
        }
    }
}

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("the configuration file {path} cannot be read")]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not TOML.
    #[error("the configuration file {path} is not TOML")]
    Toml {
        /// Which file.
        path: PathBuf,
        /// Where and why.
        source: toml::de::Error,
    },
    /// A key is not known, or its value does not fit.
    #[error("configuration key `{key}`: {problem}")]
    Key {
        /// `limits.body_bytes`
        key: String,
        /// What is wrong.
        problem: String,
    },
}

impl ConfigError {
    pub(crate) fn key(key: &str, problem: impl Into<String>) -> Self {
        Self::Key { key: key.to_owned(), problem: problem.into() }
    }
}

/// `MUSTER_LIMITS_BODY_BYTES` is `limits.body_bytes`; `MUSTER_DATA` is `data`.
const PREFIX: &str = "MUSTER_";
const SECTIONS: [&str; 9] = ["scim", "admin", "directory", "limits", "store", "requests", "plugins", "delivery", "log"];
/// Read by the command line, not by the configuration.
const NOT_KEYS: [&str; 4] = ["MUSTER_ADMIN_KEY", "MUSTER_DIRECTORY_KEY", "MUSTER_OCI_CREDENTIALS", "MUSTER_SERVER"];

impl Config {
    /// Reads the file, if there is one, and lays the environment over it.
    pub fn load(
        file: Option<&Path>,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let mut table = match file {
            Some(path) => {
                let text = std::fs::read_to_string(path)
                    .map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
                text.parse().map_err(|source| ConfigError::Toml { path: path.to_owned(), source })?
            }
            None => toml::Table::new(),
        };
        for (name, value) in environment {
            if let Some(key) = name.strip_prefix(PREFIX).filter(|_| !NOT_KEYS.contains(&name.as_str())) {
                lay_over(&mut table, &key.to_lowercase(), &value)?;
            }
        }
        let config: Self = serde_path_to_error::deserialize(toml::Value::Table(table)).map_err(|error| {
            let key = error.path().to_string();
            ConfigError::Key { key, problem: error.into_inner().message().to_owned() }
        })?;
        config.validate()?;
        Ok(config)
    }

    /// What the types cannot say.
    pub fn validate(&self) -> Result<(), ConfigError> {
        if self.data.as_os_str().is_empty() {
            return Err(ConfigError::key("data", "must name a folder"));
        }
        self.scim.validate()?;
        self.limits.validate()?;
        self.store.validate()?;
        self.requests.validate()?;
        self.plugins.validate()?;
        self.delivery.validate()?;
        self.log.validate()
    }
}

fn lay_over(table: &mut toml::Table, key: &str, text: &str) -> Result<(), ConfigError> {
    // What reads as a TOML value is one; everything else is text, so that nobody needs to quote twice.
    let value = format!("v = {text}").parse::<toml::Table>().ok().and_then(|mut one| one.remove("v"));
    let value = match value {
        Some(value @ (toml::Value::Integer(_) | toml::Value::Float(_) | toml::Value::Boolean(_))) => value,
        _ => toml::Value::String(text.to_owned()),
    };
    let section = SECTIONS.iter().find_map(|section| Some((*section, key.strip_prefix(section)?.strip_prefix('_')?)));
    match section {
        Some((section, key)) => {
            let entry = table.entry(section).or_insert_with(|| toml::Value::Table(toml::Table::new()));
            let inner = entry.as_table_mut().ok_or_else(|| ConfigError::key(section, "must be a table"))?;
            inner.insert(key.to_owned(), value);
        }
        None => {
            table.insert(key.to_owned(), value);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn load(text: &str, environment: &[(&str, &str)]) -> Result<Config, String> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("muster.toml");
        std::fs::write(&file, text).unwrap();
        Config::load(Some(&file), env(environment)).map_err(|error| error.to_string())
    }

    #[test]
    fn the_environment_lies_on_top_of_the_file() {
        let config =
            load("data = \"a\"\n[limits]\nbody_bytes = 5", &[("MUSTER_LIMITS_BODY_BYTES", "7"), ("MUSTER_DATA", "b")])
                .unwrap();

        assert_eq!(config.limits.body_bytes, 7);
        assert_eq!(config.data, PathBuf::from("b"));
    }

    #[test]
    fn the_admin_key_of_the_environment_is_no_configuration_key() {
        assert!(load("", &[("MUSTER_ADMIN_KEY", "secret"), ("HOME", "/nowhere")]).is_ok());
    }

    #[test]
    fn every_mistake_names_its_key() {
        for (text, key) in [
            ("[limits]\nbody_bytes = \"many\"", "`limits.body_bytes`"),
            ("[limits]\nbody_bites = 5", "body_bites"),
            ("[limits]\nbody_bytes = 0", "`limits.body_bytes`"),
            ("[scim]\nlisten = \"nowhere\"", "`scim.listen`"),
            ("[scim]\npublic_origin = \"ftp://x\"", "`scim.public_origin`"),
            ("[requests]\nqueue_entries = 0", "`requests.queue_entries`"),
            ("[requests]\ntotal_mib = 0", "`requests.total_mib`"),
            ("[plugins]\ncompile_processor_s = 0", "`plugins.compile_processor_s`"),
            ("[plugins]\nsignatures = \"maybe\"", "`plugins.signatures`"),
            ("[plugins]\ncompile_wall_s = 120", "`plugins.compile_wall_s`"),
            ("[plugins]\ncompile_memory_mib = 1", "`plugins.compile_memory_mib`"),
            ("[plugins]\nkept_mib = 9999999", "`plugins.kept_mib`"),
            ("[delivery]\nattempts = 0", "`delivery.attempts`"),
            ("[delivery]\nprivate_networks = [\"10.0.0.1\"]", "`delivery.private_networks`"),
            ("[delivery.hosts]\n\"a.example.com\" = \"b\"", "`delivery.hosts.a.example.com`"),
            ("[log]\nformat = \"loud\"", "`log.format`"),
            ("colour = 1", "colour"),
        ] {
            let error = load(text, &[]).unwrap_err();
            assert!(error.contains(key), "{text:?}: {error}");
        }
        let error = load("", &[("MUSTER_LIMITS_CONNECTIONS", "lots")]).unwrap_err();
        assert!(error.contains("`limits.connections`"), "{error}");
    }

    #[test]
    fn the_documented_file_is_the_defaults() {
        let documented = Config::load(None, []).unwrap();
        let file: Config = toml::from_str(include_str!("muster.toml")).unwrap();

        assert_eq!(format!("{documented:?}"), format!("{file:?}"));
    }
}
