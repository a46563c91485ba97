//! `ruko serve` from its start to its end.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;

use crate::binary::{Home, Ran, curls};

#[test]
fn first_start_shows_how_to_make_a_tenant_and_no_key() {
    let home = Home::new();
    let mut server = home.serve(&[]);
    let text = server.read_until_curls(1);
    let lines: Vec<&str> =
        text.lines().filter(|line| line.starts_with("curl ") || line.starts_with("MASTER=")).collect();
    let ran = Ran::of(Command::new("sh").args(["-c", &lines.join("\n")]).output().unwrap());
    let answer: Value = serde_json::from_str(&ran.out).unwrap_or_else(|error| panic!("{error}: {lines:?} {ran:?}"));
    assert_eq!(answer["data"]["name"], "Warung Bu Sri", "{answer}");
    let text = format!("{text}{}", server.stop());
    assert!(!text.contains("mk_"), "{text}");
    let later = home.serve(&[]).stop();
    assert!(curls(&later).len() == 1 && !later.contains("MASTER=$("), "{later}");
}

/// Starts a server whose standard output takes nothing, and stops it in order.
fn serve_unheard(out: std::process::Stdio, hang_up: bool) {
    let home = Home::new();
    let log = std::fs::File::create(home.folder.path().join("log")).unwrap();
    let mut command = home.command(&["serve", "--listen", "127.0.0.1:0"]);
    let mut child = command.stdout(out).stderr(log).spawn().unwrap();
    if hang_up {
        drop(child.stdout.take());
    }
    let begin = Instant::now();
    while !home.log().contains("could not be told") {
        assert!(begin.elapsed() < Duration::from_secs(20), "{}", home.log());
        assert!(child.try_wait().unwrap().is_none(), "it ended: {}", home.log());
        std::thread::yield_now();
    }
    home.ok(&["tenant", "list"]);
    rustix::process::kill_process(rustix::process::Pid::from_child(&child), Signal::TERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(home.log().contains("stopped"), "{}", home.log());
}

#[test]
fn start_that_nobody_hears_of_is_a_start() {
    serve_unheard(std::process::Stdio::piped(), true);
    if let Ok(full) = std::fs::OpenOptions::new().write(true).open("/dev/full") {
        serve_unheard(full.into(), false);
    }
}

#[test]
fn second_process_on_the_same_data_is_refused() {
    let home = Home::new();
    let server = home.serve(&[]);
    let pid = server.child.id().to_string();
    home.run(&["serve", "--listen", "127.0.0.1:0"]).refused(75, &["is in use by process", &pid, "stop that one first"]);
    server.stop();
}

#[test]
fn taken_port_is_told_and_no_key_is_made_for_nobody() {
    let home = Home::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    home.run(&["serve", "--listen", &address]).refused(1, &["cannot listen on", "--listen 127.0.0.1:8001"]);
    assert!(!home.data().join("central.db").exists());
}

#[test]
fn both_signals_end_the_server_with_zero_and_complete_files() {
    for signal in [Signal::TERM, Signal::INT] {
        let home = Home::new();
        let server = home.serve(&["--demo"]);
        let begin = Instant::now();
        server.signal(signal);
        assert_eq!(server.wait().0.code(), Some(0));
        assert!(begin.elapsed() < Duration::from_secs(15));
        let left: Vec<_> = ["data", "data/tenants"]
            .iter()
            .flat_map(|folder| std::fs::read_dir(home.folder.path().join(folder)).unwrap())
            .map(|entry| entry.unwrap())
            // A log of no bytes may outlive its last reader; it holds nothing.
            .filter(|entry| entry.metadata().unwrap().len() > 0 || !entry.path().to_string_lossy().ends_with("-wal"))
            .map(|entry| entry.file_name().into_string().unwrap())
            .filter(|name| name.ends_with("-wal") || name == "ruko.sock")
            .collect();
        assert_eq!(left, [""; 0]);
        assert!(home.log().contains("stopped"), "{}", home.log());
    }
}

#[test]
fn request_under_way_is_answered_before_the_server_ends() {
    let home = Home::new();
    let server = home.serve(&[]);
    let mut slow = TcpStream::connect(server.address()).unwrap();
    let master = std::fs::read_to_string(home.data().join("keys/master.key")).unwrap();
    let tenant = r#"{"name": "Slow Shop"}"#;
    let head = format!(
        "POST /api/central/tenants HTTP/1.1\r\nHost: x\r\nX-Master-API-Key: {}\r\nContent-Length: {}\r\n\
         Content-Type: application/json\r\nExpect: 100-continue\r\n\r\n",
        master.trim(),
        tenant.len()
    );
    slow.write_all(head.as_bytes()).unwrap();
    // The server asks for the body, so the request is under way.
    let mut asked = [0; 25];
    slow.read_exact(&mut asked).unwrap();
    assert!(asked.starts_with(b"HTTP/1.1 100"), "{}", String::from_utf8_lossy(&asked));
    server.signal(Signal::TERM);
    while TcpStream::connect(server.address()).is_ok() {}
    slow.write_all(tenant.as_bytes()).unwrap();
    let mut answer = String::new();
    slow.read_to_string(&mut answer).unwrap();
    assert!(answer.contains(" 201 "), "{answer}");
    assert_eq!(server.wait().0.code(), Some(0));
    assert_eq!(home.ok(&["sql", "central", "SELECT name FROM tenants"]), "name\nSlow Shop\n");
}

#[test]
fn client_that_never_ends_cannot_keep_the_server() {
    let home = Home::new();
    let server = home.serve(&["--set", "http.shutdown_timeout_secs=1"]);
    let mut stuck = TcpStream::connect(server.address()).unwrap();
    let head = "POST /api/central/tenants HTTP/1.1\r\nHost: x\r\nX-Master-API-Key: mk\r\nContent-Length: 9\r\n\r\n";
    stuck.write_all(head.as_bytes()).unwrap();
    let begin = Instant::now();
    server.stop();
    assert!(begin.elapsed() < Duration::from_secs(6), "{:?}", begin.elapsed());
}

#[test]
fn placeholder_master_key_lets_the_server_start_and_closes_the_central_api() {
    let home = Home::new();
    std::fs::write(home.folder.path().join(".env"), "MASTER_API_KEY=your-super-secret-master-key\n").unwrap();
    let server = home.serve(&[]);
    let curl = format!(
        "curl -s -o /dev/null -w '%{{http_code}}' {}/api/central/tenants -d '{{\"name\":\"x\"}}' \
         -H 'X-Master-API-Key: your-super-secret-master-key'",
        server.url
    );
    let ran = Ran::of(Command::new("sh").args(["-c", &curl]).output().unwrap());
    assert_eq!(ran.out, "403", "{ran:?}");
    let text = server.stop();
    assert!(text.contains("Central API is off"), "{text}");
    assert!(home.log().contains("placeholder of the documentation"), "{}", home.log());
}

#[test]
fn placeholder_signing_secret_is_refused_unless_debug_is_on() {
    let home = Home::new();
    std::fs::write(home.folder.path().join(".env"), "SECRET_KEY=your-secret-key-here\n").unwrap();
    home.run(&["serve"]).refused(78, &["public documentation"]);
    home.serve(&["--set", "debug=true"]).stop();
    assert!(home.log().contains("good for trying out"), "{}", home.log());
}

#[test]
fn server_key_of_a_template_stops_every_start_and_a_usable_one_is_taken() {
    let home = Home::new();
    let dotenv = |line: &str| std::fs::write(home.folder.path().join(".env"), line).unwrap();
    for (line, code, words) in [
        ("APP_KEY=SomeRandomString", 78, "public documentation"),
        ("APP_KEY=base64:your-app-key", 78, "public documentation"),
        ("APP_KEY=base64:c2l4dGVlbiBieXRlcyEhIQ==", 1, "AES-128"),
        ("APP_KEY=hunter2hunter2hunter2", 1, "64 hex digits"),
    ] {
        dotenv(line);
        let ran = home.run(&["serve"]);
        ran.refused(code, &["auth.app_key", ".env line 1 (APP_KEY)", words, "ruko key generate"]);
        assert!(!ran.err.contains(line.split_once('=').unwrap().1), "{ran:?}");
        assert!(!home.data().exists(), "nothing was made");
        assert!(home.ok(&["key", "generate"]).starts_with("APP_KEY=base64:"), "the way out works");
        let shown = home.run(&["config", "auth.app_key"]);
        assert!(shown.code == code && shown.out.contains("********") && shown.out.contains("(APP_KEY)"), "{shown:?}");
    }
    dotenv("APP_NAME=Laravel\nAPP_KEY=\nAPP_URL=http://localhost\n");
    home.serve(&[]).stop();
    let made = std::fs::read_to_string(home.data().join("keys/server.key")).unwrap();
    std::fs::remove_file(home.data().join("keys/server.key")).unwrap();
    home.run(&["serve", "--listen", "127.0.0.1:0"]).refused(1, &["The server key is gone", "Put it back"]);
    dotenv(&format!("APP_KEY={made}"));
    home.serve(&[]).stop();
    std::fs::write(home.data().join("keys/server.key"), "half a k").unwrap();
    dotenv("");
    home.run(&["serve", "--listen", "127.0.0.1:0"]).refused(1, &["server.key has not the form", "put the copy"]);
}

#[test]
fn wrong_server_key_stops_the_start_and_changes_nothing() {
    let home = Home::new();
    home.serve(&[]).stop();
    let other = home.ok(&["key", "generate", "--show"]);
    let ran =
        Ran::of(home.command(&["serve", "--listen", "127.0.0.1:0"]).env("APP_KEY", other.trim()).output().unwrap());
    ran.refused(1, &["not the key this data directory was made with"]);
    home.serve(&[]).stop();
}

#[test]
fn start_tells_what_is_set_and_not_needed() {
    let home = Home::new();
    std::fs::write(home.folder.path().join(".env"), "DB_HOST=127.0.0.1\nREDIS_URL=redis://x\n").unwrap();
    home.serve(&[]).stop();
    let log = home.log();
    assert!(log.contains("DB_HOST, REDIS_URL set, not needed: ruko stores data in SQLite files"), "{log}");
}

#[test]
fn start_speaks_indonesian_where_the_system_does() {
    let home = Home::new();
    let mut command = home.command(&["serve", "--listen", "127.0.0.1:0"]);
    let child =
        command.env("LANG", "id_ID.UTF-8").stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::null());
    let mut child = child.spawn().unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().unwrap()));
    let first = lines.next().unwrap().unwrap();
    assert!(first.starts_with("listening on http://127.0.0.1:"), "for programs it is the same: {first}");
    let second = lines.next().unwrap().unwrap();
    assert!(second.contains("Alamat") && second.contains("hanya dari komputer ini"), "{second}");
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn central_file_in_trouble_is_named_with_the_way_out() {
    let home = Home::new();
    home.serve(&[]).stop();
    let central = home.data().join("central.db");
    let good = std::fs::read(&central).unwrap();
    let path = central.to_str().unwrap();
    let mut newer = good.clone();
    newer[60..64].copy_from_slice(&9999_u32.to_be_bytes());
    let mut torn = good.clone();
    torn[4096..].fill(0x5a);
    for (content, words) in [
        (vec![0x5a; 8192], ["damaged", "put a good copy of it in its place"]),
        (Vec::new(), ["it is empty", "put a good copy of it in its place"]),
        (torn, ["damaged", "put a good copy of it in its place"]),
        (newer, ["version 9999", "newer ruko"]),
    ] {
        std::fs::write(&central, &content).unwrap();
        for command in [&["serve", "--listen", "127.0.0.1:0"][..], &["tenant", "list"]] {
            let ran = home.run(command);
            ran.refused(1, &[path, words[0], words[1]]);
            assert!(!ran.err.contains("restore the tenant"), "{ran:?}");
        }
        assert!(std::fs::read(&central).unwrap() == content, "it was changed by looking");
    }
}

#[test]
fn every_answer_about_a_missing_or_newer_file_is_in_the_log() {
    let home = Home::new();
    let server = home.serve(&[]);
    let key = home.json(&["tenant", "create", "One", "--db-name", "one"])["api_key"].as_str().unwrap().to_owned();
    home.ok(&["tenant", "freeze", "one"]);
    let file = home.data().join("tenants/one.db");
    let mut newer = std::fs::read(&file).unwrap();
    newer[60..64].copy_from_slice(&9999_u32.to_be_bytes());
    for content in [Some(newer), None] {
        match content {
            Some(content) => std::fs::write(&file, content).unwrap(),
            None => std::fs::remove_file(&file).unwrap(),
        }
        home.ok(&["tenant", "thaw", "one"]);
        for _ in 0..2 {
            let curl = format!(
                "curl -s {}/api/login -H 'X-Tenant-API-Key: {key}' -d '{{\"email\":\"a@b.co\",\"password\":\"x\"}}'",
                server.url
            );
            let ran = Ran::of(Command::new("sh").args(["-c", &curl]).output().unwrap());
            let answer: Value = serde_json::from_str(&ran.out).unwrap();
            let (code, id) = (answer["code"].as_str().unwrap(), answer["request_id"].as_str().unwrap());
            assert!(["tenant_newer", "tenant_unavailable"].contains(&code), "{answer}");
            let log = home.log();
            assert_eq!(log.lines().filter(|line| line.contains(id)).count(), 1, "{id}: {log}");
        }
        home.ok(&["tenant", "freeze", "one"]);
    }
    server.stop();
}

#[test]
fn schedule_of_cron_does_nothing_beside_a_server_and_all_jobs_without() {
    let home = Home::new();
    home.run(&["schedule:run"]).refused(1, &["there is no"]);
    let server = home.serve(&[]);
    home.ok(&["tenant", "create", "One", "--db-name", "one"]);
    home.ok(&["tenant", "delete", "one", "--yes"]);
    let trash = || std::fs::read_dir(home.data().join("trash")).unwrap().count();
    let run = ["--set", "storage.trash_days=0", "schedule:run"];
    let beside = home.run(&run);
    assert!(beside.code == 0 && beside.err.contains("a server runs on this data directory"), "{beside:?}");
    assert!(beside.out.contains("backup_daily\tleft to the server; last "), "{beside:?}");
    assert_eq!((home.json(&["schedule:run"])["beside_server"].as_bool(), trash()), (Some(true), 1));
    server.stop();
    let alone = home.ok(&run);
    assert!(alone.starts_with("Job\tResult\tTook\tNext\n") && alone.contains("\ntrash\tdone\t"), "{alone}");
    let again = home.ok(&run);
    assert!(again.contains("\nbackup_daily\tnot due\t\t2"), "{again}");
    assert_eq!(trash(), 0, "the job that empties the trash was run");
}

#[test]
fn schedule_of_cron_tells_of_backups_that_were_due() {
    let home = Home::begun();
    home.ok(&["tenant", "create", "One", "--db-name", "one"]);
    let of = |report: &Value, job: &str| {
        let jobs = report["jobs"].as_array().unwrap();
        jobs.iter().find(|line| line["job"] == job).unwrap_or_else(|| panic!("{report}")).clone()
    };
    let first = home.json(&["schedule:run"]);
    assert_eq!(of(&first, "backup_daily")["ran"], false, "{first}");
    assert_eq!(of(&first, "backup_daily")["detail"], "not due", "{first}");
    let long_ago = || {
        #[allow(clippy::disallowed_methods, reason = "days cannot be waited for")]
        let central = rusqlite::Connection::open(home.data().join("central.db")).unwrap();
        central.execute("UPDATE job_runs SET started_at = started_at - 8 * 86400000", []).unwrap();
        central.execute("UPDATE backups SET created_at = created_at - 8 * 86400000", []).unwrap();
    };
    long_ago();
    let due = home.json(&["--set", "backup.weekly=off", "schedule:run"]);
    let daily = of(&due, "backup_daily");
    assert_eq!(
        (&daily["ran"], &daily["detail"]),
        (&Value::Bool(true), &"1 tenants and the central file, 0 failed".into()),
        "{due}"
    );
    assert!(daily["next_at"].as_str().is_some_and(|at| at.ends_with('Z')), "{due}");
    assert_eq!(of(&due, "backup_weekly")["detail"], "off", "{due}");
    long_ago();
    std::fs::write(home.data().join("tenants/one.db"), "this is no database at all").unwrap();
    home.run(&["schedule:run"]).refused(1, &["the job backup_daily failed: 1 tenants and the central file, 1 failed"]);
}

#[test]
fn tenant_whose_file_cannot_be_written_is_not_healthy() {
    let home = Home::new();
    home.serve(&[]).stop();
    home.ok(&["tenant", "create", "One", "--db-name", "one"]);
    let server = home.serve_as_a_service(&[]);
    let url = &server.url;
    let id = home.json(&["tenant", "show", "one"])["id"].as_str().unwrap().to_owned();
    let master = std::fs::read_to_string(home.data().join("keys/master.key")).unwrap();
    let health = || {
        let curl = format!("curl -s {url}/api/central/tenants/{id}/health -H 'X-Master-API-Key: {}'", master.trim());
        let ran = Ran::of(Command::new("sh").args(["-c", &curl]).output().unwrap());
        serde_json::from_str::<Value>(&ran.out).unwrap()
    };
    assert_eq!(health()["status"], "healthy");
    let file = home.data().join("tenants/one.db");
    std::fs::set_permissions(&file, PermissionsExt::from_mode(0o444)).unwrap();
    let answer = health();
    assert!(answer["error"].as_str().unwrap().starts_with("tenant_read_only"), "{answer}");
    std::fs::set_permissions(&file, PermissionsExt::from_mode(0o600)).unwrap();
    assert_eq!(health()["status"], "healthy");
}
