//! Everything a server has in one archive, and a server from one.
//!
//! A plain tar file whose entries are sealed with the backup key, each by itself:
//!
//! ```text
//! instance.json              what it is and which key opens it
//! keys.enc                   the server key, when it is one of the data directory
//! central.db.zst.enc         the central file, as a backup
//! logs.db.zst.enc            the logs
//! tenants/<id>.db.zst.enc    each tenant that has a file
//! end.json                   whom it holds; without it the archive is not whole
//! ```
//!
//! Each file is as of a moment of its own, the central one first. Whom the central file knows and the
//! archive does not hold was deleted meanwhile, and is not there after an import either.

mod export;
mod import;

use serde::{Deserialize, Serialize};

use crate::id::TenantId;

pub use import::{Imported, import};

const FORMAT: &str = "ruko-instance";
const FORMAT_VERSION: u32 = 1;
const BEGIN: &str = "instance.json";
const KEYS: &str = "keys.enc";
const CENTRAL_FILE: &str = "central.db.zst.enc";
const LOGS_FILE: &str = "logs.db.zst.enc";
const END: &str = "end.json";
/// Stands instead of the end when one of the files could not be made.
const BROKEN: &str = "error.json";
/// What the stream of [`KEYS`] is bound to.
const KEYS_CONTEXT: &[u8] = b"ruko-instance-keys/1\n";
/// Owner that the stamp of the logs carries.
const LOGS: &str = "logs";

fn tenant_file(id: &TenantId) -> String {
    format!("tenants/{id}.db.zst.enc")
}

#[derive(Debug, Serialize, Deserialize)]
struct Begin {
    format: String,
    format_version: u32,
    ruko_version: String,
    created_at_ms: i64,
    key_id: String,
}

#[derive(Serialize, Deserialize)]
struct Keys {
    /// Text of the key; none where the settings have it.
    server_key: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
struct End {
    tenants: Vec<String>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Broken {
    error: String,
}
