//! The binary in a folder of its own, without anything of this process's environment.

use std::io::{BufRead, BufReader};
use std::os::unix::process::{CommandExt as _, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Output, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// A working directory; its data directory is `data`.
pub struct Home {
    pub folder: tempfile::TempDir,
}

/// Runs a test twice: beside a server, and alone.
pub fn both_ways(test: impl Fn(&Home)) {
    let beside = Home::new();
    let server = beside.serve(&[]);
    test(&beside);
    server.stop();
    let alone = Home::new();
    drop(alone.serve(&[]).stop());
    test(&alone);
}

/// The commands in a text that begin so.
pub fn curls(text: &str) -> Vec<&str> {
    text.lines().filter(|line| line.starts_with("curl ")).collect()
}

/// What a command printed and how it ended.
#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Home {
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    /// With a data directory in it, as `ruko migrate` begins one.
    pub fn begun() -> Self {
        let home = Self::new();
        home.ok(&["migrate"]);
        home
    }

    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub fn command(&self, args: &[&str]) -> Command {
        self.command_of(Path::new(env!("CARGO_BIN_EXE_ruko")), args)
    }

    fn command_of(&self, binary: &Path, args: &[&str]) -> Command {
        let mut command = Command::new(binary);
        command.args(args).current_dir(self.folder.path()).env_clear().env("LANG", "C").stdin(Stdio::null());
        command
    }

    /// Gives everything to a user who is not root, for whom modes of files count; gives that user.
    pub fn belongs_to_a_service(&self) -> u32 {
        const NOBODY: u32 = 65_534;
        if !rustix::process::geteuid().is_root() {
            return rustix::process::geteuid().as_raw();
        }
        let mut waiting = vec![self.folder.path().to_owned()];
        while let Some(path) = waiting.pop() {
            std::os::unix::fs::lchown(&path, Some(NOBODY), Some(NOBODY)).unwrap();
            if path.is_dir() {
                waiting.extend(path.read_dir().unwrap().map(|entry| entry.unwrap().path()));
            }
        }
        NOBODY
    }

    /// Runs a command to its end.
    pub fn run(&self, args: &[&str]) -> Ran {
        Ran::of(self.command(args).output().unwrap())
    }

    /// Runs a command that must succeed; gives what it printed.
    pub fn ok(&self, args: &[&str]) -> String {
        let ran = self.run(args);
        assert_eq!(ran.code, 0, "{args:?}: {ran:?}");
        ran.out
    }

    /// Runs a command that must succeed with `--json`.
    pub fn json(&self, args: &[&str]) -> Value {
        let out = self.ok(&[&["--json"], args].concat());
        serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}"))
    }

    /// Starts the server on a port that the system chooses, without limits that tests would hit.
    pub fn serve(&self, args: &[&str]) -> Server {
        self.try_serve(args).unwrap_or_else(|status| panic!("{status}, log: {}", self.log()))
    }

    /// As [`Home::serve`], with a fault that is waited for; see `src/fault.rs`.
    pub fn serve_with_fault(&self, fault: &str, args: &[&str]) -> Server {
        let mut serve = self.command(&["serve"]);
        serve.env("RUKO_TEST_FAULT", fault);
        self.start(serve, args).unwrap_or_else(|status| panic!("{status}, log: {}", self.log()))
    }

    /// As [`Home::serve`]; how it ended when it did not start.
    pub fn try_serve(&self, args: &[&str]) -> Result<Server, ExitStatus> {
        self.start(self.command(&["serve"]), args)
    }

    /// As [`Home::serve`], by a user for whom modes of files count.
    pub fn serve_as_a_service(&self, args: &[&str]) -> Server {
        // That user may not reach the folder of the build.
        let binary = self.folder.path().join("ruko");
        std::fs::copy(env!("CARGO_BIN_EXE_ruko"), &binary).unwrap();
        let mut command = self.command_of(&binary, &["serve"]);
        command.uid(self.belongs_to_a_service());
        self.start(command, args).unwrap_or_else(|status| panic!("{status}, log: {}", self.log()))
    }

    fn start(&self, mut serve: Command, args: &[&str]) -> Result<Server, ExitStatus> {
        let free = ["limits.requests_per_minute=0", "limits.before_login_per_minute=0", "limits.central_per_minute=0"];
        let sets = free.iter().flat_map(|set| ["--set", set]);
        serve.args(["--listen", "127.0.0.1:0"]).args(args).args(sets);
        let log = std::fs::OpenOptions::new().create(true).append(true).open(self.folder.path().join("log")).unwrap();
        Server::of(serve.stdout(Stdio::piped()).stderr(log).spawn().unwrap())
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Ran {
    pub fn of(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) }
    }

    /// Ended with this code and said this on standard error, in at least two lines.
    pub fn refused(&self, code: i32, words: &[&str]) {
        assert_eq!(self.code, code, "{self:?}");
        for word in words {
            assert!(self.err.contains(word), "{word:?} is missing: {}", self.err);
        }
    }
}

/// A server process. It is killed when dropped.
pub struct Server {
    pub child: Child,
    pub url: String,
    out: BufReader<ChildStdout>,
}

impl Server {
    /// Waits until it listens; how it ended when it does not.
    pub fn of(mut child: Child) -> Result<Self, ExitStatus> {
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        match line.trim().strip_prefix("listening on ") {
            Some(url) => Ok(Self { child, url: url.to_owned(), out }),
            None => Err(child.wait().unwrap()),
        }
    }

    pub fn address(&self) -> &str {
        self.url.strip_prefix("http://").unwrap()
    }

    /// What is printed up to the line of this many curl commands.
    pub fn read_until_curls(&mut self, count: usize) -> String {
        let mut text = String::new();
        while text.lines().filter(|line| line.starts_with("curl ")).count() < count {
            assert!(self.out.read_line(&mut text).unwrap() > 0, "{text}");
        }
        text
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits for the end; gives the exit status and what was printed after the first line.
    pub fn wait(mut self) -> (ExitStatus, String) {
        let mut rest = String::new();
        std::io::Read::read_to_string(&mut self.out, &mut rest).unwrap();
        (self.child.wait().unwrap(), rest)
    }

    /// Stops it in order; gives what was printed after the first line.
    pub fn stop(self) -> String {
        self.signal(Signal::TERM);
        let (status, rest) = self.wait();
        assert_eq!(status.code(), Some(0), "{rest}");
        rest
    }

    pub fn kill(self) {
        self.signal(Signal::KILL);
        assert_eq!(self.wait().0.signal(), Some(9));
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
