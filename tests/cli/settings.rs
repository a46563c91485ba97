//! `ruko config`, `ruko key`, and a command line that is wrong.

use crate::binary::{Home, Ran};

#[test]
fn config_shows_every_value_with_its_source_and_no_secret() {
    let home = Home::new();
    std::fs::write(home.folder.path().join("ruko.toml"), "[limits]\nmax_page_size = 50\n").unwrap();
    std::fs::write(home.folder.path().join(".env"), "MASTER_API_KEY=mk_verysecret\nPORT=3000\n").unwrap();
    let mut command = home.command(&["--json", "--set", "http.max_connections=7", "config"]);
    let ran = Ran::of(command.env("RUKO_HTTP_IDLE_TIMEOUT_SECS", "9").output().unwrap());
    assert_eq!(ran.code, 0, "{ran:?}");
    let settings: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    let find = |name: &str| {
        let setting = settings.as_array().unwrap().iter().find(|setting| setting["name"] == name).unwrap();
        (setting["value"].as_str().unwrap().to_owned(), setting["source"].as_str().unwrap().to_owned())
    };
    assert_eq!(find("limits.max_page_size"), ("50".into(), "ruko.toml line 2".into()));
    assert_eq!(find("http.listen"), ("127.0.0.1:3000".into(), ".env line 2 (PORT)".into()));
    assert_eq!(find("http.idle_timeout_secs"), ("9".into(), "environment (RUKO_HTTP_IDLE_TIMEOUT_SECS)".into()));
    assert_eq!(find("http.max_connections"), ("7".into(), "command line".into()));
    assert_eq!(find("debug"), ("false".into(), "default".into()));
    assert_eq!(find("auth.master_key").0, "********");
    assert!(!ran.out.contains("verysecret"));
    let table = home.ok(&["config"]);
    assert!(table.starts_with("Setting\tValue\tSource\n") && !table.contains("verysecret"), "{table}");
    assert!(!home.data().exists(), "looking makes nothing");
}

#[test]
fn config_with_a_mistake_shows_the_rest_and_the_mistake() {
    let home = Home::new();
    std::fs::write(home.folder.path().join(".env"), "RUKO_LIMITS_MAX_PAGE_SIZE=many\nPORT=3000\n").unwrap();
    let ran = home.run(&["config"]);
    ran.refused(1, &["limits.max_page_size", "\"many\"", ".env line 1"]);
    assert!(ran.out.contains("http.listen\t127.0.0.1:3000\t.env line 2 (PORT)\n"), "{ran:?}");
    let ran = home.run(&["--json", "config"]);
    assert!(ran.code == 1 && serde_json::from_str::<serde_json::Value>(&ran.out).is_ok(), "{ran:?}");
}

#[test]
fn one_setting_is_explained() {
    let text = Home::new().ok(&["config", "http.listen"]);
    assert!(text.contains("RUKO_HTTP_LISTEN, PORT") && text.contains("127.0.0.1:8000"), "{text}");
}

#[test]
fn unknown_names_are_refused_with_the_nearest_one() {
    let home = Home::new();
    home.run(&["--set", "http.listn=1", "config"]).refused(1, &["no setting http.listn", "http.listen"]);
    home.run(&["--set", "debug", "config"]).refused(2, &["there is no =", "--set http.listen="]);
    home.run(&["serve", "--lisen", "x"]).refused(2, &["--listen"]);
    home.run(&["tennant", "list"]).refused(2, &["tenant"]);
    home.run(&["--config", "nowhere.toml", "config"]).refused(1, &["nowhere.toml"]);
}

#[test]
fn help_documents_the_exit_codes() {
    let help = Home::new().ok(&["help"]);
    for words in ["Exit codes", "75", "78", "serve", "doctor", "tenant", "sql"] {
        assert!(help.contains(words), "{words}: {help}");
    }
    assert!(!help.contains("db:seed"), "old spellings work and are not advertised");
}

#[test]
fn postman_generate_says_what_to_import_instead() {
    let home = Home::new();
    for arguments in [&["postman:generate"][..], &["postman:generate", "--output=x.json", "y"]] {
        home.run(arguments).refused(2, &["Postman", "ruko openapi --output openapi.json"]);
    }
}

#[test]
fn keys_are_printed_as_lines_for_the_dotenv_file() {
    let home = Home::new();
    let line = home.ok(&["key:generate"]);
    assert!(line.starts_with("APP_KEY=base64:") && line.len() > 50, "{line}");
    assert_ne!(line, home.ok(&["key", "generate"]), "each is another");
    assert!(home.ok(&["key", "generate", "secret"]).starts_with("SECRET_KEY="));
    let master = home.ok(&["db:seed", "--class=SuperAdminSeeder"]);
    assert!(master.starts_with("MASTER_API_KEY=mk_"), "{master}");
    assert_eq!(home.json(&["key", "generate", "master"])["name"], "MASTER_API_KEY");
    home.run(&["db:seed", "--class=UserSeeder"]).refused(1, &["UserSeeder", "SuperAdminSeeder"]);
    std::fs::write(home.folder.path().join(".env"), line).unwrap();
    home.serve(&[]).stop();
    assert!(!home.data().join("keys/server.key").exists(), "the line is taken");
}

#[test]
fn completions_are_made_for_every_shell() {
    let home = Home::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = home.ok(&["completions", shell]);
        assert!(script.contains("regenerate-key"), "{shell}");
    }
}

#[test]
fn reader_that_leaves_is_no_failure() {
    let home = Home::new();
    let mut child = home.command(&["config"]).stdout(std::process::Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn openapi_document_is_printed_without_data_directory() {
    let home = Home::new();
    let document: serde_json::Value = serde_json::from_str(&home.ok(&["openapi"])).unwrap();
    assert!(document["paths"]["/api/products"].is_object(), "{document}");
    assert!(!home.data().exists());
    home.ok(&["openapi", "--output", "openapi.json"]);
    assert!(home.folder.path().join("openapi.json").exists());
}
