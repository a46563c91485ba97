//! What a start of the server makes of half done work.

use ruko::clock::Clock;
use serde_json::{Value, json};

use super::{TENANTS, delete, file, get, names, opened, post, raw, sell, total};
use crate::support::{Server, User};

/// A server that ended, with one tenant; `spoil` changes its files as a crash would have left them.
async fn restarted(spoil: impl FnOnce(&rusqlite::Connection, &std::path::Path, &str)) -> (Server, User, String) {
    let server = Server::start().await;
    let (tenant, user) = opened(&server, "Warung").await;
    let folder = server.stop().await;
    let data = folder.path().join("data");
    spoil(&raw(&data.join("central.db")), &data, &tenant.database);
    let server = Server::in_folder(folder, Clock::system(), |_| {}).await;
    let mut user = user;
    user.tenant = user.tenant.at(&server);
    (server, user, tenant.database)
}

fn data_file(data: &std::path::Path, name: &str) -> std::path::PathBuf {
    data.join(format!("tenants/{name}.db"))
}

#[tokio::test]
async fn half_made_tenant_is_cleared_away_with_its_file() {
    let (server, _, name) = restarted(|central, data, name| {
        central.execute_batch("UPDATE tenants SET state = 'creating'").unwrap();
        std::fs::write(data.join(format!("tenants/{name}.db.new")), b"partial").unwrap();
        std::fs::write(data.join("tmp/transfer-0123.db"), b"partial").unwrap();
    })
    .await;
    assert_eq!(get(&server, TENANTS).await.1["total"], 0);
    assert_eq!(names(&server.app.data_dir.tenants_dir()), Vec::<String>::new());
    assert_eq!(names(&server.app.data_dir.tmp_dir()), Vec::<String>::new());
    assert_eq!(post(&server, TENANTS, json!({"name": "x", "db_name": name})).await.0, 201);
}

#[tokio::test]
async fn half_adopted_file_is_given_back_with_all_it_holds() {
    let (server, mut user, name) = restarted(|central, _, _| {
        central.execute_batch("UPDATE tenants SET state = 'creating', origin = 'adopted'").unwrap();
    })
    .await;
    assert_eq!(get(&server, TENANTS).await.1["total"], 0);
    let (status, body) = post(&server, TENANTS, json!({"name": "x", "db_name": name})).await;
    assert_eq!(status, 201, "{body}");
    user.tenant.key = body["data"]["api_key"].as_str().unwrap().to_owned();
    assert_eq!(total(&user).await, 1);
}

#[tokio::test]
async fn file_that_is_not_the_half_made_tenants_own_is_left_alone() {
    let (server, ..) = restarted(|central, data, name| {
        central.execute_batch("UPDATE tenants SET state = 'creating'").unwrap();
        std::fs::write(data_file(data, name), b"somebody's").unwrap();
    })
    .await;
    assert_eq!(get(&server, TENANTS).await.1["total"], 0);
    assert_eq!(names(&server.app.data_dir.tenants_dir()).len(), 1);
}

#[tokio::test]
async fn half_done_deletion_is_finished_on_either_side_of_the_move() {
    for is_moved in [false, true] {
        let (server, user, name) = restarted(|central, data, name| {
            let sql =
                "UPDATE tenants SET state = 'deleting', state_was = 'active', trash_name = 't.db', deleted_at = 5";
            central.execute_batch(sql).unwrap();
            if is_moved {
                std::fs::rename(data_file(data, name), data.join("trash/t.db")).unwrap();
            }
        })
        .await;
        assert!(!file(&server, &name).exists());
        assert_eq!(names(&server.app.data_dir.trash_dir()), ["t.db"]);
        assert_eq!(user.get("/api/products").await.0, 403);
        let (_, list) = get(&server, &format!("{TENANTS}?state=deleted")).await;
        let id = list["data"][0]["id"].as_str().unwrap();
        let (status, body) = post(&server, &format!("{TENANTS}/{id}/undelete"), Value::Null).await;
        assert_eq!((status.as_u16(), &body["data"]["database"]), (200, &json!(name)), "{body}");
        assert_eq!(total(&user).await, 1);
    }
}

#[tokio::test]
async fn half_done_renaming_is_finished_on_either_side_of_the_move() {
    for is_moved in [false, true] {
        let (server, user, name) = restarted(|central, data, name| {
            central.execute_batch("UPDATE tenants SET db_name_next = 'baru'").unwrap();
            if is_moved {
                std::fs::rename(data_file(data, name), data_file(data, "baru")).unwrap();
            }
        })
        .await;
        assert!(file(&server, "baru").exists() && !file(&server, &name).exists());
        assert_eq!(total(&user).await, 1);
        assert_eq!(get(&server, TENANTS).await.1["data"][0]["database"], "baru");
        assert_eq!(post(&server, TENANTS, json!({"name": "x", "db_name": name})).await.0, 201);
    }
}

#[tokio::test]
async fn renaming_that_cannot_be_finished_is_undone() {
    let (server, user, name) = restarted(|central, data, _| {
        central.execute_batch("UPDATE tenants SET db_name_next = 'baru'").unwrap();
        std::fs::write(data_file(data, "baru"), b"somebody's").unwrap();
    })
    .await;
    assert_eq!(get(&server, TENANTS).await.1["data"][0]["database"], json!(name));
    assert_eq!(total(&user).await, 1);
    assert_eq!(std::fs::read(file(&server, "baru")).unwrap(), b"somebody's");
}

#[tokio::test]
async fn half_done_undelete_is_finished_on_either_side_of_the_move() {
    for is_moved in [false, true] {
        let (server, user, _) = restarted(|central, data, name| {
            let sql = "UPDATE tenants SET state = 'deleted', state_was = 'active', trash_name = 't.db', deleted_at = 5, \
                       db_name_was = db_name, db_name = NULL, db_name_next = 'kembali'";
            central.execute_batch(sql).unwrap();
            let to = if is_moved { data_file(data, "kembali") } else { data.join("trash/t.db") };
            std::fs::rename(data_file(data, name), to).unwrap();
        })
        .await;
        assert_eq!(total(&user).await, 1);
        assert_eq!(get(&server, TENANTS).await.1["data"][0]["database"], "kembali");
    }
}

#[tokio::test]
async fn half_done_detaching_is_finished() {
    let (server, _, name) = restarted(|central, _, _| {
        central.execute_batch("UPDATE tenants SET state = 'detaching', state_was = 'active'").unwrap();
    })
    .await;
    assert_eq!(get(&server, TENANTS).await.1["total"], 0);
    let adopt = json!({"name": "Lagi", "db_name": name});
    assert_eq!(post(&server, &format!("{TENANTS}/adopt"), adopt).await.0, 201);
}

#[tokio::test]
async fn trouble_with_one_tenant_keeps_nobody_else_from_being_served() {
    let server = Server::start().await;
    let (broken, _) = opened(&server, "Broken").await;
    let (_, fine) = opened(&server, "Fine").await;
    let folder = server.stop().await;
    let data = folder.path().join("data");
    std::fs::write(data_file(&data, &broken.database), [7; 8192]).unwrap();
    let sql = format!("UPDATE tenants SET state = 'detaching', db_name_next = 'baru' WHERE id = '{}'", broken.id);
    raw(&data.join("central.db")).execute_batch(&sql).unwrap();
    let server = Server::in_folder(folder, Clock::system(), |_| {}).await;
    let fine = User { tenant: fine.tenant.at(&server), ..fine };
    assert_eq!(total(&fine).await, 1);
    sell(&fine, "Teh").await;
}

#[tokio::test]
async fn acknowledged_work_survives_a_restart() {
    let server = Server::start().await;
    let (tenant, user) = opened(&server, "Warung").await;
    delete(&server, &format!("{TENANTS}/{}", tenant.id)).await;
    let folder = server.stop().await;
    let server = Server::in_folder(folder, Clock::system(), |_| {}).await;
    let user = User { tenant: user.tenant.at(&server), ..user };
    assert_eq!(user.get("/api/products").await.0, 403);
    assert_eq!(post(&server, &format!("{TENANTS}/{}/undelete", tenant.id), Value::Null).await.0, 200);
    assert_eq!(total(&user).await, 1);
}

#[tokio::test]
async fn tenant_that_an_older_ruko_has_frozen_thaws_to_what_it_was() {
    let older = "DROP TABLE alerts; DROP TABLE backup_copies; DROP TABLE retention_pauses; DROP TABLE tenant_schedules; DROP INDEX tenants_scheduled; DROP TABLE jobs; DROP TABLE backups; DROP TABLE restores; DROP INDEX tenants_by_schema; ALTER TABLE tenants DROP COLUMN migration_error_code; \
                 ALTER TABLE tenants DROP COLUMN migration_error; ALTER TABLE tenants DROP COLUMN migration_failed_at; \
                 ALTER TABLE tenants DROP COLUMN thaw_to; PRAGMA user_version = 1; \
                 UPDATE tenants SET state = 'frozen', state_was = 'suspended'";
    let (server, user, _) = restarted(|central, _, _| central.execute_batch(older).unwrap()).await;
    let path = format!("{TENANTS}/{}", user.tenant.id);
    delete(&server, &path).await;
    let (_, body) = post(&server, &format!("{path}/undelete"), Value::Null).await;
    assert_eq!(body["data"]["state"], "frozen", "{body}");
    let (_, body) = post(&server, &format!("{path}/thaw"), Value::Null).await;
    assert_eq!(body["data"]["state"], "suspended", "{body}");
}
