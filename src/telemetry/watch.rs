//! Numbers that other parts keep by themselves, shown among the metrics.

use crate::activity::Activity;
use crate::alerts::{Alerts, Condition};
use crate::backups::Backups;
use crate::db::Fleet;
use crate::tenants::Tenants;

use super::Metrics;

impl Metrics {
    /// Shows how many tenant files and connections are open.
    pub fn watch_fleet(&self, fleet: Fleet) {
        let open = self.gauge("ruko_tenants_open", "Tenant files open now.");
        let open_max = self.gauge("ruko_tenants_open_max", "Tenant files that may be open at once.");
        let connections = self.gauge("ruko_db_connections_open", "Connections to tenant files open now.");
        self.at_scrape(move || {
            let stats = fleet.stats();
            open.set(number(stats.open));
            open_max.set(number(stats.capacity));
            connections.set(f64::from(fleet.open_files().iter().map(|(_, db)| db.open_connections()).sum::<u32>()));
        });
    }

    /// Shows how many tenants' files are not of the newest schema.
    pub fn watch_migrations(&self, tenants: Tenants) {
        let help = "Tenants whose files wait to be migrated, parked ones included.";
        let behind = self.gauge("ruko_tenants_behind", help);
        let help = "Tenants that answer 503 because their files could not be migrated.";
        let parked = self.gauge("ruko_tenants_parked", help);
        self.at_scrape(move || {
            behind.set(f64::from(tenants.behind_when_last_counted()));
            parked.set(number(tenants.parked_count()));
        });
    }

    /// Shows how many backups this process has made.
    pub fn watch_backups(&self, backups: Backups) {
        let made = self.counter("ruko_backups_made_total", "Backups finished.");
        let failed = self.counter("ruko_backups_failed_total", "Backups that failed; a cancelled one is none of them.");
        let bytes = self.counter("ruko_backup_bytes_total", "Size of the finished backups' files.");
        let seconds = self.counter("ruko_backup_seconds_total", "Time that the finished backups took.");
        self.at_scrape(move || {
            let tallied = backups.tallied();
            made.absolute(tallied.made);
            failed.absolute(tallied.failed);
            bytes.absolute(tallied.bytes);
            seconds.absolute(tallied.seconds);
        });
    }

    /// Shows how the backups stood when they were last looked at, and whether alerts go out.
    pub fn watch_alerts(&self, alerts: Alerts) {
        let tenants = Condition::ALL.map(|condition| {
            let help = "Tenants in each condition that somebody has to know of, the central file counted as one.";
            self.labelled_gauge("ruko_backup_tenants", help, &[("condition", condition.as_str())])
        });
        let last = self.gauge("ruko_backup_last_success_timestamp_seconds", "When the newest backup was begun.");
        let undelivered = self.gauge("ruko_alerts_undelivered", "Alerts that could not be delivered yet.");
        self.at_scrape(move || {
            if let Some(counted) = alerts.counted() {
                tenants.iter().zip(counted.counts).for_each(|(gauge, count)| gauge.set(number(count)));
                #[allow(clippy::cast_precision_loss, reason = "milliseconds of this age fit")]
                last.set(counted.last_ok_at.map_or(0.0, |at| at.0 as f64 / 1000.0));
            }
            undelivered.set(number(alerts.undelivered().iter().map(|one| one.waiting).sum()));
        });
    }

    /// Shows how the request and audit logs keep up.
    pub fn watch_activity(&self, activity: Activity) {
        let help = "Entries of the request and audit logs that were lost.";
        let dropped = self.counter("ruko_log_entries_dropped_total", help);
        let waiting = self.gauge("ruko_log_entries_waiting", "Entries that wait to be written.");
        self.at_scrape(move || {
            dropped.absolute(activity.dropped());
            waiting.set(number(activity.waiting()));
        });
    }
}

fn number(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::INFINITY, f64::from)
}
