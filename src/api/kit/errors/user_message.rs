//! The sentence for the person in front of the screen, in English or Indonesian.

use crate::config::Language;
use crate::error::{Error, FieldError, Rule};

/// The better one of an `Accept-Language` header; nothing when it names none that ruko speaks.
pub fn asked_language(header: &str) -> Option<Language> {
    let quality = |tag: &str| {
        header
            .split(',')
            .filter_map(|part| {
                let mut pieces = part.trim().split(';');
                let name = pieces.next()?.trim();
                let is_asked = name.split('-').next().is_some_and(|primary| primary.eq_ignore_ascii_case(tag));
                let weight = pieces.find_map(|piece| piece.trim().strip_prefix("q=")?.parse::<f32>().ok());
                is_asked.then_some(weight.unwrap_or(1.0))
            })
            .fold(0.0_f32, f32::max)
    };
    // "in" is the old code of Indonesian, which some phones still send.
    let (indonesian, english) = (quality("id").max(quality("in")), quality("en"));
    let better = if indonesian > english { Language::Indonesian } else { Language::English };
    (indonesian.max(english) > 0.0).then_some(better)
}

/// The sentence for an error.
pub(super) fn text(error: &Error, language: Language) -> String {
    match error {
        Error::Invalid(errors) => errors.iter().map(|error| field_text(error, language)).collect::<Vec<_>>().join(" "),
        other => {
            let (english, indonesian) = sentences(other.code());
            match language {
                Language::English => english.into(),
                Language::Indonesian => indonesian.into(),
            }
        }
    }
}

fn sentences(code: &str) -> (&'static str, &'static str) {
    match code {
        "master_key_required" | "master_key_invalid" | "central_disabled" => {
            ("Only the operator of this server can do that.", "Hanya pengelola server yang dapat melakukan ini.")
        }
        "tenant_key_required" | "tenant_key_invalid" => {
            ("This app is not connected to a shop.", "Aplikasi ini belum terhubung ke toko.")
        }
        "unauthenticated" | "token_invalid" => ("Please log in again.", "Silakan masuk kembali."),
        "login_failed" => ("Email or password is wrong.", "Email atau kata sandi salah."),
        "tenant_not_active" => ("This shop is closed at the moment.", "Toko ini sedang tidak aktif."),
        "forbidden" => ("You are not allowed to do that.", "Anda tidak diizinkan melakukan ini."),
        "not_found" | "route_not_found" => ("That does not exist.", "Data tidak ditemukan."),
        "precondition_failed" => {
            ("Somebody else has changed this in the meantime.", "Data ini sudah diubah oleh orang lain.")
        }
        "too_many_requests" => {
            ("Too many tries. Please wait a moment.", "Terlalu banyak percobaan. Mohon tunggu sebentar.")
        }
        "payload_too_large" => ("That is too large.", "Data yang dikirim terlalu besar."),
        "storage_full" => ("There is no storage space left.", "Ruang penyimpanan sudah penuh."),
        "conflict" | "still_referenced" | "illegal_transition" => {
            ("That does not fit what is already there.", "Permintaan ini bertentangan dengan data yang ada.")
        }
        "bad_request" | "malformed_body" | "unsupported_media_type" | "method_not_allowed" => {
            ("The app sent something unreadable.", "Aplikasi mengirim data yang tidak dapat dibaca.")
        }
        _ => ("That did not work. Please try again later.", "Terjadi kendala. Silakan coba lagi nanti."),
    }
}

fn field_text(error: &FieldError, language: Language) -> String {
    if language == Language::English {
        return super::validation_text(error);
    }
    let field = error.path.replace('_', " ");
    match &error.rule {
        Rule::Required => format!("Kolom {field} wajib diisi."),
        Rule::String => format!("Kolom {field} harus berupa teks."),
        Rule::Integer => format!("Kolom {field} harus berupa bilangan bulat."),
        Rule::Numeric => format!("Kolom {field} harus berupa angka."),
        Rule::Boolean => format!("Kolom {field} harus bernilai ya atau tidak."),
        Rule::Array => format!("Kolom {field} harus berupa daftar."),
        Rule::Object => format!("Kolom {field} harus berupa objek."),
        Rule::MinLength(min) => format!("Kolom {field} minimal {min} karakter."),
        Rule::MaxLength(max) => format!("Kolom {field} maksimal {max} karakter."),
        Rule::MinItems(min) => format!("Kolom {field} minimal berisi {min} butir."),
        Rule::MaxItems(max) => format!("Kolom {field} maksimal berisi {max} butir."),
        Rule::Min(min) => format!("Kolom {field} minimal {min}."),
        Rule::Max(max) => format!("Kolom {field} maksimal {max}."),
        Rule::MoreThan(min) => format!("Kolom {field} harus lebih dari {min}."),
        Rule::Decimals(places) => format!("Kolom {field} paling banyak {places} angka di belakang koma."),
        Rule::Email => format!("Kolom {field} harus berupa alamat email yang benar."),
        Rule::OneOf(_) | Rule::Missing => format!("Pilihan {field} tidak benar."),
        Rule::Confirmed => format!("Konfirmasi {field} tidak cocok."),
        Rule::Taken => format!("{field} sudah dipakai."),
        Rule::Unknown => format!("Parameter {field} tidak dikenal."),
        Rule::NoFile => format!("Kolom {field} harus berupa teks, bukan berkas."),
        Rule::Other("timezone", _) => format!("Kolom {field} harus berupa zona waktu yang benar."),
        Rule::Other("out_of_stock", _) => format!("Stok untuk {field} tidak cukup."),
        Rule::Other(..) => format!("Kolom {field} tidak dapat diterima."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_picks_the_better_language() {
        for (header, expected) in [
            ("id-ID,id;q=0.9,en-US;q=0.8", Some(Language::Indonesian)),
            ("in", Some(Language::Indonesian)),
            ("en, id;q=0.5", Some(Language::English)),
            ("en, id", Some(Language::English)),
            ("de, *;q=0.5", None),
            ("id;q=0", None),
            ("", None),
            ("id;q=abc", Some(Language::Indonesian)),
        ] {
            assert_eq!(asked_language(header), expected, "{header}");
        }
    }
}
