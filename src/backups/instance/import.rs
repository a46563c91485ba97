//! In: into a new data directory, which has its name only when all of it is there. Everything here blocks.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use secrecy::ExposeSecret as _;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use crate::crypto::stream::Decryptor;
use crate::data_dir::{CentralFile, DataDir, DbName, secret_file};
use crate::db::inspect::Look;
use crate::db::{TempFile, Tx, file_error};
use crate::error::{Error, Result};
use crate::id::{CENTRAL, TenantId};
use crate::vals;

use super::super::keys::BackupKey;
use super::super::make::sync_folder;
use super::super::open::BackupFile;
use super::{
    BEGIN, BROKEN, Begin, Broken, CENTRAL_FILE, END, End, FORMAT, FORMAT_VERSION, KEYS, KEYS_CONTEXT, Keys, LOGS,
    LOGS_FILE, tenant_file,
};

/// Entries that are no files of databases are small.
const JSON_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// What an archive has become.
#[derive(Debug)]
pub struct Imported {
    /// Tenants that are there.
    pub tenants: usize,
    /// Tenants that had been deleted while the archive was made.
    pub gone: Vec<String>,
    /// False when the server key was in the settings of the other server, and has to be in those here.
    pub has_server_key: bool,
}

/// Makes the data directory `target` of an archive; `find_key` gives the key of an id.
///
/// # Errors
/// [`Error::Conflict`] `bad_instance_archive`, `data_dir_not_empty`, `wrong_backup_key`, `backup_damaged`; storage
/// errors. Nothing stays behind then.
pub fn import(
    from: impl Read,
    target: &Path,
    central_file: &CentralFile,
    find_key: impl FnOnce(&str) -> Result<BackupKey>,
) -> Result<Imported> {
    expect_nothing(target)?;
    let name = target.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let work = target.with_file_name(format!(".{name}.{}.import", crate::id::random_hex(8)));
    let filled = fill(from, &work, central_file, find_key);
    let landed = filled.and_then(|imported| {
        let parent = target.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        std::fs::rename(&work, target).and_then(|()| sync_folder(parent)).map_err(file_error)?;
        Ok(imported)
    });
    if landed.is_err() && work.exists() {
        std::fs::remove_dir_all(&work).map_err(file_error)?;
    }
    landed
}

/// What is there is never mixed with what comes.
fn expect_nothing(target: &Path) -> Result<()> {
    let is_empty = match target.read_dir() {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => true,
        Err(error) => return Err(file_error(error)),
    };
    if is_empty {
        return Ok(());
    }
    let text = format!("{} is not empty. Name a data directory that is not there yet.", target.display());
    Err(Error::conflict("data_dir_not_empty", text))
}

fn fill(
    from: impl Read,
    work: &Path,
    central_file: &CentralFile,
    find_key: impl FnOnce(&str) -> Result<BackupKey>,
) -> Result<Imported> {
    let data_dir = DataDir::open(work).map_err(Error::internal)?.with_central_file(central_file.clone());
    let mut archive = tar::Archive::new(from);
    let mut entries = archive.entries().map_err(|_| broken())?.raw(true);
    let mut next = || match entries.next() {
        Some(Ok(entry)) => {
            let path = String::from_utf8(entry.path_bytes().into_owned()).map_err(|_| broken())?;
            if entry.header().entry_type() == tar::EntryType::Regular { Ok((path, entry)) } else { Err(broken()) }
        }
        Some(Err(_)) | None => Err(broken()),
    };

    let (name, mut entry) = next()?;
    if name != BEGIN {
        return Err(bad("it is no archive of a whole ruko"));
    }
    let begin: Begin = read_json(&mut entry)?;
    if begin.format != FORMAT || begin.format_version != FORMAT_VERSION {
        return Err(bad("its format is not known here; it may need a newer ruko"));
    }
    let key = find_key(&begin.key_id)?;
    if key.id() != begin.key_id {
        let text = format!("The archive was made with the key {}; the given one is {}.", begin.key_id, key.id());
        return Err(Error::conflict("wrong_backup_key", text));
    }
    let mut filling = Filling { key, data_dir, files: HashMap::new(), found: Vec::new() };
    let mut has_server_key = None;
    loop {
        let (name, mut entry) = next()?;
        match name.as_str() {
            KEYS => has_server_key = Some(filling.keys(&mut entry)?),
            CENTRAL_FILE => filling.central(&mut entry)?,
            LOGS_FILE => filling.database(&mut entry, LOGS, &filling.data_dir.logs_db())?,
            BROKEN => {
                let why: Broken = read_json(&mut entry)?;
                return Err(bad(&format!("it is not whole: {}", why.error)));
            }
            END => {
                let end: End = read_json(&mut entry)?;
                let has_server_key = has_server_key.ok_or_else(broken)?;
                return filling.finish(&end, has_server_key);
            }
            other => filling.tenant(other, &mut entry)?,
        }
    }
}

struct Filling {
    key: BackupKey,
    data_dir: DataDir,
    /// Where each tenant's file goes, by the name of its entry.
    files: HashMap<String, (TenantId, PathBuf)>,
    found: Vec<String>,
}

impl Filling {
    fn keys(&self, entry: &mut impl Read) -> Result<bool> {
        let damaged = |_| bad("its keys are damaged");
        let mut stream = Decryptor::new(entry, self.key.stream_key(), KEYS_CONTEXT).map_err(damaged)?;
        let mut text = Zeroizing::new(Vec::new());
        stream.by_ref().take(JSON_BYTES_MAX).read_to_end(&mut text).map_err(damaged)?;
        let keys: Keys = serde_json::from_slice(&text).map_err(|_| broken())?;
        let line = Zeroizing::new(format!("{}\n", self.key.to_text().expose_secret()));
        secret_file::create(&self.data_dir.backup_key_file(), line.as_bytes()).map_err(Error::internal)?;
        let Some(key) = keys.server_key.map(Zeroizing::new) else { return Ok(false) };
        let path = self.data_dir.keys_dir().join("server.key");
        secret_file::create(&path, key.as_bytes()).map_err(Error::internal)?;
        Ok(true)
    }

    /// The entry as a database at `to`, of whom it has to be.
    fn database(&self, entry: &mut impl Read, owner: &str, to: &Path) -> Result<()> {
        let sealed = TempFile::new(self.data_dir.tmp_dir().join("entry.enc"));
        let mut file = File::create(sealed.path()).map_err(file_error)?;
        io::copy(entry, &mut file).map_err(cut_off)?;
        file.flush().map_err(file_error)?;
        let backup = BackupFile::open(sealed.path(), &self.key)?;
        if backup.head().tenant_id != owner {
            return Err(bad(&format!("the entry of {owner} is another's")));
        }
        backup.write_database(to, |_| {})?;
        Ok(())
    }

    /// The central file, and with it where each tenant's file goes.
    fn central(&mut self, entry: &mut impl Read) -> Result<()> {
        let path = self.data_dir.central_db();
        self.database(entry, CENTRAL, &path)?;
        let rows = Look::open(&path)?.read(|tx| {
            let sql = "SELECT id, db_name FROM tenants WHERE state IN ('active', 'suspended', 'frozen') \
                       AND db_name IS NOT NULL";
            Ok(tx.query(sql, &[], |row| Ok((TenantId::from(row.text(0)?), row.get::<String>(1)?)))?)
        })?;
        for (id, db_name) in rows {
            let db_name: DbName = db_name.parse().map_err(|_| bad("a tenant in it has an impossible file name"))?;
            let file = self.data_dir.tenant_file(&db_name);
            self.files.insert(tenant_file(&id), (id, file));
        }
        Ok(())
    }

    fn tenant(&mut self, name: &str, entry: &mut impl Read) -> Result<()> {
        // One that was made after the central file was copied has no row and is none of it.
        let Some((id, path)) = self.files.get(name) else { return Ok(()) };
        self.database(entry, id.as_str(), path)?;
        self.found.push(id.to_string());
        Ok(())
    }

    /// Takes out of the central file what the archive does not hold.
    fn finish(self, end: &End, has_server_key: bool) -> Result<Imported> {
        if self.files.is_empty() && !self.data_dir.central_db().exists() {
            return Err(broken());
        }
        if let Some(lost) = end
            .tenants
            .iter()
            .find(|id| self.files.contains_key(&tenant_file(&TenantId::from(id.as_str()))) && !self.found.contains(id))
        {
            return Err(bad(&format!("the entry of {lost} is missing")));
        }
        let there: Vec<&str> = self.found.iter().map(String::as_str).collect();
        let gone: Vec<String> = self.files.into_values().map(|(id, _)| id.to_string()).collect();
        let gone: Vec<String> = gone.into_iter().filter(|id| !there.contains(&id.as_str())).collect();
        let central = self.data_dir.central_db();
        Look::open_for_writing(&central)?.change(|tx| forget_what_is_not_here(tx, &gone))?;
        crate::db::complete(&central)?;
        sync_folder(&self.data_dir.tenants_dir()).map_err(file_error)?;
        Ok(Imported { tenants: there.len(), gone, has_server_key })
    }
}

/// Rows of tenants without a file, and those of backups and jobs: none of them came along.
fn forget_what_is_not_here(tx: &mut Tx<'_>, gone: &[String]) -> Result<()> {
    tx.execute("DELETE FROM tenants WHERE state NOT IN ('active', 'suspended', 'frozen')", &[])?;
    for id in gone {
        tx.execute("DELETE FROM tenants WHERE id = ?1", vals![id.as_str()])?;
    }
    // Their copies in a bucket are the other server's.
    for table in ["backups", "backup_copies"] {
        if tx.query_opt("SELECT 1 FROM sqlite_schema WHERE name = ?1", vals![table], |_| Ok(()))?.is_some() {
            tx.execute(&format!("DELETE FROM {table}"), &[])?;
        }
    }
    tx.execute("DELETE FROM jobs", &[])?;
    tx.execute("DELETE FROM restores", &[])?;
    Ok(())
}

fn read_json<T: DeserializeOwned>(from: &mut impl Read) -> Result<T> {
    let mut bytes = Vec::new();
    from.take(JSON_BYTES_MAX).read_to_end(&mut bytes).map_err(cut_off)?;
    serde_json::from_slice(&bytes).map_err(|_| broken())
}

fn cut_off(error: io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::UnexpectedEof | io::ErrorKind::Other => broken(),
        _ => file_error(error),
    }
}

fn broken() -> Error {
    bad("it is cut off or damaged")
}

fn bad(why: &str) -> Error {
    Error::conflict("bad_instance_archive", format!("The archive cannot be used: {why}."))
}
