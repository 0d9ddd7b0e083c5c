//! A disk that remembers what was written to it and what was made durable, and what it may hold after a cut.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::trace::Call;
use crate::numbered::Dice;

/// A disk writes whole sectors, and nothing larger, in bytes.
const SECTOR: usize = 512;

/// What came of that which was written and not made durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Left {
    Nothing,
    Everything,
    /// Of each write all or nothing.
    SomeWrites,
    /// Of some writes some sectors.
    SomeSectors,
}

/// Which calls make durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Honours {
    /// `fsync` and `fdatasync`. Not `sync_file_range`: it starts the writing, and does not wait for the disk.
    Syncs,
    /// The control: the `fdatasync` by which a commit is made durable is as if it were not there. The first one of a process belongs to
    /// the opening of the store.
    AllButThoseOfCommits,
}

/// Lines of the recording.
#[derive(Debug, Clone, Copy)]
struct Span {
    began: usize,
    ended: usize,
}

#[derive(Debug)]
enum Write {
    Bytes { offset: usize, bytes: Vec<u8> },
    Length(usize),
}

#[derive(Debug, Clone)]
enum Naming {
    File { path: String, file: usize },
    Folder(String),
    Removed(String),
    Renamed { from: String, to: String },
}

#[derive(Debug, Clone, Copy)]
struct Sync {
    span: Span,
    is_of_commit: bool,
}

#[derive(Debug, Default)]
struct File {
    writes: Vec<(Span, Write)>,
    syncs: Vec<Sync>,
}

/// What a name stands for now.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Node {
    File(usize),
    Folder,
}

type Names = BTreeMap<String, Node>;

#[derive(Debug, Clone)]
struct Open {
    path: String,
    file: Option<usize>,
    position: usize,
}

/// All below one folder.
#[derive(Debug)]
pub(super) struct Disk {
    root: String,
    files: Vec<File>,
    namings: Vec<(Span, Naming)>,
    /// By path of the folder.
    folder_syncs: BTreeMap<String, Vec<Sync>>,
    now: Names,
    open: BTreeMap<i64, Open>,
    has_data_sync: bool,
}

/// A file as it is after some writes.
fn apply(content: &mut Vec<u8>, write: &Write) {
    match write {
        Write::Length(length) => content.resize(*length, 0),
        Write::Bytes { offset, bytes } => {
            let end = offset + bytes.len();
            if content.len() < end {
                content.resize(end, 0);
            }
            content[*offset..end].copy_from_slice(bytes);
        }
    }
}

fn name(names: &mut Names, naming: &Naming) {
    match naming {
        Naming::File { path, file } => drop(names.insert(path.clone(), Node::File(*file))),
        Naming::Folder(path) => drop(names.insert(path.clone(), Node::Folder)),
        Naming::Removed(path) => drop(names.remove(path)),
        Naming::Renamed { from, to } => {
            let below = format!("{from}/");
            let moved: Vec<_> =
                names.keys().filter(|path| *path == from || path.starts_with(&below)).cloned().collect();
            for path in moved {
                let node = names.remove(&path).unwrap();
                names.insert(format!("{to}{}", &path[from.len()..]), node);
            }
        }
    }
}

fn parent(path: &str) -> &str {
    path.rsplit_once('/').unwrap().0
}

impl Disk {
    pub(super) fn new(root: &Path) -> Self {
        let root = root.to_str().unwrap().to_owned();
        let (files, namings, folder_syncs, open) = (Vec::new(), Vec::new(), BTreeMap::new(), BTreeMap::new());
        Self {
            now: [(root.clone(), Node::Folder)].into(),
            root,
            files,
            namings,
            folder_syncs,
            open,
            has_data_sync: false,
        }
    }

    /// What one process did; when it is gone, its files are closed.
    pub(super) fn run(&mut self, calls: &[Call]) {
        for call in calls {
            self.call(call);
        }
        self.open.clear();
        self.has_data_sync = false;
    }

    fn call(&mut self, call: &Call) {
        let span = Span { began: call.began, ended: call.ended };
        match call.name.as_str() {
            "openat" => self.open(span, &self.path(call, 0), call.word(2), call.result),
            "close" => drop(self.open.remove(&call.number(0))),
            "write" => self.write(span, call.number(0), None, call),
            "pwrite64" => self.write(span, call.number(0), Some(usize::try_from(call.number(3)).unwrap()), call),
            "lseek" => {
                if let Some(open) = self.open.get_mut(&call.number(0)) {
                    open.position = usize::try_from(call.result).unwrap();
                }
            }
            "ftruncate" => {
                if let Some(file) = self.open.get(&call.number(0)).and_then(|open| open.file) {
                    let length = usize::try_from(call.number(1)).unwrap();
                    self.files[file].writes.push((span, Write::Length(length)));
                }
            }
            // Only room: what a file holds is as before.
            "fallocate" if call.word(1) == "FALLOC_FL_KEEP_SIZE" => {}
            "fsync" | "fdatasync" => {
                let is_of_data = call.name == "fdatasync";
                let sync = Sync { span, is_of_commit: is_of_data && self.has_data_sync };
                self.has_data_sync |= is_of_data;
                match self.open.get(&call.number(0)) {
                    Some(Open { file: Some(file), .. }) => self.files[*file].syncs.push(sync),
                    Some(Open { path, .. }) => self.folder_syncs.entry(path.clone()).or_default().push(sync),
                    None => {}
                }
            }
            // Starts the writing, and promises nothing.
            "sync_file_range" => {}
            "rename" => self.rename(span, call.text(0), call.text(1)),
            "renameat" | "renameat2" => self.rename(span, self.path(call, 0), self.path(call, 2)),
            "unlink" | "rmdir" => self.name(span, Naming::Removed(call.text(0))),
            "unlinkat" => self.name(span, Naming::Removed(self.path(call, 0))),
            "mkdir" => self.name(span, Naming::Folder(call.text(0))),
            "mkdirat" => self.name(span, Naming::Folder(self.path(call, 0))),
            "copy_file_range" => self.copy(span, call),
            "dup" | "dup2" | "dup3" => self.duplicate(call),
            "fcntl" if call.word(1).starts_with("F_DUPFD") => self.duplicate(call),
            "fcntl" => {}
            other => {
                let of_ours = matches!(call.arguments.first(), Some(super::trace::Argument::Word(number)) if number.parse().is_ok_and(|number| self.open.contains_key(&number)));
                assert!(!of_ours, "`{other}` on a file of the store: this disk does not know what that does");
            }
        }
    }

    /// The path whose folder, or `AT_FDCWD`, is at `position`, and whose name follows.
    fn path(&self, call: &Call, position: usize) -> String {
        let path = call.text(position + 1);
        match call.word(position).parse::<i64>().ok().and_then(|folder| self.open.get(&folder)) {
            Some(folder) if !path.starts_with('/') => format!("{}/{path}", folder.path),
            Some(_) | None => path,
        }
    }

    fn is_ours(&self, path: &str) -> bool {
        path.strip_prefix(&self.root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    fn name(&mut self, span: Span, naming: Naming) {
        let path = match &naming {
            Naming::File { path, .. }
            | Naming::Folder(path)
            | Naming::Removed(path)
            | Naming::Renamed { to: path, .. } => path,
        };
        if self.is_ours(path) {
            name(&mut self.now, &naming);
            self.namings.push((span, naming));
        }
    }

    fn rename(&mut self, span: Span, from: String, to: String) {
        self.name(span, Naming::Renamed { from, to });
    }

    fn open(&mut self, span: Span, path: &str, flags: &str, number: i64) {
        if !self.is_ours(path) {
            self.open.remove(&number);
            return;
        }
        assert!(!flags.contains("O_APPEND"), "{path}: this disk does not know `O_APPEND`");
        let file = match self.now.get(path) {
            Some(Node::Folder) => None,
            Some(Node::File(file)) => Some(*file),
            None => {
                assert!(flags.contains("O_CREAT"), "{path} is not there");
                self.files.push(File::default());
                let file = self.files.len() - 1;
                self.name(span, Naming::File { path: path.to_owned(), file });
                Some(file)
            }
        };
        if let Some(file) = file.filter(|_| flags.contains("O_TRUNC")) {
            self.files[file].writes.push((span, Write::Length(0)));
        }
        self.open.insert(number, Open { path: path.to_owned(), file, position: 0 });
    }

    fn write(&mut self, span: Span, number: i64, at: Option<usize>, call: &Call) {
        let Some(open) = self.open.get_mut(&number) else { return };
        let written = usize::try_from(call.result).unwrap();
        let offset = at.unwrap_or(open.position);
        if at.is_none() {
            open.position += written;
        }
        let bytes = call.bytes(1)[..written].to_vec();
        self.files[open.file.unwrap()].writes.push((span, Write::Bytes { offset, bytes }));
    }

    fn copy(&mut self, span: Span, call: &Call) {
        let (from, to) = (call.number(0), call.number(2));
        let written = usize::try_from(call.result).unwrap();
        let Some(source) = self.open.get_mut(&from) else { return };
        let (file, offset) = (source.file.unwrap(), source.position);
        source.position += written;
        let bytes = self.content(file)[offset..offset + written].to_vec();
        let target = self.open.get_mut(&to).unwrap();
        let offset = target.position;
        target.position += written;
        self.files[target.file.unwrap()].writes.push((span, Write::Bytes { offset, bytes }));
    }

    fn duplicate(&mut self, call: &Call) {
        if let Some(open) = self.open.get(&call.number(0)).cloned() {
            self.open.insert(call.result, open);
        }
    }

    fn content(&self, file: usize) -> Vec<u8> {
        let mut content = Vec::new();
        for (_, write) in &self.files[file].writes {
            apply(&mut content, write);
        }
        content
    }

    /// Whether the recording was understood: what was written is what is there.
    pub(super) fn assert_is(&self, folder: &Path) {
        for (path, node) in &self.now {
            match node {
                Node::Folder => assert!(Path::new(path).is_dir(), "{path}"),
                Node::File(file) => {
                    assert!(fs::read(path).unwrap() == self.content(*file), "{path} is not what was written")
                }
            }
        }
        let mut there = 0;
        let mut folders = vec![folder.to_owned()];
        while let Some(folder) = folders.pop() {
            there += 1;
            for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
                if entry.is_dir() { folders.push(entry) } else { there += 1 }
            }
        }
        assert_eq!(there, self.now.len(), "there are other files than those that were made");
    }

    /// How many syncs of files end within these lines.
    pub(super) fn sync_ends(&self) -> Vec<usize> {
        self.files.iter().flat_map(|file| file.syncs.iter().map(|sync| sync.span.ended)).collect()
    }

    /// Makes `target` as a power cut at this line would have left the folder.
    pub(super) fn after_cut(&self, cut: usize, left: Left, honours: Honours, dice: &mut Dice, target: &Path) {
        let counts = |sync: &Sync| honours == Honours::Syncs || !sync.is_of_commit;
        let is_durable = |syncs: &[Sync], span: Span| {
            syncs.iter().any(|sync| counts(sync) && span.ended < sync.span.began && sync.span.ended < cut)
        };
        let mut names: Names = [(self.root.clone(), Node::Folder)].into();
        // File systems keep a journal of names: of those that are not durable the earlier ones are there before the later ones.
        let of_folder = |path: &str| self.folder_syncs.get(parent(path)).map_or(&[][..], Vec::as_slice);
        let begun: Vec<_> = self.namings.iter().filter(|(span, _)| span.began < cut).collect();
        let is_fixed = |(span, naming): &(Span, Naming)| match naming {
            Naming::File { path, .. } | Naming::Folder(path) | Naming::Removed(path) => {
                is_durable(of_folder(path), *span)
            }
            Naming::Renamed { from, to } => is_durable(of_folder(from), *span) && is_durable(of_folder(to), *span),
        };
        let loose = begun.iter().filter(|naming| !is_fixed(naming)).count();
        let mut kept = match left {
            Left::Nothing => 0,
            Left::Everything => loose,
            Left::SomeWrites | Left::SomeSectors => dice.index(loose + 1),
        };
        for naming in begun {
            if is_fixed(naming) {
                name(&mut names, &naming.1);
            } else if kept > 0 {
                kept -= 1;
                name(&mut names, &naming.1);
            }
        }
        for (path, node) in &names {
            let path = target.join(path[self.root.len()..].trim_start_matches('/'));
            match node {
                Node::Folder => fs::create_dir_all(path).unwrap(),
                Node::File(file) => {
                    let mut content = Vec::new();
                    let file = &self.files[*file];
                    for (span, write) in file.writes.iter().filter(|(span, _)| span.began < cut) {
                        if is_durable(&file.syncs, *span) {
                            apply(&mut content, write);
                        } else {
                            apply_some(&mut content, write, left, dice);
                        }
                    }
                    // A file whose folder was never synced may be there without it.
                    fs::create_dir_all(path.parent().unwrap()).unwrap();
                    fs::write(path, content).unwrap();
                }
            }
        }
    }
}

fn apply_some(content: &mut Vec<u8>, write: &Write, left: Left, dice: &mut Dice) {
    let is_there = match left {
        Left::Nothing => false,
        Left::Everything => true,
        Left::SomeWrites => dice.below(2) == 0,
        Left::SomeSectors => match (dice.below(3), write) {
            (0, _) => false,
            (1, Write::Bytes { offset, bytes }) => {
                let mut from = 0;
                while from < bytes.len() {
                    let to = (from + SECTOR - (offset + from) % SECTOR).min(bytes.len());
                    if dice.below(2) == 0 {
                        apply(content, &Write::Bytes { offset: offset + from, bytes: bytes[from..to].to_vec() });
                    }
                    from = to;
                }
                return;
            }
            _ => true,
        },
    };
    if is_there {
        apply(content, write);
    }
}
