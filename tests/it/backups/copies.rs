//! Copies of backups in a bucket: sent, tried again, looked after, used, removed.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use reqwest::{Method, StatusCode};
use ruko::backups::container::{Unpacker, read_head};
use ruko::backups::keys::BackupKeys;
use ruko::clock::{Clock, Timestamp};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{back_up, count, download, files, list, path, sell, shop};
use crate::bucket::{Bucket, Fault, SECRET};
use crate::support::{Server, Tenant, User, eventually};

const NOON: Timestamp = Timestamp(1_795_755_600_000);
const HOURS: fn(u64) -> Duration = |hours| Duration::from_secs(hours * 3600);

async fn with_bucket() -> (Server, Bucket, Clock) {
    let (bucket, clock) = (Bucket::start().await, Clock::held_at(NOON));
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let server = Server::in_folder(folder, clock.clone(), |config| bucket.set(config)).await;
    (server, bucket, clock)
}

/// A server with a shop and one backup of it, copied.
async fn copied() -> (Server, Bucket, Clock, Tenant, User) {
    let (server, bucket, clock) = with_bucket().await;
    let (tenant, user) = shop(&server, "Warung", 2).await;
    back_up(&server, &tenant, json!({})).await;
    tend(&server).await;
    assert_eq!(remote(&server, &tenant).await["state"], "ok");
    (server, bucket, clock, tenant, user)
}

async fn tend(server: &Server) {
    server.app.backups.tend_copies().await.unwrap();
}

/// How the newest backup stands in the bucket.
async fn remote(server: &Server, tenant: &Tenant) -> Value {
    let shown = list(server, tenant).await.swap_remove(0);
    assert_eq!(
        (&shown["destinations"][0]["name"], &shown["destinations"][0]["state"]),
        (&json!("local"), &json!("ok"))
    );
    shown["destinations"][1].clone()
}

async fn restore(server: &Server, tenant: &Tenant) -> (StatusCode, Value) {
    server.central(Method::POST, &path(tenant, "restore"), json!({})).await
}

/// More than two parts of an upload.
fn swell(server: &Server, tenant: &Tenant) {
    let sql = "UPDATE products SET description = hex(randomblob(9000000))";
    server.open_file(tenant).execute_batch(&format!("DROP TRIGGER products_changed; {sql}")).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn copy_is_the_encrypted_file_and_opens_with_the_key() {
    let (server, bucket, _, tenant, user) = copied().await;
    let [object] = <[_; 1]>::try_from(bucket.objects()).unwrap();
    let [file] = <[_; 1]>::try_from(files(&server)).unwrap();
    assert_eq!(std::fs::read(&object).unwrap(), std::fs::read(&file).unwrap());
    let below = file.strip_prefix(server.app.data_dir.backups_dir()).unwrap();
    assert!(object.ends_with(below) && object.to_str().unwrap().ends_with(".db.zst.enc"), "{object:?}");
    let keys = BackupKeys::read(&server.app.data_dir.backup_key_file(), None).unwrap().unwrap();
    let head = read_head(&mut std::fs::File::open(&object).unwrap()).unwrap();
    let key = keys.find(&head.key_id).unwrap().stream_key();
    let mut payload = Unpacker::open(std::fs::File::open(&object).unwrap(), key).unwrap().payload(0).unwrap();
    let mut bytes = Vec::new();
    std::io::Read::read_to_end(&mut payload, &mut bytes).unwrap();
    let shown = list(&server, &tenant).await.swap_remove(0);
    assert_eq!(shown["checksum"], hex::encode(Sha256::digest(&bytes)));
    let (_, own) = user.get("/api/backups").await;
    assert_eq!(own["data"][0]["destinations"][1]["state"], "ok");
    assert!(own["data"][0]["destinations"][1].get("error").is_none(), "{own}");
    let (_, stats) = server.central(Method::GET, "/api/central/backups/stats", Value::Null).await;
    assert_eq!(stats["data"][0]["latest_backup_destinations"][1]["state"], "ok", "{stats}");
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_copy_leaves_its_backup_good_and_is_tried_again_after_a_pause() {
    for (fault, code) in [
        (Fault::Answer(500, "InternalError"), "s3_unavailable"),
        (Fault::Hang, "s3_timeout"),
        (Fault::CutOff, "s3_cut_off"),
    ] {
        let (server, bucket, clock) = with_bucket().await;
        let (tenant, _) = shop(&server, "Warung", 1).await;
        bucket.fault(move |_| Some(fault));
        back_up(&server, &tenant, json!({})).await;
        assert_eq!(remote(&server, &tenant).await["state"], "pending");
        tend(&server).await;
        let failed = remote(&server, &tenant).await;
        assert_eq!(
            (&failed["state"], &failed["error_code"], &failed["tries"]),
            (&json!("failed"), &json!(code), &json!(1))
        );
        let [told] = <[_; 1]>::try_from(server.app.backups.troubled_copies().await.unwrap()).unwrap();
        assert_eq!((told.tenant_id.as_str(), told.error.0.as_str()), (tenant.id.as_str(), code));
        bucket.heal();
        tend(&server).await;
        assert_eq!(remote(&server, &tenant).await["state"], "failed", "before its pause is over");
        clock.advance(Duration::from_secs(60));
        tend(&server).await;
        let done = remote(&server, &tenant).await;
        assert_eq!((&done["state"], &done["error"], &done["tries"]), (&json!("ok"), &Value::Null, &json!(0)));
        assert!(server.app.backups.troubled_copies().await.unwrap().is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn upload_that_a_stop_breaks_off_is_made_after_the_restart_and_leaves_no_parts() {
    let (server, bucket, clock) = with_bucket().await;
    let (tenant, _) = shop(&server, "Warung", 1).await;
    swell(&server, &tenant);
    back_up(&server, &tenant, json!({"compress": false})).await;
    let (parts, sent) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let counted = parts.clone();
    bucket.fault(move |request| {
        let is_part = request.uri.query().is_some_and(|query| query.contains("partNumber="));
        (is_part && counted.fetch_add(1, Ordering::SeqCst) > 0).then_some(Fault::Hang)
    });
    let backups = server.app.backups.clone();
    let upload = tokio::spawn(async move { backups.tend_copies().await });
    eventually(async || parts.load(Ordering::SeqCst) > 1).await;
    upload.abort();
    let _ = upload.await;
    assert_eq!(remote(&server, &tenant).await["state"], "pending");
    let folder = server.stop().await;
    let counted = sent.clone();
    bucket.fault(move |request| {
        counted.fetch_add(usize::from(request.method == Method::DELETE), Ordering::SeqCst);
        None
    });
    let server = Server::in_folder(folder, clock, |config| bucket.set(config)).await;
    tend(&server).await;
    assert_eq!(remote(&server, &tenant.at(&server)).await["state"], "ok");
    assert_eq!(sent.load(Ordering::SeqCst), 1, "the former upload was aborted");
    let [object] = <[_; 1]>::try_from(bucket.objects()).unwrap();
    assert_eq!(std::fs::read(object).unwrap(), std::fs::read(&files(&server)[0]).unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn object_goes_with_its_backup_also_when_the_first_tries_fail() {
    let (server, bucket, clock, tenant, _) = copied().await;
    let file = list(&server, &tenant).await[0]["filename"].clone();
    bucket.fault(|request| (request.method == Method::DELETE).then_some(Fault::Answer(500, "InternalError")));
    let (status, body) = server.central(Method::DELETE, &path(&tenant, "backups"), json!({"file": file})).await;
    assert_eq!(status, 200, "{body}");
    tend(&server).await;
    assert_eq!((bucket.objects().len(), list(&server, &tenant).await.len()), (1, 0));
    let [told] = <[_; 1]>::try_from(server.app.backups.troubled_copies().await.unwrap()).unwrap();
    assert_eq!(told.state, "removing");
    bucket.heal();
    clock.advance(HOURS(1));
    tend(&server).await;
    assert!(bucket.objects().is_empty() && server.app.backups.troubled_copies().await.unwrap().is_empty());
    back_up(&server, &tenant, json!({})).await;
    tend(&server).await;
    assert_eq!(bucket.objects().len(), 1);
    server.app.backups.forget(&tenant.id.as_str().into()).await.unwrap();
    tend(&server).await;
    assert!(bucket.objects().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn copy_stands_in_for_a_file_that_is_gone() {
    let (server, _bucket, _, tenant, user) = copied().await;
    sell(&user, "After the backup").await;
    let shown = list(&server, &tenant).await.swap_remove(0);
    std::fs::remove_file(&files(&server)[0]).unwrap();
    let answer = download(&server, &tenant, shown["filename"].as_str().unwrap(), None).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(hex::encode(Sha256::digest(answer.bytes().await.unwrap())), shown["checksum"]);
    let (status, body) = restore(&server, &tenant).await;
    assert_eq!((status, count(&user).await), (StatusCode::OK, 2), "{body}");
    assert_eq!(server.app.data_dir.tmp_dir().read_dir().unwrap().count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn object_that_is_not_the_backup_changes_nothing() {
    let (server, bucket, _, tenant, user) = copied().await;
    sell(&user, "After the backup").await;
    let object = bucket.objects().swap_remove(0);
    let good = std::fs::read(&object).unwrap();
    let (other, _) = shop(&server, "Toko", 1).await;
    back_up(&server, &other, json!({})).await;
    let swapped = files(&server).into_iter().find(|file| file.to_str().unwrap().contains(&other.id)).unwrap();
    let mut flipped = good.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 1;
    let own = files(&server).into_iter().find(|file| file.to_str().unwrap().contains(&tenant.id)).unwrap();
    std::fs::remove_file(own).unwrap();
    for bad in [good[..good.len() / 2].to_vec(), std::fs::read(swapped).unwrap(), flipped, Vec::new()] {
        std::fs::write(&object, bad).unwrap();
        let (status, body) = restore(&server, &tenant).await;
        assert_eq!(status, StatusCode::CONFLICT, "{body}");
        assert!(["backup_damaged", "copy_unavailable"].contains(&body["code"].as_str().unwrap()), "{body}");
        assert_eq!(count(&user).await, 3);
    }
    bucket.fault(|_| Some(Fault::Answer(503, "SlowDown")));
    let (status, body) = restore(&server, &tenant).await;
    assert_eq!((status, &body["code"]), (StatusCode::CONFLICT, &json!("copy_unavailable")), "{body}");
    bucket.heal();
    std::fs::write(&object, good).unwrap();
    assert_eq!((restore(&server, &tenant).await.0, count(&user).await), (StatusCode::OK, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_that_may_only_put_are_enough_and_nothing_fails() {
    let (bucket, clock) = (Bucket::start().await, Clock::held_at(NOON));
    bucket.allow_only_puts();
    let server = Server::in_folder(Arc::new(tempfile::tempdir().unwrap()), clock.clone(), |config| {
        bucket.set(config);
        config.s3.write_only = true;
    })
    .await;
    let (tenant, _) = shop(&server, "Warung", 1).await;
    back_up(&server, &tenant, json!({})).await;
    tend(&server).await;
    clock.advance(HOURS(30));
    tend(&server).await;
    assert_eq!(remote(&server, &tenant).await["state"], "ok");
    let (_, tried) = server.central(Method::POST, "/api/central/backups/destinations/test", Value::Null).await;
    let states: Vec<_> = tried["steps"].as_array().unwrap().iter().map(|step| step["state"].clone()).collect();
    assert_eq!(
        (&tried["ok"], states[0].clone(), states[4].clone()),
        (&json!(true), json!("ok"), json!("not_possible"))
    );
    std::fs::remove_file(&files(&server)[0]).unwrap();
    let (status, body) = restore(&server, &tenant).await;
    assert_eq!((status, &body["code"]), (StatusCode::CONFLICT, &json!("copy_unavailable")), "{body}");
    server.app.backups.forget(&tenant.id.as_str().into()).await.unwrap();
    tend(&server).await;
    assert!(server.app.backups.troubled_copies().await.unwrap().is_empty());
    assert!(bucket.seen().iter().all(|request| request.starts_with("PUT ")), "{:?}", bucket.seen());
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_object_is_noticed_and_sent_again() {
    let (server, bucket, clock, tenant, _) = copied().await;
    std::fs::remove_file(bucket.objects().swap_remove(0)).unwrap();
    tend(&server).await;
    assert_eq!(remote(&server, &tenant).await["state"], "ok", "nobody looked yet");
    clock.advance(HOURS(25));
    tend(&server).await;
    assert_eq!(remote(&server, &tenant).await["state"], "lost");
    tend(&server).await;
    assert_eq!((remote(&server, &tenant).await["state"].clone(), bucket.objects().len()), (json!("ok"), 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn backups_from_before_the_bucket_are_copied_too() {
    let server = Server::start().await;
    let (tenant, _) = shop(&server, "Warung", 1).await;
    back_up(&server, &tenant, json!({})).await;
    assert_eq!(list(&server, &tenant).await[0]["destinations"].as_array().unwrap().len(), 1);
    let (status, body) = server.central(Method::POST, "/api/central/backups/destinations/test", Value::Null).await;
    assert_eq!((status, &body["code"]), (StatusCode::CONFLICT, &json!("no_destination")));
    let (folder, bucket) = (server.stop().await, Bucket::start().await);
    let server = Server::in_folder(folder, Clock::system(), |config| bucket.set(config)).await;
    tend(&server).await;
    assert_eq!(remote(&server, &tenant.at(&server)).await["state"], "ok");
}

#[tokio::test(flavor = "multi_thread")]
async fn test_of_the_destination_names_the_setting_that_is_wrong() {
    type Change = fn(&mut ruko::config::S3);
    let settings: [(Change, &str, &str); 3] = [
        (|s3| s3.access_key_id = Some("AKIAOTHER".into()), "s3_bad_key_id", "s3.access_key_id"),
        (|s3| s3.secret_access_key = Some("wrong".into()), "s3_bad_secret", "s3.secret_access_key"),
        (|s3| s3.endpoint = ruko::config::BaseUrl::read("http://127.0.0.1:1"), "s3_unreachable", "s3.endpoint"),
    ];
    for (change, code, named) in settings {
        let bucket = Bucket::start().await;
        let server = Server::with(|config| {
            bucket.set(config);
            change(&mut config.s3);
        })
        .await;
        failed_step(&server, 0, code, named).await;
    }
    let bucket = Bucket::start().await;
    let server = Server::with(|config| bucket.set(config)).await;
    let (_, good) = server.central(Method::POST, "/api/central/backups/destinations/test", Value::Null).await;
    assert_eq!((&good["ok"], bucket.objects().len()), (&json!(true), 0), "{good}");
    for (code, expected, named) in [
        // The service of these tests makes a bucket of any name.
        ("NoSuchBucket", "s3_no_bucket", "s3.bucket"),
        ("AuthorizationHeaderMalformed", "s3_wrong_region", "eu-west-1"),
        ("RequestTimeTooSkewed", "s3_clock", "clocks"),
    ] {
        bucket.fault(move |_| Some(Fault::Answer(400, code)));
        failed_step(&server, 0, expected, named).await;
    }
    bucket.fault(|request| (request.method == Method::DELETE).then_some(Fault::Answer(403, "AccessDenied")));
    failed_step(&server, 4, "s3_denied", "s3.write_only").await;
}

async fn failed_step(server: &Server, step: usize, code: &str, named: &str) {
    let (status, body) = server.central(Method::POST, "/api/central/backups/destinations/test", Value::Null).await;
    assert_eq!((status, &body["ok"]), (StatusCode::OK, &json!(false)), "{body}");
    let step = &body["steps"][step];
    assert_eq!((&step["state"], &step["error_code"]), (&json!("failed"), &json!(code)), "{body}");
    assert!(step["error"].as_str().unwrap().contains(named), "{body}");
    assert!(!body.to_string().contains(SECRET), "{body}");
}
