//! Why a field was refused, as a sentence for the person who filled it in.

use crate::config::Language;
use crate::error::{FieldError, Rule};

use super::field_labels::subject;
use super::validation_text;

/// Values that are listed; a longer list is of no help.
const VALUES_MAX: usize = 12;

/// The sentence.
pub(super) fn text(error: &FieldError, language: Language) -> String {
    let subject = subject(&error.path, language);
    match (&error.rule, language) {
        (Rule::Other(code, _), _) => match other(code, &subject) {
            Some((english, indonesian)) => pick(language, english, indonesian),
            None => pick(language, validation_text(error), format!("{subject} tidak dapat diterima.")),
        },
        (rule, Language::English) => english(rule, &subject, &error.path),
        (rule, Language::Indonesian) => indonesian(rule, &subject, &error.path),
    }
}

fn pick(language: Language, english: String, indonesian: String) -> String {
    match language {
        Language::English => english,
        Language::Indonesian => indonesian,
    }
}

fn listed(values: &[String]) -> Option<String> {
    (values.len() <= VALUES_MAX).then(|| values.join(", "))
}

fn english(rule: &Rule, field: &str, path: &str) -> String {
    match rule {
        Rule::Required => format!("{field} is required."),
        Rule::String => format!("{field} must be a text."),
        Rule::Integer => format!("{field} must be a whole number."),
        Rule::Numeric => format!("{field} must be a number."),
        Rule::Boolean => format!("{field} must be yes or no."),
        Rule::Array => format!("{field} must be a list."),
        Rule::Object => format!("{field} must be a group of fields."),
        Rule::MinLength(min) => format!("{field} must have at least {min} characters."),
        Rule::MaxLength(max) => format!("{field} may have at most {max} characters."),
        Rule::MinItems(1) => format!("{field} must have at least one entry."),
        Rule::MinItems(min) => format!("{field} must have at least {min} entries."),
        Rule::MaxItems(max) => format!("{field} may have at most {max} entries."),
        Rule::Min(min) => format!("{field} must be at least {min}."),
        Rule::Max(max) => format!("{field} may be at most {max}."),
        Rule::MoreThan(min) => format!("{field} must be more than {min}."),
        Rule::Decimals(places) => format!("{field} may have at most {places} decimals."),
        Rule::Email => format!("{field} is not a valid email address."),
        Rule::OneOf(values) => match listed(values) {
            Some(values) => format!("{field} must be one of these: {values}."),
            None => format!("{field} is none of those that exist."),
        },
        Rule::Missing => format!("{field} does not exist."),
        Rule::Confirmed => format!("{field} and its repetition are not the same."),
        Rule::Taken => format!("{field} is already in use."),
        Rule::Unknown => format!("\"{path}\" is not known here."),
        Rule::NoFile => format!("{field} must be a text, not a file."),
        Rule::OutOfStock { name, left: 0, .. } => format!("{name} is out of stock."),
        Rule::OutOfStock { name, left, .. } => format!("Only {left} of {name} left."),
        Rule::Other(_, text) => text.clone(),
    }
}

fn indonesian(rule: &Rule, field: &str, path: &str) -> String {
    match rule {
        Rule::Required => format!("{field} wajib diisi."),
        Rule::String => format!("{field} harus berupa teks."),
        Rule::Integer => format!("{field} harus berupa bilangan bulat."),
        Rule::Numeric => format!("{field} harus berupa angka."),
        Rule::Boolean => format!("{field} harus bernilai ya atau tidak."),
        Rule::Array => format!("{field} harus berupa daftar."),
        Rule::Object => format!("{field} harus berupa kumpulan isian."),
        Rule::MinLength(min) => format!("{field} minimal {min} karakter."),
        Rule::MaxLength(max) => format!("{field} maksimal {max} karakter."),
        Rule::MinItems(min) => format!("{field} minimal berisi {min} butir."),
        Rule::MaxItems(max) => format!("{field} maksimal berisi {max} butir."),
        Rule::Min(min) => format!("{field} minimal {min}."),
        Rule::Max(max) => format!("{field} maksimal {max}."),
        Rule::MoreThan(min) => format!("{field} harus lebih dari {min}."),
        Rule::Decimals(places) => format!("{field} paling banyak {places} angka di belakang koma."),
        Rule::Email => format!("{field} tidak benar."),
        Rule::OneOf(values) => match listed(values) {
            Some(values) => format!("{field} harus salah satu dari: {values}."),
            None => format!("{field} tidak ada dalam pilihan."),
        },
        Rule::Missing => format!("{field} tidak ditemukan."),
        Rule::Confirmed => format!("{field} dan ulangannya tidak sama."),
        Rule::Taken => format!("{field} sudah dipakai."),
        Rule::Unknown => format!("\"{path}\" tidak dikenal di sini."),
        Rule::NoFile => format!("{field} harus berupa teks, bukan berkas."),
        Rule::OutOfStock { name, left: 0, .. } => format!("Stok {name} habis."),
        Rule::OutOfStock { name, left, .. } => format!("Stok {name} tinggal {left}."),
        Rule::Other(_, text) => text.clone(),
    }
}

/// English and Indonesian for the rules that one feature has.
fn other(code: &str, field: &str) -> Option<(String, String)> {
    let (english, indonesian) = match code {
        "archive" => ("The archive cannot be imported.", "Arsip tidak dapat diimpor."),
        "current_password" => ("The current password is wrong.", "Kata sandi saat ini salah."),
        "date" => ("{} must be a valid date.", "{} harus berupa tanggal yang benar."),
        "db_name" => (
            "{} may only have letters, digits, dashes and underscores, at most 64 of them.",
            "{} hanya boleh berisi huruf, angka, tanda hubung, dan garis bawah, paling banyak 64.",
        ),
        "db_name_taken" => {
            ("The old file name is taken. Choose another one.", "Nama berkas lama sudah dipakai. Pilih nama lain.")
        }
        "host_name" => (
            "{} must be a host name such as shop.example.com.",
            "{} harus berupa nama host, misalnya toko.example.com.",
        ),
        "cron" => (
            "{} must be a cron expression such as 0 2 * * *, or off.",
            "{} harus berupa ekspresi cron, misalnya 0 2 * * *, atau off.",
        ),
        "in_the_past" => ("{} must be in the future.", "{} harus di masa depan."),
        "invalid_cursor" => {
            ("The list cannot go on from there. Load it anew.", "Daftar tidak dapat dilanjutkan. Muat ulang daftarnya.")
        }
        "no_body" => ("Nothing more can be sent here.", "Tidak ada data lain yang dapat dikirim di sini."),
        "no_file" => ("There is no file of that name.", "Tidak ada berkas dengan nama itu."),
        "nul" => ("{} has characters that are not allowed.", "{} memuat karakter yang tidak diizinkan."),
        "picture_url" => (
            "{} must be a web address that begins with http, or a path.",
            "{} harus berupa alamat web yang diawali http, atau sebuah path.",
        ),
        "timezone" => (
            "{} must be a time zone such as Asia/Jakarta.",
            "{} harus berupa zona waktu yang benar, misalnya Asia/Jakarta.",
        ),
        "total_too_large" => ("The total of the order is too large.", "Total pesanan terlalu besar."),
        "user_disabled" => ("This user is disabled.", "Pengguna ini dinonaktifkan."),
        _ => return None,
    };
    Some((english.replace("{}", field), indonesian.replace("{}", field)))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::error::Place;

    fn codes_in(folder: &Path, found: &mut Vec<String>) {
        for entry in folder.read_dir().unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                codes_in(&path, found);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                let source = std::fs::read_to_string(&path).unwrap();
                let literal = |rest: &str| rest.trim_start().strip_prefix('"')?.split('"').next().map(str::to_owned);
                found.extend(source.split("Rule::Other(").skip(1).filter_map(literal));
            }
        }
    }

    #[test]
    fn every_rule_of_a_feature_has_its_own_sentences() {
        let mut codes = Vec::new();
        codes_in(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut codes);
        // This line looks like one too.
        codes.retain(|code| code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'));
        assert!(codes.len() > 10, "{codes:?}");
        let missing: Vec<_> = codes.iter().filter(|code| other(code, "x").is_none()).collect();
        assert!(missing.is_empty(), "give these sentences: {missing:?}");
    }

    #[test]
    fn sentences_name_the_field_as_people_do() {
        let says = |path: &str, rule: &Rule| {
            let error = FieldError { path: path.into(), rule: rule.clone(), place: Place::Body };
            [text(&error, Language::English), text(&error, Language::Indonesian)]
        };
        let stock = |left| Rule::OutOfStock { name: "Nasi".into(), left, taken: 0 };
        let wrong = Rule::Other("current_password", "The current password is incorrect.".into());
        let roles = Rule::OneOf(vec!["admin".into(), "user".into()]);
        for (path, rule, english, indonesian) in [
            ("price", Rule::Min("0".into()), "Price must be at least 0.", "Harga minimal 0."),
            (
                "password",
                Rule::MinLength(6),
                "Password must have at least 6 characters.",
                "Kata sandi minimal 6 karakter.",
            ),
            ("role", roles, "Role must be one of these: admin, user.", "Peran harus salah satu dari: admin, user."),
            (
                "items.0.product_id",
                Rule::Missing,
                "Product of item 1 does not exist.",
                "Produk barang ke-1 tidak ditemukan.",
            ),
            ("items.0.quantity", stock(5), "Only 5 of Nasi left.", "Stok Nasi tinggal 5."),
            ("items.0.quantity", stock(0), "Nasi is out of stock.", "Stok Nasi habis."),
            ("current_password", wrong, "The current password is wrong.", "Kata sandi saat ini salah."),
            ("x_y", Rule::Unknown, "\"x_y\" is not known here.", "\"x_y\" tidak dikenal di sini."),
        ] {
            assert_eq!(says(path, &rule), [english, indonesian]);
        }
    }
}
