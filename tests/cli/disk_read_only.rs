//! A disk that takes no writes any more.

use std::os::unix::fs::PermissionsExt;

use reqwest::Method;
use serde_json::json;

use crate::binary::Home;
use crate::shop::{MASTER, Shop, answer, expect_sound, until};
use crate::small_disk::{Disk, with_own_mounts};

#[test]
fn disk_that_becomes_read_only_refuses_what_needs_it_and_comes_back() {
    with_own_mounts("disk_read_only::disk_that_becomes_read_only_refuses_what_needs_it_and_comes_back", async {
        let home = Home::new();
        let disk = Disk::mount(&home.data(), 16);
        let server = home.serve(&["--set", &format!("auth.master_key={MASTER}")]);
        let open = Shop::open(&home, &server, "open").await;
        let closed = Shop::open(&home, &server, "closed").await;
        home.ok(&["tenant", "freeze", "closed"]);
        home.ok(&["tenant", "thaw", "closed"]);
        let read_only = disk.shadow_read_only();
        for path in ["/api/products", "/api/products/1", "/livez", "/readyz", "/health"] {
            let (status, body) = open.get(path).await;
            assert_eq!(status, 200, "{path}: {body}");
        }
        // Whoever has to be opened or made first needs the disk.
        let create = || answer(open.central(Method::POST, "/tenants").json(&json!({"name": "New", "db_name": "new"})));
        let export = || answer(open.central(Method::GET, &format!("/tenants/{}/export", open.id)));
        for (status, body) in [closed.create("refused").await, closed.log_in().await, create().await, export().await] {
            assert_eq!((status, body["code"].as_str()), (503, Some("tenant_read_only")), "{body}");
        }
        drop(read_only);
        until("the tenant is written again", async || closed.create("kept").await.0 == 201).await;
        assert_eq!(closed.get("/api/products").await.1["total"], 2);
        assert_eq!((create().await.0, export().await.0), (201, 200));
        server.stop();
        expect_sound(&home);
    });
}

#[test]
fn start_on_a_read_only_disk_says_so() {
    with_own_mounts("disk_read_only::start_on_a_read_only_disk_says_so", async {
        let home = Home::new();
        let disk = Disk::mount(&home.data(), 16);
        home.serve(&[]).stop();
        disk.make_read_only();
        for command in [&["serve", "--listen", "127.0.0.1:0"][..], &["tenant", "list"], &["migrate"]] {
            home.run(command).refused(1, &[home.data().to_str().unwrap(), "read-only", "mount it for writing"]);
        }
        disk.make_writable();
        home.serve(&[]).stop();
    });
}

/// SQLite shares what it has opened among the connections of a process, so both orders count: the file is
/// opened before or after it has become read-only.
#[tokio::test]
async fn tenant_whose_file_was_read_only_is_written_again_at_the_first_attempt() {
    let home = Home::new();
    let server = home.serve_as_a_service(&["--set", &format!("auth.master_key={MASTER}")]);
    for (name, is_open_before) in [("before", true), ("after", false)] {
        let shop = Shop::open(&home, &server, name).await;
        let file = home.data().join(format!("tenants/{name}.db"));
        let set_mode = |mode| std::fs::set_permissions(&file, PermissionsExt::from_mode(mode)).unwrap();
        // Without a writer that is open already.
        home.ok(&["tenant", "freeze", name]);
        if is_open_before {
            home.ok(&["tenant", "thaw", name]);
            assert_eq!(shop.get("/api/products").await.0, 200);
            set_mode(0o444);
        } else {
            set_mode(0o444);
            home.ok(&["tenant", "thaw", name]);
        }
        for _ in 0..2 {
            assert_eq!(shop.get("/api/products").await.0, 200, "{name}: reads go on");
            let (status, body) = shop.create("refused").await;
            assert_eq!((status, body["code"].as_str()), (503, Some("tenant_read_only")), "{name}: {body}");
        }
        set_mode(0o600);
        assert_eq!(shop.create("kept").await.0, 201, "{name}");
        assert_eq!(shop.get("/api/products").await.1["total"], 2, "{name}");
    }
    server.stop();
    expect_sound(&home);
}
