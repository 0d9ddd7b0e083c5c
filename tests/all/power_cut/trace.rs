//! What a program did to its files, as `strace` tells it.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

/// The calls that change files, or make changes durable, or say which file a number stands for.
const CALLS: &str = "open,openat,creat,close,write,pwrite64,writev,pwritev,pwritev2,lseek,truncate,ftruncate,fallocate,fsync,\
                     fdatasync,sync,syncfs,sync_file_range,rename,renameat,renameat2,unlink,unlinkat,rmdir,mkdir,mkdirat,link,linkat,symlink,\
                     symlinkat,dup,dup2,dup3,fcntl,copy_file_range,sendfile,splice";
/// More than sled writes at once, in bytes.
const MAX_WRITE: usize = 4 * 1024 * 1024;

/// One call: where in the recording it began and where it ended, in lines.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) began: usize,
    pub(super) ended: usize,
    pub(super) name: String,
    pub(super) arguments: Vec<Argument>,
    pub(super) result: i64,
}

#[derive(Debug)]
pub(super) enum Argument {
    Bytes(Vec<u8>),
    Word(String),
}

impl Call {
    pub(super) fn bytes(&self, position: usize) -> &[u8] {
        match &self.arguments[position] {
            Argument::Bytes(bytes) => bytes,
            Argument::Word(word) => panic!("{}: {word} is no text", self.name),
        }
    }

    pub(super) fn text(&self, position: usize) -> String {
        String::from_utf8(self.bytes(position).to_vec()).unwrap()
    }

    pub(super) fn word(&self, position: usize) -> &str {
        match &self.arguments[position] {
            Argument::Bytes(_) => panic!("{}: a word was expected", self.name),
            Argument::Word(word) => word,
        }
    }

    pub(super) fn number(&self, position: usize) -> i64 {
        self.word(position).parse().unwrap_or_else(|_| panic!("{}: {} is no number", self.name, self.word(position)))
    }
}

/// Runs a program under `strace`, which writes its recording to `trace`; what the program printed.
pub(super) fn record(mut program: Command, trace: &Path) -> String {
    let mut strace = Command::new("strace");
    strace.args(["-f", "-xx", "-s", &MAX_WRITE.to_string(), "-e", &format!("trace={CALLS}"), "-o"]).arg(trace);
    strace.arg(program.get_program()).args(program.get_args());
    strace.envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
    program = strace;
    let done = program.output().expect(
        "this test needs `strace` (on Debian: apt install strace), which `cargo xtask test` installs where it may",
    );
    let (told, complained) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success(), "the program that was to be recorded failed: {told}\n{complained}");
    told.into_owned()
}

/// The calls of a recording, in the order in which they took effect.
pub(super) fn read(trace: &Path, first_line: usize) -> Vec<Call> {
    let text = std::fs::read_to_string(trace).unwrap();
    let mut unfinished: BTreeMap<&str, (usize, &str)> = BTreeMap::new();
    let mut calls = Vec::new();
    for (line, told) in text.lines().enumerate() {
        let line = first_line + line;
        let (thread, told) = told.split_once(' ').unwrap();
        let told = told.trim_start();
        if told.starts_with("+++") || told.starts_with("---") {
            continue;
        }
        if let Some(beginning) = told.strip_suffix("<unfinished ...>") {
            unfinished.insert(thread, (line, beginning.trim_end()));
        } else if let Some(rest) = told.strip_prefix("<... ") {
            let (began, beginning) = unfinished.remove(thread).unwrap();
            let rest = rest.split_once("resumed>").unwrap().1;
            calls.extend(call(began, line, &format!("{beginning}{rest}")));
        } else {
            calls.extend(call(line, line, told));
        }
    }
    // A number is free as soon as its closing begins; everything else is done when it is done.
    calls.sort_by_key(|call| if call.name == "close" { call.began } else { call.ended });
    calls
}

/// `None` if it failed, or did not come to its end: then it did nothing that counts.
fn call(began: usize, ended: usize, told: &str) -> Option<Call> {
    let (call, result) = told.rsplit_once(" = ").unwrap_or_else(|| panic!("not understood: {told}"));
    let result = result.split_whitespace().next()?.parse().ok().filter(|result| *result >= 0)?;
    let (name, arguments) = call.trim_end().strip_suffix(')')?.split_once('(')?;
    Some(Call { began, ended, name: name.to_owned(), arguments: split(arguments), result })
}

fn split(arguments: &str) -> Vec<Argument> {
    // With `-xx` no text holds a comma or a quotation mark.
    let argument = |word: &str| match word.strip_prefix('"') {
        Some(rest) => {
            let (hex, behind) = rest.split_once('"').unwrap();
            assert!(behind.is_empty(), "a text was cut off: {behind}");
            Argument::Bytes(hex.split("\\x").skip(1).map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect())
        }
        None => Argument::Word(word.to_owned()),
    };
    arguments.split(", ").map(argument).collect()
}
