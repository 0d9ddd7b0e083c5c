use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use clap::Args;
use muster_model::PluginDigest;
use muster_service::cases::{self, Case, MAX_CASE_BYTES, MAX_CASES};
use serde_json::json;

use super::language::Language;
use super::{bytes, counted};
use crate::cli::say;
use crate::files::Told as _;

/// Which plugin is built.
#[derive(Debug, Args)]
pub(in crate::cli) struct Build {
    /// The plugin's folder
    #[arg(default_value = ".")]
    dir: PathBuf,
    /// Compiles nothing: puts the folder's cases into this component, which has none yet, and leaves it where it is
    #[arg(long, value_name = "FILE")]
    component: Option<PathBuf>,
    /// Answer in JSON
    #[arg(long)]
    json: bool,
}

/// A component with its cases in it.
#[derive(Debug)]
pub(super) struct Built {
    pub(super) file: PathBuf,
    pub(super) component: Vec<u8>,
    /// What it was compiled from; `None`: it was there.
    pub(super) language: Option<Language>,
    /// How many cases are in it.
    pub(super) cases: usize,
}

impl Build {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let Built { file, component, language, cases } = match self.component {
            Some(file) => with_cases(&self.dir, file)?,
            None => build(&self.dir, self.json)?,
        };
        let digest = PluginDigest::of(&component);
        if self.json {
            return say(json!({
                "file": file, "size": component.len(), "digest": digest, "cases": cases,
                "language": language.map(Language::name),
            }));
        }
        let size = bytes(u64::try_from(component.len()).unwrap_or(u64::MAX));
        say(format_args!("{}   {size}   sha256:{digest}   {}", file.display(), counted(cases, "case")))
    }
}

/// Compiles a plugin's folder and writes `dist/NAME.wasm`.
pub(super) fn build(folder: &Path, quiet: bool) -> anyhow::Result<Built> {
    let language = Language::of(folder)?;
    // A case that cannot be read is told before anything is compiled.
    let files = read_cases(&folder.join("cases"))?;
    let (name, component) = language.compile(folder, quiet)?;
    let dist = folder.join("dist");
    std::fs::create_dir_all(&dist).written(&dist)?;
    let file = dist.join(name).with_extension("wasm");
    embedded(folder, &files, &component, file, Some(language))
}

/// Puts a folder's cases into a component that somebody else has compiled.
fn with_cases(folder: &Path, file: PathBuf) -> anyhow::Result<Built> {
    let files = read_cases(&folder.join("cases"))?;
    let component = super::component(&file)?;
    let there = cases::embedded(&component).with_context(|| file.display().to_string())?;
    ensure!(there.is_empty(), "{}: it has {} in it already", file.display(), counted(there.len(), "case"));
    embedded(folder, &files, &component, file, None)
}

fn embedded(
    folder: &Path,
    files: &[(String, Vec<u8>)],
    component: &[u8],
    file: PathBuf,
    language: Option<Language>,
) -> anyhow::Result<Built> {
    let component = cases::embed(component, files).with_context(|| format!("the cases of {}", folder.display()))?;
    std::fs::write(&file, &component).written(&file)?;
    Ok(Built { file, component, language, cases: files.len() })
}

/// The cases in a folder, by the names of their files; each can be read.
pub(super) fn read_cases(folder: &Path) -> anyhow::Result<Vec<(String, Vec<u8>)>> {
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.of(folder, "a folder of cases")?,
    };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        ensure!(files.len() < MAX_CASES, "{}: there are more than {MAX_CASES} cases", folder.display());
        let told = || path.display().to_string();
        let size = std::fs::metadata(&path).of(&path, "a case")?.len();
        ensure!(size <= MAX_CASE_BYTES as u64, "{}: it has {size} bytes; a case has at most {MAX_CASE_BYTES}", told());
        let text = std::fs::read(&path).of(&path, "a case")?;
        cases::parse(&text).with_context(told)?;
        let name = path.file_name().context("a file has a name")?.to_str().with_context(told)?.to_owned();
        files.push((name, text));
    }
    files.sort();
    Ok(files)
}

/// The same, read.
pub(super) fn parsed(files: &[(String, Vec<u8>)]) -> anyhow::Result<Vec<(String, Case)>> {
    let one = |(file, text): &(String, Vec<u8>)| Ok((file.clone(), cases::parse(text).with_context(|| file.clone())?));
    files.iter().map(one).collect()
}

/// The component in a folder, of which there must be one.
pub(super) fn only_component(dist: &Path) -> anyhow::Result<PathBuf> {
    let found = if dist.is_dir() { crate::components::components(dist)? } else { Vec::new() };
    match found.as_slice() {
        [file] => Ok(file.clone()),
        [] => bail!("{}: there is no component in it; `muster plugin build` makes one", dist.display()),
        _ => bail!("{}: there is more than one component in it; name the one that is meant", dist.display()),
    }
}
