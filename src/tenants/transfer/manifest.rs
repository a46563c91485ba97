//! What an archive says of itself.

use std::collections::{BTreeMap, HashSet};

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::crypto::token::SecretHash;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::id::CENTRAL;

use super::super::domains::is_host_name;
use super::super::key_store::{self, KeyCopy};
use super::super::keys::KEYS_MAX;
use super::super::model::{ConnectionNotes, LimitsPatch, Tenant, TenantState, name_error};
use super::super::settings::OwnSettings;
use super::super::{domain_store, store};
use super::bad_archive;

const FORMAT: &str = "ruko-tenant";
const FORMAT_VERSION: u32 = 1;
const DOMAINS_MAX: usize = 100;

/// The manifest. Holds no secret: keys are hashes, and the password of the connection notes is
/// sealed with a key that stays on its server.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Manifest {
    format: String,
    format_version: u32,
    ruko_version: String,
    exported_at_ms: i64,
    pub(super) tenant: TenantPart,
    pub(super) keys: Vec<KeyPart>,
    pub(super) domains: Vec<String>,
    pub(super) database: DatabasePart,
}

/// The tenant's row, without what belongs to one server only.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct TenantPart {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) db_name: String,
    pub(super) db_host: Option<String>,
    pub(super) db_port: Option<i64>,
    pub(super) db_username: Option<String>,
    pub(super) plan: String,
    pub(super) limits: LimitsPatch,
    pub(super) max_storage_bytes: Option<i64>,
    #[serde(default)]
    pub(super) settings: OwnSettings,
    pub(super) created_at_ms: i64,
    /// `active` or `suspended`; archives of the first release say nothing.
    #[serde(default)]
    state: Option<String>,
}

impl TenantPart {
    /// The state that the tenant goes on in.
    pub(super) fn state(&self) -> Option<TenantState> {
        match self.state.as_deref() {
            None => Some(TenantState::Active),
            Some(text) => {
                [TenantState::Active, TenantState::Suspended].into_iter().find(|state| state.as_str() == text)
            }
        }
    }
}

/// A key: its hash is enough for clients to go on with it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct KeyPart {
    name: String,
    prefix: String,
    sha256: String,
    expires_at_ms: Option<i64>,
    created_at_ms: i64,
}

/// The database file.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct DatabasePart {
    pub(super) size_bytes: u64,
    pub(super) sha256: String,
    pub(super) schema_version: i64,
    pub(super) row_counts: BTreeMap<String, i64>,
}

/// The central file's part of an archive.
#[derive(Debug, Clone)]
pub(super) struct Central {
    pub(super) tenant: Tenant,
    keys: Vec<KeyCopy>,
    domains: Vec<String>,
}

impl Central {
    pub(super) fn read(tx: &mut Tx<'_>, id: &str) -> Result<Self> {
        tx.snapshot()?;
        let tenant = store::get(tx, id)?;
        let domains = domain_store::list(tx, id)?.into_iter().map(|domain| domain.domain).collect();
        Ok(Self { tenant, keys: key_store::copies(tx, id)?, domains })
    }

    pub(super) fn manifest(self, database: DatabasePart, now: Timestamp) -> Manifest {
        let Self { tenant, keys, domains } = self;
        // Frozen is the file of one server; what was before goes on elsewhere.
        let state = match tenant.state {
            TenantState::Frozen => tenant.thaw_to.unwrap_or(TenantState::Active),
            state => state,
        };
        let key = |key: KeyCopy| KeyPart {
            name: key.name,
            prefix: key.prefix,
            sha256: hex::encode(key.hash),
            expires_at_ms: key.expires_at.map(|at| at.0),
            created_at_ms: key.created_at.0,
        };
        Manifest {
            format: FORMAT.into(),
            format_version: FORMAT_VERSION,
            ruko_version: env!("CARGO_PKG_VERSION").into(),
            exported_at_ms: now.0,
            tenant: TenantPart {
                id: tenant.id.to_string(),
                name: tenant.name,
                db_name: tenant.db_name,
                db_host: tenant.notes.host,
                db_port: tenant.notes.port,
                db_username: tenant.notes.username,
                plan: tenant.plan_code,
                limits: tenant.limits,
                max_storage_bytes: tenant.max_storage_bytes,
                settings: tenant.settings,
                created_at_ms: tenant.created_at.0,
                state: Some(state.as_str().into()),
            },
            keys: keys.into_iter().map(key).collect(),
            domains,
            database,
        }
    }
}

impl Manifest {
    /// Reads a manifest and checks everything that needs no database.
    ///
    /// # Errors
    /// [`Error::Invalid`] on `archive` with the reason.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self> {
        // Its kind first, so that an archive of a later ruko gets an answer that helps.
        #[derive(Deserialize)]
        struct Kind {
            format: String,
            format_version: u32,
        }
        let kind: Kind = serde_json::from_slice(bytes).map_err(|_| bad_archive("its manifest is none of ruko's"))?;
        if kind.format != FORMAT || kind.format_version != FORMAT_VERSION {
            return Err(bad_archive("its format is not known here; it may need a newer ruko"));
        }
        let manifest: Self = serde_json::from_slice(bytes).map_err(|_| bad_archive("its manifest is incomplete"))?;
        manifest.check()?;
        Ok(manifest)
    }

    fn check(&self) -> Result<()> {
        let refuse = |what: &str| Err(bad_archive(format!("its manifest names an impossible {what}")));
        let TenantPart { id, name, db_host, db_port, db_username, max_storage_bytes, .. } = &self.tenant;
        let is_slug = |text: &str| text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'));
        if !(1..=128).contains(&id.len()) || !is_slug(id) || id == CENTRAL {
            return refuse("tenant id");
        }
        if name_error(name).is_some() || name.contains('\0') {
            return refuse("name");
        }
        let is_note = |note: &Option<String>| note.as_ref().is_none_or(|note| is_plain(note, 255));
        if !is_note(db_host) || !is_note(db_username) || db_port.is_some_and(|port| !(1..=65535).contains(&port)) {
            return refuse("db_host, db_port or db_username");
        }
        if !self.tenant.limits.are_sane() || max_storage_bytes.is_some_and(|bytes| bytes < 1) {
            return refuse("limit");
        }
        if !self.tenant.settings.are_sane() {
            return refuse("setting");
        }
        if self.tenant.state().is_none() {
            return refuse("state");
        }
        if i64::try_from(self.keys.len()).is_ok_and(|count| count > KEYS_MAX) || self.key_rows().is_err() {
            return refuse("key");
        }
        let distinct: HashSet<_> = self.domains.iter().map(|domain| domain.to_ascii_lowercase()).collect();
        if distinct.len() != self.domains.len()
            || self.domains.len() > DOMAINS_MAX
            || !self.domains.iter().all(|domain| is_host_name(domain))
        {
            return refuse("domain");
        }
        Ok(())
    }

    /// The keys as rows.
    ///
    /// # Errors
    /// [`Error::Invalid`] on `archive`.
    pub(super) fn key_rows(&self) -> Result<Vec<KeyCopy>> {
        let row = |key: &KeyPart| -> Option<KeyCopy> {
            let hash: SecretHash = hex::decode(&key.sha256).ok()?.try_into().ok()?;
            let is_sane = is_plain(&key.name, 255) && is_plain(&key.prefix, 12);
            is_sane.then(|| KeyCopy {
                name: key.name.clone(),
                prefix: key.prefix.clone(),
                hash,
                expires_at: key.expires_at_ms.map(Timestamp),
                created_at: Timestamp(key.created_at_ms),
            })
        };
        self.keys.iter().map(|key| row(key).ok_or_else(|| bad_archive("it holds an impossible key"))).collect()
    }

    /// When it was packed, in whole seconds as tar wants it.
    pub(super) fn exported_at_secs(&self) -> u64 {
        u64::try_from(self.exported_at_ms / 1000).unwrap_or(0)
    }

    pub(super) fn notes(&self) -> ConnectionNotes {
        let tenant = &self.tenant;
        ConnectionNotes { host: tenant.db_host.clone(), port: tenant.db_port, username: tenant.db_username.clone() }
    }

    /// The bytes that stand in the archive.
    ///
    /// # Errors
    /// None in practice.
    pub(super) fn to_bytes(&self) -> Result<Vec<u8>> {
        serde_json::to_vec_pretty(self).map_err(Error::internal)
    }
}

fn is_plain(text: &str, chars_max: usize) -> bool {
    text.chars().count() <= chars_max && !text.contains(char::is_control)
}
