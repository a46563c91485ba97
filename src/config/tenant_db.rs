//! `[tenant_db]`: what tenants without database details of their own show.

use secrecy::SecretString;

use super::section::section;

section! {
    /// Database details shown for tenants that have none of their own. They choose nothing: every
    /// tenant is a SQLite file.
    pub struct TenantDb = "tenant_db" {
        /// Shown as `db_host`.
        host: Option<String> = None;
        /// Shown as `db_port`.
        port: Option<u16> = None, within 1..=65535;
        /// Shown as `db_username`.
        username: Option<String> = None;
        /// Kept as `db_password`, never shown.
        password: Option<SecretString> = None;
    }
}
