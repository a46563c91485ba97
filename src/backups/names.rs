//! Where a backup lies and what it is called: `warung-1/2026/11/warung-1_2026-11-27_020000.db.zst`.

use jiff::tz::TimeZone;

use crate::clock::Timestamp;
use crate::id::TenantId;

/// Folder below the folder of backups, and the name without its ending. Times are those of `zone`,
/// the one that schedules go by.
pub(super) fn of(tenant: &TenantId, at: Timestamp, zone: &TimeZone) -> (String, String) {
    let at = at.in_zone(zone);
    (format!("{tenant}/{}", at.strftime("%Y/%m")), format!("{tenant}_{}", at.strftime("%Y-%m-%d_%H%M%S")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_tells_tenant_and_local_time() {
        let jakarta = TimeZone::fixed(jiff::tz::offset(7));
        let at = Timestamp(
            jiff::civil::date(2026, 11, 30)
                .at(19, 0, 5, 0)
                .to_zoned(TimeZone::UTC)
                .unwrap()
                .timestamp()
                .as_millisecond(),
        );
        let (folder, stem) = of(&"warung-1".into(), at, &jakarta);
        assert_eq!((folder.as_str(), stem.as_str()), ("warung-1/2026/12", "warung-1_2026-12-01_020005"));
    }
}
