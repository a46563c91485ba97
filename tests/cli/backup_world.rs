//! A tenant with an older backup, and what can be seen of both from outside.

use std::path::{Path, PathBuf};

use reqwest::Method;
use rusqlite::Connection;
use serde_json::{Value, json};

use crate::binary::{Home, Server};
use crate::shop::{MASTER, Shop, answer};

/// A tenant whose content was saved once and has changed since.
pub struct World {
    pub home: Home,
    pub shop: Shop,
    /// Name of the first backup.
    pub file: String,
    /// The tenant's rows as they are in it.
    pub saved: Vec<String>,
    /// As they are now.
    pub live: Vec<String>,
    /// Bytes of the first backup's file.
    sealed: Vec<u8>,
    /// The log of the live file at some moment.
    pub log: Vec<u8>,
}

pub fn set() -> [String; 2] {
    ["--set".into(), format!("auth.master_key={MASTER}")]
}

impl World {
    /// Stops the server.
    pub async fn begin(home: Home) -> Self {
        let server = home.serve(&set().each_ref().map(String::as_str));
        let shop = Shop::open(&home, &server, "one").await;
        for number in 0..40 {
            assert_eq!(shop.create(&format!("saved {number}")).await.0, 201);
        }
        let mut world =
            Self { home, shop, file: String::new(), saved: vec![], live: vec![], sealed: vec![], log: vec![] };
        world.saved = world.dump();
        let (status, made) = world.back_up(&server).await;
        assert_eq!(status, 200, "{made}");
        made["data"]["filename"].as_str().unwrap().clone_into(&mut world.file);
        world.sealed = std::fs::read(world.first_backup()).unwrap();
        for number in 0..9 {
            assert_eq!(world.shop.create(&format!("later {number}")).await.0, 201);
        }
        world.live = world.dump();
        world.log = std::fs::read(world.path("-wal")).unwrap();
        assert!(world.live != world.saved && !world.log.is_empty());
        server.stop();
        world
    }

    pub fn serve(&self) -> Server {
        self.home.serve(&set().each_ref().map(String::as_str))
    }

    pub fn serve_with_fault(&self, fault: &str) -> Server {
        self.home.serve_with_fault(fault, &set().each_ref().map(String::as_str))
    }

    /// The live file, or what lies beside it.
    pub fn path(&self, suffix: &str) -> PathBuf {
        self.home.data().join(format!("tenants/one.db{suffix}"))
    }

    pub fn request(&self, server: &Server, path: &str, body: &Value) -> reqwest::RequestBuilder {
        let path = format!("/tenants/{}/{path}", self.shop.id);
        self.shop.at(server).central(Method::POST, &path).json(body)
    }

    pub async fn back_up(&self, server: &Server) -> (u16, Value) {
        answer(self.request(server, "backup", &json!({}))).await
    }

    pub async fn restore(&self, server: &Server) -> (u16, Value) {
        answer(self.request(server, "restore", &json!({"file": self.file}))).await
    }

    pub async fn undo(&self, server: &Server) -> (u16, Value) {
        answer(self.request(server, "restore/undo", &json!({}))).await
    }

    /// Every row but those that a restore keeps of the present.
    pub fn dump(&self) -> Vec<String> {
        let file = open(&self.path(""));
        let kept = ["meta", "personal_access_tokens", "login_networks"];
        let mut names =
            file.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'").unwrap();
        let names: Vec<String> = names.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
        let mut lines = Vec::new();
        for name in names.iter().filter(|name| !kept.contains(&name.as_str())) {
            let mut all = file.prepare(&format!("SELECT * FROM \"{name}\"")).unwrap();
            let columns = all.column_count();
            let mut rows = all.query([]).unwrap();
            while let Some(row) = rows.next().unwrap() {
                let cells: Vec<_> = (0..columns).map(|column| row.get_ref(column).unwrap()).collect();
                lines.push(format!("{name} {cells:?}"));
            }
        }
        let check: String = file.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        assert_eq!(check, "ok");
        lines.sort();
        lines
    }

    /// Bytes of the live file as they are when its log is folded in, which happens to a copy.
    pub fn folded(&self) -> Vec<u8> {
        let folder = tempfile::tempdir().unwrap();
        let copy = folder.path().join("copy.db");
        std::fs::copy(self.path(""), &copy).unwrap();
        if self.path("-wal").exists() {
            std::fs::copy(self.path("-wal"), folder.path().join("copy.db-wal")).unwrap();
        }
        // What is no database at all is as it lies there.
        let file = open(&copy);
        let _ = file.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        drop(file);
        std::fs::read(copy).unwrap()
    }

    /// State and code of the last row of `backups` or `restores`.
    pub fn last(&self, table: &str) -> (String, Option<String>) {
        let sql = format!("SELECT state, error_code FROM {table} ORDER BY rowid DESC LIMIT 1");
        let sql = if table == "backups" { sql.replace("rowid", "created_at DESC, id") } else { sql };
        let central = open(&self.home.data().join("central.db"));
        central.query_row(&sql, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap()
    }

    fn first_backup(&self) -> PathBuf {
        let name = format!("{}.enc", self.file);
        self.backups().into_iter().find(|path| path.file_name().unwrap() == name.as_str()).unwrap()
    }

    /// Every file below the folder of backups.
    fn backups(&self) -> Vec<PathBuf> {
        let (mut found, mut folders) = (Vec::new(), vec![self.home.data().join("backups")]);
        while let Some(folder) = folders.pop() {
            for entry in folder.read_dir().unwrap().map(Result::unwrap) {
                if entry.path().is_dir() { folders.push(entry.path()) } else { found.push(entry.path()) }
            }
        }
        found
    }

    /// Nothing is under way, nothing half done lies around, what is `ok` is there, the first is as it was.
    pub fn expect_tidy(&self, after: &str) {
        let tmp: Vec<_> = self.home.data().join("tmp").read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
        assert!(tmp.is_empty(), "{after}: {tmp:?}");
        let central = open(&self.home.data().join("central.db"));
        let count = |sql: &str| central.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
        assert_eq!(count("SELECT count(*) FROM backups WHERE state = 'running'"), 0, "{after}");
        assert_eq!(count("SELECT count(*) FROM restores WHERE state = 'running'"), 0, "{after}");
        assert_eq!(count("SELECT count(*) FROM backups WHERE state = 'failed' AND error IS NULL"), 0, "{after}");
        let ok = count("SELECT count(*) FROM backups WHERE state = 'ok'");
        assert_eq!(self.backups().len(), usize::try_from(ok).unwrap(), "{after}");
        assert!(std::fs::read(self.first_backup()).unwrap() == self.sealed, "{after}");
    }
}

#[allow(clippy::disallowed_methods, reason = "the file is looked at from outside")]
fn open(path: &Path) -> Connection {
    let file = Connection::open_with_flags(path, rusqlite::OpenFlags::SQLITE_OPEN_READ_WRITE).unwrap();
    file.busy_timeout(std::time::Duration::from_secs(5)).unwrap();
    file
}
