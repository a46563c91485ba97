//! The layers together. What one type or one file format does is tested where it is written.

use std::path::PathBuf;

use secrecy::ExposeSecret;
use tempfile::TempDir;

use super::*;

/// Sources of one test, in a folder of its own.
struct Bench {
    folder: TempDir,
    sources: Sources,
}

impl Bench {
    fn new() -> Self {
        Self { folder: TempDir::new().unwrap(), sources: Sources::default() }
    }

    fn file(mut self, content: &str) -> Self {
        self.sources.config_file = Some(self.write("ruko.toml", content));
        self
    }

    fn dotenv(mut self, content: &str) -> Self {
        self.sources.dotenv_file = Some(self.write(".env", content));
        self
    }

    fn env(mut self, name: &str, text: &str) -> Self {
        self.sources.environment.insert(name.to_owned(), text.to_owned());
        self
    }

    fn flag(mut self, name: &str, text: &str) -> Self {
        self.sources.flags.push((name.to_owned(), text.to_owned()));
        self
    }

    fn load(self) -> Loaded {
        Config::load(self.sources).unwrap()
    }

    fn problems(self) -> String {
        Config::load(self.sources).unwrap_err().to_string()
    }

    fn write(&self, name: &str, content: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    }
}

/// Asserts that the text holds all of these.
fn assert_tells(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part:?} is not told in: {text}");
    }
}

/// Name, variable and a good text for every setting, each different from the default.
fn samples() -> Vec<(String, String, String)> {
    let mut config = Config::default();
    let mut samples = Vec::new();
    for mut field in config.fields() {
        let before = field.value.text();
        let sample = field.samples().into_iter().find(|text| {
            field.set(&Raw::One(text.clone())).unwrap_or_else(|expected| panic!("{}: {expected}", field.name));
            field.value.text() != before
        });
        let sample = sample.unwrap_or_else(|| panic!("{} needs an example that is not its default", field.name));
        samples.push((field.name, field.env_name, sample));
    }
    samples
}

/// Asserts that every setting has its sample, from there.
fn assert_all_set(loaded: &Loaded, source: &str) {
    let mut config = loaded.config.clone();
    let explained = loaded.explain();
    assert_eq!(explained.len(), samples().len());
    for ((field, setting), (name, _, sample)) in config.fields().iter().zip(explained).zip(samples()) {
        assert_eq!(field.value.text(), Some(sample), "{name}");
        assert!(setting.source.contains(source), "{name} comes from {}", setting.source);
        assert_ne!(setting.value, "(unset)", "{name}");
    }
}

#[test]
fn every_setting_can_be_set_in_the_file() {
    let line = |(name, _, sample): (String, String, String)| {
        let is_bare = sample.parse::<u64>().is_ok() || sample.parse::<bool>().is_ok();
        if is_bare { format!("{name} = {sample}\n") } else { format!("{name} = \"{sample}\"\n") }
    };
    let content: String = samples().into_iter().map(line).collect();
    assert_all_set(&Bench::new().file(&content).load(), "ruko.toml line ");
}

#[test]
fn every_setting_can_be_set_by_its_variable() {
    let bench = samples().into_iter().fold(Bench::new(), |bench, (_, variable, text)| bench.env(&variable, &text));
    assert_all_set(&bench.load(), "environment (RUKO_");
}

#[test]
fn every_setting_can_be_set_in_the_dotenv_file() {
    let lines: Vec<_> = samples().into_iter().map(|(_, variable, text)| format!("{variable}='{text}'")).collect();
    assert_all_set(&Bench::new().dotenv(&lines.join("\n")).load(), "(RUKO_");
}

#[test]
fn every_setting_can_be_set_by_a_flag() {
    let bench = samples().into_iter().fold(Bench::new(), |bench, (name, _, text)| bench.flag(&name, &text));
    assert_all_set(&bench.load(), "command line");
}

#[test]
fn every_setting_is_documented_and_named_once() {
    let explained = Bench::new().load().explain();
    for setting in &explained {
        assert!(setting.help.ends_with('.') && setting.help.len() > 10, "{}: {:?}", setting.name, setting.help);
        assert!(!setting.help.contains("  "), "{}: {:?}", setting.name, setting.help);
        assert_eq!((setting.value.as_str(), setting.source.as_str()), (setting.default.as_str(), "default"));
    }
    for name in [|s: &Setting| s.name.clone(), |s: &Setting| s.env_name.clone()] {
        let names: std::collections::BTreeSet<_> = explained.iter().map(name).collect();
        assert_eq!(names.len(), explained.len());
    }
}

#[test]
fn every_foreign_name_stands_for_a_setting() {
    let names: Vec<_> = Bench::new().load().explain().into_iter().map(|setting| setting.name).collect();
    for seed in seeds::SEEDS {
        assert!(names.iter().any(|name| name == seed.setting), "{}", seed.setting);
        assert!(!seeds::NOT_NEEDED.contains(&seed.name), "{}", seed.name);
    }
}

#[test]
fn defaults_are_the_documented_ones() {
    let config = Bench::new().load().config;
    assert_eq!(config.http.listen.to_string(), "127.0.0.1:8000");
    assert_eq!(config.http.max_body_bytes, 10_485_760);
    assert_eq!(config.storage.data_dir, PathBuf::from("data"));
    assert_eq!(config.storage.central_file.as_str(), "central.db");
    assert_eq!(config.storage.synchronous, Synchronous::Full);
    assert_eq!(config.auth.superadmin_registration, SuperadminRegistration::First);
    assert_eq!(config.limits.requests_per_minute, 600);
    assert_eq!(config.locale.time_zone.name(), "Asia/Jakarta");
    assert!(!config.debug && config.auth.master_key.is_none());
}

#[test]
fn later_layer_wins_over_earlier_ones() {
    let layers = || Bench::new().file("[limits]\nmax_page_size = 10").dotenv("RUKO_LIMITS_MAX_PAGE_SIZE=20");
    let size = |bench: Bench| bench.load().config.limits.max_page_size;
    assert_eq!(size(Bench::new().file("[limits]\nmax_page_size = 10")), 10);
    assert_eq!(size(layers()), 20);
    assert_eq!(size(layers().env("RUKO_LIMITS_MAX_PAGE_SIZE", "30")), 30);
    assert_eq!(size(layers().env("RUKO_LIMITS_MAX_PAGE_SIZE", "30").flag("limits.max_page_size", "40")), 40);
}

#[test]
fn config_file_that_was_asked_for_must_exist() {
    assert_tells(
        &Bench::new().env("RUKO_CONFIG", "/nowhere/ruko.toml").problems(),
        &["/nowhere/ruko.toml cannot be read"],
    );
    let mut bench = Bench::new();
    bench.sources.default_config_file = Some("/nowhere/ruko.toml".into());
    bench.sources.dotenv_file = Some("/nowhere/.env".into());
    bench.load();
}

#[test]
fn unknown_variable_is_refused_with_nearest_name() {
    let told = Bench::new().env("RUKO_HTTP_LISTN", "x").problems();
    assert_tells(&told, &["environment (RUKO_HTTP_LISTN)", "did you mean RUKO_HTTP_LISTEN?"]);
}

#[test]
fn variables_of_a_kubernetes_service_named_ruko_are_not_ours() {
    Bench::new()
        .env("RUKO_SERVICE_HOST", "10.0.0.1")
        .env("RUKO_PORT", "tcp://10.0.0.1:8000")
        .env("RUKO_PORT_8000_TCP_PROTO", "tcp")
        .load();
}

#[test]
fn unknown_key_of_the_file_is_refused_with_line_and_nearest_name() {
    let told = Bench::new().file("debug = false\n[http]\nlisen = \"x\"\n\n[htp]\na = 1\n").problems();
    assert_tells(&told, &["ruko.toml line 3", "http.lisen (did you mean http.listen?)"]);
    assert_tells(&told, &["ruko.toml line 5", "[htp] (did you mean http?)"]);
}

#[test]
fn section_written_as_a_value_is_explained() {
    assert_tells(&Bench::new().file("http = 1").problems(), &["line 1", "http is a section, write [http]"]);
}

#[test]
fn file_that_is_no_toml_is_refused_with_its_line() {
    assert_tells(&Bench::new().file("debug = true\n[http\n").problems(), &["ruko.toml line 2"]);
}

#[test]
fn all_problems_are_told_at_once() {
    let told = Bench::new()
        .file("[limits]\nmax_page_size = 0")
        .dotenv("not an assignment")
        .env("PORT", "eighty")
        .flag("http.listen", "everywhere")
        .problems();
    assert_tells(
        &told,
        &["4 problems", "line 2 is not a whole number from 1 to 1000", ".env line 1 is not NAME=value"],
    );
    assert_tells(&told, &["http.listen: \"eighty\" from environment (PORT) is not a port number"]);
    assert_tells(&told, &["http.listen: \"everywhere\" from command line is not an IP address with a port, such as"]);
}

#[test]
fn value_of_an_unfit_kind_is_refused() {
    assert_tells(&Bench::new().file("debug = 2020-01-01").problems(), &["debug: the datetime from", "true or false"]);
    assert_tells(&Bench::new().file("http.cors_origins = [[1]]").problems(), &["a mixed list"]);
}

#[test]
fn secrets_are_shown_nowhere() {
    let loaded = Bench::new().env("MASTER_API_KEY", "mk_open_sesame").load();
    assert_eq!(loaded.config.auth.master_key.as_ref().unwrap().expose_secret(), "mk_open_sesame");
    let told = format!("{loaded:?} {:?}", loaded.explain());
    assert!(!told.contains("sesame"), "{told}");
    let told = Bench::new().file("auth.master_key = [\"open\", \"sesame\"]").problems();
    assert!(!told.contains("sesame"), "{told}");
}

#[test]
fn dotenv_files_of_all_five_systems_work_side_by_side() {
    let loaded = Bench::new()
        .dotenv(
            "DB_CONNECTION=mysql\nDB_HOST=127.0.0.1\nDB_DATABASE=tenant_master\nTENANT_DB_HOST=10.0.0.9\n\
             MASTER_API_KEY=mk_1\nBACKUP_ALERT_EMAIL=admin@example.com\nMAIL_HOST=smtp.example.com\nDB_PASSWORD=x\n\
             JWT_SECRET=long-and-random\nSERVER_URL=http://your-domain.com\nREDIS_URL=redis://localhost:6379/0\n\
             DEBUG=True\nMONGODB_URL=mongodb://localhost:27017\nBACKEND_CORS_ORIGINS=[\"https://a.example\"]\n\
             DB_USER=root\nPORT=3000\nNODE_ENV=production\nTZ=Asia/Jakarta\n",
        )
        .load();
    let config = &loaded.config;
    assert_eq!(config.http.listen.to_string(), "127.0.0.1:3000");
    assert_eq!(config.storage.central_file.as_str(), "tenant_master.db");
    assert_eq!(config.http.cors_origins[0].as_str(), "https://a.example");
    assert_eq!(config.http.document_url.as_ref().unwrap().as_str(), "http://your-domain.com");
    assert!(config.http.public_url.is_none(), "links follow the request");
    assert_eq!(config.tenant_db.host.as_deref(), Some("10.0.0.9"));
    assert_eq!(config.auth.secret_key.as_ref().unwrap().expose_secret(), "long-and-random");
    assert!(!config.debug);
    assert_eq!(loaded.notices.len(), 3, "{:?}", loaded.notices);
    assert_tells(&loaded.notices[0], &["(DEBUG) is not used: NODE_ENV is set too"]);
    assert_eq!(
        loaded.notices[1],
        "DB_CONNECTION, DB_HOST, DB_USER, DB_PASSWORD, MONGODB_URL, REDIS_URL set, not needed: \
         ruko stores data in SQLite files"
    );
    assert_eq!(loaded.notices[2], "BACKUP_ALERT_EMAIL, MAIL_HOST set, not used: this release sends no mail");
}

#[test]
fn debug_of_express_is_a_notice_and_no_mistake() {
    let loaded = Bench::new().env("DEBUG", "express:*").load();
    assert!(!loaded.config.debug);
    assert_eq!(loaded.notices, ["environment (DEBUG) is not used: it is neither true nor false"]);
    assert!(Bench::new().env("DEBUG", "express:*").env("APP_DEBUG", "true").load().config.debug);
    assert_tells(&Bench::new().env("APP_DEBUG", "express:*").problems(), &["debug:", "APP_DEBUG", "true or false"]);
}

#[test]
fn variables_of_our_own_tests_stop_no_command() {
    let needs = ["RUKO_TEST_NEEDS_BROWSER", "RUKO_TEST_NEEDS_MOUNT", "RUKO_TEST_NEEDS_PYTHON"];
    let names = [&["RUKO_TEST_DEPTH", "RUKO_CI_CACHE", "RUKO_OPENAPI_OUT"][..], &needs].concat();
    let loaded = names.iter().fold(Bench::new(), |bench, name| bench.env(name, "1")).load();
    assert!(loaded.notices.is_empty(), "{loaded:?}");
}

#[test]
fn port_keeps_the_host_of_earlier_layers() {
    let bench = Bench::new().file("http.listen = \"0.0.0.0:8000\"").env("PORT", "3000");
    assert_eq!(bench.load().config.http.listen.to_string(), "0.0.0.0:3000");
}

#[test]
fn own_name_wins_over_a_foreign_one_of_the_same_layer_and_says_so() {
    let loaded = Bench::new().env("PORT", "3000").env("RUKO_HTTP_LISTEN", "0.0.0.0:80").load();
    assert_eq!(loaded.config.http.listen.to_string(), "0.0.0.0:80");
    assert_eq!(loaded.notices, ["environment (PORT) is not used: RUKO_HTTP_LISTEN is set too and goes first"]);
}

#[test]
fn foreign_name_of_a_later_layer_wins_over_an_own_one_of_an_earlier_layer() {
    let bench = Bench::new().dotenv("RUKO_HTTP_LISTEN=0.0.0.0:80").env("PORT", "3000");
    assert_eq!(bench.load().config.http.listen.to_string(), "0.0.0.0:3000");
}

#[test]
fn empty_variable_counts_as_not_set() {
    let loaded = Bench::new().env("RUKO_HTTP_LISTEN", "").dotenv("SECRET_KEY=\nREDIS_URL=\nAPP_KEY=\"\"").load();
    assert!(loaded.origins.is_empty() && loaded.notices.is_empty(), "{loaded:?}");
}

#[test]
fn central_file_takes_plain_names_only() {
    let of = |name: &str, text: &str| Bench::new().env(name, text).load();
    assert_eq!(of("MASTER_DB_NAME", "master_tenant").config.storage.central_file.as_str(), "master_tenant.db");
    assert_eq!(of("DB_DATABASE", "app.db").config.storage.central_file.as_str(), "app.db");
    for unusable in ["/var/www/database.sqlite", "../escape", ":memory:", "logs"] {
        let loaded = of("DB_DATABASE", unusable);
        assert_eq!(loaded.config.storage.central_file.as_str(), "central.db", "{unusable}");
        assert_tells(&loaded.notices[0], &["DB_DATABASE set, not needed"]);
    }
}

#[test]
fn time_zone_in_the_manner_of_an_operating_system_is_passed_over_with_a_notice() {
    let loaded = Bench::new().env("TZ", "WIB-7").load();
    assert_eq!(loaded.config.locale.time_zone.name(), "Asia/Jakarta");
    assert_tells(&loaded.notices[0], &["environment (TZ) is not used"]);
}

#[test]
fn two_different_signing_secrets_are_refused() {
    let both = || Bench::new().dotenv("SECRET_KEY=one-long-value").env("JWT_SECRET", "another-long-value");
    assert_tells(&both().problems(), &["SECRET_KEY and JWT_SECRET are both set and differ"]);
    let decided = both().env("RUKO_AUTH_SECRET_KEY", "third-long-value").load();
    assert_eq!(decided.config.auth.secret_key.unwrap().expose_secret(), "third-long-value");
    Bench::new().dotenv("SECRET_KEY=same").env("JWT_SECRET", "same").load();
}

#[test]
fn documented_signing_secret_is_refused_unless_debugging() {
    for name in ["SECRET_KEY", "JWT_SECRET", "RUKO_AUTH_SECRET_KEY"] {
        let error = Config::load(Bench::new().env(name, "your-secret-key-here").sources).unwrap_err();
        assert!(error.has_placeholder_secret());
        assert_eq!(error.exit_code(), 78);
        assert_tells(&error.to_string(), &[name, "public documentation"]);
        let loaded = Bench::new().env(name, "your-secret-key-here").env("DEBUG", "True").load();
        assert_tells(&loaded.notices[0], &[name, "trying out"]);
    }
}

#[test]
fn server_key_that_everybody_knows_is_refused_unless_debugging() {
    let zeros = format!("base64:{}=", "A".repeat(43));
    for name in ["APP_KEY", "RUKO_AUTH_APP_KEY"] {
        let error = Config::load(Bench::new().env(name, &zeros).sources).unwrap_err();
        assert_eq!((error.exit_code(), error.problems().len()), (78, 1), "{error}");
        assert_tells(&error.to_string(), &[name, "public documentation", "ruko key generate app"]);
        let loaded = Bench::new().env(name, &zeros).env("APP_DEBUG", "true").load();
        assert_tells(&loaded.notices[0], &[name, "trying out"]);
    }
    let template = || Bench::new().dotenv("APP_KEY=SomeRandomString");
    assert_eq!(Config::load(template().sources).unwrap_err().exit_code(), 78);
    assert_tells(&template().env("DEBUG", "true").problems(), &["has not the form of a server key"]);
}

#[test]
fn text_that_is_no_server_key_is_refused_with_the_forms_and_without_itself() {
    for (text, why) in [
        ("base64:c2l4dGVlbiBieXRlcyEhIQ==", "16 bytes of AES-128"),
        ("correct horse battery staple", "has not the form of a server key"),
        ("base64:c2hvcnQgb25l", "has 9 bytes"),
    ] {
        let error = Config::load(Bench::new().dotenv(&format!("\nAPP_KEY=\"{text}\"")).sources).unwrap_err();
        assert_eq!(error.exit_code(), 1, "starting again may help after a correction: {error}");
        let told = error.to_string();
        assert_tells(
            &told,
            &[".env line 2 (APP_KEY)", why, "`base64:` and 32 bytes", "64 hex digits", "ruko key generate"],
        );
        assert!(!told.contains(text.trim_start_matches("base64:")), "{told}");
        assert!(!format!("{error:?}").contains(text.trim_start_matches("base64:")), "{error:?}");
    }
    let replaced = Bench::new().dotenv("APP_KEY=SomeRandomString").env("APP_KEY", &"0a1b".repeat(16)).load();
    assert_eq!(replaced.explain().iter().find(|setting| setting.name == "auth.app_key").unwrap().value, "********");
    let unset = Bench::new().dotenv("APP_NAME=Laravel\nAPP_ENV=local\nAPP_KEY=\nAPP_DEBUG=true").load();
    assert!(unset.config.auth.app_key.is_none() && !unset.origins.contains_key("auth.app_key"), "{unset:?}");
}

#[test]
fn documented_master_key_is_recognised_and_no_error() {
    let config = Bench::new().env("MASTER_API_KEY", "your-super-secret-master-key").load().config;
    assert!(config.is_placeholder_master_key());
    assert!(!Config::default().is_placeholder_master_key());
}

#[test]
fn certificate_without_its_key_is_refused() {
    assert_tells(&Bench::new().flag("http.tls_cert", "cert.pem").problems(), &["belong together"]);
}

#[test]
fn name_that_stands_twice_in_the_dotenv_file_is_told() {
    let loaded = Bench::new().dotenv("PORT=1\nPORT=2").load();
    assert_eq!(loaded.config.http.listen.port(), 2);
    assert_tells(&loaded.notices[0], &["PORT stands in lines 1 and 2"]);
}

#[test]
fn explanation_can_be_written_as_json() {
    let explained = Bench::new().env("PORT", "3000").load().explain();
    let listen = explained.iter().find(|setting| setting.name == "http.listen").unwrap();
    let json = serde_json::to_value(listen).unwrap();
    assert_eq!(json["value"], "127.0.0.1:3000");
    assert_eq!(json["source"], "environment (PORT)");
    assert_eq!(json["env_name"], "RUKO_HTTP_LISTEN");
    assert_eq!(json["seed_names"], serde_json::json!(["PORT"]));
}
