//! What a new plugin is built with, carried by this program because it is published nowhere else: the contract, the SDK for Rust, and
//! what the examples in other languages have between the contract's types and plain ones.

/// The contract, behind `sdk/wit/`.
pub(super) const WIT: &[(&str, &str)] = &[
    ("v1/plugin.wit", include_str!("../../../../../wit/v1/plugin.wit")),
    ("v2/plugin.wit", include_str!("../../../../../wit/v2/plugin.wit")),
];

/// The manifest of the SDK as it stands alone.
pub(super) const RUST_MANIFEST: &str = include_str!("templates/sdk/Cargo.toml.template");

macro_rules! sources {
    ($($file:literal),+ $(,)?) => { &[$(($file, include_str!(concat!("../../../../../plugins/sdk/src/", $file)))),+] };
}

/// The sources of the SDK, behind its `src/`.
pub(super) const RUST: &[(&str, &str)] = sources![
    "account.rs",
    "address.rs",
    "context.rs",
    "delivery.rs",
    "glue/convert.rs",
    "glue/http.rs",
    "glue/mod.rs",
    "glue/roles.rs",
    "http.rs",
    "input.rs",
    "lib.rs",
    "lifecycle.rs",
    "log.rs",
    "manifest.rs",
    "reject.rs",
    "testing.rs",
    "testing/world.rs",
    "tests.rs",
    "value.rs",
];

/// Between the contract and JavaScript.
pub(super) const JAVASCRIPT: &[(&str, &str)] =
    &[("contract.js", include_str!("../../../../../examples/javascript/src/contract.js"))];

/// Between the contract and Python, and the tool that builds it.
pub(super) const PYTHON: &[(&str, &str)] = &[
    ("contract.py", include_str!("../../../../../examples/python/contract.py")),
    ("model.py", include_str!("../../../../../examples/python/model.py")),
    ("requirements.txt", include_str!("../../../../../examples/python/requirements.txt")),
];

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::*;

    fn workspace() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
    }

    fn files(folder: &Path) -> Vec<String> {
        let mut found = Vec::new();
        let mut folders = vec![folder.to_owned()];
        while let Some(next) = folders.pop() {
            for path in std::fs::read_dir(&next).unwrap().map(|entry| entry.unwrap().path()) {
                if path.is_dir() {
                    folders.push(path);
                } else {
                    found.push(path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned());
                }
            }
        }
        found.sort();
        found
    }

    #[test]
    fn every_file_of_the_sdk_and_of_the_contract_is_carried() {
        let names = |carried: &[(&str, &str)]| carried.iter().map(|(name, _)| (*name).to_owned()).collect::<Vec<_>>();
        assert_eq!(names(RUST), files(&workspace().join("plugins/sdk/src")));
        assert_eq!(names(WIT), files(&workspace().join("wit")));
    }

    #[test]
    fn a_new_plugin_in_javascript_is_built_with_the_tool_of_the_example() {
        let example = std::fs::read_to_string(workspace().join("examples/javascript/package.json")).unwrap();
        let tools = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap()["devDependencies"].clone();
        assert_eq!(tools(include_str!("templates/javascript/package.json.template")), tools(&example));
    }

    #[test]
    fn the_sdk_alone_has_the_dependencies_that_it_has_in_the_workspace() {
        let read = |file: &str| std::fs::read_to_string(workspace().join(file)).unwrap();
        let table = |text: &str| text.parse::<toml::Table>().unwrap();
        let (workspace, own, alone) =
            (table(&read("Cargo.toml")), table(&read("plugins/sdk/Cargo.toml")), table(RUST_MANIFEST));
        let (own, alone) = (own["target"].as_table().unwrap(), alone["target"].as_table().unwrap());
        assert_eq!(own.keys().collect::<Vec<_>>(), alone.keys().collect::<Vec<_>>());
        for (target, dependencies) in own {
            for (name, _) in dependencies["dependencies"].as_table().unwrap() {
                let plain = |value: &toml::Value| match value {
                    toml::Value::String(version) => version.clone(),
                    other => other["version"].as_str().unwrap().to_owned(),
                };
                let there = plain(&workspace["workspace"]["dependencies"][name]);
                assert_eq!(plain(&alone[target]["dependencies"][name]), there, "{name}");
            }
        }
    }
}
