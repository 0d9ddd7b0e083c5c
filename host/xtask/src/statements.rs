//! The table of `plugins/README.md`: what the vendors promise, and which test shows it. The statements stand in `tests/all/statements`, a file
//! a vendor; the tests are found by their names (`secoda_07_...`).

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, ensure};

use crate::root;
use crate::run::say;

/// The vendors, by the folders of their plugins.
const VENDORS: [(&str, &str); 5] = [
    ("poggio", "Poggio"),
    ("popl", "Popl"),
    ("secoda", "Secoda"),
    ("applivery", "Applivery"),
    ("level-access", "Level Access"),
];

/// Where the table stands.
const TABLE: &str = "plugins/README.md";

const HEAD: &str = "\
# The plugins

A folder each; its README says what can be set, and shows one request and what is stored. `standard` has no wishes of its own and is where a
plugin of one's own begins; `sdk` is what plugins in Rust are written with. The other five stand for products that published what their SCIM
support does.

What these promise their customers is below, statement by statement: **G** said by the vendor's guide, **I** implied by it and by what identity
providers send, **O** open there, and a setting here. Each test runs the real server with the real component, by the requests of Okta or Entra.
Where something is still to be shown, the last column says what it takes.

This page is made by `cargo xtask statements`, of `tests/all/statements` and the names of the tests; a test compares it.
";

/// Writes the table.
pub(crate) fn write() -> anyhow::Result<ExitCode> {
    let file = root()?.join(TABLE);
    let table = render(&root()?)?;
    if fs::read_to_string(&file).is_ok_and(|there| there == table) {
        say(&format!("{TABLE} is as it should be"));
    } else {
        fs::write(&file, table).with_context(|| file.display().to_string())?;
        say(&format!("wrote {TABLE}"));
    }
    Ok(ExitCode::SUCCESS)
}

/// One promise of a vendor.
struct Statement {
    number: String,
    marks: String,
    text: String,
    /// What is not shown yet; empty where everything is.
    missing: String,
}

fn render(root: &Path) -> anyhow::Result<String> {
    let mut names = Vec::new();
    collect(&root.join("tests/all"), &mut names)?;
    names.sort();
    let (mut counts, mut tables) = (BTreeMap::<&str, usize>::new(), String::new());
    for (folder, vendor) in VENDORS {
        let statements = statements(root, folder)?;
        let prefix = format!("{}_", folder.replace('-', "_"));
        writeln!(tables, "\n## {vendor}\n\n[`{folder}/`]({folder}/README.md)\n")?;
        writeln!(tables, "| | mark | statement | result | test | still to be shown |\n|---|---|---|---|---|---|")?;
        let mut shown = 0;
        for Statement { number, marks, text, missing } in &statements {
            let own: Vec<&String> =
                names.iter().filter(|name| name.starts_with(&format!("{prefix}{number}_"))).collect();
            shown += own.len();
            let result = match (own.is_empty(), missing.is_empty()) {
                (true, _) => "not yet",
                (false, true) => "shown",
                (false, false) => "in part",
            };
            ensure!(!own.is_empty() || !missing.is_empty(), "{vendor} {number} has no test, and does not say why");
            *counts.entry(result).or_default() += 1;
            let tests: Vec<String> = own.iter().map(|name| format!("`{name}`")).collect();
            writeln!(tables, "| {number} | {marks} | {text} | {result} | {} | {missing} |", tests.join("<br>"))?;
        }
        let all = names.iter().filter(|name| is_numbered(name, &prefix)).count();
        ensure!(shown == all, "a test of {vendor} is named after a statement that there is not");
    }
    let count = |result| counts.get(result).copied().unwrap_or_default();
    let (all, parts, none) = (counts.values().sum::<usize>(), count("in part"), count("not yet"));
    Ok(format!("{HEAD}\nOf {all} statements, {} are shown, {parts} in part, {none} not yet.\n{tables}", count("shown")))
}

/// The statements of one vendor: `NUMBER | MARKS | STATEMENT | WHAT IS MISSING`, a line each.
fn statements(root: &Path, folder: &str) -> anyhow::Result<Vec<Statement>> {
    let file = root.join("tests/all/statements").join(folder).with_extension("txt");
    let text = fs::read_to_string(&file).with_context(|| file.display().to_string())?;
    let mut statements = Vec::new();
    for (line, expected) in text.lines().zip(1..) {
        let parts: Vec<&str> = line.split('|').map(str::trim).collect();
        let [number, marks, text, missing] = parts[..] else {
            anyhow::bail!("{}: line {expected} has not four parts", file.display());
        };
        ensure!(number == format!("{expected:02}"), "{}: line {expected} is not numbered so", file.display());
        let own = |text: &str| text.to_owned();
        statements.push(Statement { number: own(number), marks: own(marks), text: own(text), missing: own(missing) });
    }
    Ok(statements)
}

/// `secoda_07_...`
fn is_numbered(name: &str, prefix: &str) -> bool {
    let number = name.strip_prefix(prefix).and_then(|rest| rest.split('_').next());
    number.is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}

/// The names of all functions in a folder.
fn collect(folder: &Path, names: &mut Vec<String>) -> anyhow::Result<()> {
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, names)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
            let function = |line: &str| {
                let line = line.trim_start();
                let name = line.strip_prefix("async fn ").or_else(|| line.strip_prefix("fn "))?;
                Some(name.split(['(', '<']).next()?.to_owned())
            };
            names.extend(text.lines().filter_map(function));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn the_page_of_the_plugins_tells_the_statements_and_tests_that_there_are() {
        let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
        let there = fs::read_to_string(root.join(TABLE)).unwrap();
        assert!(
            there == render(&root).unwrap(),
            "{TABLE} is not as it should be: `cargo xtask statements` makes it anew"
        );
    }

    #[test]
    fn there_are_109_statements() {
        let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
        let all = VENDORS.iter().map(|(folder, _)| statements(&root, folder).unwrap().len()).sum::<usize>();
        assert_eq!(all, 109);
    }

    #[test]
    fn a_test_is_known_by_the_number_in_its_name() {
        assert!(is_numbered("popl_07_an_assigned_user", "popl_"));
        assert!(!is_numbered("popl_is_a_vendor", "popl_"));
        assert!(!is_numbered("poggio_07_users", "popl_"));
    }
}
