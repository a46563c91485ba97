//! Small files with secrets: 0600 from their first moment, and after a power cut either as they were
//! or as they should be.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::error::{DataDirError, Doing};
use crate::id;

/// Writes the file, replacing one that is there.
pub fn replace(path: &Path, content: &[u8]) -> Result<(), DataDirError> {
    write(path, content, |temp| fs::rename(temp, path))
}

/// Writes the file, and refuses when there is one: a server key that is overwritten takes everything
/// with it that it has sealed.
pub fn create(path: &Path, content: &[u8]) -> Result<(), DataDirError> {
    match write(path, content, |temp| land_beside_nothing(temp, path)) {
        Err(DataDirError::Io { source, .. }) if source.kind() == io::ErrorKind::AlreadyExists => {
            Err(DataDirError::Exists(path.to_owned()))
        }
        other => other,
    }
}

/// A rename would replace; a link is the one step that does not. Where the file system has no links,
/// looking first has to do: the lock on the data directory keeps others out.
fn land_beside_nothing(temp: &Path, path: &Path) -> io::Result<()> {
    match fs::hard_link(temp, path) {
        Ok(()) => fs::remove_file(temp),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists || path.try_exists()? => {
            Err(io::ErrorKind::AlreadyExists.into())
        }
        Err(_) => fs::rename(temp, path),
    }
}

/// Reads the file; `None` when there is none. The memory is wiped when the content is dropped.
pub fn find(path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>, DataDirError> {
    match fs::read(path) {
        Ok(content) => Ok(Some(Zeroizing::new(content))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(DataDirError::from_io(path, Doing::Reading, error)),
    }
}

/// Fills a file beside the final one, then lets `land` give it its name.
fn write(path: &Path, content: &[u8], land: impl FnOnce(&Path) -> io::Result<()>) -> Result<(), DataDirError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let temp = beside(path);
    let written = fill(&temp, content).and_then(|()| land(&temp)).and_then(|()| File::open(folder)?.sync_all());
    written.map_err(|error| {
        // After a failure nothing may lie around that holds the secret; it may be gone already.
        fs::remove_file(&temp).ok();
        DataDirError::from_io(path, Doing::Writing, error)
    })
}

fn fill(temp: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(temp)?;
    file.write_all(content)?;
    file.sync_all()
}

fn beside(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{}.tmp", id::random_hex(8)))
}

/// The file that a half written one was to become; `None` for any other file.
pub fn landing_of(path: &Path) -> Option<PathBuf> {
    let name = path.file_name()?.to_str()?.strip_prefix('.')?.strip_suffix(".tmp")?;
    let (landing, random) = name.rsplit_once('.')?;
    let is_ours = random.len() == 16 && random.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_ours.then(|| path.with_file_name(landing))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use tempfile::TempDir;

    use super::*;

    fn names(folder: &TempDir) -> Vec<String> {
        let entries = fs::read_dir(folder.path()).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn secret_file_is_for_its_owner_and_leaves_nothing_beside_it() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("server.key");
        replace(&path, b"one").unwrap();
        replace(&path, b"two").unwrap();
        assert_eq!(find(&path).unwrap().unwrap().as_slice(), b"two");
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(names(&folder), ["server.key"]);
    }

    #[test]
    fn created_secret_file_never_replaces_another() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("server.key");
        create(&path, b"one").unwrap();
        assert!(matches!(create(&path, b"two"), Err(DataDirError::Exists(_))));
        assert_eq!(find(&path).unwrap().unwrap().as_slice(), b"one");
        assert_eq!(names(&folder), ["server.key"]);
    }

    #[test]
    fn failed_write_leaves_nothing_behind() {
        let folder = TempDir::new().unwrap();
        fs::create_dir_all(folder.path().join("server.key/inside")).unwrap();
        assert!(replace(&folder.path().join("server.key"), b"secret").is_err());
        assert_eq!(names(&folder), ["server.key"]);
    }

    #[test]
    fn half_written_file_is_known_by_its_name() {
        let path = Path::new("/keys/server.key");
        assert_eq!(landing_of(&beside(path)).unwrap(), path);
        for name in [
            "server.key",
            ".server.key.tmp",
            ".server.key.0123.tmp",
            ".0123456789abcdef.tmp",
            ".x.0123456789abcdeg.tmp",
        ] {
            assert_eq!(landing_of(&Path::new("/keys").join(name)), None, "{name}");
        }
    }

    #[test]
    fn missing_secret_file_is_none() {
        assert!(find(Path::new("/nowhere/server.key")).unwrap().is_none());
    }
}
