use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use muster_model::{ResourceId, TenantId, Timestamp};
use muster_store::moving::file::{self, Counts, End, FORMAT, MAX_MANIFEST_BYTES, MAX_TENANTS, Manifest, VERSION};
use muster_store::moving::{Chain, Item, Which};
use muster_store::{Store, StoreError};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::of_file;
use crate::{AdminError, JobId, Progress, Service};

/// How many exports can stand on the server; one more is refused until one is deleted.
pub const MAX_EXPORTS: usize = 8;

/// How much room is asked for ahead of what is written, in bytes.
const ROOM_AHEAD_BYTES: u64 = 1 << 20;

/// Where exports stand until they are fetched, in the data folder.
const FOLDER: &str = "exports";
/// What an export's file is called behind its name.
const FINISHED: &str = "ndjson";
/// And while it is being written. What is found so when a server starts was interrupted.
const UNFINISHED: &str = "unfinished";

/// What is to be exported.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewExport {
    /// These tenants, with the plugins that they need; everything, if it is not given.
    #[serde(default)]
    pub tenants: Option<Vec<String>>,
}

/// An export that waits to be fetched.
#[derive(Debug, Clone, Serialize)]
pub struct ExportView {
    /// Its name.
    pub id: String,
    /// How large it is.
    pub bytes: u64,
    /// When it was begun: what it says is of that moment.
    pub at: Timestamp,
    /// Whether it is of a whole deployment.
    pub whole: bool,
}

impl Service {
    /// Writes everything, or these tenants, to a file, as a job: as it is at one moment, while writes go on.
    pub async fn begin_export(self: &Arc<Self>, new: NewExport) -> Result<JobId, AdminError> {
        let which = match new.tenants {
            None => Which::Whole,
            Some(names) => Which::Tenants(self.known(&names)?),
        };
        // Of two that are begun at once one may be too many.
        let _one_at_a_time = self.administration.lock().await;
        // In this order: one that ends meanwhile is counted twice rather than not at all.
        let running = Arc::strong_count(&self.exporting) - 1;
        if running + self.list_exports().await?.len() >= MAX_EXPORTS {
            let why = format!("{MAX_EXPORTS} exports are kept already; fetch or delete one first");
            return Err(AdminError::InUse(why));
        }
        self.parts.store.room(ROOM_AHEAD_BYTES)?;
        let (service, counted) = (Arc::clone(self), Arc::clone(&self.exporting));
        self.jobs().start("export", "items", move |progress| async move {
            let written = service.write_export(which, progress).await;
            drop(counted);
            written
        })
    }

    fn known(&self, names: &[String]) -> Result<Vec<TenantId>, AdminError> {
        if names.is_empty() || names.len() > MAX_TENANTS {
            return Err(AdminError::Wrong(format!("an export is of 1 to {MAX_TENANTS} tenants, or of everything")));
        }
        let mut tenants = names.iter().map(|name| Ok(self.row(name)?.id)).collect::<Result<Vec<_>, AdminError>>()?;
        tenants.sort();
        tenants.dedup();
        Ok(tenants)
    }

    async fn write_export(&self, which: Which, progress: Progress) -> Result<Value, AdminError> {
        let id = self.parts.ids.next().to_string();
        let folder = self.exports();
        let unfinished = folder.join(format!("{id}.{UNFINISHED}"));
        let manifest = Manifest {
            format: FORMAT.to_owned(),
            version: VERSION,
            muster: env!("CARGO_PKG_VERSION").to_owned(),
            id: id.clone(),
            at: self.parts.clock.now(),
            whole: which == Which::Whole,
            token_key: self.token_key_fingerprint(),
        };
        let written = self.write_items(&which, &manifest, &unfinished, &progress).await;
        let finished = folder.join(format!("{id}.{FINISHED}"));
        let placed = written.and_then(|told| {
            std::fs::rename(&unfinished, &finished).and_then(|()| File::open(&folder)?.sync_all()).map_err(of_file)?;
            Ok(told)
        });
        match placed {
            Ok((end, bytes)) => {
                let counts = &end.counts;
                Ok(json!({ "export": id, "bytes": bytes, "items": end.items, "digest": end.digest, "counts": counts }))
            }
            Err(error) => {
                // Half an export is of no use to anybody; if it cannot be deleted, the next start does it.
                let _ = std::fs::remove_file(&unfinished);
                Err(error)
            }
        }
    }

    async fn write_items(
        &self,
        which: &Which,
        manifest: &Manifest,
        path: &Path,
        progress: &Progress,
    ) -> Result<(End, u64), AdminError> {
        let export = self.parts.store.mover().export(which).await;
        let mut export = export.map_err(|error| match error {
            StoreError::Stale => AdminError::NotFound("such tenant any more".to_owned()),
            other => other.into(),
        })?;
        progress.set_total(export.about());
        let (path, manifest) = (path.to_owned(), file::manifest_line(manifest));
        let store = Arc::clone(&self.parts.store);
        let mut sheet = blocking(move || Sheet::begin(&path, store, &manifest)).await?;
        loop {
            let items = export.next().await?;
            if items.is_empty() {
                break;
            }
            sheet = blocking(move || sheet.write(&items)).await?;
            progress.set_done(sheet.items);
        }
        let (end, bytes) = blocking(move || sheet.end()).await?;
        progress.set_total(end.items);
        Ok((end, bytes))
    }

    /// The exports that wait to be fetched, oldest first.
    pub async fn list_exports(&self) -> Result<Vec<ExportView>, AdminError> {
        let folder = self.exports();
        blocking(move || listed(&folder)).await
    }

    /// The file of an export, and how many bytes it has.
    pub fn open_export(&self, id: &str) -> Result<(File, u64), AdminError> {
        let file = File::open(self.export_file(id)?).map_err(|error| missing(id, error))?;
        let bytes = file.metadata().map_err(of_file)?.len();
        Ok((file, bytes))
    }

    /// Deletes an export.
    pub fn delete_export(&self, id: &str) -> Result<(), AdminError> {
        std::fs::remove_file(self.export_file(id)?).map_err(|error| missing(id, error))
    }

    fn exports(&self) -> PathBuf {
        self.parts.data.join(FOLDER)
    }

    fn export_file(&self, id: &str) -> Result<PathBuf, AdminError> {
        // Whatever else somebody calls an export is the name of no file.
        let name = ResourceId::parse(id).ok_or_else(|| AdminError::NotFound("such export".to_owned()))?;
        Ok(self.exports().join(format!("{name}.{FINISHED}")))
    }
}

/// Deletes what an earlier process did not finish.
pub(in crate::admin) fn tidy(data: &Path) {
    let Ok(entries) = std::fs::read_dir(data.join(FOLDER)) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        if path.extension().is_some_and(|extension| extension == UNFINISHED)
            && let Err(error) = std::fs::remove_file(&path)
        {
            tracing::warn!(file = %path.display(), %error, "an unfinished export cannot be deleted");
        }
    }
}

fn missing(id: &str, error: std::io::Error) -> AdminError {
    match error.kind() {
        std::io::ErrorKind::NotFound => AdminError::NotFound(format!("export {id}")),
        _ => of_file(error),
    }
}

fn listed(folder: &Path) -> Result<Vec<ExportView>, AdminError> {
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.map_err(of_file)?,
    };
    let mut exports = Vec::new();
    for entry in entries {
        let path = entry.map_err(of_file)?.path();
        if path.extension().is_some_and(|extension| extension == FINISHED) {
            let id = path.file_stem().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
            let bytes = path.metadata().map_err(of_file)?.len();
            // What says of itself that it is something else was not made here.
            if let Ok(Manifest { at, whole, .. }) = first_line(&path).map(|line| file::read_manifest(&line))? {
                exports.push(ExportView { id, bytes, at, whole });
            }
        }
    }
    exports.sort_by(|one, other| one.id.cmp(&other.id));
    Ok(exports)
}

fn first_line(path: &Path) -> Result<Vec<u8>, AdminError> {
    use std::io::{BufRead as _, BufReader, Read as _};
    let mut line = Vec::new();
    let limit = u64::try_from(MAX_MANIFEST_BYTES).unwrap_or(u64::MAX);
    let file = File::open(path).map_err(of_file)?.take(limit);
    BufReader::new(file).read_until(b'\n', &mut line).map_err(of_file)?;
    line.pop();
    Ok(line)
}

/// Work on files, off the threads that answer.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, AdminError> + Send + 'static,
) -> Result<T, AdminError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| AdminError::Unavailable(StoreError::Unavailable(Box::new(error))))?
}

/// The file that is being written.
struct Sheet {
    file: BufWriter<File>,
    /// Whose disk it is.
    store: Arc<dyn Store>,
    /// Up to where there was room.
    room_through: u64,
    chain: Chain,
    counts: Counts,
    items: u64,
    bytes: u64,
}

impl Sheet {
    fn begin(path: &Path, store: Arc<dyn Store>, manifest: &[u8]) -> Result<Self, AdminError> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(of_file)?;
        }
        // It holds what the directories hold: nobody else reads it.
        let file = File::options().write(true).create_new(true).mode(0o600).open(path).map_err(of_file)?;
        let (file, counts) = (BufWriter::with_capacity(1 << 20, file), Counts::default());
        let mut sheet = Self { file, store, room_through: 0, chain: Chain::START, counts, items: 0, bytes: 0 };
        sheet.line(manifest)?;
        sheet.chain = sheet.chain.link(manifest);
        Ok(sheet)
    }

    fn write(mut self, items: &[Item]) -> Result<Self, AdminError> {
        for item in items {
            let line = file::item_line(item).map_err(|error| AdminError::Invalid(format!("an item {error}")))?;
            self.line(&line)?;
            self.chain = self.chain.link(&line);
            self.counts.add(item);
            self.items += 1;
        }
        Ok(self)
    }

    fn end(mut self) -> Result<(End, u64), AdminError> {
        let counts = std::mem::take(&mut self.counts);
        let end = End { items: self.items, counts, digest: self.chain };
        self.line(&file::end_line(&end))?;
        self.file.flush().map_err(of_file)?;
        self.file.get_ref().sync_all().map_err(of_file)?;
        Ok((end, self.bytes))
    }

    fn line(&mut self, line: &[u8]) -> Result<(), AdminError> {
        self.bytes += u64::try_from(line.len() + 1).unwrap_or(u64::MAX);
        if self.bytes > self.room_through {
            // Writes of tenants come before an export: it never takes what is kept free for the store.
            let ahead = self.bytes - self.room_through + ROOM_AHEAD_BYTES;
            self.store.room(ahead)?;
            self.room_through += ahead;
        }
        self.file.write_all(line).and_then(|()| self.file.write_all(b"\n")).map_err(of_file)
    }
}
