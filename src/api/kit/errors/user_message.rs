//! The sentence for the person in front of the screen, in English or Indonesian.

use crate::config::Language;
use crate::error::Error;

use super::field_message;

/// The better one of an `Accept-Language` header, of equal ones the first; nothing when it names none
/// that ruko speaks.
pub fn asked_language(header: &str) -> Option<Language> {
    let asked = header.split(',').filter_map(|part| {
        let mut pieces = part.split(';').map(str::trim);
        let language = match pieces.next()?.split('-').next()?.to_ascii_lowercase().as_str() {
            "en" => Language::English,
            // The old code of Indonesian, which some phones still send.
            "id" | "in" => Language::Indonesian,
            _ => return None,
        };
        let weight = pieces.find_map(|piece| piece.strip_prefix("q=")?.parse::<f32>().ok()).unwrap_or(1.0);
        (weight > 0.0).then_some((language, weight))
    });
    asked.reduce(|best, next| if next.1 > best.1 { next } else { best }).map(|(language, _)| language)
}

/// The sentence for an error.
pub(super) fn text(error: &Error, language: Language) -> String {
    match error {
        Error::Invalid(errors) => {
            errors.iter().map(|error| field_message::text(error, language)).collect::<Vec<_>>().join(" ")
        }
        other => sentence(other.code(), language).into(),
    }
}

/// The sentence for the code of an error.
pub fn sentence(code: &str, language: Language) -> &'static str {
    let (english, indonesian) = sentences(code).unwrap_or(TRY_LATER);
    match language {
        Language::English => english,
        Language::Indonesian => indonesian,
    }
}

/// For what nobody in front of a screen can do anything about.
const TRY_LATER: (&str, &str) =
    ("That did not work. Please try again later.", "Terjadi kendala. Silakan coba lagi nanti.");

/// English and Indonesian for a code.
fn sentences(code: &str) -> Option<(&'static str, &'static str)> {
    SENTENCES.iter().find(|(codes, ..)| codes.contains(&code)).map(|(_, english, indonesian)| (*english, *indonesian))
}

/// Codes, what they mean in English, and in Indonesian.
const SENTENCES: &[(&[&str], &str, &str)] = &[
    (
        &["master_key_required", "master_key_invalid", "central_disabled"],
        "Only the operator of this server can do that.",
        "Hanya pengelola server yang dapat melakukan ini.",
    ),
    (
        &["tenant_key_required", "tenant_key_invalid"],
        "This app is not connected to a shop.",
        "Aplikasi ini belum terhubung ke toko.",
    ),
    (&["unauthenticated", "token_invalid"], "Please log in again.", "Silakan masuk kembali."),
    (&["login_failed"], "Email or password is wrong.", "Email atau kata sandi salah."),
    (&["tenant_not_active"], "This shop is closed at the moment.", "Toko ini sedang tidak aktif."),
    (&["forbidden"], "You are not allowed to do that.", "Anda tidak diizinkan melakukan ini."),
    (&["not_found", "route_not_found"], "That does not exist.", "Data tidak ditemukan."),
    (&["validation_failed"], "Some of that cannot be accepted.", "Ada isian yang tidak dapat diterima."),
    (
        &["precondition_failed"],
        "Somebody else has changed this in the meantime.",
        "Data ini sudah diubah oleh orang lain.",
    ),
    (
        &["too_many_requests"],
        "Too many tries. Please wait a moment.",
        "Terlalu banyak percobaan. Mohon tunggu sebentar.",
    ),
    (&["payload_too_large", "head_too_large"], "That is too large.", "Data yang dikirim terlalu besar."),
    (
        &["request_timeout"],
        "The connection was too slow. Please try again.",
        "Koneksi terlalu lambat. Silakan coba lagi.",
    ),
    (
        &["bad_request", "malformed_body", "malformed_request", "unsupported_media_type", "method_not_allowed"],
        "The app sent something unreadable.",
        "Aplikasi mengirim data yang tidak dapat dibaca.",
    ),
    (&["conflict"], "Something like that exists already.", "Data seperti itu sudah ada."),
    (&["still_referenced"], "Something else still needs this.", "Data ini masih dipakai oleh data lain."),
    (
        &["illegal_transition"],
        "The order cannot get this status any more.",
        "Status pesanan tidak dapat diubah seperti itu.",
    ),
    (&["out_of_stock"], "There is not enough in stock.", "Stok tidak cukup."),
    (
        &["last_admin"],
        "A shop needs at least one active admin. Make another admin first.",
        "Toko harus memiliki sedikitnya satu admin aktif. Tambahkan admin lain dahulu.",
    ),
    (
        &["too_many_keys"],
        "This shop has as many keys as it may have. Revoke one first.",
        "Jumlah kunci toko ini sudah mencapai batas. Cabut salah satu dahulu.",
    ),
    (
        &["too_many_domains"],
        "This shop has as many domains as it may have. Remove one first.",
        "Jumlah domain toko ini sudah mencapai batas. Hapus salah satu dahulu.",
    ),
    (&["tenant_frozen"], "This shop is frozen. Thaw it first.", "Toko ini sedang dibekukan. Cairkan dahulu."),
    (&["not_deleted"], "This shop is not in the trash.", "Toko ini tidak ada di tempat sampah."),
    (&["file_lost"], "The file of this shop is gone.", "Berkas toko ini sudah tidak ada."),
    (&["file_not_adoptable"], "This file cannot be taken over.", "Berkas ini tidak dapat diambil alih."),
    (&["file_not_exportable"], "This file cannot be exported.", "Berkas ini tidak dapat diekspor."),
    (&["backup_name_required"], "Which backup is meant? Choose one.", "Cadangan mana? Pilih salah satu."),
    (&["cancelled"], "It was cancelled. Nothing was changed.", "Proses dibatalkan. Tidak ada yang diubah."),
    (
        &["interrupted"],
        "The server was stopped in the middle of it. Please try again.",
        "Server berhenti di tengah proses. Silakan coba lagi.",
    ),
    (&["job_ended"], "That has ended already.", "Proses ini sudah selesai."),
    (
        &["job_committed"],
        "It is too late to cancel that. Please wait for its end.",
        "Sudah terlambat untuk dibatalkan. Mohon tunggu sampai selesai.",
    ),
    (
        &["job_under_way"],
        "A backup or restore of this shop is under way. Please wait for its end.",
        "Pencadangan atau pemulihan toko ini sedang berjalan. Mohon tunggu sampai selesai.",
    ),
    (
        &["wal_limit"],
        "Too much is written at the moment. Please try again later.",
        "Terlalu banyak data sedang ditulis. Silakan coba lagi nanti.",
    ),
    (
        &["backup_damaged"],
        "This backup is damaged and cannot be used. Nothing was changed.",
        "Cadangan ini rusak dan tidak dapat dipakai. Tidak ada yang diubah.",
    ),
    (
        &["copy_unavailable"],
        "This backup cannot be fetched at the moment. Nothing was changed. Please tell the server's operator.",
        "Cadangan ini sedang tidak dapat diambil. Tidak ada yang diubah. Mohon hubungi pengelola server.",
    ),
    (
        &["no_destination"],
        "No place for copies of backups is set up on this server.",
        "Tempat salinan cadangan belum diatur di server ini.",
    ),
    (
        &["backup_key_missing"],
        "The server has no key for this backup. Please tell its operator.",
        "Server tidak memiliki kunci cadangan ini. Mohon hubungi pengelola server.",
    ),
    (
        &["instance_export_failed", "bad_instance_archive"],
        "The archive of the whole server is not whole.",
        "Arsip seluruh server tidak lengkap.",
    ),
    (&["data_dir_not_empty"], "The data folder is not empty.", "Folder data tidak kosong."),
    (
        &["not_central"],
        "This backup is not one of the server's own file.",
        "Cadangan ini bukan cadangan berkas milik server.",
    ),
    (&["wrong_backup_key"], "This backup was made with another key.", "Cadangan ini dibuat dengan kunci lain."),
    (
        &["central_in_use"],
        "The server's own file cannot be replaced while the server runs.",
        "Berkas milik server tidak dapat diganti selama server berjalan.",
    ),
    (
        &["backup_key_configured"],
        "The backup key stands in the server's settings and is changed there.",
        "Kunci cadangan ada di pengaturan server dan diubah di sana.",
    ),
    (
        &["backup_of_other_tenant"],
        "This backup is another shop's. Nothing was changed.",
        "Cadangan ini milik toko lain. Tidak ada yang diubah.",
    ),
    (
        &["backup_of_central"],
        "This backup is one of the server's own file and holds no shop.",
        "Cadangan ini milik server dan tidak berisi data toko.",
    ),
    (
        &["backup_newer"],
        "This backup was made by a newer version of the server.",
        "Cadangan ini dibuat oleh versi server yang lebih baru.",
    ),
    (
        &["too_many_backups"],
        "There are as many backups as this shop may keep, and none of them may be removed. Please tell the operator \
         of the server.",
        "Jumlah cadangan toko ini sudah mencapai batas, dan tidak ada yang boleh dihapus. Mohon hubungi pengelola \
         server.",
    ),
    (
        &["restore_needs_tables"],
        "Other data depends on what you chose: restore it along with it, or restore everything. Nothing was changed.",
        "Data lain bergantung pada pilihan Anda: pulihkan bersama-sama, atau pulihkan semuanya. Tidak ada yang diubah.",
    ),
    (
        &["restore_needs_whole"],
        "This data cannot be restored by itself. Please restore everything.",
        "Data ini tidak dapat dipulihkan sendiri. Silakan pulihkan semuanya.",
    ),
    (
        &["backup_unfinished"],
        "This backup is not finished, so it cannot be kept.",
        "Cadangan ini belum selesai, sehingga tidak dapat disimpan.",
    ),
    (&["nothing_to_undo"], "There is no restore to undo.", "Tidak ada pemulihan yang dapat dibatalkan."),
    (&["range_not_satisfiable"], "There is no such part of the file.", "Bagian berkas itu tidak ada."),
    (&["tenant_exists"], "This shop is on the server already.", "Toko ini sudah ada di server."),
    (&["key_in_use"], "A key of this shop is already in use on the server.", "Kunci toko ini sudah dipakai di server."),
    (
        &["domain_in_use"],
        "A domain of this shop is already in use on the server.",
        "Domain toko ini sudah dipakai di server.",
    ),
    (
        &["unavailable", "overloaded", "timeout", "central_locked", "logs_locked"],
        "The server is busy. Please try again.",
        "Server sedang sibuk. Silakan coba lagi.",
    ),
    (
        &["restoring"],
        "The shop's data is being restored. Please try again in a moment.",
        "Data toko sedang dipulihkan. Silakan coba lagi sebentar.",
    ),
    (
        &["tenant_locked"],
        "The shop's data is in use by another program. Please try again.",
        "Data toko sedang dipakai program lain. Silakan coba lagi.",
    ),
    (
        &[
            "tenant_read_only",
            "tenant_corrupt",
            "tenant_io_error",
            "tenant_unavailable",
            "tenant_newer",
            "tenant_migration_failed",
        ],
        "The shop's data cannot be used at the moment. Please tell the operator of the server.",
        "Data toko sedang tidak dapat dipakai. Mohon hubungi pengelola server.",
    ),
    (
        &["logs_read_only", "logs_corrupt", "logs_io_error", "logs_unavailable", "logs_newer"],
        "The log cannot be read at the moment. Please tell the operator of the server.",
        "Catatan aktivitas sedang tidak dapat dibaca. Mohon hubungi pengelola server.",
    ),
    (
        &["central_read_only", "central_corrupt", "central_io_error", "central_unavailable", "central_newer"],
        "The server cannot be used at the moment. Please tell its operator.",
        "Server sedang tidak dapat dipakai. Mohon hubungi pengelolanya.",
    ),
    (
        &["storage_full"],
        "There is no storage space left. Please tell the operator of the server.",
        "Ruang penyimpanan sudah penuh. Mohon hubungi pengelola server.",
    ),
];

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
            ("id, en", Some(Language::Indonesian)),
            ("de, ID;q=0.7, en-GB; q=0.7", Some(Language::Indonesian)),
            ("en;q=0.2, en;q=0.9, id;q=0.5", Some(Language::English)),
            ("en;q=NaN, id;q=0.1", Some(Language::Indonesian)),
            ("de, *;q=0.5", None),
            ("id;q=0", None),
            ("", None),
            ("id;q=abc", Some(Language::Indonesian)),
        ] {
            assert_eq!(asked_language(header), expected, "{header}");
        }
    }

    /// Codes after which all that is left is to try again.
    const GENERIC: &[&str] = &["internal"];

    #[test]
    fn every_code_has_a_sentence_of_its_own_or_is_generic_on_purpose() {
        let text = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/API-DESIGN.md"));
        let table = text.split("### Codes").nth(1).unwrap().split("\n## ").next().unwrap();
        let rows = table.lines().filter_map(|line| line.strip_prefix('|')?.split('|').nth(1));
        let codes: Vec<&str> = rows.flat_map(|cell| cell.split('`').skip(1).step_by(2)).collect();
        assert!(codes.len() > 40, "{codes:?}");
        for code in codes {
            assert_eq!(sentences(code).is_none(), GENERIC.contains(&code), "{code}");
        }
    }
}
