//! Files that somebody has named: what cannot be read or written is told with its name, and with what it was for.

use std::io::{self, ErrorKind};
use std::path::Path;

/// What became of a file, in a sentence.
pub(crate) trait Told<T> {
    /// Of a file that was read as `what`: `the component`.
    fn of(self, file: &Path, what: &str) -> anyhow::Result<T>;

    /// Of a file, or its folder, that was written.
    fn written(self, file: &Path) -> anyhow::Result<T>;
}

impl<T> Told<T> for io::Result<T> {
    fn of(self, file: &Path, what: &str) -> anyhow::Result<T> {
        let name = file.display();
        self.map_err(|error| match error.kind() {
            ErrorKind::NotFound => anyhow::anyhow!("{name}: there is no such file, and {what} should be in it"),
            ErrorKind::IsADirectory => anyhow::anyhow!("{name}: it is a folder, and should be the file with {what}"),
            _ => anyhow::anyhow!("{name}: {what} cannot be read: {error}"),
        })
    }

    fn written(self, file: &Path) -> anyhow::Result<T> {
        let name = file.display();
        self.map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => anyhow::anyhow!("{name}: it is there already, and is not written over"),
            _ => anyhow::anyhow!("{name}: it cannot be written: {error}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_read_is_told_with_what_it_was_for() {
        let room = tempfile::tempdir().unwrap();
        let told = |file: &Path| std::fs::read(file).of(file, "the key").unwrap_err().to_string();
        let (folder, none) = (room.path().display(), room.path().join("none"));
        assert_eq!(told(&none), format!("{folder}/none: there is no such file, and the key should be in it"));
        assert_eq!(told(room.path()), format!("{folder}: it is a folder, and should be the file with the key"));
        let below = none.join("file");
        let told = std::fs::write(&below, "").written(&below).unwrap_err().to_string();
        assert!(told.starts_with(&format!("{}: it cannot be written: ", below.display())), "{told}");
        std::fs::write(&none, "kept").unwrap();
        let told = std::fs::File::create_new(&none).written(&none).unwrap_err().to_string();
        assert_eq!(told, format!("{folder}/none: it is there already, and is not written over"));
    }
}
