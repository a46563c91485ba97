//! Every `code` of an answer stands in docs/API-DESIGN.md. They are read from the sources, since nothing
//! but the sources knows them all: each feature names its own conflicts.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Codes of errors that stop a start or a command and that no request is ever answered with.
const OF_NO_ANSWER: &[&str] = &["ambiguous_tenant", "bad_recovery_key", "unusable_app_key", "wrong_app_key"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn sources(folder: &Path, found: &mut Vec<(String, String)>) {
    for entry in folder.read_dir().unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push((path.display().to_string(), std::fs::read_to_string(&path).unwrap()));
        }
    }
}

/// What stands between quotes, when the text goes on with them.
fn literal(text: &str) -> Option<&str> {
    text.trim_start().strip_prefix('"')?.split_once('"').map(|(literal, _)| literal)
}

/// Codes that the sources answer with, and which of them are conflicts.
fn codes() -> BTreeMap<String, bool> {
    let mut files = Vec::new();
    sources(&root().join("src"), &mut files);
    let mut codes = BTreeMap::new();
    for (path, text) in &files {
        for (before, after) in text.match_indices("conflict(").map(|(at, word)| (&text[..at], &text[at + word.len()..]))
        {
            if before.ends_with("fn ") {
                continue;
            }
            let code = literal(after).unwrap_or_else(|| panic!("{path}: write the code of a conflict as a literal"));
            codes.insert(code.to_owned(), true);
        }
        // Answers that are too early for the renderer.
        let early = text.match_indices("\n    code: ").filter(|_| path.ends_with("short_answer.rs"));
        for code in early.filter_map(|(at, word)| literal(&text[at + word.len()..])) {
            codes.entry(code.to_owned()).or_insert(false);
        }
    }
    for (_, errors) in files.iter().filter(|(path, _)| path.ends_with("src/error.rs") || path.contains("src/error/")) {
        for part in errors.split("code(&self) -> &'static str").skip(1) {
            let body = part.split("pub fn ").next().unwrap();
            for (at, arrow) in body.match_indices("=>") {
                if let Some(code) = literal(&body[at + arrow.len()..]) {
                    codes.entry(code.to_owned()).or_insert(false);
                }
            }
        }
    }
    codes
}

/// Codes of the table, with the status of their row.
fn documented() -> BTreeMap<String, String> {
    let text = std::fs::read_to_string(root().join("docs/API-DESIGN.md")).unwrap();
    let table = text.split("### Codes").nth(1).unwrap().split("\n## ").next().unwrap();
    let mut found = BTreeMap::new();
    for row in table.lines().filter(|line| line.starts_with('|')) {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        for code in cells[2].split('`').skip(1).step_by(2) {
            let before = found.insert(code.to_owned(), cells[1].to_owned());
            assert_eq!(before, None, "{code} stands there twice");
        }
    }
    found
}

#[test]
fn every_code_of_an_answer_is_documented_and_no_other() {
    let (codes, documented) = (codes(), documented());
    assert!(codes.len() > 40, "the sources were not read: {codes:?}");
    let answered: BTreeSet<&str> =
        codes.keys().map(String::as_str).filter(|code| !OF_NO_ANSWER.contains(code)).collect();
    let told: BTreeSet<&str> = documented.keys().map(String::as_str).collect();
    let missing: Vec<_> = answered.difference(&told).collect();
    assert!(missing.is_empty(), "not in the table of codes of docs/API-DESIGN.md: {missing:?}");
    let gone: Vec<_> = told.difference(&answered).collect();
    assert!(gone.is_empty(), "in the table of codes, and no answer has it: {gone:?}");
    for code in OF_NO_ANSWER {
        assert!(codes.contains_key(*code), "{code} does not exist any more");
    }
    for (code, _) in codes.iter().filter(|(code, is_conflict)| **is_conflict && answered.contains(code.as_str())) {
        assert_eq!(documented[code], "409", "{code}");
    }
}
