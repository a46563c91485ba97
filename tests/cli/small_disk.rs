//! A file system of a few megabytes under a data directory, which a test fills or takes away. It is
//! mounted in a mount namespace that nobody but the test is in, so nothing of it outlives the test.

use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::extent::not_tested;

/// Set in the process that has mounts of its own.
const INSIDE: &str = "RUKO_TEST_HAS_OWN_MOUNTS";
/// How to get mounts of one's own: as root, and as anybody else.
const WAYS: [&str; 2] = ["-m", "-rm"];
const BLOCK: usize = 4096;

/// Runs a test, `name` with its modules, once more in a process with mounts of its own.
pub fn with_own_mounts(name: &str, test: impl Future<Output = ()>) {
    if std::env::var_os(INSIDE).is_some() {
        return tokio::runtime::Runtime::new().unwrap().block_on(test);
    }
    let Some(way) = WAYS.into_iter().find(|way| can_mount(way)) else {
        return not_tested(name, "RUKO_TEST_NEEDS_MOUNT", "no file system can be mounted on this machine");
    };
    let mut again = Command::new("unshare");
    again.arg(way).arg(std::env::current_exe().unwrap()).args(["--exact", name, "--nocapture"]).env(INSIDE, "1");
    let output = again.output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && out.contains("1 passed"), "{name}\n{out}\n{err}");
    eprintln!("{err}");
}

fn can_mount(way: &str) -> bool {
    let folder = tempfile::tempdir().unwrap();
    let mut probe = Command::new("unshare");
    probe.args([way, "mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs"]).arg(folder.path());
    probe.output().is_ok_and(|output| output.status.success())
}

fn mount(args: &[&str], at: &Path) {
    let output = Command::new("mount").args(args).arg(at).output().unwrap();
    assert!(output.status.success(), "mount {args:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// The file system.
pub struct Disk {
    at: PathBuf,
}

impl Disk {
    /// Mounts one on a folder, which is made.
    pub fn mount(at: &Path, size_mib: u32) -> Self {
        std::fs::create_dir_all(at).unwrap();
        mount(&["-t", "tmpfs", "-o", &format!("size={size_mib}m,mode=700"), "tmpfs"], at);
        Self { at: at.to_owned() }
    }

    /// Lets it take no writes. The system refuses that while a file is open for writing.
    pub fn make_read_only(&self) {
        mount(&["-o", "remount,ro"], &self.at);
    }

    /// Undoes [`Disk::make_read_only`].
    pub fn make_writable(&self) {
        mount(&["-o", "remount,rw"], &self.at);
    }

    /// Covers it with a view of itself that takes no writes, until that is dropped. Files that are
    /// open stay as they are; whatever is opened or made from now on meets a read-only disk.
    pub fn shadow_read_only(&self) -> Shadow {
        mount(&["--bind", self.at.to_str().unwrap()], &self.at);
        mount(&["-o", "remount,bind,ro"], &self.at);
        Shadow(self.at.clone())
    }

    /// Fills it up to this many KiB, until the ballast is dropped.
    pub fn fill(&self, leave_kib: u64) -> Ballast {
        let path = self.at.join("ballast");
        let mut file = File::create_new(&path).unwrap();
        let mut size = 0;
        loop {
            match file.write_all(&[0x5a; BLOCK]) {
                Ok(()) => size += BLOCK as u64,
                Err(error) => break assert_eq!(error.kind(), ErrorKind::StorageFull),
            }
        }
        file.set_len(size.checked_sub(leave_kib * 1024).unwrap()).unwrap();
        Ballast(path)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // The folder goes with its test; the namespace would end the mount only later.
        let _ = Command::new("umount").arg("-l").arg(&self.at).status();
    }
}

/// What fills a disk.
pub struct Ballast(PathBuf);

impl Drop for Ballast {
    fn drop(&mut self) {
        std::fs::remove_file(&self.0).unwrap();
    }
}

/// A read-only view of a disk.
pub struct Shadow(PathBuf);

impl Drop for Shadow {
    fn drop(&mut self) {
        // Lazily: somebody may just have tried to open a file in it.
        assert!(Command::new("umount").arg("-l").arg(&self.0).status().unwrap().success());
    }
}
