//! What a stranger may put into an archive.

use super::*;

#[tokio::test]
async fn hostile_archives_are_refused_and_leave_nothing() {
    let server = Server::start().await;
    let (tenant, _) = opened(&server, "Warung").await;
    let archive = export(&server, &tenant).await;
    delete(&server, &format!("{TENANTS}/{}?purge=true", tenant.id)).await;
    let (manifest, database) = entries(&archive);
    let text = manifest.to_string();
    let text = text.as_bytes();
    let (regular, good) = (tar::EntryType::Regular, database.as_slice());
    let with = |change: &dyn Fn(&mut Value)| {
        let mut changed = manifest.clone();
        change(&mut changed);
        repacked(changed, good)
    };
    let mut flipped = database.clone();
    flipped[5000] ^= 1;
    let bomb = {
        let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
        let zeros = vec![0; 1024 * 1024];
        (0..300).for_each(|_| encoder.write_all(&zeros).unwrap());
        encoder.finish().unwrap()
    };
    let mut huge = tar::Header::new_ustar();
    huge.set_path("manifest.json").unwrap();
    huge.set_size(u64::from(u32::MAX));
    huge.set_cksum();
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("nothing", Vec::new()),
        ("no zstd", b"name=x&db_name=y".to_vec()),
        ("no tar", zstd::encode_all(&b"hello"[..], 1).unwrap()),
        ("bomb", bomb),
        ("huge manifest", zstd::encode_all(&huge.as_bytes()[..], 1).unwrap()),
        ("cut off", archive[..archive.len() - 10].to_vec()),
        ("cut in half", archive[..archive.len() / 2].to_vec()),
        ("no database", packed(&[("manifest.json", regular, text)])),
        ("no manifest", packed(&[("database.db", regular, good)])),
        ("other order", packed(&[("database.db", regular, good), ("manifest.json", regular, text)])),
        ("one more", packed(&[("manifest.json", regular, text), ("database.db", regular, good), ("x", regular, b"x")])),
        ("twice", packed(&[("manifest.json", regular, text), ("manifest.json", regular, text)])),
        ("out of the folder", packed(&[("../manifest.json", regular, text), ("database.db", regular, good)])),
        ("absolute", packed(&[("/manifest.json", regular, text), ("database.db", regular, good)])),
        ("link", packed(&[("manifest.json", regular, text), ("database.db", tar::EntryType::Symlink, b"")])),
        (
            "long name",
            packed(&[("././@LongLink", tar::EntryType::GNULongName, b"manifest.json"), ("x", regular, text)]),
        ),
        ("flipped", packed(&[("manifest.json", regular, text), ("database.db", regular, &flipped)])),
        ("shorter", packed(&[("manifest.json", regular, text), ("database.db", regular, &good[..4096])])),
        ("no json", packed(&[("manifest.json", regular, b"{"), ("database.db", regular, good)])),
        (
            "deep json",
            packed(&[("manifest.json", regular, "[".repeat(100_000).as_bytes()), ("database.db", regular, good)]),
        ),
        ("later format", with(&|m| m["format_version"] = json!(2))),
        ("id", with(&|m| m["tenant"]["id"] = json!("../../x"))),
        ("no id", with(&|m| m["tenant"]["id"] = json!(""))),
        ("name", with(&|m| m["tenant"]["name"] = json!("n".repeat(300)))),
        ("db_name", with(&|m| m["tenant"]["db_name"] = json!("../x"))),
        ("plan", with(&|m| m["tenant"]["plan"] = json!("nothing"))),
        ("state", with(&|m| m["tenant"]["state"] = json!("creating"))),
        ("port", with(&|m| m["tenant"]["db_port"] = json!(0))),
        ("limit", with(&|m| m["tenant"]["limits"]["max_phone_numbers"] = json!(-1))),
        ("time zone", with(&|m| m["tenant"]["settings"]["time_zone"] = json!("../x"))),
        ("password length", with(&|m| m["tenant"]["settings"]["password_min_length"] = json!(100_000))),
        ("locale", with(&|m| m["tenant"]["settings"]["locale"] = json!(1))),
        ("hash", with(&|m| m["keys"][0]["sha256"] = json!("00"))),
        ("keys", with(&|m| m["keys"] = json!(vec![m["keys"][0].clone(); 101]))),
        ("domain", with(&|m| m["domains"] = json!(["a b"]))),
        ("domains", with(&|m| m["domains"] = json!(["a.b", "A.B"]))),
    ];
    for (case, archive) in cases {
        let (status, body) = import(&server, "", archive).await;
        assert!(status == 422 && body["errors"].is_object(), "{case}: {status} {body}");
        assert!(!body.to_string().contains(server.folder.path().to_str().unwrap()), "{body}");
    }
    let spoiled = |sql: &str| {
        let copy = server.folder.path().join("spoiled.db");
        std::fs::write(&copy, good).unwrap();
        raw(&copy).execute_batch(sql).unwrap();
        repacked(manifest.clone(), &std::fs::read(copy).unwrap())
    };
    for sql in [
        "CREATE TRIGGER evil AFTER INSERT ON products BEGIN DELETE FROM users; END",
        "CREATE VIEW evil AS SELECT 1",
        "PRAGMA application_id = 1",
        "PRAGMA user_version = 99",
        "UPDATE meta SET value = 'somebody-else' WHERE key = 'owner'",
    ] {
        let (status, body) = import(&server, "", spoiled(sql)).await;
        assert_eq!((status.as_u16(), &body["code"]), (409, &json!("file_not_adoptable")), "{sql}: {body}");
    }
    let (status, body) = import(&server, "", with(&|m| m["keys"] = json!([m["keys"][0], m["keys"][0]]))).await;
    assert!(status.is_client_error(), "one key twice: {body}");
    assert_eq!(get(&server, TENANTS).await.1["total"], 0);
    assert_eq!(names(&server.app.data_dir.tenants_dir()), Vec::<String>::new());
    let (status, body) = import(&server, "", archive).await;
    assert_eq!(status, 201, "the honest one is fine: {body}");
}

#[tokio::test]
async fn file_that_nobody_could_import_is_not_exported() {
    let server = Server::start().await;
    let (tenant, _) = opened(&server, "Warung").await;
    let (other, _) = opened(&server, "Lain").await;
    for tenant in [&tenant, &other] {
        assert_eq!(post(&server, &format!("{TENANTS}/{}/freeze", tenant.id), Value::Null).await.0, 200);
    }
    let path = server.file(&tenant);
    let good = std::fs::read(&path).unwrap();
    let index: u32 = raw(&path)
        .query_row("SELECT rootpage FROM sqlite_schema WHERE name = 'personal_access_tokens_by_user'", [], |row| {
            row.get(0)
        })
        .unwrap();
    let mut damaged = good.clone();
    // The row that the first entry of the index points at; quick_check does not look there.
    damaged[index as usize * 4096 - 1] ^= 1;
    let spoiled = |sql: &str| {
        let copy = server.folder.path().join("spoiled.db");
        std::fs::write(&copy, &good).unwrap();
        raw(&copy).execute_batch(sql).unwrap();
        std::fs::read(copy).unwrap()
    };
    let empty = server.folder.path().join("empty.db");
    raw(&empty).execute_batch("CREATE TABLE x (y); DROP TABLE x").unwrap();
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("is empty", Vec::new()),
        ("is empty", std::fs::read(&empty).unwrap()),
        ("not a file of ruko", spoiled("PRAGMA application_id = 7")),
        ("damaged", vec![7; 8192]),
        ("integrity_check", damaged),
        ("damaged", good[..good.len() / 2].to_vec()),
        ("newer", spoiled("PRAGMA user_version = 99")),
        ("no owner", spoiled("DELETE FROM meta WHERE key = 'owner'")),
        (other.id.as_str(), std::fs::read(server.file(&other)).unwrap()),
    ];
    for (reason, content) in cases {
        std::fs::write(&path, &content).unwrap();
        let (status, body) = get(&server, &format!("{TENANTS}/{}/export", tenant.id)).await;
        let text = body["message"].as_str().unwrap();
        // What is no database at all cannot even be copied.
        let is_told =
            body["code"] == "file_not_exportable" && text.contains(reason) || body["code"] == "tenant_corrupt";
        assert!(is_told, "{reason}: {status} {body}");
        assert!(std::fs::read(&path).unwrap() == content, "{reason}: it was changed by looking");
        assert_eq!(names(&server.app.data_dir.tmp_dir()), Vec::<String>::new());
    }
    std::fs::write(&path, &good).unwrap();
    let (manifest, _) = entries(&export(&server, &tenant).await);
    let version: i64 = raw(&path).query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap();
    assert_eq!(manifest["database"]["schema_version"], version);

    let (status, body) =
        import(&server, "id=new&keys=new&db_name=x", repacked(manifest, &std::fs::read(&empty).unwrap())).await;
    assert_eq!(
        (status.as_u16(), &body["code"]),
        (409, &json!("file_not_adoptable")),
        "no tenant comes of nothing: {body}"
    );
}

#[tokio::test]
async fn archive_past_the_bound_is_refused() {
    let server = Server::with(|config| config.limits.max_import_bytes = 64 * 1024).await;
    let (tenant, _) = opened(&server, "Warung").await;
    let archive = export(&server, &tenant).await;
    let (status, body) = import(&server, "id=new&keys=new&db_name=x", archive).await;
    assert!(status == 422 && body["errors"]["archive"].is_array(), "its database is larger: {body}");
    let (status, body) = import(&server, "", vec![0; 64 * 1024 + 1]).await;
    assert_eq!((status.as_u16(), &body["code"]), (413, &json!("payload_too_large")));
}
