//! `ruko restore`

use std::path::Path;

use clap::Args;
use serde_json::{Value, json};

use super::client::Client;
use super::failure::Outcome;
use super::globals::Globals;
use super::job::Watch;
use super::output::{self, plain};
use super::{ask, backup, restore_central};
use crate::id::CENTRAL;

/// Bring a backup back into its tenant, which goes on serving
#[derive(Debug, Args)]
pub struct Restore {
    /// Its id, number or file name; `central` for the server's own file, while no server runs
    tenant: String,
    /// Name of the backup, as `ruko backup list` shows it; when missing, the newest that no restore has made
    file: Option<String>,
    /// Restores only these of the tables users, products, orders and the lines of orders (`order_items`)
    #[arg(long, value_delimiter = ',', value_name = "TABLE,...")]
    tables: Vec<String>,
    /// Shows what would change, and changes nothing
    #[arg(long)]
    preview: bool,
    /// Takes the last restore back
    #[arg(long, conflicts_with_all = ["file", "tables", "preview"])]
    undo: bool,
    /// Does not ask
    #[arg(long, short, visible_alias = "force")]
    yes: bool,
}

impl Restore {
    pub(super) async fn run(&self, globals: &Globals) -> Outcome {
        let config = globals.load(Vec::new())?.config;
        if self.tenant == CENTRAL {
            return restore_central::run(globals, &config, self.file.as_deref().map(Path::new), self.yes);
        }
        let tenant = backup::named(&config, &self.tenant)?;
        if !self.preview {
            let name = output::without_controls(&tenant.name);
            ask::confirm(&format!("{name} ({}): {}?", tenant.id, self.what()), self.yes)?;
        }

        let client = Client::connect(config).await?;
        let (path, body) = (format!("/api/central/tenants/{}/restore", tenant.id), self.body());
        let path = match (self.undo, self.preview) {
            (true, _) => format!("{path}/undo"),
            (_, true) => format!("{path}/preview"),
            _ => path,
        };
        let outcome = match Watch::over(1) {
            Ok(mut watch) => {
                let outcome = watch.run(&client, tenant.id.as_str(), &path, Some(&body)).await;
                watch.end();
                outcome
            }
            Err(failure) => Err(failure),
        };
        client.close().await;
        let answer = outcome?;
        if globals.json {
            return output::json(&answer);
        }
        if self.file.is_none() && !self.undo {
            output::line(&format!("Using latest backup: {}", plain(&answer["backup_file"])))?;
        }
        if self.preview {
            return show_changes(&answer);
        }
        output::line(&format!("{}: {}", tenant.id, plain(&answer["message"])))?;
        match answer["pre_restore_file"].as_str() {
            Some(before) => output::line(&format!("what was there before is {before}; --undo brings it back")),
            None => output::line(&format!("there is no undo: {}", plain(&answer["pre_restore_error"]))),
        }
    }

    fn what(&self) -> String {
        if self.undo {
            "take the last restore back".into()
        } else if self.tables.is_empty() {
            "replace its data by a backup".into()
        } else {
            format!("replace {} by a backup", self.tables.join(", "))
        }
    }

    /// A path as the original wanted it names a file of this tenant all the same.
    fn body(&self) -> Value {
        let file = self.file.as_deref().and_then(|file| Path::new(file).file_name()?.to_str());
        let mut body = file.map_or_else(|| json!({}), |file| json!({"file": file}));
        if !self.tables.is_empty() {
            body["tables"] = self.tables.iter().map(|table| table.trim()).collect();
        }
        body
    }
}

/// What a restore would change, and some of the rows.
fn show_changes(answer: &Value) -> Outcome {
    let tables = answer["tables"].as_array().map(Vec::as_slice).unwrap_or_default();
    let fields = ["table", "added", "removed", "changed"];
    let rows: Vec<_> = tables.iter().map(|table| fields.map(|field| plain(&table[field])).to_vec()).collect();
    output::table(&["Table", "Added", "Removed", "Changed"], &rows)?;
    for table in tables {
        for row in table["samples"].as_array().into_iter().flatten() {
            let cells = [&row["now"], &row["then"]].into_iter().filter(|cells| !cells.is_null());
            let cells: Vec<_> = cells.map(ToString::to_string).collect();
            let line = format!("{} {} {}: {}", plain(&row["change"]), table["table"], row["id"], cells.join(" -> "));
            output::line(&output::without_controls(&line))?;
        }
    }
    output::line("Nothing was changed.")
}
