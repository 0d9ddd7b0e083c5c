//! The table of `plugins/README.md`: what the vendors promise, which tests show it, and what came of these. The statements stand in
//! `tests/all/statements`, a file a vendor; the tests are known by their names (`secoda_07_...`), and their results by what nextest has written of
//! the run: a test that is ignored, or that no module names, has none.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, ensure};

use crate::run::say;
use crate::{root, target};

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

/// What nextest is asked to run for it.
pub(crate) const TESTS: &str = r"test(/(^|::)(poggio|popl|secoda|applivery|level_access)_\d\d_/)";

const HEAD: &str = "\
# The plugins

A folder each; its README says what can be set, and shows one request and what is stored. `standard` has no wishes of its own and is where a
plugin of one's own begins; `sdk` is what plugins in Rust are written with. The other five stand for products that published what their SCIM
support does.

What these promise their customers is below, statement by statement: **G** said by the vendor's guide, **I** implied by it and by what identity
providers send, **O** open there, and a setting here. Each test runs the real server with the real component; what the product is to do is asked
of the product of `examples/vendor-app`. Where something is still to be shown, the last column says what it takes.

This page is made by `cargo xtask statements`, which runs these tests, of their results: a statement is `shown` when each test that has its number ran
and passed. `cargo xtask test` ends with an error when the page does not tell what came of its own run.
";

/// Writes the table, after a run of these tests.
pub(crate) fn write() -> anyhow::Result<ExitCode> {
    let file = root()?.join(TABLE);
    let table = render(&root()?, &results()?)?;
    if fs::read_to_string(&file).is_ok_and(|there| there == table) {
        say(&format!("{TABLE} is as it should be"));
    } else {
        fs::write(&file, table).with_context(|| file.display().to_string())?;
        say(&format!("wrote {TABLE}"));
    }
    Ok(ExitCode::SUCCESS)
}

/// Holds the page against a run of every test.
pub(crate) fn hold() -> anyhow::Result<()> {
    let there = fs::read_to_string(root()?.join(TABLE)).context(TABLE)?;
    let table = render(&root()?, &results()?)?;
    ensure!(there == table, "{TABLE} does not tell what came of this run: `cargo xtask statements` makes it anew");
    Ok(())
}

/// Whether each test of the latest run passed, by its name without its module.
type Results = BTreeMap<String, bool>;

/// Where nextest writes what came of a run.
fn results_file() -> anyhow::Result<PathBuf> {
    Ok(target()?.join("nextest/default/junit.xml"))
}

/// Before a run: one that is cut short is not to be told by the results of an earlier one.
pub(crate) fn forget_results() -> anyhow::Result<()> {
    match fs::remove_file(results_file()?) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error).context("the results of the last run"),
        _ => Ok(()),
    }
}

fn results() -> anyhow::Result<Results> {
    let file = results_file()?;
    let text = fs::read_to_string(&file).with_context(|| file.display().to_string())?;
    read(&text).with_context(|| file.display().to_string())
}

fn read(junit: &str) -> anyhow::Result<Results> {
    let document = roxmltree::Document::parse(junit)?;
    let mut results = Results::new();
    for case in document.descendants().filter(|node| node.has_tag_name("testcase")) {
        let name = case.attribute("name").context("a test without a name")?;
        let name = name.rsplit("::").next().unwrap_or(name);
        let passed = !case.children().any(|node| ["failure", "error", "skipped"].contains(&node.tag_name().name()));
        results.entry(name.to_owned()).and_modify(|all| *all &= passed).or_insert(passed);
    }
    Ok(results)
}

/// One promise of a vendor.
struct Statement {
    number: String,
    marks: String,
    text: String,
    /// What is not shown yet; empty where everything is.
    missing: String,
}

fn render(root: &Path, results: &Results) -> anyhow::Result<String> {
    let (mut counts, mut tables) = (BTreeMap::<&str, usize>::new(), String::new());
    for (folder, vendor) in VENDORS {
        let prefix = format!("{}_", folder.replace('-', "_"));
        writeln!(tables, "\n## {vendor}\n\n[`{folder}/`]({folder}/README.md)\n")?;
        writeln!(tables, "| | mark | statement | result | test | still to be shown |\n|---|---|---|---|---|---|")?;
        let mut shown = 0;
        for Statement { number, marks, text, missing } in &statements(root, folder)? {
            let numbered = format!("{prefix}{number}_");
            let own: Vec<_> = results.iter().filter(|(name, _)| name.starts_with(&numbered)).collect();
            shown += own.len();
            ensure!(
                !own.is_empty() || !missing.is_empty(),
                "no test of {vendor} {number} ran, and its line does not say why"
            );
            let result = match (own.is_empty(), own.iter().all(|(_, passed)| **passed), missing.is_empty()) {
                (true, ..) => "not yet",
                (false, false, _) => "failed",
                (false, true, true) => "shown",
                (false, true, false) => "in part",
            };
            *counts.entry(result).or_default() += 1;
            let tests: Vec<String> = own.iter().map(|(name, _)| format!("`{name}`")).collect();
            writeln!(tables, "| {number} | {marks} | {text} | {result} | {} | {missing} |", tests.join("<br>"))?;
        }
        let all = results.keys().filter(|name| is_numbered(name, &prefix)).count();
        ensure!(shown == all, "a test of {vendor} is named after a statement that there is not");
    }
    let count = |result| counts.get(result).copied().unwrap_or_default();
    let (all, parts, none) = (counts.values().sum::<usize>(), count("in part"), count("not yet"));
    let failed = match count("failed") {
        0 => String::new(),
        failed => format!("; tests of {failed} failed"),
    };
    let shown = count("shown");
    Ok(format!("{HEAD}\nOf {all} statements, {shown} are shown, {parts} in part, {none} not yet{failed}.\n{tables}"))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn workspace() -> PathBuf {
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
    }

    /// A run in which one test of each statement passed.
    fn whole() -> Results {
        let mut results = Results::new();
        for (folder, _) in VENDORS {
            for Statement { number, .. } in statements(&workspace(), folder).unwrap() {
                results.insert(format!("{}_{number}_is_so", folder.replace('-', "_")), true);
            }
        }
        results
    }

    #[test]
    fn there_are_109_statements() {
        assert_eq!(whole().len(), 109);
    }

    #[test]
    fn a_test_that_did_not_run_or_did_not_pass_shows_nothing() {
        let page = |results: &Results| render(&workspace(), results).map_err(|error| error.to_string());
        let shown = page(&whole()).unwrap();
        assert!(shown.contains("Of 109 statements, 109 are shown, 0 in part, 0 not yet.\n"), "{shown}");
        let mut results = whole();
        results.insert("popl_07_and_so_it_is".to_owned(), false);
        let shown = page(&results).unwrap();
        assert!(
            shown.contains("Of 109 statements, 108 are shown, 0 in part, 0 not yet; tests of 1 failed.\n"),
            "{shown}"
        );
        assert!(shown.contains("| failed | `popl_07_and_so_it_is`<br>`popl_07_is_so` |"), "{shown}");
        results.retain(|name, _| !name.starts_with("popl_07_"));
        assert_eq!(page(&results).unwrap_err(), "no test of Popl 07 ran, and its line does not say why");
        results = whole();
        results.insert("popl_77_is_so".to_owned(), true);
        assert_eq!(page(&results).unwrap_err(), "a test of Popl is named after a statement that there is not");
    }

    #[test]
    fn results_are_read_from_what_nextest_writes() {
        let junit = r#"<?xml version="1.0" encoding="UTF-8"?>
            <testsuites><testsuite name="muster-tests::all">
              <testcase name="popl::popl_07_users" classname="muster-tests::all" time="0.1"/>
              <testcase name="popl::popl_08_names" classname="muster-tests::all"><failure type="test failure">it failed</failure></testcase>
              <testcase name="okta::twice"><flakyFailure/></testcase>
            </testsuite></testsuites>"#;
        let of = |name: &str, passed| (name.to_owned(), passed);
        let expected = [of("popl_07_users", true), of("popl_08_names", false), of("twice", true)];
        assert_eq!(read(junit).unwrap(), Results::from(expected));
    }

    #[test]
    fn a_test_is_known_by_the_number_in_its_name() {
        assert!(is_numbered("popl_07_an_assigned_user", "popl_"));
        assert!(!is_numbered("popl_is_a_vendor", "popl_"));
        assert!(!is_numbered("poggio_07_users", "popl_"));
    }
}
