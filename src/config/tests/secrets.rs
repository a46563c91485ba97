//! Keys and secrets: shown nowhere, and none that everybody knows.

use secrecy::ExposeSecret;

use super::*;

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
