//! Names of database files. Their types are what keeps a name from becoming a path.

use std::fmt;
use std::str::FromStr;

use super::{FOLDERS, LOCK, LOGS, SOCKET};

/// The text cannot be a name of a file; says what could.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct UnusableName(&'static str);

/// Name of a tenant's file without its ending: 1 to 64 of `A-Za-z0-9_-`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(transparent)]
pub struct DbName(String);

impl DbName {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// In lower case. Two names that are equal so would be one file on a disk that ignores case.
    pub fn folded(&self) -> String {
        self.0.to_ascii_lowercase()
    }
}

impl FromStr for DbName {
    type Err = UnusableName;

    fn from_str(text: &str) -> Result<Self, UnusableName> {
        let is_good = matches!(text.len(), 1..=64)
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
        is_good
            .then(|| Self(text.to_owned()))
            .ok_or(UnusableName("a database name has 1 to 64 characters, all of them letters (A-Z), digits, _ or -"))
    }
}

impl fmt::Display for DbName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// File name of the central database, in the data directory itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CentralFile(String);

impl CentralFile {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for CentralFile {
    fn default() -> Self {
        Self("central.db".to_owned())
    }
}

impl FromStr for CentralFile {
    type Err = UnusableName;

    fn from_str(text: &str) -> Result<Self, UnusableName> {
        let is_plain = matches!(text.len(), 1..=64)
            && text.starts_with(|first: char| first.is_ascii_alphanumeric())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'));
        let folded = text.to_ascii_lowercase();
        // SQLite puts `-wal` and the like behind a name, so names that begin like ours are taken too.
        let is_taken =
            FOLDERS.contains(&folded.as_str()) || [LOGS, LOCK, SOCKET].iter().any(|own| folded.starts_with(own));
        (is_plain && !is_taken).then(|| Self(text.to_owned())).ok_or(UnusableName(
            "a file name has 1 to 64 letters, digits and . _ -, and is not one that ruko uses otherwise",
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn database_name_never_leaves_its_folder() {
        for text in ["", ".", "..", "../central", "a/b", "a\\b", "a.db", "a b", "a\0", "toko\u{e9}", &"x".repeat(65)] {
            assert!(text.parse::<DbName>().is_err(), "{text:?}");
        }
        for text in ["a", "tenant_1", "Toko-Budi", "-", &"x".repeat(64)] {
            assert_eq!(text.parse::<DbName>().unwrap().as_str(), text);
        }
    }

    #[test]
    fn folded_names_are_equal_when_only_case_differs() {
        let [one, other] = ["Toko_Budi", "toko_budi"].map(|text| text.parse::<DbName>().unwrap());
        assert_ne!(one, other);
        assert_eq!(one.folded(), other.folded());
    }

    #[test]
    fn central_file_cannot_take_a_name_in_use() {
        for text in ["logs.db", "LOGS.DB", "logs.db-wal", "ruko.lock", "ruko.sock", "tenants", "..", ".db", "a/b.db"] {
            assert!(text.parse::<CentralFile>().is_err(), "{text}");
        }
        assert_eq!("master_tenant.db".parse::<CentralFile>().unwrap().as_str(), "master_tenant.db");
    }
}
