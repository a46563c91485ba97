//! In: an archive becomes a tenant, with its id and its keys or with new ones.

use tokio::io::AsyncWriteExt;

use crate::clock::Timestamp;
use crate::data_dir::DbName;
use crate::db::{Tx, file_error, move_closed};
use crate::error::{Error, Result, Rule};
use crate::id::TenantId;

use super::super::create::{db_name_rule, fields};
use super::super::key_store::{self, NewKeyRow};
use super::super::keys::{KeyIn, fresh};
use super::super::model::{Origin, Tenant, TenantState, name_error};
use super::super::store::{self, TenantRow};
use super::super::undo::Undo;
use super::super::{Tenants, domain_store, parse_db_name, plans};
use super::manifest::Manifest;
use super::unpack::{Unpacked, unpack};
use super::{TempFile, run_long, temp_file};

/// What is to differ from the archive.
#[derive(Debug, Clone, Default)]
pub struct ImportOptions {
    /// Another name.
    pub name: Option<String>,
    /// Another name of its file.
    pub db_name: Option<String>,
    /// A new id instead of the archive's.
    pub has_new_id: bool,
    /// A new key instead of the archive's.
    pub has_new_keys: bool,
    /// None of the archive's domains.
    pub leaves_domains: bool,
    /// Most bytes that the unpacked database may have.
    pub bytes_max: u64,
}

/// An archive on its way in.
pub struct Upload {
    file: tokio::fs::File,
    name: TempFile,
    received: u64,
    bytes_max: u64,
}

impl Upload {
    /// Refuses at once what announces to be too large.
    ///
    /// # Errors
    /// [`Error::PayloadTooLarge`].
    pub fn expect(&self, announced_bytes: u64) -> Result<()> {
        if announced_bytes > self.bytes_max { Err(Error::PayloadTooLarge(self.bytes_max)) } else { Ok(()) }
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    /// [`Error::PayloadTooLarge`]; storage errors.
    pub async fn push(&mut self, bytes: &[u8]) -> Result<()> {
        self.received += bytes.len() as u64;
        if self.received > self.bytes_max {
            return Err(Error::PayloadTooLarge(self.bytes_max));
        }
        self.file.write_all(bytes).await.map_err(file_error)
    }
}

impl Tenants {
    /// A place for an archive of at most `bytes_max` bytes.
    ///
    /// # Errors
    /// Storage errors.
    pub async fn upload(&self, bytes_max: u64) -> Result<Upload> {
        let name = temp_file(&self.shared.data_dir.tmp_dir(), "tar.zst");
        let file = tokio::fs::File::create_new(name.path()).await.map_err(file_error)?;
        Ok(Upload { file, name, received: 0, bytes_max })
    }

    /// Makes a tenant of an archive; gives its key when a new one was asked for.
    ///
    /// # Errors
    /// [`Error::Invalid`] on `archive`, `name`, `db_name`, `plan`; [`Error::Conflict`]
    /// `file_not_adoptable`, and `tenant_exists`, `key_in_use`, `domain_in_use`, which say what to
    /// do. Nothing stays behind then.
    pub async fn import(&self, upload: Upload, options: ImportOptions) -> Result<(Tenant, Option<String>)> {
        self.to_the_end(move |tenants| async move { tenants.import_now(upload, options).await }).await
    }

    async fn import_now(&self, upload: Upload, options: ImportOptions) -> Result<(Tenant, Option<String>)> {
        let _permit = self.shared.transfers.acquire().await.map_err(Error::internal)?;
        let Upload { mut file, name: archive, .. } = upload;
        file.flush().await.map_err(file_error)?;
        drop(file);
        let tmp = self.shared.data_dir.tmp_dir();
        let bytes_max = options.bytes_max;
        let Unpacked { manifest, database } = run_long(move || unpack(archive.path(), &tmp, bytes_max)).await?;
        self.undo_waiting().await;
        let now = self.shared.clock.now();
        let arrival = Arrival::new(&manifest, options, now)?;
        let _turn = self.turn(&arrival.id).await;
        self.check_conflicts(&arrival).await?;

        let (owner, before, schema) = (arrival.id.to_string(), manifest.tenant.id.clone(), self.shared.schema.clone());
        let engine = self.shared.engine.clone();
        let database = run_long(move || {
            schema.adopt_filled(&engine, database.path(), &owner, &before)?;
            Ok(database)
        })
        .await?;
        self.reserve(arrival.row(&manifest)).await?;
        let (from, to) = (database.path().to_owned(), self.file_of(&arrival.db_name));
        let moved = self.shared.engine.run(move || move_closed(&from, &to)).await;
        let tenant = match moved {
            Ok(()) => self.finish_import(&arrival).await,
            Err(error) => Err(error),
        };
        match tenant {
            Ok(tenant) => {
                self.raise_epoch(&arrival.id);
                Ok((tenant, arrival.key))
            }
            Err(error) => {
                self.undo(&arrival.id, Undo::Creation(Some((arrival.db_name, Origin::Imported)))).await;
                Err(error)
            }
        }
    }

    async fn check_conflicts(&self, arrival: &Arrival) -> Result<()> {
        let arrival = arrival.clone();
        let work = move |tx: &mut Tx<'_>| {
            tx.snapshot()?;
            if let Some(there) = store::find(tx, arrival.id.as_str())? {
                let help = match there.state {
                    TenantState::Deleted => {
                        "is in the trash: undelete it there, purge it, or import with id=new (--id new)."
                    }
                    _ => {
                        "exists on this server: import with id=new (--id new) to have a second one, or delete and \
                         purge it first."
                    }
                };
                return Err(Error::conflict("tenant_exists", format!("The tenant {} {help}", arrival.id)));
            }
            let errors = fields([
                store::is_db_name_taken(tx, arrival.db_name.as_str(), arrival.id.as_str())?
                    .then_some(("db_name", Rule::Taken)),
                plans::find(tx, &arrival.plan_code)?.is_none().then_some(("plan", Rule::Missing)),
            ]);
            if !errors.is_empty() {
                return Err(Error::Invalid(errors));
            }
            for key in &arrival.keys {
                if let Some(owner) = key_store::owner_of(tx, &key.hash)? {
                    let text = format!(
                        "A key of the archive belongs to the tenant {owner} here: import with keys=new (--keys new)."
                    );
                    return Err(Error::conflict("key_in_use", text));
                }
            }
            for domain in &arrival.domains {
                if let Some(owner) = domain_store::owner_of(tx, domain)? {
                    let text = format!(
                        "The domain {domain} belongs to the tenant {owner} here: import with domains=none \
                         (--domains none), or remove it there first."
                    );
                    return Err(Error::conflict("domain_in_use", text));
                }
            }
            Ok(())
        };
        self.shared.central.read(work).await
    }

    async fn finish_import(&self, arrival: &Arrival) -> Result<Tenant> {
        let (arrival, version) = (arrival.clone(), self.shared.schema.latest());
        let work = move |tx: &mut Tx<'_>| {
            let id = arrival.id.as_str();
            store::set_state(tx, id, arrival.state, None, arrival.now)?;
            store::set(tx, id, "schema_version", version.into(), arrival.now)?;
            for key in &arrival.keys {
                key_store::insert(tx, id, key)?;
            }
            for domain in &arrival.domains {
                domain_store::insert(tx, id, domain, arrival.now)?;
            }
            store::get(tx, id)
        };
        self.shared.central.write(work).await
    }
}

/// What the new tenant will be.
#[derive(Clone)]
struct Arrival {
    id: TenantId,
    name: String,
    db_name: DbName,
    plan_code: String,
    state: TenantState,
    keys: Vec<NewKeyRow>,
    domains: Vec<String>,
    /// The text of a new key.
    key: Option<String>,
    now: Timestamp,
}

impl Arrival {
    /// # Errors
    /// [`Error::Invalid`] on `name`, `db_name`.
    fn new(manifest: &Manifest, options: ImportOptions, now: Timestamp) -> Result<Self> {
        let name = options.name.unwrap_or_else(|| manifest.tenant.name.clone());
        let db_name = options.db_name.unwrap_or_else(|| manifest.tenant.db_name.clone());
        let errors = fields([
            name_error(&name).map(|rule| ("name", rule)),
            db_name.parse::<DbName>().is_err().then(|| ("db_name", db_name_rule())),
        ]);
        if !errors.is_empty() {
            return Err(Error::Invalid(errors));
        }
        let (key, keys) = if options.has_new_keys {
            let (key, row) = fresh(&KeyIn { name: "default".into(), expires_at: None }, now);
            (Some(key), vec![row])
        } else {
            let rows = manifest.key_rows()?.into_iter().map(|key| NewKeyRow {
                name: key.name,
                prefix: key.prefix,
                hash: key.hash,
                expires_at: key.expires_at,
                now: key.created_at,
            });
            (None, rows.collect())
        };
        let id = if options.has_new_id { TenantId::for_name(&name) } else { manifest.tenant.id.as_str().into() };
        let mut domains: Vec<_> = manifest.domains.iter().map(|domain| domain.to_ascii_lowercase()).collect();
        if options.leaves_domains {
            domains.clear();
        }
        let plan_code = manifest.tenant.plan.clone();
        // A manifest with another state is refused when it is read.
        let state = manifest.tenant.state().unwrap_or(TenantState::Suspended);
        Ok(Self { id, db_name: parse_db_name(&db_name)?, name, plan_code, state, keys, domains, key, now })
    }

    fn row(&self, manifest: &Manifest) -> TenantRow {
        TenantRow {
            id: self.id.clone(),
            name: self.name.clone(),
            db_name: self.db_name.to_string(),
            notes: manifest.notes(),
            // Sealed with the key of the server it came from.
            db_password_enc: None,
            plan_code: self.plan_code.clone(),
            limits: manifest.tenant.limits,
            max_storage_bytes: manifest.tenant.max_storage_bytes,
            settings: manifest.tenant.settings.clone(),
            origin: Origin::Imported,
            created_at: Timestamp(manifest.tenant.created_at_ms),
            now: self.now,
        }
    }
}
