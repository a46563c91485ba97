//! A real disk that is full while backups are made and restored, wherever the room ends.

use crate::backup_world::World;
use crate::binary::Home;
use crate::shop::{assert_full, expect_sound};
use crate::small_disk::{Disk, with_own_mounts};

/// Room that is left: from none to enough for everything; in smaller steps at the full depth.
fn rooms_kib() -> impl Iterator<Item = u64> {
    let depth = std::env::var("RUKO_TEST_DEPTH").ok().and_then(|text| text.parse::<f64>().ok()).unwrap_or(0.1);
    (0..=1600).step_by(if depth < 1.0 { 80 } else { 8 })
}

#[test]
fn full_disk_leaves_data_and_older_backups_as_they_were() {
    with_own_mounts("disk_full_backups::full_disk_leaves_data_and_older_backups_as_they_were", async {
        let home = Home::new();
        let disk = Disk::mount(&home.data(), 96);
        let world = World::begin(home).await;
        let mut outcomes = [[0; 2]; 2];
        for room in rooms_kib() {
            let server = world.serve();
            let what = format!("{room} KiB of room");
            let ballast = disk.fill(room);
            let made = world.back_up(&server).await;
            drop(ballast);
            outcomes[0][usize::from(made.0 == 200)] += 1;
            if made.0 != 200 {
                assert_full(&made);
            }
            assert!(world.dump() == world.live, "{what}");
            let (status, body) = world.back_up(&server).await;
            assert_eq!(status, 200, "{what}: {body}");

            let ballast = disk.fill(room);
            let restored = world.restore(&server).await;
            drop(ballast);
            outcomes[1][usize::from(restored.0 == 200)] += 1;
            if restored.0 != 200 {
                assert_full(&restored);
                assert!(world.dump() == world.live, "{what}");
            }
            let (status, body) = world.restore(&server).await;
            assert_eq!(status, 200, "{what}: {body}");
            assert!(world.dump() == world.saved, "{what}");
            server.stop();
            // Where there was no room for the failure's record either, the start has written it.
            let server = world.serve();
            world.expect_tidy(&what);
            // The rows of before, from the backup that the first restore that worked has made.
            let list = format!("/tenants/{}/backups", world.shop.id);
            let listed = crate::shop::answer(world.shop.at(&server).central(reqwest::Method::GET, &list)).await.1;
            let backups = listed["data"].as_array().unwrap();
            let before = backups.iter().find(|backup| backup["kind"] == "manual" && backup["filename"] != world.file);
            let body = serde_json::json!({"file": before.unwrap()["filename"]});
            assert_eq!(crate::shop::answer(world.request(&server, "restore", &body)).await.0, 200);
            assert!(world.dump() == world.live, "{what}");
            server.stop();
        }
        eprintln!("backups refused and made, restores refused and made: {outcomes:?}");
        assert!(outcomes.as_flattened().iter().all(|count| *count > 0), "{outcomes:?}");
        expect_sound(&world.home);
    });
}
