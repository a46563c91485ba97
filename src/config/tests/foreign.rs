//! Names and values that other systems bring along.

use secrecy::ExposeSecret;

use super::*;

#[test]
fn every_foreign_name_stands_for_a_setting() {
    let names: Vec<_> = Bench::new().load().explain().into_iter().map(|setting| setting.name).collect();
    for seed in seeds::SEEDS {
        assert!(names.iter().any(|name| name == seed.setting), "{}", seed.setting);
        assert!(!seeds::NOT_NEEDED.contains(&seed.name), "{}", seed.name);
    }
}

#[test]
fn dotenv_files_of_all_five_systems_work_side_by_side() {
    let loaded = Bench::new()
        .dotenv(
            "DB_CONNECTION=mysql\nDB_HOST=127.0.0.1\nDB_DATABASE=tenant_master\nTENANT_DB_HOST=10.0.0.9\n\
             MASTER_API_KEY=mk_1\nBACKUP_ALERT_EMAIL=admin@example.com\nMAIL_HOST=smtp.example.com\n\
             MAIL_LOG_CHANNEL=x\nDB_PASSWORD=x\n\
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
    assert_eq!(loaded.notices[2], "MAIL_LOG_CHANNEL set, not used: ruko has no such setting of mail");
    let (mail, alerts) = (&config.mail, &config.alerts);
    assert_eq!((mail.host.as_deref(), alerts.email[0].as_str()), (Some("smtp.example.com"), "admin@example.com"));
}

#[test]
fn mail_of_laravel_is_understood_with_its_nulls() {
    let dotenv = "MAIL_MAILER=smtp\nMAIL_SCHEME=null\nMAIL_HOST=127.0.0.1\nMAIL_PORT=2525\nMAIL_USERNAME=null\n\
                  MAIL_PASSWORD=null\nMAIL_ENCRYPTION=null\nMAIL_FROM_ADDRESS=\"hello@example.com\"\n\
                  MAIL_FROM_NAME=\"Toko Maju\"\nBACKUP_ALERT_EMAIL=a@example.com,b@example.com\n";
    let loaded = Bench::new().dotenv(dotenv).load();
    assert!(loaded.notices.is_empty(), "{:?}", loaded.notices);
    let Config { mail, alerts, .. } = loaded.config;
    assert_eq!((mail.mailer, mail.encryption, mail.port), (Mailer::Smtp, Encryption::None, Some(2525)));
    assert!(mail.username.is_none() && mail.password.is_none());
    assert_eq!((mail.from_address.unwrap().as_str(), mail.from_name.as_str()), ("hello@example.com", "Toko Maju"));
    assert_eq!(alerts.email.len(), 2);
    let smtps = Bench::new().dotenv("MAIL_SCHEME=smtps\nMAIL_MAILER=log").load().config.mail;
    assert_eq!((smtps.mailer, smtps.encryption), (Mailer::Log, Encryption::Ssl));
    let told = Bench::new().env("MAIL_MAILER", "mailgun").load().notices;
    assert_tells(&told[0], &["(MAIL_MAILER) is not used: ruko sends mail by SMTP only"]);
    assert_tells(&Bench::new().env("BACKUP_ALERT_EMAIL", "admin").problems(), &["alerts.email", "an email address"]);
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
