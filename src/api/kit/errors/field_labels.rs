//! What people call the fields of inputs, in English and Indonesian.

use crate::config::Language;

/// Name on the wire, in English, in Indonesian.
const LABELS: &[(&str, &str, &str)] = &[
    ("action", "action", "tindakan"),
    ("actor", "person", "pelaku"),
    ("after", "place to go on", "tempat melanjutkan"),
    ("allow_other_tenant", "permission for another tenant's backup", "izin memakai cadangan toko lain"),
    ("archive", "archive", "arsip"),
    ("avatar_url", "picture", "foto"),
    ("backup_daily", "daily backup", "cadangan harian"),
    ("backup_enabled", "scheduled backups", "cadangan terjadwal"),
    ("backup_weekly", "weekly backup", "cadangan mingguan"),
    ("compress", "compression", "kompresi"),
    ("created_from", "first day", "tanggal awal"),
    ("created_to", "last day", "tanggal akhir"),
    ("current_password", "current password", "kata sandi saat ini"),
    ("cursor", "place in the list", "posisi daftar"),
    ("db_host", "database host", "host basis data"),
    ("db_name", "file name", "nama berkas"),
    ("db_password", "database password", "kata sandi basis data"),
    ("db_port", "database port", "port basis data"),
    ("db_username", "database user", "pengguna basis data"),
    ("deep", "depth of the look", "kedalaman pemeriksaan"),
    ("description", "description", "deskripsi"),
    ("domain", "domain", "domain"),
    ("domains", "domains", "domain"),
    ("dry_run", "dry run", "uji coba"),
    ("email", "email address", "alamat email"),
    ("expires_at", "end date", "tanggal berakhir"),
    ("file", "backup", "cadangan"),
    ("format", "format", "format"),
    ("from_tenant", "tenant of the backup", "toko asal cadangan"),
    ("id", "id", "id"),
    ("image", "picture", "gambar"),
    ("is_active", "active", "status aktif"),
    ("items", "list of items", "daftar barang"),
    ("keep_days", "days to keep", "lama penyimpanan"),
    ("keys", "keys", "kunci"),
    ("kind", "kind", "jenis"),
    ("limit", "number of rows", "jumlah baris"),
    ("limits", "limits", "batas"),
    ("locale", "language", "bahasa"),
    ("max_auto_replies", "number of auto replies", "jumlah balasan otomatis"),
    ("max_messages_per_day", "messages a day", "pesan per hari"),
    ("max_messages_per_month", "messages a month", "pesan per bulan"),
    ("max_phone_numbers", "number of phone numbers", "jumlah nomor telepon"),
    ("max_scheduled_messages", "number of scheduled messages", "jumlah pesan terjadwal"),
    ("max_storage_bytes", "storage limit", "batas penyimpanan"),
    ("name", "name", "nama"),
    ("note", "note", "catatan"),
    ("overlap_minutes", "overlap", "masa peralihan"),
    ("page", "page", "halaman"),
    ("password", "password", "kata sandi"),
    ("password_confirmation", "repeated password", "ulangan kata sandi"),
    ("password_min_length", "shortest password", "panjang minimal kata sandi"),
    ("per_page", "rows of a page", "baris per halaman"),
    ("pinned", "pin", "sematan"),
    ("plan", "plan", "paket"),
    ("price", "price", "harga"),
    ("price_max", "highest price", "harga tertinggi"),
    ("price_min", "lowest price", "harga terendah"),
    ("product_id", "product", "produk"),
    ("purge", "deletion for good", "penghapusan permanen"),
    ("q", "search text", "kata pencarian"),
    ("quantity", "quantity", "jumlah"),
    ("role", "role", "peran"),
    ("route", "route", "rute"),
    ("search", "search text", "kata pencarian"),
    ("settings", "settings", "pengaturan"),
    ("since", "beginning", "waktu awal"),
    ("sort", "order of the list", "urutan daftar"),
    ("state", "state", "keadaan"),
    ("status", "status", "status"),
    ("stock", "stock", "stok"),
    ("stock_max", "highest stock", "stok tertinggi"),
    ("stock_min", "lowest stock", "stok terendah"),
    ("tables", "tables", "tabel"),
    ("take_over", "tenant to take over from", "toko asal"),
    ("tenant", "tenant", "toko"),
    ("time_zone", "time zone", "zona waktu"),
    ("total_max", "highest total", "total tertinggi"),
    ("total_min", "lowest total", "total terendah"),
    ("until", "end", "waktu akhir"),
    ("user_id", "user", "pengguna"),
    ("username", "user name", "nama pengguna"),
];

/// What people call a field, by its name on the wire.
pub fn field_label(name: &str, language: Language) -> Option<&'static str> {
    let index = LABELS.binary_search_by_key(&name, |(name, ..)| name).ok()?;
    let (_, english, indonesian) = LABELS[index];
    Some(match language {
        Language::English => english,
        Language::Indonesian => indonesian,
    })
}

/// The field at a path as the beginning of a sentence: `items.0.quantity` is "Quantity of item 1".
pub(super) fn subject(path: &str, language: Language) -> String {
    let steps: Vec<&str> = path.split('.').collect();
    let (label, row) = match steps.as_slice() {
        [.., list, row] if row.parse::<usize>().is_ok() => (None, Some((*list, *row))),
        [.., list, row, name] if row.parse::<usize>().is_ok() => (Some(*name), Some((*list, *row))),
        [.., name] => (Some(*name), None),
        [] => (None, None),
    };
    let label = label.map(|name| field_label(name, language).map_or_else(|| name.replace('_', " "), str::to_owned));
    let row = row.map(|(list, row)| self::row(list, row.parse().unwrap_or_default(), language));
    let joined = match (label, row, language) {
        (Some(label), Some(row), Language::English) => format!("{label} of {row}"),
        (Some(label), Some(row), Language::Indonesian) => format!("{label} {row}"),
        (label, row, _) => label.or(row).unwrap_or_default(),
    };
    let mut chars = joined.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

/// A row of a list; people count from 1.
fn row(list: &str, index: usize, language: Language) -> String {
    let number = index.saturating_add(1);
    match (list, language) {
        ("items", Language::English) => format!("item {number}"),
        ("items", Language::Indonesian) => format!("barang ke-{number}"),
        (_, Language::English) => format!("entry {number}"),
        (_, Language::Indonesian) => format!("butir ke-{number}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_sorted_by_name() {
        assert!(LABELS.is_sorted_by_key(|(name, ..)| *name));
    }

    #[test]
    fn path_becomes_what_people_call_the_field() {
        for (path, english, indonesian) in [
            ("price", "Price", "Harga"),
            ("items", "List of items", "Daftar barang"),
            ("items.0", "Item 1", "Barang ke-1"),
            ("items.11.product_id", "Product of item 12", "Produk barang ke-12"),
            ("limits.max_phone_numbers", "Number of phone numbers", "Jumlah nomor telepon"),
            ("tags.0", "Entry 1", "Butir ke-1"),
            ("some_field", "Some field", "Some field"),
            ("", "", ""),
        ] {
            assert_eq!(subject(path, Language::English), english);
            assert_eq!(subject(path, Language::Indonesian), indonesian);
        }
    }
}
