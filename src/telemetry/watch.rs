//! Numbers that other parts keep by themselves, shown among the metrics.

use crate::activity::Activity;
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
