//! The data directory as a whole.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};

use tempfile::TempDir;

use super::*;

fn mode(path: impl AsRef<Path>) -> u32 {
    path.as_ref().metadata().unwrap().permissions().mode() & 0o7777
}

fn chmod(path: impl AsRef<Path>, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

#[test]
fn new_directory_is_made_for_its_owner_alone() {
    let parent = TempDir::new().unwrap();
    let dir = DataDir::open(parent.path().join("deep/data")).unwrap();
    assert!(dir.is_locked() && dir.repairs().is_empty());
    let folders =
        [dir.tenants_dir(), dir.backups_dir(), dir.media_dir(), dir.trash_dir(), dir.keys_dir(), dir.tmp_dir()];
    for path in folders.iter().map(PathBuf::as_path).chain([dir.root()]) {
        assert_eq!(mode(path), 0o700, "{}", path.display());
    }
    assert_eq!(mode(dir.lock_file()), 0o600);
}

#[test]
fn directory_that_is_there_keeps_its_mode_and_content() {
    let root = TempDir::new().unwrap();
    chmod(root.path(), 0o750);
    fs::write(root.path().join("central.db"), "kept").unwrap();
    let dir = DataDir::open(root.path()).unwrap();
    assert_eq!(mode(dir.root()), 0o750);
    assert_eq!(fs::read_to_string(dir.central_db()).unwrap(), "kept");
}

#[test]
fn every_path_lies_below_the_directory() {
    let root = TempDir::new().unwrap();
    let dir = DataDir::open(root.path()).unwrap().with_central_file("master.db".parse().unwrap());
    assert_eq!(dir.central_db(), root.path().join("master.db"));
    assert_eq!(dir.tenant_file(&"toko_budi".parse().unwrap()), root.path().join("tenants/toko_budi.db"));
    for path in [dir.logs_db(), dir.socket(), dir.lock_file(), dir.tmp_dir()] {
        assert!(path.starts_with(root.path()), "{}", path.display());
    }
}

#[test]
fn second_opening_is_refused_with_the_holder_until_the_last_clone_is_gone() {
    let root = TempDir::new().unwrap();
    fs::write(root.path().join("ruko.lock"), "4294967295 and more").unwrap();
    let dir = DataDir::open(root.path()).unwrap();
    let clone = dir.clone();
    drop(dir);
    let error = DataDir::open(root.path()).unwrap_err();
    assert!(matches!(error, DataDirError::Locked { pid: Some(pid), .. } if pid == std::process::id()), "{error}");
    assert!(error.to_string().contains(&format!("in use by process {}", std::process::id())), "{error}");
    drop(clone);
    DataDir::open(root.path()).unwrap();
}

#[test]
fn looking_needs_no_lock_and_writes_nothing() {
    let root = TempDir::new().unwrap();
    let looked = DataDir::look(root.path()).unwrap();
    assert!(!looked.is_locked());
    assert_eq!(fs::read_dir(root.path()).unwrap().count(), 0);
    let _held = DataDir::open(root.path()).unwrap();
    DataDir::look(root.path()).unwrap();
}

#[test]
fn opened_keys_are_closed_and_told() {
    let root = TempDir::new().unwrap();
    let key = root.path().join("keys/server.key");
    fs::create_dir(root.path().join("keys")).unwrap();
    fs::write(&key, "secret").unwrap();
    chmod(root.path().join("keys"), 0o755);
    chmod(&key, 0o644);
    let dir = DataDir::open(root.path()).unwrap();
    assert_eq!((mode(dir.keys_dir()), mode(&key)), (0o700, 0o600));
    let told: Vec<_> = dir.repairs().iter().map(ToString::to_string).collect();
    assert_eq!(told.len(), 2);
    assert!(told[1].contains("server.key had mode 0644, now 0600"), "{told:?}");
}

#[test]
fn linked_key_is_left_to_its_owner() {
    let root = TempDir::new().unwrap();
    let elsewhere = root.path().join("mounted.key");
    fs::write(&elsewhere, "secret").unwrap();
    chmod(&elsewhere, 0o444);
    DataDir::open(root.path()).unwrap();
    symlink(&elsewhere, root.path().join("keys/server.key")).unwrap();
    assert!(DataDir::open(root.path()).unwrap().repairs().is_empty());
    assert_eq!(mode(&elsewhere), 0o444);
}

#[test]
fn file_in_the_place_of_a_folder_is_told_with_its_path() {
    let parent = TempDir::new().unwrap();
    let path = parent.path().join("data");
    fs::write(&path, "").unwrap();
    for error in [
        DataDir::open(&path).unwrap_err(),
        DataDir::open(path.join("below")).unwrap_err(),
        DataDir::look(&path).unwrap_err(),
    ] {
        assert!(matches!(error, DataDirError::NotADirectory(_)), "{error}");
        assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
    }
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    fs::write(path.join("tenants"), "").unwrap();
    assert!(DataDir::open(&path).unwrap_err().to_string().contains("data/tenants"));
}

#[test]
fn missing_directory_is_told_when_looking() {
    let parent = TempDir::new().unwrap();
    let error = DataDir::look(parent.path().join("data")).unwrap_err();
    assert!(matches!(error, DataDirError::Missing(_)), "{error}");
}

#[test]
fn errors_of_the_system_say_what_to_do() {
    let told =
        |kind: io::ErrorKind| DataDirError::from_io(Path::new("/srv/data"), Doing::Writing, kind.into()).to_string();
    assert!(told(io::ErrorKind::ReadOnlyFilesystem).contains("/srv/data is on a read-only disk; mount it"));
    assert!(told(io::ErrorKind::PermissionDenied).contains("no permission for writing /srv/data; give it"));
    assert!(told(io::ErrorKind::StorageFull).contains("the disk of /srv/data is full; make room"));
    assert!(told(io::ErrorKind::TimedOut).contains("writing /srv/data failed"));
}
