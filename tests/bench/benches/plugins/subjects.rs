//! The plugins that are measured.

use std::fs;
use std::path::PathBuf;

use anyhow::Context as _;
use serde_json::{Value, json};

use crate::args::Args;

/// One of them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Subject {
    pub(crate) name: &'static str,
    folder: &'static str,
}

/// The guest that does nothing: what a call costs whatever the plugin does.
pub(crate) const IDLE: Subject = Subject { name: "idle", folder: "guests" };
pub(crate) const POGGIO: Subject = Subject { name: "poggio", folder: "plugins" };
pub(crate) const SECODA: Subject = Subject { name: "secoda", folder: "plugins" };
pub(crate) const STANDARD: Subject = Subject { name: "standard", folder: "plugins" };
pub(crate) const JAVASCRIPT: Subject = Subject { name: "javascript", folder: "languages" };
pub(crate) const PYTHON: Subject = Subject { name: "python", folder: "languages" };

const ALL: [Subject; 6] = [IDLE, POGGIO, SECODA, STANDARD, JAVASCRIPT, PYTHON];

impl Subject {
    pub(crate) fn file(&self, args: &Args) -> PathBuf {
        args.components.join(self.folder).join(self.name).with_extension("wasm")
    }

    pub(crate) fn bytes(&self, args: &Args) -> anyhow::Result<Vec<u8>> {
        let file = self.file(args);
        fs::read(&file).with_context(|| file.display().to_string())
    }

    /// A configuration that it accepts.
    pub(crate) fn config(&self) -> Value {
        if self.folder == "languages" { json!({ "email_domains": ["example.com"] }) } else { json!({}) }
    }
}

/// Those that have been built.
pub(crate) fn built(args: &Args) -> Vec<Subject> {
    ALL.into_iter().filter(|subject| subject.file(args).exists()).collect()
}

/// What one server can have of them: the plugins in JavaScript and in Python are one product's, and a version of it is one component.
pub(crate) fn without(args: &Args, other: Subject) -> Vec<Subject> {
    built(args).into_iter().filter(|subject| subject.name != other.name).collect()
}

/// The others, and why.
pub(crate) fn missing(args: &Args) -> Vec<String> {
    let missing = ALL.into_iter().filter(|subject| !subject.file(args).exists());
    missing.map(|subject| format!("{}, for there is no {}", subject.name, subject.file(args).display())).collect()
}
