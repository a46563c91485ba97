//! What a start tells the person who started it, in English or, where `LANG` says so, Indonesian.
//!
//! In a pipe the first line is `listening on URL` for programs that started the server.

use std::fmt::Write as _;
use std::io::IsTerminal;
use std::net::SocketAddr;
use std::path::Path;

use secrecy::ExposeSecret;

use crate::app::App;
use crate::cli::demo::{Credentials, Demo, Hindrance};
use crate::cli::master_key::Announced;
use crate::cli::output;
use crate::operator::MasterKey;

pub(super) struct Banner<'a> {
    pub(super) app: &'a App,
    pub(super) address: SocketAddr,
    pub(super) master_key: &'a Announced,
    pub(super) demo: Option<&'a Demo>,
}

/// The words of one language.
struct Words {
    address: &'static str,
    only_here: &'static str,
    everywhere: &'static str,
    docs: &'static str,
    health: &'static str,
    data: &'static str,
    master_key: &'static str,
    once: &'static str,
    central_off: &'static str,
    shop: &'static str,
    tenant_key: &'static str,
    admin: &'static str,
    cashier: &'static str,
    kept_in: &'static str,
    known: &'static str,
    resting: &'static str,
    other_key: &'static str,
    first_step: &'static str,
    try_it: &'static str,
    stop: &'static str,
}

const ENGLISH: Words = Words {
    address: "Address",
    only_here: "this machine only",
    everywhere: "every address of this machine",
    docs: "API docs",
    health: "Health",
    data: "Data",
    master_key: "Master key",
    once: "shown only now, keep it safe",
    central_off: "Central API is off: the master key is the placeholder of the documentation",
    shop: "Demo shop",
    tenant_key: "Tenant key",
    admin: "Admin",
    cashier: "Cashier",
    kept_in: "Kept in",
    known: "The demo shop is there already. Its credentials are in",
    resting: "They do not work now: the shop is",
    other_key: "They do not work any more: its key was replaced.",
    first_step: "Make a tenant (MASTER is your master key):",
    try_it: "Try it:",
    stop: "Ctrl-C stops the server.",
};

const INDONESIAN: Words = Words {
    address: "Alamat",
    only_here: "hanya dari komputer ini",
    everywhere: "semua alamat komputer ini",
    docs: "Dokumentasi",
    health: "Kesehatan",
    data: "Data",
    master_key: "Kunci master",
    once: "hanya ditampilkan sekarang, simpan baik-baik",
    central_off: "API pusat mati: kunci master masih contoh dari dokumentasi",
    shop: "Toko demo",
    tenant_key: "Kunci toko",
    admin: "Admin",
    cashier: "Kasir",
    kept_in: "Disimpan di",
    known: "Toko demo sudah ada. Data masuknya ada di",
    resting: "Sekarang belum bisa dipakai: status tokonya",
    other_key: "Sudah tidak bisa dipakai: kuncinya telah diganti.",
    first_step: "Buat tenant (MASTER adalah kunci master Anda):",
    try_it: "Coba:",
    stop: "Tekan Ctrl-C untuk berhenti.",
};

impl Banner<'_> {
    pub(super) fn print(&self) -> std::io::Result<()> {
        let is_terminal = std::io::stdout().is_terminal();
        let url = self.app.config.http.url_here(self.address);
        let words = if speaks_indonesian(|name| std::env::var(name).ok()) { &INDONESIAN } else { &ENGLISH };
        let mut text = String::new();
        if is_terminal {
            let _ = writeln!(text, "\n  ruko {}\n", env!("CARGO_PKG_VERSION"));
            self.write_addresses(&mut text, words, &url);
        } else {
            let _ = writeln!(text, "listening on {url}");
            self.write_addresses(&mut text, words, &url);
        }
        match self.demo {
            Some(Demo::New(credentials, path)) => write_demo(&mut text, words, &url, credentials, path),
            Some(Demo::Known(path, hindrance)) => {
                let _ = writeln!(text, "\n  {} {}", words.known, path.display());
                match hindrance {
                    Some(Hindrance::Resting(state)) => {
                        let _ = writeln!(text, "  {} {state}.", words.resting);
                    }
                    Some(Hindrance::OtherKey) => {
                        let _ = writeln!(text, "  {}", words.other_key);
                    }
                    None => {}
                }
            }
            None => self.write_first_step(&mut text, words, &url),
        }
        if is_terminal {
            let _ = writeln!(text, "\n  {}\n", words.stop);
        }
        output::write(&text)
    }

    fn write_addresses(&self, text: &mut String, words: &Words, url: &str) {
        let reach = match self.address.ip() {
            ip if ip.is_loopback() => format!("   ({})", words.only_here),
            ip if ip.is_unspecified() => format!("   ({})", words.everywhere),
            _ => String::new(),
        };
        row(text, words.address, &format!("{url}{reach}"));
        row(text, words.docs, &format!("{url}/docs"));
        row(text, words.health, &format!("{url}/health"));
        row(text, words.data, &self.app.data_dir.root().display().to_string());
        match self.master_key {
            Announced::Show(key) => row(text, words.master_key, &format!("{}   ({})", key.expose_secret(), words.once)),
            Announced::File(path) => row(text, words.master_key, &path.display().to_string()),
            Announced::Nothing => {}
        }
        if matches!(self.app.master_key, MasterKey::Disabled(_)) {
            let _ = writeln!(text, "\n  {}", words.central_off);
        }
    }
}

impl Banner<'_> {
    /// What a new server waits for. The key stays in a variable: a line is soon in a history or a chat.
    fn write_first_step(&self, text: &mut String, words: &Words, url: &str) {
        if matches!(self.app.master_key, MasterKey::Disabled(_)) {
            return;
        }
        let _ = writeln!(text, "\n  {}\n", words.first_step);
        if let Announced::File(path) = self.master_key {
            let path = path.display().to_string().replace('\'', r"'\''");
            let _ = writeln!(text, "MASTER=$(cat '{path}')");
        }
        let tenant = r#"{"name": "Warung Bu Sri"}"#;
        let _ = writeln!(
            text,
            "curl -s {url}/api/central/tenants -H \"X-Master-API-Key: $MASTER\" -H 'Content-Type: application/json' -d '{tenant}'"
        );
    }
}

fn row(text: &mut String, name: &str, value: &str) {
    let _ = writeln!(text, "  {name:<14}{value}");
}

fn write_demo(text: &mut String, words: &Words, url: &str, demo: &Credentials, path: &Path) {
    text.push('\n');
    row(text, words.shop, &demo.tenant_name);
    row(text, words.tenant_key, &demo.tenant_key);
    row(text, words.admin, &format!("{}   {}", demo.admin.email, demo.admin.password));
    row(text, words.cashier, &format!("{}   {}", demo.cashier.email, demo.cashier.password));
    row(text, words.kept_in, &path.display().to_string());
    let _ = writeln!(text, "\n  {}\n", words.try_it);
    for command in curls(url, demo) {
        // From the first column on, so that a line can be marked with a triple click.
        let _ = writeln!(text, "{command}\n");
    }
}

/// Log in, look at products, add one. Everything in them is made of letters, digits and `|`.
fn curls(url: &str, demo: &Credentials) -> [String; 3] {
    let (key, cashier, admin) = (&demo.tenant_key, &demo.cashier, &demo.admin);
    let log_in = serde_json::json!({"email": cashier.email, "password": cashier.password});
    let product = serde_json::json!({"name": "Es Kelapa Muda", "price": 12000, "stock": 30});
    let json = "-H 'Content-Type: application/json'";
    [
        format!("curl -s {url}/api/login -H 'X-Tenant-API-Key: {key}' {json} -d '{log_in}'"),
        format!(
            "curl -s '{url}/api/products?q=goreng' -H 'X-Tenant-API-Key: {key}' -H 'Authorization: Bearer {}'",
            cashier.token
        ),
        format!(
            "curl -s {url}/api/products -H 'X-Tenant-API-Key: {key}' -H 'Authorization: Bearer {}' {json} -d '{product}'",
            admin.token
        ),
    ]
}

/// The first of these variables that is set decides, as everywhere on such systems.
fn speaks_indonesian(variable: impl Fn(&str) -> Option<String>) -> bool {
    let set =
        ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter().find_map(|name| variable(name).filter(|text| !text.is_empty()));
    set.is_some_and(|text| text == "id" || text.starts_with("id_") || text.starts_with("id."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn language_follows_the_first_variable_that_is_set() {
        let speaks = |set: &[(&str, &str)]| {
            speaks_indonesian(|name| set.iter().find(|(own, _)| *own == name).map(|(_, text)| (*text).to_owned()))
        };
        assert!(speaks(&[("LANG", "id_ID.UTF-8")]));
        assert!(!speaks(&[("LANG", "id_ID.UTF-8"), ("LC_ALL", "C")]));
        assert!(speaks(&[("LANG", "id_ID.UTF-8"), ("LC_ALL", "")]));
        assert!(!speaks(&[("LANG", "ido")]) && !speaks(&[]));
    }
}
