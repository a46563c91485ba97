//! `ruko health`

use std::io::{Read, Write};
use std::net::TcpListener;

use serde_json::Value;

use crate::binary::{Home, Ran};

/// Asks at an address, in a folder of its own without any data.
fn ask(args: &[&str]) -> Ran {
    let home = Home::new();
    let ran = home.run(&[&["health"], args].concat());
    assert_eq!(home.folder.path().read_dir().unwrap().count(), 0, "asking makes nothing");
    ran
}

/// Answers one connection with these bytes and closes it.
fn answer_once(bytes: Vec<u8>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.read(&mut [0; 4096]);
        let _ = stream.write_all(&bytes);
    });
    url
}

#[test]
fn running_server_is_healthy_by_its_url_and_by_the_settings() {
    let home = Home::new();
    let server = home.serve(&[]);
    let ran = ask(&["--url", &server.url]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.out.starts_with(&format!("healthy: {}/readyz, ruko ", server.url)), "{ran:?}");
    assert_eq!(ran.out.lines().count(), 1, "{ran:?}");
    let listen = format!("http.listen={}", server.address());
    let told = home.json(&["health", "--set", &listen]);
    assert_eq!((&told["status"], &told["version"]), (&"healthy".into(), &env!("CARGO_PKG_VERSION").into()), "{told}");
    let elsewhere = ["health", "--set", &listen, "--data-dir", "nowhere"];
    home.ok(&elsewhere);
    assert!(!home.folder.path().join("nowhere").exists());
    assert_eq!(ask(&["--url", &format!("{}/livez", server.url)]).code, 0);
    let page = ask(&["--url", &format!("{}/docs", server.url)]);
    page.refused(1, &["unhealthy: ", "200 OK and not that of a healthy ruko"]);
    server.stop();
}

#[test]
fn server_that_cannot_read_its_central_file_is_unhealthy() {
    let home = Home::new();
    let server = home.serve(&[]);
    std::fs::rename(home.data().join("central.db"), home.data().join("moved.db")).unwrap();
    let ran = ask(&["--url", &server.url]);
    ran.refused(1, &["unhealthy: ", "503", "its log says why"]);
    assert_eq!((ran.out.as_str(), ran.err.lines().count()), ("", 1), "{ran:?}");
    std::fs::rename(home.data().join("moved.db"), home.data().join("central.db")).unwrap();
    assert_eq!(ask(&["--url", &server.url]).code, 0);
    server.kill();
}

#[test]
fn nobody_there_is_unhealthy_and_told_as_json_too() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    ask(&["--url", &format!("http://{free}")]).refused(1, &["unhealthy: ", "refused"]);
    let ran = ask(&["--json", "--set", &format!("http.listen={free}")]);
    let told: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!((ran.code, &told["status"], ran.err.as_str()), (1, &"unhealthy".into(), ""), "{ran:?}");
    assert!(told["reason"].as_str().unwrap().contains("refused"), "{told}");
}

#[test]
fn server_that_does_not_answer_in_time_is_unhealthy() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    ask(&["--url", &url, "--timeout-secs", "1"]).refused(1, &["no answer within 1 s"]);
}

#[test]
fn whatever_else_answers_is_not_healthy() {
    let endless = [&b"HTTP/1.1 200 OK\r\nContent-Length: 999999999\r\n\r\n"[..], &vec![b' '; 200_000]].concat();
    for bytes in [
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok".to_vec(),
        b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n".to_vec(),
        b"HTTP/1.1 500 Oh\r\nContent-Length: 20\r\n\r\n{\"status\":\"healthy\"}".to_vec(),
        b"SSH-2.0-OpenSSH\r\n".to_vec(),
        Vec::new(),
        endless,
    ] {
        let ran = ask(&["--url", &answer_once(bytes.clone())]);
        ran.refused(1, &["unhealthy: "]);
        assert_eq!(ran.err.lines().count(), 1, "{ran:?}");
    }
}

#[test]
fn server_with_tls_is_asked_over_tls() {
    let home = Home::new();
    let made = rcgen::generate_simple_self_signed(["shop.example.com".to_owned()]).unwrap();
    let file = |name: &str, content: String| {
        let path = home.folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path.into_os_string().into_string().unwrap()
    };
    let (cert, key) = (file("cert.pem", made.cert.pem()), file("key.pem", made.signing_key.serialize_pem()));
    let server = home.serve(&["--tls-cert", &cert, "--tls-key", &key]);
    let address = server.url.strip_prefix("https://").unwrap();
    let sets = [format!("http.listen={address}"), format!("http.tls_cert={cert}"), format!("http.tls_key={key}")];
    let args: Vec<&str> = sets.iter().flat_map(|set| ["--set", set]).collect();
    let ran = ask(&args);
    assert!(ran.code == 0 && ran.out.starts_with("healthy: https://"), "{ran:?}");
    assert_eq!(ask(&["--url", &server.url]).code, 0);
    assert_eq!(ask(&["--url", &format!("http://{address}")]).code, 1, "without TLS it does not answer");
    server.stop();
}

#[test]
fn address_that_is_none_is_a_wrong_command_line() {
    for url in ["localhost:8000", "ftp://localhost", "http://me:hunter2@localhost"] {
        let ran = ask(&["--url", url]);
        assert_eq!(ran.code, 2, "{ran:?}");
    }
    ask(&["--set", "http.listen=127.0.0.1:0"]).refused(2, &["--url"]);
    ask(&["--timeout-secs", "0"]).refused(2, &["1..=300"]);
}
