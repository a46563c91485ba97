//! `[limits]`: how much one caller may ask for.

use super::section::section;

section! {
    /// How much one caller may ask for.
    pub struct Limits = "limits" {
        /// Requests per minute of one user token or gateway key; 0 is no limit.
        requests_per_minute: u32 = 600, within 0..=1_000_000;
        /// Requests per minute before a login, counted per tenant key and address; 0 is
        /// no limit.
        before_login_per_minute: u32 = 600, within 0..=1_000_000;
        /// Requests per minute of one caller of the central API; those without the right key are
        /// counted apart. 0 is no limit.
        central_per_minute: u32 = 600, within 0..=1_000_000;
        /// Most rows a page of a list may have.
        max_page_size: u32 = 100, within 1..=1000;
        /// Largest tenant that may be imported, in bytes: bounds the archive, and the database in it.
        max_import_bytes: u64 = 10 * 1024 * 1024 * 1024, within 1024..=1_099_511_627_776;
    }
}
