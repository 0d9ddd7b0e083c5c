//! The files of a new plugin, in each language.

use std::fmt::Write as _;

use anyhow::{Context, bail};

use super::sdk;

/// A file of a new plugin: its path, and what is in it.
pub(super) type File = (String, String);

/// The languages that there are templates for.
pub(super) const LANGUAGES: [&str; 3] = ["rust", "javascript", "python"];

/// The cases that each new plugin has, in whatever language.
const CASES: &[(&str, &str)] = &[
    ("a-deactivated-user-is-logged-out.json", include_str!("templates/a-deactivated-user-is-logged-out.json")),
    ("a-new-user-is-welcomed.json", include_str!("templates/a-new-user-is-welcomed.json")),
    ("a-user-name-is-an-address.json", include_str!("templates/a-user-name-is-an-address.json")),
];

const RUST: &[(&str, &str)] = &[
    (".gitignore", "/dist\n/target\n"),
    ("Cargo.toml", include_str!("templates/rust/Cargo.toml.template")),
    ("README.md", include_str!("templates/rust/README.md.template")),
    ("config.schema.json", include_str!("templates/config.schema.json")),
    ("rust-toolchain.toml", include_str!("templates/rust/rust-toolchain.toml.template")),
    ("sdk/rust/muster-plugin-sdk/Cargo.toml", sdk::RUST_MANIFEST),
    ("src/lib.rs", include_str!("templates/rust/lib.rs.template")),
];

const JAVASCRIPT: &[(&str, &str)] = &[
    (".gitignore", "/dist\n/node_modules\n"),
    ("README.md", include_str!("templates/javascript/README.md.template")),
    ("package.json", include_str!("templates/javascript/package.json.template")),
    ("src/manifest.js", include_str!("templates/javascript/manifest.js.template")),
    ("src/map.js", include_str!("templates/javascript/map.js.template")),
    ("src/plugin.js", include_str!("templates/javascript/plugin.js.template")),
    ("test/map.test.js", include_str!("templates/javascript/map.test.js.template")),
];

const PYTHON: &[(&str, &str)] = &[
    (".gitignore", "/.venv\n/dist\n__pycache__/\n"),
    ("README.md", include_str!("templates/python/README.md.template")),
    ("build.sh", include_str!("templates/python/build.sh.template")),
    ("manifest.py", include_str!("templates/python/manifest.py.template")),
    ("mapping.py", include_str!("templates/python/mapping.py.template")),
    ("plugin.py", include_str!("templates/python/plugin.py.template")),
    ("test_mapping.py", include_str!("templates/python/test_mapping.py.template")),
];

/// All files of a plugin of this name.
pub(super) fn files(language: &str, name: &str) -> anyhow::Result<Vec<File>> {
    let (own, carried, at) = match language {
        "rust" => (RUST, sdk::RUST, "sdk/rust/muster-plugin-sdk/src/"),
        "javascript" => (JAVASCRIPT, sdk::JAVASCRIPT, "src/"),
        "python" => (PYTHON, sdk::PYTHON, ""),
        other => bail!("there is no language {other:?}; there are: {}", LANGUAGES.join(", ")),
    };
    let mut files = Vec::new();
    for (file, text) in own {
        files.push(((*file).to_owned(), fill(text, name)?));
    }
    files.extend(below(at, carried));
    files.extend(below("cases/", CASES));
    files.extend(below("sdk/wit/", sdk::WIT));
    Ok(files)
}

fn below<'f>(folder: &'f str, files: &'f [(&str, &str)]) -> impl Iterator<Item = File> + 'f {
    files.iter().map(move |(name, text)| (format!("{folder}{name}"), (*text).to_owned()))
}

/// Puts the plugin's name where the template has a place for it.
fn fill(text: &str, name: &str) -> anyhow::Result<String> {
    let filled = text.replace("{{name}}", name).replace("{{Name}}", &type_name(name)?);
    Ok(filled.replace("{{version}}", env!("CARGO_PKG_VERSION")))
}

/// `acme-cloud` as the name of a type: `AcmeCloud`.
fn type_name(name: &str) -> anyhow::Result<String> {
    let mut whole = String::new();
    for word in name.split('-') {
        let mut letters = word.chars();
        let first = letters.next().context("a word of the name is empty")?;
        write!(whole, "{}{}", first.to_ascii_uppercase(), letters.as_str())?;
    }
    Ok(whole)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn a_new_plugin_has_its_name_and_no_place_left_for_one() {
        for language in LANGUAGES {
            let own = files(language, "acme-cloud").unwrap();
            let names: HashSet<&String> = own.iter().map(|(file, _)| file).collect();
            assert_eq!(names.len(), own.len(), "no file is there twice");
            for place in ["{{name}}", "{{Name}}", "{{version}}"] {
                assert!(!own.iter().any(|(_, text)| text.contains(place)), "{language}: {place}");
            }
            assert!(own.iter().any(|(_, text)| text.contains("AcmeCloud")));
        }
        assert_eq!(type_name("acme-2cloud").unwrap(), "Acme2cloud");
    }

    #[test]
    fn the_cases_of_a_new_plugin_can_be_read() {
        for (file, text) in CASES {
            assert!(muster_service::cases::parse(text.as_bytes()).is_ok(), "{file}");
        }
    }
}
