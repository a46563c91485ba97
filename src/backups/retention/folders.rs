//! Folders that backups leave empty.

use std::path::Path;

/// Removes a folder and those above it, up to `root`, as long as nothing is in them. A backup that is
/// being made keeps its folder, or makes it again. Blocks.
pub(in crate::backups) fn remove_empty(root: &Path, folder: &Path) {
    let mut at = folder.to_owned();
    while at != root && at.starts_with(root) && std::fs::remove_dir(&at).is_ok() && at.pop() {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_empty_goes_and_never_the_root() {
        let root = tempfile::tempdir().unwrap();
        let (old, new) = (root.path().join("warung-1/2025/12"), root.path().join("warung-1/2026/01"));
        for folder in [&old, &new] {
            std::fs::create_dir_all(folder).unwrap();
        }
        std::fs::write(new.join("file"), "").unwrap();
        remove_empty(root.path(), &old);
        assert!(!root.path().join("warung-1/2025").exists() && new.exists());
        remove_empty(root.path(), &new);
        std::fs::remove_file(new.join("file")).unwrap();
        remove_empty(root.path(), &new);
        assert_eq!((root.path().exists(), root.path().read_dir().unwrap().count()), (true, 0));
    }
}
