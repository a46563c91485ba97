//! `kill -9` and failures at every step of a backup and of a restore: the tenant is as before or as after,
//! the records say how it ended, and the next run succeeds.

use std::os::unix::process::ExitStatusExt as _;

use reqwest::Method;
use serde_json::{Value, json};

use crate::backup_world::World;
use crate::binary::{Home, Server};
use crate::shop::{answer, assert_full, until};

/// Kills at each step: one, and fifty at the full `RUKO_TEST_DEPTH`.
fn kills() -> u32 {
    let depth = std::env::var("RUKO_TEST_DEPTH").ok().and_then(|text| text.parse::<f64>().ok()).unwrap_or(0.1);
    if depth < 1.0 { 1 } else { 50 }
}

/// Sends a request on which the server dies; gives the next server.
async fn kill(world: &World, place: &str, path: &str, body: &Value) -> Server {
    let server = world.serve_with_fault(&format!("kill:{place}"));
    assert!(world.request(&server, path, body).send().await.is_err(), "{place} was not reached");
    assert_eq!(server.wait().0.signal(), Some(9), "{place}");
    world.serve()
}

#[tokio::test]
async fn backup_that_is_killed_at_any_step_is_failed_and_the_next_is_made() {
    let world = World::begin(Home::new()).await;
    for place in ["begun", "copying", "copied", "packing", "written", "landed", "synced", "noted"] {
        let place = format!("backup.{place}");
        for _ in 0..kills() {
            let server = kill(&world, &place, "backup", &json!({})).await;
            let is_made = ["backup.landed", "backup.synced", "backup.noted"].contains(&place.as_str());
            let expected = if is_made { ("ok", None) } else { ("failed", Some("interrupted")) };
            let (state, code) = world.last("backups");
            assert_eq!((state.as_str(), code.as_deref()), expected, "{place}");
            world.expect_tidy(&place);
            assert!(world.dump() == world.live, "{place}");
            assert_eq!(world.back_up(&server).await.0, 200, "{place}");
            server.stop();
        }
    }
}

#[tokio::test]
async fn restore_that_is_killed_at_any_step_was_made_or_was_not() {
    let world = World::begin(Home::new()).await;
    let before = ["begun", "unpacked", "held", "copied", "set_aside", "carried"].map(|step| format!("restore.{step}"));
    let after = [
        "restore.overwritten",
        "backup.packing",
        "backup.written",
        "backup.landed",
        "backup.synced",
        "backup.noted",
        "restore.done",
        "restore.noted",
    ];
    let places = before.iter().map(|place| (place.as_str(), false)).chain(after.map(|place| (place, true)));
    for (place, is_restored) in places {
        for _ in 0..kills() {
            let server = kill(&world, place, "restore", &json!({"file": world.file})).await;
            assert!(world.dump() == *if is_restored { &world.saved } else { &world.live }, "{place}");
            let expected = if is_restored { ("ok", None) } else { ("failed", Some("interrupted")) };
            let (state, code) = world.last("restores");
            assert_eq!((state.as_str(), code.as_deref()), expected, "{place}");
            world.expect_tidy(place);
            if !is_restored {
                assert_eq!(world.restore(&server).await.0, 200, "{place}");
                assert!(world.dump() == world.saved, "{place}");
            }
            // What the killed one had put aside is not lost.
            let (status, body) = world.undo(&server).await;
            assert_eq!(status, 200, "{place}: {body}");
            assert!(world.dump() == world.live, "{place}");
            server.stop();
        }
    }
}

/// Without the index of the search, which is filled anew.
fn without_index(dump: &[String]) -> Vec<&String> {
    dump.iter().filter(|line| !line.starts_with("products_")).collect()
}

#[tokio::test]
async fn restore_of_a_table_that_is_killed_at_any_step_was_made_or_was_not() {
    let world = World::begin(Home::new()).await;
    let body = json!({"file": world.file, "tables": ["products"]});
    for (place, is_restored) in [
        ("restore.held", false),
        ("restore.set_aside", false),
        ("restore.merged", false),
        ("restore.carried", false),
        ("restore.overwritten", true),
        ("backup.landed", true),
        ("restore.done", true),
    ] {
        for _ in 0..kills() {
            let server = kill(&world, place, "restore", &body).await;
            let expected = if is_restored { ("ok", None) } else { ("failed", Some("interrupted")) };
            let (state, code) = world.last("restores");
            assert_eq!((state.as_str(), code.as_deref()), expected, "{place}");
            world.expect_tidy(place);
            if !is_restored {
                assert!(world.dump() == world.live, "{place}");
                let (status, answer) = answer(world.request(&server, "restore", &body)).await;
                assert_eq!(status, 200, "{place}: {answer}");
            }
            assert!(without_index(&world.dump()) == without_index(&world.saved), "{place}");
            let (status, body) = world.undo(&server).await;
            assert_eq!(status, 200, "{place}: {body}");
            assert!(world.dump() == world.live, "{place}");
            server.stop();
        }
    }
    let server = world.serve_with_fault("full:restore.merged");
    assert_full(&answer(world.request(&server, "restore", &body)).await);
    world.expect_tidy("a full disk");
    assert!(world.dump() == world.live);
    server.stop();
}

static DAMAGE: [u8; 40_000] = [0xEE; 40_000];

/// Damages the live file of a server that does not run, and puts a log beside it.
fn damage(world: &World) {
    std::fs::write(world.path(""), DAMAGE.as_slice()).unwrap();
    std::fs::write(world.path("-wal"), &world.log).unwrap();
    std::fs::write(world.path("-shm"), &DAMAGE[..32_768]).unwrap();
}

#[tokio::test]
async fn swap_that_is_killed_at_any_step_is_finished_or_taken_back() {
    let world = World::begin(Home::new()).await;
    for (place, is_restored) in [
        ("restore.begun", false),
        ("restore.unpacked", false),
        ("swap.waiting", false),
        ("swap.moved", true),
        ("swap.cleared", true),
        ("swap.placed", true),
        ("restore.done", true),
        ("restore.noted", true),
    ] {
        for _ in 0..kills() {
            damage(&world);
            let damaged = world.folded();
            let server = kill(&world, place, "restore", &json!({"file": world.file})).await;
            if !is_restored {
                // Its log begins with a whole first page, so a start may fold it in: the content is the same.
                assert!(world.folded() == damaged, "{place}");
                assert_eq!(world.last("restores").0, "failed", "{place}");
                assert_eq!(world.restore(&server).await.0, 200, "{place}");
            }
            assert!(world.dump() == world.saved, "{place}");
            assert_eq!(world.last("restores"), ("ok".into(), None), "{place}");
            world.expect_tidy(place);
            until("the tenant serves", async || world.shop.at(&server).log_in().await.0 == 200).await;
            server.stop();
        }
    }
}

#[tokio::test]
async fn step_that_finds_the_disk_full_changes_nothing_and_says_so() {
    let world = World::begin(Home::new()).await;
    for place in ["backup.begun", "backup.copied", "backup.packing", "backup.written"] {
        let server = world.serve_with_fault(&format!("full:{place}"));
        assert_full(&world.back_up(&server).await);
        assert_eq!(world.last("backups"), ("failed".into(), Some("storage_full".into())), "{place}");
        world.expect_tidy(place);
        server.stop();
    }
    for step in ["unpacked", "held", "copied", "set_aside", "carried"] {
        let server = world.serve_with_fault(&format!("full:restore.{step}"));
        assert_full(&world.restore(&server).await);
        assert_eq!(world.last("restores"), ("failed".into(), Some("storage_full".into())), "{step}");
        world.expect_tidy(step);
        assert!(world.dump() == world.live, "{step}");
        server.stop();
    }
    for place in ["swap.waiting", "swap.moved", "swap.cleared"] {
        damage(&world);
        let server = world.serve_with_fault(&format!("full:{place}"));
        assert_full(&world.restore(&server).await);
        assert!(std::fs::read(world.path("")).unwrap() == DAMAGE, "{place}");
        world.expect_tidy(place);
        server.stop();
    }
    let server = world.serve();
    assert_eq!(world.restore(&server).await.0, 200);
    assert!(world.dump() == world.saved);
    server.stop();
}

#[tokio::test]
async fn restore_whose_undo_could_not_be_kept_says_so() {
    let world = World::begin(Home::new()).await;
    let server = world.serve_with_fault("full:backup.packing");
    let (status, restored) = world.restore(&server).await;
    assert_eq!((status, &restored["pre_restore_file"]), (200, &Value::Null), "{restored}");
    let why = restored["pre_restore_error"].as_str().unwrap();
    assert!(why.starts_with("what was there before could not be kept: "), "{why}");
    assert!(world.dump() == world.saved);
    server.stop();
    let server = world.serve();
    let (status, body) = world.undo(&server).await;
    assert_eq!((status, &body["code"]), (409, &json!("nothing_to_undo")), "{body}");
    assert!(body["message"].as_str().unwrap().contains(why), "{body}");
    world.expect_tidy("an undo that is not possible");
    server.stop();
}

#[tokio::test]
async fn new_tenant_of_a_backup_that_is_cut_short_is_not_there() {
    let world = World::begin(Home::new()).await;
    let server = world.serve();
    let backups = format!("/tenants/{}/backups", world.shop.id);
    let (status, listed) = answer(world.shop.at(&server).central(Method::GET, &backups)).await;
    assert_eq!(status, 200, "{listed}");
    let make = format!("/backups/{}/tenant", listed["data"][0]["id"].as_str().unwrap());
    server.stop();
    let ask = |server: &Server| {
        world.shop.at(server).central(Method::POST, &make).json(&json!({"name": "Two", "db_name": "two"}))
    };
    let expect_nothing = |place: &str| {
        world.expect_tidy(place);
        assert!(!world.home.data().join("tenants/two.db").exists(), "{place}");
    };
    for place in ["restore.as_new", "tenant.placed"] {
        let server = world.serve_with_fault(&format!("full:{place}"));
        assert_full(&answer(ask(&server)).await);
        expect_nothing(place);
        server.stop();
        let server = world.serve_with_fault(&format!("kill:{place}"));
        assert!(ask(&server).send().await.is_err(), "{place} was not reached");
        assert_eq!(server.wait().0.signal(), Some(9), "{place}");
        let server = world.serve();
        expect_nothing(place);
        let (_, tenants) = answer(world.shop.at(&server).central(Method::GET, "/tenants")).await;
        assert_eq!(tenants["total"], 1, "{place}");
        server.stop();
    }
    let server = world.serve();
    assert_eq!(answer(ask(&server)).await.0, 201);
    server.stop();
    assert!(world.dump() == world.live);
}
