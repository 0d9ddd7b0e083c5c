//! Why a folder is not opened, in sentences for whoever runs the command.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use super::{FORMAT, MARKER};

/// Why a folder was not opened. Nothing in it was deleted or changed, except as the `files` of [`OpenError::Damaged`]
/// and [`OpenError::Behind`] tell. Snapshots are no data, but made from it: sled's own are replaced, and damaged ones
/// moved aside.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file system refuses.
    #[error(
        "the store's folder {} cannot be used; check that it can be created, read and written by this user",
        .folder.display()
    )]
    Io {
        /// The folder.
        folder: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// Another process has it.
    #[error(
        "the store in {} is in use by another process; stop that one first, or give this one another folder",
        .folder.display()
    )]
    InUse {
        /// The folder.
        folder: PathBuf,
    },
    /// There is none.
    #[error("there is no store in {}", .folder.display())]
    Missing {
        /// The folder.
        folder: PathBuf,
    },
    /// A check looks at a copy, and there is none.
    #[error(
        "the store in {} cannot be copied to be checked; the copy stands beside it for as long as the check \
         takes, and needs as much room",
        .folder.display()
    )]
    NotCopied {
        /// The folder.
        folder: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// What leads to its records was being made again, and that was interrupted.
    #[error(
        "the indexes of the store in {} were being made again, and that was interrupted; run `muster store \
         rebuild-index` to its end",
        .folder.display()
    )]
    HalfMade {
        /// The folder.
        folder: PathBuf,
    },
    /// It holds something else.
    #[error(
        "{} is not empty, and has no file `{MARKER}`, so it is not a store of Muster, or not all of one; choose a \
         folder of Muster's own, or restore all files of this one from the latest backup",
        .folder.display()
    )]
    Foreign {
        /// The folder.
        folder: PathBuf,
    },
    /// A version with another format wrote it.
    #[error(
        "the store in {} has format {found}, and this version of Muster reads format {FORMAT}; start the version that \
         wrote it, and move the data with `muster export` and `muster import`",
        .folder.display()
    )]
    Format {
        /// The folder.
        folder: PathBuf,
        /// Its format.
        found: u32,
    },
    /// It cannot be read.
    #[error(
        "the store in {} is damaged ({detail}); {files}, and restore all files of the folder together from the latest \
         backup",
        .folder.display()
    )]
    Damaged {
        /// The folder.
        folder: PathBuf,
        /// What is wrong.
        detail: String,
        /// What became of its files.
        files: FilesState,
    },
    /// It can be read, but lacks what is known to have been in it.
    #[error(
        "the database in {} is not the one that its marker file `{MARKER}` belongs to: parts of it are lost or were \
         exchanged; {files}, and restore all files of the folder together from the latest backup",
        .folder.display()
    )]
    Behind {
        /// The folder.
        folder: PathBuf,
        /// What became of its files.
        files: FilesState,
    },
}

impl OpenError {
    /// The same of the store that what was opened is a copy of: that was not touched.
    pub(crate) fn of_original(mut self, original: &Path) -> Self {
        let (folder, files) = match &mut self {
            Self::Damaged { folder, files, .. } | Self::Behind { folder, files } => (folder, Some(files)),
            Self::Io { folder, .. }
            | Self::InUse { folder }
            | Self::Missing { folder }
            | Self::NotCopied { folder, .. }
            | Self::HalfMade { folder }
            | Self::Foreign { folder }
            | Self::Format { folder, .. } => (folder, None),
        };
        original.clone_into(folder);
        if let Some(files) = files {
            *files = FilesState::Untouched;
        }
        self
    }
}

/// What became of the files of a store that was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FilesState {
    /// They are as they were found.
    Untouched,
    /// sled opened them and may have overwritten parts; before that they were copied to this folder.
    Copied(PathBuf),
    /// sled opened them and may have overwritten parts: that they are damaged was found only then.
    PerhapsRepaired,
}

impl fmt::Display for FilesState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Untouched => f.write_str("nothing in it was changed; keep a copy of the folder"),
            Self::Copied(copy) => write!(f, "its files as they were found are in {}; keep them", copy.display()),
            Self::PerhapsRepaired => f.write_str(
                "this was found only after a repair may have begun, which overwrites parts of the file `db`; keep a \
                 copy of the folder",
            ),
        }
    }
}
