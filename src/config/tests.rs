//! The layers together. What one type or one file format does is tested where it is written.

mod foreign;
mod secrets;

use std::path::PathBuf;

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
fn variables_of_our_own_tests_stop_no_command() {
    let needs = ["RUKO_TEST_NEEDS_BROWSER", "RUKO_TEST_NEEDS_MOUNT", "RUKO_TEST_NEEDS_PYTHON"];
    let names = [&["RUKO_TEST_DEPTH", "RUKO_TEST_FAULT", "RUKO_CI_CACHE", "RUKO_OPENAPI_OUT"][..], &needs].concat();
    let loaded = names.iter().fold(Bench::new(), |bench, name| bench.env(name, "1")).load();
    assert!(loaded.notices.is_empty(), "{loaded:?}");
}

#[test]
fn empty_variable_counts_as_not_set() {
    let loaded = Bench::new().env("RUKO_HTTP_LISTEN", "").dotenv("SECRET_KEY=\nREDIS_URL=\nAPP_KEY=\"\"").load();
    assert!(loaded.origins.is_empty() && loaded.notices.is_empty(), "{loaded:?}");
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
