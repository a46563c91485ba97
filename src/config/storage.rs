//! `[storage]`: where data lies and how it is written.

use std::path::PathBuf;

use super::section::{choice, section};
use super::value::Text;
use crate::data_dir::CentralFile;

section! {
    /// Where data lies and how it is written.
    pub struct Storage = "storage" {
        /// Folder that holds everything ruko stores. A relative path starts at the working directory.
        data_dir: PathBuf = "data".into(), env "RUKO_DATA_DIR";
        /// File name of the central database inside the data directory.
        central_file: CentralFile = CentralFile::default();
        /// Tenant files that may be open at once. Unset: follows from the limit on open files.
        open_tenants_max: Option<usize> = None, within 1..=1_000_000;
        /// When a commit counts as done. `full` loses nothing in a power cut; `normal` is faster and
        /// may lose the last moments, but never damages a file.
        synchronous: Synchronous = Synchronous::Full;
        /// Milliseconds a read may take.
        read_timeout_ms: u64 = 5000, within 10..=600_000;
        /// Milliseconds a write may take, waiting included.
        write_timeout_ms: u64 = 10_000, within 10..=600_000;
        /// Threads for reads that may take long. Unset: follows from the number of processor cores.
        db_threads: Option<usize> = None, within 1..=1024;
        /// Seconds without a write after which a tenant becomes one complete, tidy file.
        tidy_after_secs: u64 = 30, within 1..=86_400;
        /// Days that deleted tenants stay in the trash.
        trash_days: u32 = 30, within 0..=3650;
        /// Days that the log of API requests reaches back.
        request_log_days: u32 = 30, within 1..=3650;
        /// Days that the audit log reaches back.
        audit_log_days: u32 = 365, within 1..=3650;
    }
}

choice! {
    /// When a commit counts as done.
    pub enum Synchronous {
        /// The disk has confirmed it.
        Full = "full",
        /// The operating system has it.
        Normal = "normal",
    }
}

impl Text for CentralFile {
    const EXPECTED: &'static str = "a plain file name of letters, digits and . _ -, not one that ruko uses otherwise";
    const EXAMPLES: &'static [&'static str] = &["master.db", "main.db"];

    fn parse(text: &str) -> Option<Self> {
        text.trim().parse().ok()
    }

    fn text(&self) -> String {
        self.as_str().to_owned()
    }
}
