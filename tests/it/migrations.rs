//! Files of an older release: brought to the newest schema at their first use or in the background; one
//! that cannot be is parked, and nobody else notices.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest::Method;
use ruko::clock::{Clock, Timestamp};
use ruko::jobs::{self, Job, Jobs};
use serde_json::{Value, json};

use crate::support::{Server, Tenant, User, raw};

const NOW: Timestamp = Timestamp(1_761_833_130_001);
/// A table that the second migration makes, too.
const POISON: &str = "CREATE TABLE login_networks (mine TEXT); INSERT INTO login_networks VALUES ('dear');";

/// Makes a closed file what the first release would have left; the rows stay.
fn age(path: &Path) {
    let file = raw(path);
    file.execute_batch("DROP TABLE login_networks; PRAGMA user_version = 1;").unwrap();
    let first = raw(Path::new(":memory:"));
    first.execute_batch(include_str!("../../migrations/tenant/001-shop/up.sql")).unwrap();
    let schema = |file: &rusqlite::Connection| {
        let mut sql = file.prepare("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name").unwrap();
        let found = sql.query_map([], |row| row.get::<_, String>(0)).unwrap().map(Result::unwrap);
        found.filter(|sql| !sql.contains("sqlite_stat")).collect::<Vec<_>>()
    };
    assert_eq!(schema(&file), schema(&first), "not the file of the first release");
}

fn version(path: &Path) -> i64 {
    raw(path).query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap()
}

/// Ends the server, ages the files of these tenants, spoils some, and starts it again.
async fn upgrade(server: Server, old: &[&Tenant], spoilt: &[&Tenant]) -> Server {
    let files: Vec<_> = old.iter().map(|tenant| (server.file(tenant), tenant.id.clone())).collect();
    let spoilt: Vec<_> = spoilt.iter().map(|tenant| server.file(tenant)).collect();
    let central = server.app.data_dir.central_db();
    let folder = server.stop().await;
    for (file, id) in &files {
        age(file);
        raw(&central).execute("UPDATE tenants SET schema_version = 1 WHERE id = ?1", [id]).unwrap();
    }
    for file in &spoilt {
        raw(file).execute_batch(POISON).unwrap();
    }
    Server::in_folder(folder, Clock::held_at(NOW), |_| {}).await
}

async fn shop(server: &Server, name: &str) -> User {
    let user = server.tenant(name).await.register("john", "user").await;
    assert_eq!(user.post("/api/products", json!({"name": "Kopi", "price": 1})).await.0, 201);
    user
}

/// The same user at another server.
fn at(user: &User, server: &Server) -> User {
    User { tenant: user.tenant.at(server), ..user.clone() }
}

async fn shown(server: &Server, tenant: &Tenant) -> Value {
    let (status, body) = server.central(Method::GET, &format!("/api/central/tenants/{}", tenant.id), Value::Null).await;
    assert_eq!(status, 200, "{body}");
    body["data"].clone()
}

async fn migrate(server: &Server, tenant: &Tenant) -> (u16, Value) {
    let path = format!("/api/central/tenants/{}/migrate", tenant.id);
    let (status, body) = server.central(Method::POST, &path, Value::Null).await;
    (status.as_u16(), body)
}

async fn assert_parked(user: &User) {
    let (status, body) = user.get("/api/products").await;
    assert_eq!((status.as_u16(), &body["code"]), (503, &json!("tenant_migration_failed")), "{body}");
    assert!(!body.to_string().contains("login_networks"), "{body}");
}

fn metric(server: &Server, name: &str) -> String {
    let text = server.app.metrics.render();
    let line = text.lines().find(|line| line.starts_with(name) && !line.starts_with('#'));
    line.unwrap_or_else(|| panic!("{name}: {text}")).rsplit(' ').next().unwrap().to_owned()
}

/// Forgets what the fleet remembers of a failed open, as it does by itself after a second.
async fn forget(server: &Server, tenant: &Tenant) {
    let deadline = Instant::now() + Duration::from_secs(5);
    drop(server.app.tenants.fleet().fence(&tenant.id.as_str().into(), deadline).await.unwrap());
}

#[tokio::test]
async fn old_file_is_migrated_at_its_first_use() {
    let server = Server::start().await;
    let user = shop(&server, "Warung").await;
    let server = upgrade(server, &[&user.tenant], &[]).await;
    let user = at(&user, &server);
    assert_eq!(user.get("/api/products").await.1["total"], 1);
    assert_eq!(user.again().await.get("/api/me").await.0, 200, "what the new release needs is there");
    assert_eq!(version(&server.file(&user.tenant)), 2);
    jobs::migrate_tenants(&server.app).await.unwrap();
    assert_eq!(shown(&server, &user.tenant).await["schema_version"], 2);
}

#[tokio::test]
async fn old_files_are_migrated_in_the_background_and_nothing_else_is_touched() {
    let server = Server::start().await;
    let (old, suspended, fresh) = (shop(&server, "A").await, shop(&server, "B").await, shop(&server, "C").await);
    let (frozen, deleted) = (shop(&server, "D").await, shop(&server, "E").await);
    let act = async |server: &Server, user: &User, verb: &str| {
        let path = format!("/api/central/tenants/{}/{verb}", user.tenant.id);
        let (status, body) = server.central(Method::POST, &path, json!({})).await;
        assert_eq!(status, 200, "{body}");
    };
    let server = upgrade(server, &[&old.tenant, &suspended.tenant, &frozen.tenant, &deleted.tenant], &[]).await;
    act(&server, &suspended, "suspend").await;
    act(&server, &frozen, "freeze").await;
    let path = format!("/api/central/tenants/{}", deleted.tenant.id);
    assert!(server.central(Method::DELETE, &path, Value::Null).await.0.is_success());
    let before = shown(&server, &old.tenant).await;

    jobs::migrate_tenants(&server.app).await.unwrap();
    for (user, expected) in [(&old, 2), (&suspended, 2), (&fresh, 2), (&frozen, 1)] {
        assert_eq!(version(&server.file(&user.tenant)), expected);
        assert_eq!(shown(&server, &user.tenant).await["schema_version"], expected);
    }
    assert_eq!(metric(&server, "ruko_tenants_behind"), "0");
    assert_eq!(shown(&server, &old.tenant).await["updated_at"], before["updated_at"], "nobody changed it");
    assert_eq!(at(&old, &server).get("/api/products").await.1["total"], 1);
    let generation = server.app.central.generation();
    jobs::migrate_tenants(&server.app).await.unwrap();
    assert_eq!(server.app.central.generation(), generation, "nothing is left to do");

    assert_eq!(migrate(&server, &frozen.tenant).await.1["code"], "tenant_frozen");
    act(&server, &frozen, "thaw").await;
    act(&server, &deleted, "undelete").await;
    for user in [&frozen, &deleted] {
        assert_eq!(at(user, &server).get("/api/products").await.1["total"], 1);
        assert_eq!(version(&server.file(&user.tenant)), 2);
    }
}

#[tokio::test]
async fn tenant_whose_migration_fails_is_parked_and_its_file_is_as_it_was() {
    let server = Server::start().await;
    let (hit, other) = (shop(&server, "Hit").await, shop(&server, "Other").await);
    let server = upgrade(server, &[&hit.tenant, &other.tenant], &[&hit.tenant]).await;
    let (hit, other) = (at(&hit, &server), at(&other, &server));
    let before = std::fs::read(server.file(&hit.tenant)).unwrap();

    jobs::migrate_tenants(&server.app).await.unwrap();
    assert_parked(&hit).await;
    assert_eq!(other.get("/api/products").await.0, 200);
    assert!(std::fs::read(server.file(&hit.tenant)).unwrap() == before, "the file has changed");
    let detail = shown(&server, &hit.tenant).await;
    let expected = json!({
        "code": "tenant_migration_failed",
        "message": "the database file cannot be brought from schema version 1 to 2: table login_networks already exists",
        "failed_at": NOW,
    });
    assert_eq!((&detail["schema_version"], &detail["migration_error"]), (&json!(1), &expected), "{detail}");
    assert_eq!(
        (metric(&server, "ruko_tenants_behind"), metric(&server, "ruko_tenants_parked")),
        ("1".into(), "1".into())
    );
    let health = format!("/api/central/tenants/{}/health", hit.tenant.id);
    let (status, body) = server.central(Method::GET, &health, Value::Null).await;
    let error = body["error"].as_str().unwrap();
    assert!(
        status == 500 && error.starts_with("tenant_migration_failed: ") && error.contains("ruko migrate"),
        "{body}"
    );

    // Whoever tried again would meet this lock first.
    let file = raw(&server.file(&hit.tenant));
    file.execute_batch("PRAGMA locking_mode = EXCLUSIVE; BEGIN IMMEDIATE").unwrap();
    forget(&server, &hit.tenant).await;
    assert_parked(&hit).await;
    jobs::migrate_tenants(&server.app).await.unwrap();
    assert_parked(&hit).await;
    assert_eq!(migrate(&server, &hit.tenant).await.1["code"], "tenant_locked", "an operator's word is another try");
    drop(file);
    let (status, body) = migrate(&server, &hit.tenant).await;
    assert_eq!((status, &body["code"]), (503, &json!("tenant_migration_failed")), "{body}");
    let path = format!("/api/central/tenants/{}", hit.tenant.id);
    assert!(server.central(Method::DELETE, &path, Value::Null).await.0.is_success());
    assert_eq!(metric(&server, "ruko_tenants_parked"), "0");
}

#[tokio::test]
async fn mended_file_is_served_without_a_restart() {
    let server = Server::start().await;
    let (first, second) = (shop(&server, "First").await, shop(&server, "Second").await);
    let old = [&first.tenant, &second.tenant];
    let server = upgrade(server, &old, &old).await;
    let (first, second) = (at(&first, &server), at(&second, &server));
    for user in [&first, &second] {
        assert_parked(user).await;
        assert_eq!(shown(&server, &user.tenant).await["migration_error"]["code"], "tenant_migration_failed");
        raw(&server.file(&user.tenant)).execute_batch("ALTER TABLE login_networks RENAME TO mine").unwrap();
    }
    assert_eq!(first.get("/api/products").await.1["total"], 1, "at its next request");
    let (status, body) = migrate(&server, &second.tenant).await;
    let data = json!({"tenant_id": second.tenant.id, "from": 1, "to": 2});
    assert_eq!((status, &body["data"]), (200, &data), "{body}");
    assert_eq!(second.get("/api/products").await.1["total"], 1);
    jobs::migrate_tenants(&server.app).await.unwrap();
    for user in [&first, &second] {
        let detail = shown(&server, &user.tenant).await;
        assert_eq!((&detail["schema_version"], &detail["migration_error"]), (&json!(2), &Value::Null), "{detail}");
        let kept = "SELECT mine FROM mine";
        let kept: String = raw(&server.file(&user.tenant)).query_row(kept, [], |row| row.get(0)).unwrap();
        assert_eq!(kept, "dear");
    }
    assert_eq!(metric(&server, "ruko_tenants_parked"), "0");
}

#[tokio::test]
async fn what_may_pass_parks_nobody() {
    let server = Server::start().await;
    let user = shop(&server, "Warung").await;
    let server = upgrade(server, &[&user.tenant], &[]).await;
    let user = at(&user, &server);
    let file = raw(&server.file(&user.tenant));
    file.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert_eq!(user.get("/api/products").await.1["code"], "tenant_locked");
    assert!(jobs::migrate_tenants(&server.app).await.is_err());
    assert_eq!(shown(&server, &user.tenant).await["migration_error"]["code"], "tenant_locked");
    drop(file);
    jobs::migrate_tenants(&server.app).await.unwrap();
    assert_eq!(shown(&server, &user.tenant).await["migration_error"], Value::Null);
    assert_eq!(user.get("/api/products").await.1["total"], 1);
}

#[tokio::test]
async fn parked_tenant_is_tried_again_after_a_restart() {
    let server = Server::start().await;
    let user = shop(&server, "Warung").await;
    let server = upgrade(server, &[&user.tenant], &[&user.tenant]).await;
    assert_parked(&at(&user, &server)).await;
    let file = server.file(&user.tenant);
    let folder = server.stop().await;
    let server = Server::in_folder(Arc::clone(&folder), Clock::system(), |_| {}).await;
    jobs::migrate_tenants(&server.app).await.unwrap();
    assert_parked(&at(&user, &server)).await;
    let failed_at = &shown(&server, &user.tenant).await["migration_error"]["failed_at"];
    assert_eq!(failed_at, &json!(NOW), "the time it failed first");
    server.stop().await;
    raw(&file).execute_batch("DROP TABLE login_networks").unwrap();
    let server = Server::in_folder(folder, Clock::system(), |_| {}).await;
    assert_eq!(at(&user, &server).get("/api/products").await.1["total"], 1);
}

#[tokio::test]
async fn stop_does_not_wait_for_a_job_that_can_break_off() {
    let server = Server::start().await;
    let begun = Arc::new(tokio::sync::Notify::new());
    let tell = begun.clone();
    let endless = Job::every("endless", Duration::from_secs(3600), move |_| {
        tell.notify_one();
        std::future::pending()
    });
    let jobs = Jobs::start(&server.app, vec![endless.first_after(Duration::ZERO).that_can_break_off()]);
    begun.notified().await;
    tokio::time::timeout(Duration::from_secs(10), jobs.stop()).await.expect("it waits");
}

async fn backups(server: &Server, tenant: &Tenant) -> Vec<Value> {
    let path = format!("/api/central/tenants/{}/backups", tenant.id);
    let (status, body) = server.central(Method::GET, &path, Value::Null).await;
    assert_eq!(status, 200, "{body}");
    body["data"].as_array().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn file_is_backed_up_once_before_its_first_upgrade_whoever_comes_first() {
    let server = Server::start().await;
    let (asked, swept, current) = (shop(&server, "A").await, shop(&server, "B").await, shop(&server, "C").await);
    let server = upgrade(server, &[&asked.tenant, &swept.tenant], &[]).await;
    let (asked, swept) = (at(&asked, &server), at(&swept, &server));
    let many = futures_util::future::join_all((0..8).map(|_| asked.get("/api/products"))).await;
    assert!(many.iter().all(|(status, _)| *status == 200));
    jobs::migrate_tenants(&server.app).await.unwrap();
    for user in [&asked, &swept] {
        let [made] = <[Value; 1]>::try_from(backups(&server, &user.tenant).await).unwrap();
        assert_eq!(made["kind"], "pre_upgrade");
        let id = made["id"].as_str().unwrap().to_owned();
        assert_eq!(server.app.backups.get(&id).await.unwrap().content.unwrap().schema_version, 1);
        assert_eq!(version(&server.file(&user.tenant)), 2);
    }
    assert_eq!(backups(&server, &current.tenant).await.len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn file_is_upgraded_without_a_backup_where_none_is_wanted_or_can_be_made() {
    for is_wanted in [false, true] {
        let server = Server::start().await;
        let user = shop(&server, "A").await;
        let (file, central) = (server.file(&user.tenant), server.app.data_dir.central_db());
        let backups_dir = server.app.data_dir.backups_dir();
        let folder = server.stop().await;
        age(&file);
        raw(&central).execute("UPDATE tenants SET schema_version = 1", []).unwrap();
        let server = Server::in_folder(folder, Clock::held_at(NOW), |config| {
            config.backup.before_upgrade = is_wanted;
        })
        .await;
        // A folder where the backups should be written cannot be made.
        std::fs::remove_dir_all(&backups_dir).unwrap();
        std::fs::write(&backups_dir, "no folder").unwrap();
        assert_eq!(at(&user, &server).get("/api/products").await.0, 200);
        let tried = "SELECT count(*) FROM backups WHERE kind = 'pre_upgrade' AND state = 'failed'";
        let tried = server.app.central.read(move |tx| Ok(tx.query_one(tried, &[], |row| row.get::<i64>(0))?)).await;
        assert_eq!(tried.unwrap(), i64::from(is_wanted));
        std::fs::remove_file(&backups_dir).unwrap();
    }
}
