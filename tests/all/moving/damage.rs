//! A file that is not what was exported is found before anything of it is brought in.

use std::path::Path;

use muster_test_harness::TestApp;

use super::{Server, export, filled};

const EDITS: u64 = 100;
const SEED: u64 = 20_261_103;

/// SplitMix64: the same edits in every run.
fn roll(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

async fn refused(target: &Server, file: &Path) -> String {
    target.muster(&["import", file.to_str().unwrap()]).await.failed()
}

fn joined(lines: &[String]) -> Vec<u8> {
    lines.iter().flat_map(|line| [line.as_bytes(), b"\n"].concat()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_cut_doubled_swapped_or_is_of_another_version_is_told_in_one_sentence() {
    let app = TestApp::start().await;
    filled(&app).await;
    let folder = tempfile::tempdir().unwrap();
    let good = export(&app, &folder.path().join("good.ndjson"), &[]).await;
    let whole = joined(&good);
    let file = folder.path().join("bad.ndjson");
    let target = Server::start(None);
    let middle = good.len() / 2;
    let with = |change: &dyn Fn(&mut Vec<String>)| {
        let mut lines = good.clone();
        change(&mut lines);
        joined(&lines)
    };
    let version = |line: &str| line.replace("\"version\":1", "\"version\":2");
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("empty", Vec::new(), "bad.ndjson is empty"),
        ("a letter", b"Dear operator,\n".to_vec(), "its first line is not the beginning of an export of Muster"),
        (
            "other JSON",
            b"{\"manifest\":{\"format\":\"tar\",\"version\":1}}\n".to_vec(),
            "its first line is not the beginning of an export of Muster",
        ),
        (
            "other version",
            with(&|lines| lines[0] = version(&lines[0])),
            "its first line is of version 2 of the format, and this Muster reads version 1",
        ),
        ("cut in a line", whole[..whole.len() / 2].to_vec(), "it was cut off"),
        ("cut behind a line", with(&|lines| lines.truncate(middle)), "ends before its end: it was cut off"),
        ("no line feed at the end", whole[..whole.len() - 1].to_vec(), "it was cut off"),
        ("a line doubled", with(&|lines| lines.insert(middle, lines[middle].clone())), "was changed: line"),
        ("a line missing", with(&|lines| drop(lines.remove(middle))), "was changed:"),
        ("the first item missing", with(&|lines| drop(lines.remove(1))), "was changed:"),
        ("two lines swapped", with(&|lines| lines.swap(middle, middle + 1)), "was changed: line"),
        (
            "a line behind the end",
            with(&|lines| lines.push(lines[middle].clone())),
            "there is something behind its last line",
        ),
        (
            "the end of another",
            with(&|lines| {
                let end = lines.len() - 1;
                lines[end] = lines[end].replacen("\"items\":", "\"items\":1", 1);
            }),
            "was changed: it is not what its last line says",
        ),
        (
            "a space",
            with(&|lines| lines[middle] = lines[middle].replacen(':', ": ", 1)),
            "is not an item as an export has it",
        ),
        (
            "an unknown thing",
            with(&|lines| lines[middle] = "{\"secret\":{}}".to_owned()),
            "is not an item as an export has it",
        ),
    ];
    for (name, bytes, why) in cases {
        std::fs::write(&file, bytes).unwrap();
        let told = refused(&target, &file).await;
        assert!(told.contains(why), "{name}: {told}");
        assert!(!told.contains("example.com"), "{name}: no user data: {told}");
    }
    assert!(target.is_empty().await, "nothing was touched");
    let missing = refused(&target, &folder.path().join("nowhere.ndjson")).await;
    assert!(missing.contains("nowhere.ndjson: "), "{missing}");

    std::fs::write(&file, &whole).unwrap();
    let sound = target.muster(&["import", file.to_str().unwrap(), "--check"]).await.text();
    assert!(sound.contains("items, verified   digest "), "{sound}");
    assert!(target.is_empty().await, "it was only looked at");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_edits_of_one_byte_are_all_found() {
    let app = TestApp::start().await;
    filled(&app).await;
    let folder = tempfile::tempdir().unwrap();
    let good = joined(&export(&app, &folder.path().join("good.ndjson"), &["globex"]).await);
    let file = folder.path().join("bad.ndjson");
    let target = Server::start(None);
    let mut dice = SEED;
    let length = u64::try_from(good.len()).unwrap();
    for edit in 0..EDITS {
        let mut bad = good.clone();
        // Half of them in the last lines, where what holds the rest together stands.
        let at = if edit % 2 == 0 { roll(&mut dice) % length } else { length - 1 - roll(&mut dice) % 600 };
        let at = usize::try_from(at).unwrap();
        bad[at] ^= 1 << (roll(&mut dice) % 8);
        std::fs::write(&file, &bad).unwrap();
        let told = refused(&target, &file).await;
        assert!(told.contains("bad.ndjson"), "byte {at}: {told}");
    }
    assert!(target.is_empty().await, "nothing was touched");
    println!("edits {EDITS}, found {EDITS}");
}
