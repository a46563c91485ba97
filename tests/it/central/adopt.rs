//! Files that wait in the folder of tenants' files: prepared, let go, and hostile.

use reqwest::Method;
use serde_json::{Value, json};

use super::{TENANTS, file, get, names, opened, post, raw, sell, total};
use crate::support::{Server, User};

const ADOPT: &str = "/api/central/tenants/adopt";

/// Lets a tenant with one product go; gives its user and the name of its file.
async fn detached(server: &Server) -> (User, String) {
    let (tenant, user) = opened(server, "Warung").await;
    let (status, body) = post(server, &format!("{TENANTS}/{}/detach", tenant.id), Value::Null).await;
    assert_eq!((status.as_u16(), &body["data"]["db_name"]), (200, &json!(tenant.database)), "{body}");
    assert_eq!(get(server, &format!("{TENANTS}/{}", tenant.id)).await.0, 404);
    assert_eq!(user.get("/api/products").await.0, 403);
    (user, tenant.database)
}

#[tokio::test]
async fn prepared_empty_files_are_taken_over() {
    let server = Server::start().await;
    std::fs::write(file(&server, "kosong"), b"").unwrap();
    raw(&file(&server, "tanpa_tabel")).execute_batch("VACUUM").unwrap();
    for name in ["kosong", "tanpa_tabel"] {
        let (status, body) = post(&server, TENANTS, json!({"name": "Warung", "db_name": name})).await;
        assert_eq!((status.as_u16(), &body["data"]["database"]), (201, &json!(name)), "{body}");
        let path = format!("{TENANTS}/{}", body["data"]["tenant_id"].as_str().unwrap());
        assert_eq!(get(&server, &path).await.1["data"]["origin"], "adopted");
        assert_eq!(get(&server, &format!("{path}/health")).await.0, 200);
    }
}

#[tokio::test]
async fn detached_file_is_complete_and_can_be_adopted_by_either_way() {
    let server = Server::start().await;
    let (mut user, name) = detached(&server).await;
    assert_eq!(names(&server.app.data_dir.tenants_dir()), [format!("{name}.db")]);
    // Files that were in use carry the planner's statistics.
    raw(&file(&server, &name)).execute_batch("ANALYZE; PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    let (status, body) = post(&server, TENANTS, json!({"name": "Lagi", "db_name": name})).await;
    assert_eq!(status, 201, "{body}");
    user.tenant.key = body["data"]["api_key"].as_str().unwrap().to_owned();
    assert_eq!(total(&user).await, 1, "with its users, their tokens and its products");
    sell(&user, "Teh").await;
    let id = body["data"]["tenant_id"].as_str().unwrap();
    post(&server, &format!("{TENANTS}/{id}/detach"), Value::Null).await;
    let (status, body) = post(&server, ADOPT, json!({"name": "Ketiga", "db_name": name})).await;
    assert_eq!((status.as_u16(), &body["message"]), (201, &json!("Tenant adopted successfully")), "{body}");
    user.tenant.key = body["data"]["api_key"].as_str().unwrap().to_owned();
    assert_eq!(total(&user).await, 2);
    let (status, body) = post(&server, ADOPT, json!({"name": "x", "db_name": name})).await;
    assert!(status == 422 && body["errors"]["db_name"].is_array(), "{body}");
    let (status, body) = post(&server, ADOPT, json!({"name": "x", "db_name": "nowhere"})).await;
    assert!(status == 422 && body["errors"]["db_name"].is_array(), "{body}");
    assert_eq!(post(&server, ADOPT, json!({})).await.1["errors"].as_object().unwrap().len(), 2);
}

#[tokio::test]
async fn file_of_another_tenant_is_taken_over_only_by_name() {
    let server = Server::start().await;
    let (tenant, user) = opened(&server, "Warung").await;
    assert_eq!(server.central(Method::POST, &format!("{TENANTS}/{}/freeze", tenant.id), Value::Null).await.0, 200);
    std::fs::copy(server.file(&tenant), file(&server, "salinan")).unwrap();
    let body = |take_over: Value| json!({"name": "Salinan", "db_name": "salinan", "take_over": take_over});
    for wrong in [Value::Null, json!("somebody-else")] {
        let (status, answer) = post(&server, ADOPT, body(wrong)).await;
        assert_eq!((status.as_u16(), &answer["code"]), (409, &json!("file_not_adoptable")));
        assert!(answer["message"].as_str().unwrap().contains(&tenant.id), "it says whose it is: {answer}");
    }
    let (status, made) = post(&server, ADOPT, body(json!(tenant.id))).await;
    assert_eq!(status, 201, "{made}");
    let mut copy = user.clone();
    copy.tenant.key = made["data"]["api_key"].as_str().unwrap().to_owned();
    sell(&copy, "Teh").await;
    server.central(Method::POST, &format!("{TENANTS}/{}/thaw", tenant.id), Value::Null).await;
    assert_eq!((total(&user).await, total(&copy).await), (1, 2));
}

#[tokio::test]
async fn hostile_files_are_refused_and_stay_as_they_are() {
    let server = Server::start().await;
    let (_, name) = detached(&server).await;
    let good = std::fs::read(file(&server, &name)).unwrap();
    let spoils = [
        ("trigger", "CREATE TRIGGER evil AFTER INSERT ON products BEGIN DELETE FROM users; END"),
        ("view", "CREATE VIEW evil AS SELECT password_hash FROM users"),
        ("table", "CREATE TABLE evil (x)"),
        ("index", "CREATE INDEX evil ON products (name)"),
        ("missing", "DROP TRIGGER products_counted"),
        ("changed", "DROP VIEW tokens; CREATE VIEW tokens AS SELECT 1"),
        ("application", "PRAGMA application_id = 7"),
        ("stamp", "INSERT INTO meta VALUES ('owner', 'another-tenant')"),
        ("newer", "PRAGMA user_version = 9999"),
        ("older", "PRAGMA user_version = 0"),
        ("negative", "PRAGMA user_version = -5"),
        ("counts", "UPDATE row_counts SET n = 5 WHERE name = 'products'"),
        (
            "orphans",
            "PRAGMA foreign_keys = OFF; INSERT INTO order_items (order_id, name, unit_price_minor, quantity) VALUES (99, 'x', 1, 1)",
        ),
        ("price", "UPDATE products SET price_minor = 9223372036854775807"),
        ("stock", "UPDATE products SET stock = 9223372036854775807"),
        ("time", "UPDATE users SET updated_at = 9223372036854775807"),
        ("last_id", "UPDATE sqlite_sequence SET seq = 9223372036854775807 WHERE name = 'users'"),
        ("pages", "PRAGMA journal_mode = DELETE; PRAGMA page_size = 8192; VACUUM"),
    ];
    let (mut cases, mut contents) = (Vec::new(), Vec::new());
    for (case, sql) in spoils {
        std::fs::write(file(&server, case), &good).unwrap();
        raw(&file(&server, case)).execute_batch(sql).unwrap();
        cases.push(case);
    }
    std::fs::write(file(&server, "text"), b"no database at all, but long enough to look like one").unwrap();
    // The engine itself takes this one for an empty database.
    std::fs::write(file(&server, "byte"), b"x").unwrap();
    let mut torn = good.clone();
    torn[40_000..].fill(0x5a);
    std::fs::write(file(&server, "torn"), torn).unwrap();
    std::fs::write(file(&server, "short"), &good[..good.len() / 2]).unwrap();
    cases.extend(["text", "byte", "torn", "short"]);
    for case in &cases {
        contents.push(std::fs::read(file(&server, case)).unwrap());
    }
    let before = names(&server.app.data_dir.tenants_dir());
    for (case, content) in cases.iter().zip(&contents) {
        for path in [TENANTS, ADOPT] {
            let (status, body) = post(&server, path, json!({"name": "Jahat", "db_name": case})).await;
            assert_eq!((status.as_u16(), &body["code"]), (409, &json!("file_not_adoptable")), "{case}: {body}");
            assert!(body["message"].as_str().unwrap().starts_with("The database file cannot be adopted."), "{body}");
            assert!(!body.to_string().contains(server.folder.path().to_str().unwrap()), "{body}");
        }
        assert!(std::fs::read(file(&server, case)).unwrap() == *content, "{case} was changed by looking");
    }
    assert_eq!(names(&server.app.data_dir.tenants_dir()), before);
    assert_eq!(get(&server, TENANTS).await.1["total"], 0, "no row stays behind");
}

#[tokio::test]
async fn file_with_a_log_beside_it_is_refused() {
    let server = Server::start().await;
    let (_, name) = detached(&server).await;
    for suffix in ["-wal", "-journal"] {
        let log = server.app.data_dir.tenants_dir().join(format!("{name}.db{suffix}"));
        std::fs::write(&log, b"what was not folded in").unwrap();
        let (status, body) = post(&server, ADOPT, json!({"name": "x", "db_name": name})).await;
        assert_eq!((status.as_u16(), &body["code"]), (409, &json!("file_not_adoptable")));
        assert!(body["message"].as_str().unwrap().contains(suffix), "{body}");
        assert_eq!(std::fs::read(&log).unwrap(), b"what was not folded in");
        std::fs::remove_file(&log).unwrap();
    }
    let stray = server.app.data_dir.tenants_dir().join("hilang.db-wal");
    std::fs::write(&stray, b"the log of a file that is gone").unwrap();
    let (status, body) = post(&server, TENANTS, json!({"name": "x", "db_name": "hilang"})).await;
    assert_eq!((status.as_u16(), &body["code"]), (409, &json!("file_not_adoptable")), "it would be replayed");
    std::fs::write(&stray, b"").unwrap();
    assert_eq!(post(&server, TENANTS, json!({"name": "x", "db_name": "hilang"})).await.0, 201);
}

#[cfg(unix)]
#[tokio::test]
async fn link_out_of_the_folder_is_refused() {
    let server = Server::start().await;
    let (_, name) = detached(&server).await;
    let outside = server.folder.path().join("outside.db");
    std::fs::rename(file(&server, &name), &outside).unwrap();
    std::os::unix::fs::symlink(&outside, file(&server, "tautan")).unwrap();
    std::fs::create_dir(file(&server, "folder")).unwrap();
    for case in ["tautan", "folder"] {
        let (status, body) = post(&server, TENANTS, json!({"name": "x", "db_name": case})).await;
        assert_eq!((status.as_u16(), &body["code"]), (409, &json!("file_not_adoptable")), "{case}: {body}");
    }
}
