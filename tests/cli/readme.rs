//! The README's tour, executed as written by a shell, against a fresh server.

use std::process::{Command, Stdio};

use crate::binary::Home;

const MASTER: &str = "mk_readme_0123456789abcdef0123456789";

/// The shell blocks of one section, in order.
fn blocks(section: &str) -> Vec<String> {
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    let text = readme.split_once(&format!("\n## {section}\n")).unwrap().1;
    let text = text.split_once("\n## ").map_or(text, |(text, _)| text);
    let fenced = text.split("```bash\n").skip(1);
    fenced.map(|rest| rest.split_once("```").unwrap().0.to_owned()).collect()
}

#[test]
fn tour_works_as_it_stands() {
    let home = Home::new();
    let server = home.serve(&["--set", &format!("auth.master_key={MASTER}")]);
    // Every curl must succeed, every answer must end its line, and the first failure ends the tour.
    let mut script = "set -eu\ncurl() { command curl --fail-with-body \"$@\"; echo; }\n".to_owned();
    for block in blocks("A tour").into_iter().chain(blocks("Backup")) {
        script.push_str(&block.replace("http://localhost:8000", &server.url).replace("mk_...", MASTER));
    }
    assert!(script.matches("curl -s").count() >= 8, "the tour lost its commands: {script}");
    let mut shell = Command::new("bash");
    let binary = std::path::Path::new(env!("CARGO_BIN_EXE_ruko")).parent().unwrap().display().to_string();
    let path = format!("{binary}:{}", std::env::var("PATH").unwrap());
    shell.args(["-c", &script]).env("PATH", path).stdin(Stdio::null()).current_dir(home.folder.path());
    let ran = shell.output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    assert!(ran.status.success(), "{out}\n{err}");
    for expected in [
        "Tenant created successfully",
        "User registered successfully",
        "Login successful",
        "\"name\":\"Nasi Goreng\"",
        "\"status\":\"pending\"",
        "\"status\":\"paid\"",
        "Backup created successfully",
        "Using latest backup: ",
    ] {
        assert!(out.contains(expected), "{expected} is missing: {out}");
    }
    server.stop();
}

#[test]
fn first_block_names_the_two_commands() {
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    let first = readme.split("```bash\n").nth(1).unwrap().split("```").next().unwrap();
    let commands: Vec<&str> = first.lines().map(|line| line.split('#').next().unwrap().trim()).collect();
    assert_eq!(commands, ["cargo run --release -- serve --demo", "cargo test"]);
}
