//! Every handle the server shares: how it is built, and how it is shut down.

use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

use crate::activity::{Activity, ActivityOptions};
use crate::alerts::Alerts;
use crate::backups::jobs::Jobs;
use crate::backups::keys::BackupKeys;
use crate::backups::{BackupOptions, Backups};
use crate::clock::Clock;
use crate::config::{AppKey, Config};
use crate::crypto::{Keyring, Passwords};
use crate::data_dir::{DataDir, secret_file};
use crate::db::{Db, Durability, Engine, EngineOptions, Fleet, Schema, Tx};
use crate::error::{DbError, Error, Result};
use crate::id::{CENTRAL, TenantId};
use crate::operator::{MasterKey, NewMasterKey};
use crate::rate_limit::PerMinute;
use crate::telemetry::Metrics;
use crate::tenants::{ActiveTenant, BackupSettings, Settings, Tenants};
use crate::users::{LoginThrottle, PasswordPolicy, Sessions, UserDesk};

/// Context of the sealed text that tells whether the server key is still the same.
const KEY_CHECK: &str = "server_key_check";

/// The application. Cheap to clone.
#[derive(Clone)]
pub struct App {
    shared: Arc<Shared>,
}

/// What [`App`] holds.
pub struct Shared {
    /// The settings this process runs with.
    pub config: Config,
    /// The time.
    pub clock: Clock,
    /// Threads and limits of all databases.
    pub engine: Engine,
    /// Paths below the data directory, and its lock.
    pub data_dir: DataDir,
    /// Seals what is secret in the central file.
    pub keyring: Keyring,
    /// The file of tenants, keys and settings.
    pub central: Db,
    /// Tenants and their files.
    pub tenants: Tenants,
    /// Copies of the tenants' files.
    pub backups: Backups,
    /// Work on them that somebody asked for.
    pub backup_jobs: Jobs,
    /// What somebody has to know of them, and how it is told.
    pub alerts: Alerts,
    /// Checked bearer tokens.
    pub sessions: Sessions,
    /// Password hashes, a few at a time.
    pub passwords: Passwords,
    /// The operator's key.
    pub master_key: MasterKey,
    /// Limit of each user token: tenant number and token id.
    pub per_token: PerMinute<(i64, i64)>,
    /// Limit before a log-in: tenant number and address.
    pub per_address: PerMinute<(i64, std::net::IpAddr)>,
    /// Limit of the central API: address.
    pub central_limit: PerMinute<std::net::IpAddr>,
    /// Limit of requests to the central API without the right key: address.
    pub central_refused_limit: PerMinute<std::net::IpAddr>,
    /// Failed log-ins.
    pub login_throttle: LoginThrottle,
    /// Request log and audit log.
    pub activity: Activity,
    /// Counters and timings.
    pub metrics: Metrics,
}

impl Deref for App {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.shared
    }
}

/// Why the application cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The file of tenants, keys and settings cannot be used.
    #[error("{}: {cause}", path.display())]
    Central {
        /// Where it is.
        path: PathBuf,
        /// What is wrong with it.
        cause: DbError,
    },
    /// Anything else.
    #[error(transparent)]
    Other(#[from] Error),
}

impl App {
    /// Opens the data directory's files and finishes what a crash left half done. Gives the
    /// master key too when it was made just now.
    ///
    /// # Errors
    /// [`StartError::Central`]; [`Error::Conflict`] `wrong_app_key` when the server key is not the one
    /// that sealed the central file's secrets; storage errors.
    pub async fn start(config: Config, data_dir: DataDir, clock: Clock) -> Result<(Self, NewMasterKey), StartError> {
        Self::begin(config, data_dir, clock, true).await
    }

    /// As [`App::start`] for a command that does one thing and ends. It makes no master key: the one
    /// of the server may stand in settings that the command does not see.
    ///
    /// # Errors
    /// As [`App::start`].
    pub async fn start_for_command(config: Config, data_dir: DataDir, clock: Clock) -> Result<Self, StartError> {
        Ok(Self::begin(config, data_dir, clock, false).await?.0)
    }

    async fn begin(
        config: Config,
        data_dir: DataDir,
        clock: Clock,
        is_server: bool,
    ) -> Result<(Self, NewMasterKey), StartError> {
        let path = data_dir.central_db();
        let in_central = |error: Error| match error {
            Error::Db(cause) | Error::Central(cause) => StartError::Central { path: path.clone(), cause },
            other => other.into(),
        };
        let storage = &config.storage;
        let options = EngineOptions {
            threads: storage.db_threads.unwrap_or_else(|| EngineOptions::default().threads),
            read_timeout: Duration::from_millis(storage.read_timeout_ms),
            write_timeout: Duration::from_millis(storage.write_timeout_ms),
            ..EngineOptions::default()
        };
        let engine = Engine::start(options)?;
        let durability = match storage.synchronous {
            crate::config::Synchronous::Full => Durability::Full,
            crate::config::Synchronous::Normal => Durability::Normal,
        };
        let central = open_central(&engine, &path).map_err(in_central)?;
        let has_sealed = has_key_check(&central).await.map_err(in_central)?;
        let keyring = load_keyring(config.auth.app_key.as_ref(), &data_dir, has_sealed)?;
        check_server_key(&central, &keyring, &clock).await.map_err(in_central)?;
        let schema = Arc::new(Schema::tenant()?);
        let capacity = storage.open_tenants_max.unwrap_or_else(|| open_tenants_max(config.http.max_connections));
        let fleet = Fleet::new(engine.clone(), schema.clone(), durability, capacity);
        let tenants = Tenants::new(
            central.clone(),
            fleet,
            engine.clone(),
            schema.clone(),
            data_dir.clone(),
            keyring.clone(),
            clock.clone(),
            server_settings(&config),
        );
        tenants.recover().await.map_err(in_central)?;
        let has_backups = Backups::has_any(&central).await.map_err(in_central)?;
        let backups = Backups::new(
            tenants.clone(),
            engine.clone(),
            schema,
            data_dir.clone(),
            clock.clone(),
            BackupKeys::load(&data_dir.backup_key_file(), config.backup.key.as_ref(), has_backups)?,
            BackupOptions::of(&config)?,
        );
        backups.recover().await.map_err(in_central)?;
        if config.backup.before_upgrade {
            tenants.count_behind().await.map_err(in_central)?;
            backups.back_up_before_upgrades();
        }
        let backup_jobs = Jobs::new(central.clone(), clock.clone());
        backup_jobs.recover().await.map_err(in_central)?;
        let auth = &config.auth;
        let (master_key, new_key) =
            MasterKey::load(auth.master_key.as_ref(), auth.is_placeholder_master_key(), &central, &clock, is_server)
                .await
                .map_err(in_central)?;
        let kept = ActivityOptions {
            keep_requests_days: storage.request_log_days,
            keep_audit_days: storage.audit_log_days,
            ..ActivityOptions::default()
        };
        let activity = Activity::start(&engine, &data_dir.logs_db(), clock.clone(), kept).await?;
        let metrics = Metrics::install();
        metrics.watch_fleet(tenants.fleet().clone());
        metrics.watch_activity(activity.clone());
        metrics.watch_migrations(tenants.clone());
        let hashes_at_once = std::thread::available_parallelism().map_or(2, usize::from);
        let alerts = Alerts::new(central.clone(), clock.clone(), &config);
        metrics.watch_alerts(alerts.clone());
        metrics.watch_backups(backups.clone());
        let shared = Shared {
            sessions: Sessions::new(clock.clone()),
            passwords: Passwords::new(hashes_at_once)?,
            per_token: PerMinute::new(config.limits.requests_per_minute),
            per_address: PerMinute::new(config.limits.before_login_per_minute),
            central_limit: PerMinute::new(config.limits.central_per_minute),
            central_refused_limit: PerMinute::new(config.limits.central_per_minute),
            login_throttle: LoginThrottle::new(auth.login_attempts, Duration::from_secs(auth.login_window_secs)),
            activity,
            metrics,
            config,
            clock,
            engine,
            data_dir,
            keyring,
            central,
            tenants,
            backups,
            backup_jobs,
            alerts,
            master_key,
        };
        Ok((Self { shared: Arc::new(shared) }, new_key))
    }

    /// The text in the central file that only the right server key opens; none before the first start.
    ///
    /// # Errors
    /// Storage errors; a text that is not readable.
    pub fn sealed_key_check(tx: &mut Tx<'_>) -> Result<Option<Vec<u8>>> {
        let find = "SELECT value FROM settings WHERE key = ?1";
        let stored = tx.query_opt(find, crate::vals![KEY_CHECK], |row| row.get::<String>(0))?;
        stored.map(|text| hex::decode(text).map_err(Error::internal)).transpose()
    }

    /// Whether this is the server key that made [`App::sealed_key_check`].
    pub fn is_server_key(keyring: &Keyring, sealed: &[u8]) -> bool {
        keyring.open(KEY_CHECK, sealed).is_ok()
    }

    /// Where users of a tenant are registered, logged in and changed.
    pub fn user_desk<'a>(&'a self, tenant: &'a ActiveTenant, db: &'a Db) -> UserDesk<'a> {
        let policy = PasswordPolicy { min_length: tenant.settings.password_min_length };
        UserDesk { tenant, db, passwords: &self.passwords, clock: &self.clock, policy }
    }

    /// Writes down when keys and tokens were last used.
    ///
    /// # Errors
    /// The first storage error; uses that could not be written are lost, which costs a minute of
    /// "last used".
    pub async fn flush_uses(&self) -> Result<()> {
        self.tenants.flush_key_uses().await?;
        for (id, used) in self.sessions.take_uses() {
            self.flush_token_uses(&id, used).await?;
        }
        Ok(())
    }

    async fn flush_token_uses(
        &self,
        id: &TenantId,
        used: std::collections::HashMap<i64, crate::clock::Timestamp>,
    ) -> Result<()> {
        let tenant = match self.tenants.active(id).await {
            Err(Error::NotFound { .. } | Error::TenantNotActive(_)) => return Ok(()),
            other => other?,
        };
        let db = self.tenants.open(&tenant).await?;
        db.write(move |tx| crate::users::tokens::touch(tx, &used)).await
    }

    /// Writes what waits and leaves every file complete.
    pub async fn shut_down(&self) {
        self.backup_jobs.shut_down().await;
        self.backups.shut_down().await;
        self.tenants.finish_work().await;
        if let Err(error) = self.flush_uses().await {
            tracing::warn!(%error, "last uses of keys and tokens could not be written");
        }
        let open = self.tenants.fleet().open_files();
        let central = self.central.clone();
        let tidied = self.engine.run(move || {
            for db in open.into_iter().map(|(_, db)| db).chain([central]) {
                if let Err(error) = db.tidy() {
                    tracing::warn!(file = %db.path().display(), %error, "file was left with its log beside it");
                }
            }
            Ok(())
        });
        if let Err(error) = tidied.await {
            tracing::warn!(%error, "files could not be tidied");
        }
        self.activity.shutdown().await;
    }
}

/// What counts for tenants without settings of their own.
fn server_settings(config: &Config) -> Settings {
    Settings {
        password_min_length: config.auth.password_min_length,
        time_zone: config.locale.time_zone.clone(),
        locale: config.locale.language,
        backup: BackupSettings::default(),
    }
}

fn open_central(engine: &Engine, path: &Path) -> Result<Db> {
    let schema = Schema::central()?;
    if !path.exists() {
        schema.create(path, CENTRAL)?;
    }
    let (db, outcome) = schema.open(engine, path, CENTRAL, Durability::Full)?;
    if outcome.from < outcome.to {
        tracing::info!(schema.from = outcome.from, schema.to = outcome.to, "central file upgraded");
    }
    Ok(db.telling(Error::Central))
}

/// True when secrets were sealed in this file before, so that a new key would be a wrong one.
async fn has_key_check(central: &Db) -> Result<bool> {
    let sql = "SELECT EXISTS (SELECT 1 FROM settings WHERE key = ?1)";
    central.read(move |tx| Ok(tx.query_one(sql, crate::vals![KEY_CHECK], |row| row.get(0))?)).await
}

fn load_keyring(configured: Option<&AppKey>, data_dir: &DataDir, has_sealed: bool) -> Result<Keyring> {
    let unusable = |text| Error::conflict("unusable_app_key", text);
    if let Some(key) = configured {
        return Keyring::new(key).map_err(|why| unusable(format!("APP_KEY {why}; it must be {}", AppKey::FORMS)));
    }
    let path = data_dir.keys_dir().join("server.key");
    if let Some(bytes) = secret_file::find(&path).map_err(Error::internal)? {
        let keyring = Keyring::new(&AppKey::new(&*String::from_utf8_lossy(&bytes)));
        return keyring.map_err(|why| unusable(format!("{} {why}; put the copy you kept of it back", path.display())));
    }
    if has_sealed {
        let help = format!(
            "The server key is gone: {} is missing and APP_KEY is not set, but this data directory was made with \
             one. Put it back; nothing was changed.",
            path.display()
        );
        return Err(Error::conflict("wrong_app_key", help));
    }
    let text = Keyring::new_text();
    secret_file::create(&path, text.expose_secret().as_bytes()).map_err(Error::internal)?;
    Keyring::new(&AppKey::new(text)).map_err(|why| unusable(format!("the new server key {why}")))
}

/// A wrong server key would make every sealed secret unreadable, one at a time and much later.
async fn check_server_key(central: &Db, keyring: &Keyring, clock: &Clock) -> Result<()> {
    if let Some(sealed) = central.read(App::sealed_key_check).await? {
        if App::is_server_key(keyring, &sealed) {
            return Ok(());
        }
        let help = "APP_KEY (or keys/server.key in the data directory) is not the key this data directory was made with. \
                    Put the old one back; nothing was changed.";
        return Err(Error::conflict("wrong_app_key", help));
    }
    let (sealed, now) = (hex::encode(keyring.seal(KEY_CHECK, &SecretString::from("ok"))?), clock.now());
    central
        .write(move |tx| {
            let sql = "INSERT INTO settings (key, value, updated_at) VALUES (?1, ?2, ?3)";
            tx.execute(sql, crate::vals![KEY_CHECK, &sealed, now])?;
            Ok(())
        })
        .await
}

/// File descriptors one open tenant may need: file, log and index, for a writer and its readers.
const DESCRIPTORS_PER_TENANT: u64 = 12;

/// How many tenants may be open at once: what the file descriptors allow beside the connections.
fn open_tenants_max(connections: usize) -> usize {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let before = getrlimit(Resource::Nofile);
    if before.current != before.maximum {
        let raised = Rlimit { current: before.maximum, maximum: before.maximum };
        if let Err(error) = setrlimit(Resource::Nofile, raised) {
            tracing::warn!(%error, "the limit of open files could not be raised");
        }
    }
    let descriptors = getrlimit(Resource::Nofile).current.unwrap_or(1_000_000);
    let left = descriptors.saturating_sub(connections as u64 + 200);
    usize::try_from(left / DESCRIPTORS_PER_TENANT).unwrap_or(usize::MAX).clamp(50, 2000)
}
